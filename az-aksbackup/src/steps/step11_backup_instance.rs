//! Step 11, "Create Backup Instance": the cluster under the protection of the vault.
//!
//! Stands for `az dataprotection backup-instance validate-for-backup` and `… create`. The guide takes `ConfiguringProtection`
//! for good; only `ProtectionConfigured` is. A cluster that is protected in another vault is found by asking the cluster, not
//! the vault.
//!
//! Rights: `Microsoft.DataProtection/backupVaults/validateForBackup/action` and `…/backupInstances/{read,write}` on the
//! vault, `Microsoft.DataProtection/backupInstances/read` on the cluster.

use std::cell::{Cell, RefCell};

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{CloudTables, InstanceTable, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};

use crate::arm::backups::{self, Instance};
use crate::arm::client::{Reader, Writer};
use crate::arm::clusters::Cluster;
use crate::arm::versions;
use crate::arm::visible::{self, Sight};
use crate::checks::content;
use crate::checks::drift;
use crate::checks::filters;
use crate::checks::instance_body;
use crate::checks::protection::{self, Protection};
use crate::platform::{self, Azure};
use crate::steps::fresh::{Fresh, JustRead};
use crate::steps::old_policies::{self, Policies, Removal};
use crate::steps::options::ProtectOptions;
use crate::steps::policy_names;
use crate::steps::roles_seen::{self, Looked, RolesSeen};
use crate::steps::turns;
use crate::steps::validation::Validation;
use crate::target_ids;

mod before;
mod unused;
mod update;

use update::{Known, Sent, Update};

/// Step 11.
#[derive(Debug, Default)]
pub(crate) struct BackupInstance {
    options: ProtectOptions,
    /// The instances of the cluster as preflight has just seen them.
    instances: Fresh<Vec<Instance>>,
    /// The cluster as preflight has seen it.
    cluster: Fresh<Cluster>,
    /// The roles as step 8 has just seen them.
    looked: Fresh<Looked>,
    /// Whether this run has written the instance: what is wrong with it then is not cured by writing it again.
    written: Cell<bool>,
    /// The instance as this run has sent it to change it.
    sent: RefCell<Option<Sent>>,
    /// The state file as it was last observed with.
    state: RefCell<State>,
}

impl BackupInstance {
    /// As `protect` was told.
    pub(crate) fn new(options: ProtectOptions, read: &JustRead) -> Self {
        Self {
            options,
            instances: read.instances.clone(),
            cluster: read.cluster.clone(),
            looked: read.looked.clone(),
            written: Cell::default(),
            sent: RefCell::default(),
            state: RefCell::default(),
        }
    }
}

/// What is there.
pub(crate) struct Seen {
    target: Target,
    /// Those of the cluster, in whatever vault.
    instances: Vec<Instance>,
    /// Those that the vault keeps although they were deleted, where there is no other.
    deleted: Vec<Instance>,
    roles: RolesSeen,
    written: bool,
    known: Known,
    /// What the target's policy protects less than its rules, in words, where no instance uses it yet.
    less: Vec<String>,
    /// What the vault has of policies, where those that nothing uses are to be deleted.
    policies: Option<Policies>,
}

/// What can be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InstanceChange {
    /// Ask the vault whether it would work.
    Validate { target: Target, roles: RolesSeen },
    /// Create the instance.
    Protect {
        target: Target,
        instance: ResourceId,
        /// What its policy protects less than the target's rules, in words.
        reduces: Vec<String>,
    },
    /// Change an instance that exists to what the target says, or write it again because it failed.
    Update(Update),
    /// Delete a policy that this tool created and nothing uses any more.
    Remove(Removal, Target),
}

impl Change for InstanceChange {
    fn note(&self) -> ChangeNote {
        let vault = |target| target_ids::vault(target).to_string();
        match self {
            Self::Validate { target, roles } => ChangeNote {
                reduces: Vec::new(),
                keeps: None,
                summary: format!(
                    "validate the backup of cluster {} with vault {}",
                    target.cluster.with_group(),
                    target_ids::vault(target).with_group()
                ),
                right: Right::new(
                    "Microsoft.DataProtection/backupVaults/validateForBackup/action",
                    vault(target),
                ),
                creates: None,
                warning: roles.remark(),
            },
            Self::Protect {
                target,
                instance,
                reduces,
            } => ChangeNote {
                reduces: reduces.clone(),
                keeps: None,
                summary: format!(
                    "protect cluster {} with backup instance {} in vault {} and policy {}",
                    target.cluster.with_group(),
                    instance.name(),
                    target_ids::vault(target).with_group(),
                    target.policy.name
                ),
                right: Right::new(
                    "Microsoft.DataProtection/backupVaults/backupInstances/write",
                    vault(target),
                ),
                creates: Some(instance.to_string()),
                warning: joined([
                    content::of_secrets(&target.instance),
                    content::of_files(&target.instance),
                ]),
            },
            Self::Update(update) => update.note(),
            Self::Remove(removal, target) => removal.note(target),
        }
    }
}

impl Step for BackupInstance {
    type Platform = Azure;
    type Seen = Seen;
    type Change = InstanceChange;

    fn name(&self) -> StepName {
        StepName::BackupInstance
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let instances = async {
            match self.instances.take() {
                Some(instances) => Ok(instances),
                None => backups::of_cluster(reader, &target.cluster).await,
            }
        };
        let looking = async {
            match self.looked.take() {
                Some(looked) => Ok(looked),
                None => roles_seen::look(reader, state, &target, self.cluster.peek()).await,
            }
        };
        let (instances, looked) = futures::join!(instances, looking);
        let instances = instances?;
        let deleted = match instances.is_empty() {
            true => backups::deleted(reader, &target_ids::vault(&target), &target.cluster)
                .await
                .map(Some),
            false => Ok(None),
        };
        let policies = match self.options.remove_unused_policies {
            true => Some(old_policies::look(reader, state, &target).await?),
            false => None,
        };
        self.state.replace(state.clone());
        let Looked { roles, policy } = looked?;
        let less = policy_names::less_than_asked(&target, &self.options.folder, &policy)?;
        let known = match protection::chosen(&target, &instances).filter(|own| is_settled(own)) {
            Some(own) => {
                let sent = self.sent.borrow().clone();
                Known::look(reader, &target, own, (sent, &roles), &self.options).await?
            }
            None => Known::default(),
        };
        Ok(Seen {
            known,
            less: if instances.is_empty() { less } else { Vec::new() },
            policies,
            // Who may not look there learns of it from the validation.
            deleted: Sight::of(deleted)?.here().cloned().unwrap_or_default(),
            instances,
            roles,
            target,
            written: self.written.get(),
        })
    }

    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<InstanceChange>> {
        let decision = self.protection(seen, state)?;
        Ok(match &seen.policies {
            Some(policies) => unused::with(decision, policies, &seen.target),
            None => decision,
        })
    }

    async fn apply(&self, writer: &Writer, change: &InstanceChange) -> Outcome<Applied> {
        let title = change.note().summary;
        match change {
            InstanceChange::Validate { target, roles } => {
                let (vault, properties) = (target_ids::vault(target), instance_body::properties(target));
                let validation = Validation::begin(writer.reader(), &vault, &properties, title, roles.since()).await?;
                Ok(Applied::Running(Box::new(validation)))
            }
            InstanceChange::Protect { target, instance, .. } => {
                let answer = backups::put(writer, instance, &instance_body::properties(target)).await?;
                self.written.set(true);
                Ok(answer.applied(writer, title, (instance.to_string(), versions::DATA_PROTECTION)))
            }
            InstanceChange::Update(update) => {
                let (applied, sent) = update.apply(writer, title).await?;
                if sent.is_some() {
                    self.written.set(true);
                    self.sent.replace(sent);
                }
                Ok(applied)
            }
            InstanceChange::Remove(removal, target) => {
                let state = self.state.borrow().clone();
                removal.apply(writer, (&state, target)).await
            }
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        platform::drop_unmade(tables, StepName::BackupInstance, |object| is_there(seen, object));
        seen.forget(tables);
        let before = tables.instance.take();
        // A file of version 0.1.0 has neither; it gets them with the first change.
        let known = before.as_ref().is_none_or(|own| own.policy.is_some()) || self.written.get();
        tables.instance = protection::chosen(&seen.target, &seen.instances).map(|own| {
            let id = target_ids::vault(&seen.target).child("backupInstances", own.id.name());
            let table = InstanceTable::in_state(before, id, own.protection());
            match known && drift::of_instance(&seen.target, own).is_empty() {
                true => InstanceTable {
                    policy: Some(seen.target.policy.name.clone()),
                    settings: seen.target.instance.digest(),
                    ..table
                },
                false => table,
            }
        });
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        platform::settle(tables, StepName::BackupInstance, |object| is_there(seen, object));
        seen.forget(tables);
    }

    fn hand_over(&self, change: &InstanceChange, failure: &Failure) -> Option<Turn> {
        let words = match change {
            InstanceChange::Remove(..) => "protect --remove-unused-policies",
            InstanceChange::Validate { .. } | InstanceChange::Protect { .. } | InstanceChange::Update(_) => "protect",
        };
        visible::is_refused(failure).then(|| turns::not_ours(change.note(), az(words)))
    }

    fn goes_on(&self, seen: &Seen) -> bool {
        let own = protection::chosen(&seen.target, &seen.instances);
        own.is_some_and(|own| matches!(protection::of(own), Protection::Changing | Protection::Unknown))
    }

    fn still_open(&self, seen: &Seen) -> Option<(StepName, Turn)> {
        seen.roles.open().map(|turn| (StepName::Roles, turn.clone()))
    }

    fn is_last(&self, change: &InstanceChange) -> bool {
        let is_last = matches!(change, InstanceChange::Protect { .. } | InstanceChange::Update(_));
        // A policy can be deleted only once the instance is known to use another one.
        is_last && !self.options.remove_unused_policies
    }

    fn foresee(&self, state: &State) -> Vec<ChangeNote> {
        let target = state.target.as_ref().filter(|_| state.cloud.instance.is_none());
        let changes = target.map(|target| InstanceChange::Protect {
            target: target.clone(),
            instance: target_ids::instance(target),
            reduces: Vec::new(),
        });
        changes.iter().map(Change::note).collect()
    }
}

impl Seen {
    /// Drops the records of policies that are gone, where the vault's policies were read.
    fn forget(&self, tables: &mut CloudTables) {
        if let Some(policies) = &self.policies {
            policies.forget(&self.target, tables);
        }
    }
}

/// What is to be said of a change, in one text.
fn joined<const N: usize>(all: [Option<String>; N]) -> Option<String> {
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Whether Azure is done with an instance, so that it can be changed.
fn is_settled(own: &Instance) -> bool {
    matches!(protection::of(own), Protection::Configured | Protection::Broken)
}

/// Whether an instance of the cluster is the `object` of an intent.
fn is_there(seen: &Seen, object: &str) -> bool {
    let vault = target_ids::vault(&seen.target);
    let mut names = seen.instances.iter().map(|instance| instance.id.name());
    names.any(|name| same(vault.child("backupInstances", name).as_str(), object))
}

impl BackupInstance {
    /// Decides about the instance itself.
    fn protection(&self, seen: &Seen, state: &State) -> Outcome<Decision<InstanceChange>> {
        let (target, vault) = (&seen.target, target_ids::vault(&seen.target));
        filters::usable(&target.instance)?;
        let others = |own: &&Instance| own.vault().is_some_and(|own| own != vault);
        if let Some(other) = seen.instances.iter().find(others) {
            return Err(Box::new(protection::elsewhere(target, other)));
        }
        if let Some(own) = protection::chosen(target, &seen.instances) {
            let update = |error| update::decide(target, own, (&seen.known, &seen.roles), error);
            match protection::of(own) {
                Protection::Configured if seen.written || own.has_data_source_set() => return update(None),
                Protection::Changing => {
                    let why = format!("backup instance {}: {}", own.id.name(), own.protection());
                    return Ok(Decision::Wait(Wait::for_(why)));
                }
                Protection::Unknown => {
                    let why = format!("backup instance {}: {}", own.id.name(), own.protection());
                    return Ok(Decision::Wait(Wait::unless_stuck(why, protection::unknown(own))));
                }
                Protection::Paused => return Err(Box::new(protection::paused(own))),
                Protection::Broken if seen.written => return Err(Box::new(protection::broken(own))),
                // Azure accepts an instance without its data source set, and never backs it up.
                Protection::Configured | Protection::Broken => {
                    return update(Some(match own.has_data_source_set() {
                        true => protection::said(own),
                        false => "it has no data source set, so Azure never backs it up".to_owned(),
                    }));
                }
            }
        }
        if let Some(own) = seen.deleted.first() {
            return Err(Box::new(protection::paused(own)));
        }
        let turns = self.turns(seen, state);
        if !turns.is_empty() {
            return Ok(Decision::Blocked(vec![], turns));
        }
        Ok(Decision::Change(vec![
            InstanceChange::Validate {
                target: target.clone(),
                roles: seen.roles.clone(),
            },
            InstanceChange::Protect {
                target: target.clone(),
                instance: target_ids::instance(target),
                reduces: seen.less.clone(),
            },
        ]))
    }
}

#[cfg(test)]
mod tests;
