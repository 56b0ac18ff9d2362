//! The life of a backup instance after it was created: `suspend`, `stop`, `resume` and `undelete`.
//!
//! Stands for `az dataprotection backup-instance suspend-backup`, `stop-protection`, `resume-protection` and
//! `deleted-backup-instance undelete`. What is wanted is a state, so that each command can be run again at any time, also after it was
//! killed between its request and Azure's answer. An undeleted instance comes back with stopped protection (recorded), which `undelete`
//! then resumes unless it is told not to.
//!
//! Rights: the action of each request on the vault, and `Microsoft.DataProtection/backupInstances/read` on the cluster.

use std::cell::Cell;

use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{CloudTables, InstanceTable, State, Target};
use aksbackup_shared::status;
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};

use crate::arm::backups::{self, Instance, Job, JobState};
use crate::arm::client::{Reader, Writer};
use crate::arm::lifecycle::{self, Act};
use crate::arm::visible::{self, Sight};
use crate::arm::{vaults, versions};
use crate::checks::guard::{self, Critical, Guard};
use crate::checks::protection::{self, Pause, Protection};
use crate::platform::{self, Azure};
use crate::steps::confirm::REDUCED;
use crate::steps::fresh::{Fresh, JustRead};
use crate::steps::options::Wanted;
use crate::steps::turns;
use crate::target_ids;

mod failures;

use failures::{ambiguous, stopped};

/// Brings the backup instance of the cluster into a state.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    wanted: Wanted,
    /// The requests to a Resource Guard.
    requests: Vec<ResourceId>,
    /// The instances of the cluster as preflight has just seen them.
    instances: Fresh<Vec<Instance>>,
    /// What this run has last asked for: it might not show yet.
    asked: Cell<Option<Act>>,
}

impl Lifecycle {
    /// Returns the step to what is `wanted`.
    pub(crate) fn new((wanted, requests): (Wanted, Vec<ResourceId>), read: &JustRead) -> Self {
        Self {
            wanted,
            requests,
            instances: read.instances.clone(),
            asked: Cell::default(),
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
    /// A backup job of the cluster that is running now, where the command would end the backups.
    running: Option<String>,
    /// The Resource Guard of the vault, where the command would end the backups.
    guard: Option<Guard>,
    asked: Option<Act>,
}

/// A request to the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceAct {
    act: Act,
    cluster: ResourceId,
    vault: ResourceId,
    /// The instance's name.
    name: String,
    /// Whether recovery points stop being kept forever.
    expires: bool,
    running: Option<String>,
}

impl Change for InstanceAct {
    fn note(&self) -> ChangeNote {
        let (cluster, vault, name) = (self.cluster.with_group(), self.vault.with_group(), &self.name);
        let place = format!("backup instance {name} in vault {vault}");
        ChangeNote {
            summary: match self.act {
                Act::Suspend => format!("suspend the backups of cluster {cluster} ({place})"),
                Act::Stop => format!("stop the protection of cluster {cluster} and keep its recovery points ({place})"),
                Act::Resume => format!("resume the protection of cluster {cluster} ({place})"),
                Act::Undelete => format!("undelete {place} (cluster {cluster})"),
            },
            right: Right::new(self.act.action(), &self.vault),
            creates: None,
            warning: self.warning(),
            reduces: match self.act {
                Act::Suspend | Act::Stop => vec![format!("scheduled backups of cluster {cluster} stop")],
                Act::Resume | Act::Undelete => Vec::new(),
            },
            keeps: None,
        }
    }
}

impl InstanceAct {
    /// Returns what doesn't happen any more, or what begins to be deleted.
    fn warning(&self) -> Option<String> {
        let (until, running) = (az("resume"), self.running.as_deref());
        let running =
            running.map(|job| format!("; backup job {job} is running, and Azure doesn't document whether it finishes"));
        let running = running.unwrap_or_default();
        match self.act {
            Act::Suspend => Some(format!(
                "no scheduled backups until you run: {until}; recovery points still expire according to the policy, except the last one{running}"
            )),
            Act::Stop => Some(format!(
                "no scheduled backups until you run: {until}; recovery points never expire, and their storage is billed{running}"
            )),
            Act::Resume if self.expires => {
                Some("Azure deletes the recovery points that are older than the policy's retention".to_owned())
            }
            Act::Resume | Act::Undelete => None,
        }
    }
}

impl Step for Lifecycle {
    type Platform = Azure;
    type Seen = Seen;
    type Change = InstanceAct;

    fn name(&self) -> StepName {
        StepName::BackupInstance
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let vault = target_ids::vault(&target);
        let mut instances = match self.instances.take() {
            Some(instances) => instances,
            None => backups::of_cluster(reader, &target.cluster).await?,
        };
        let deleted = match instances.is_empty() {
            true => self.deleted(reader, &vault, &target).await?,
            false => Vec::new(),
        };
        // An undeletion that an interrupted run has begun might have moved it between the two reads.
        if instances.is_empty() && deleted.is_empty() {
            instances = backups::of_cluster(reader, &target.cluster).await?;
        }
        let backs_up = |own: &Instance| protection::of(own) == Protection::Configured;
        let running = match self.wanted.reduces() && protection::chosen(&target, &instances).is_some_and(backs_up) {
            true => running(reader, &vault, &target).await?,
            false => None,
        };
        let guard = match self.wanted.reduces() {
            true => {
                let own = Sight::of(vaults::vault(reader, &vault).await)?;
                guard::of_vault(reader, &vault, own.here()).await?
            }
            false => None,
        };
        Ok(Seen {
            target,
            instances,
            deleted,
            running,
            guard,
            asked: self.asked.get(),
        })
    }

    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<InstanceAct>> {
        let (target, vault) = (&seen.target, target_ids::vault(&seen.target));
        let others = |own: &&Instance| own.vault().is_some_and(|own| own != vault);
        if let Some(other) = seen.instances.iter().find(others) {
            return Err(Box::new(protection::elsewhere(target, other)));
        }
        match (protection::chosen(target, &seen.instances), seen.deleted.as_slice()) {
            (Some(own), _) => self.of_live(seen, own),
            (None, [deleted]) => self.of_deleted(seen, deleted),
            (None, []) if seen.asked.is_some() => {
                let why = format!(
                    "Azure doesn't list the backup instance of cluster {} yet",
                    target.cluster.with_group()
                );
                Ok(Decision::Wait(Wait::unless_stuck(why, self.absent(target, state))))
            }
            (None, []) => Err(Box::new(self.absent(target, state))),
            (None, several) => Err(Box::new(ambiguous(target, several))),
        }
    }

    async fn apply(&self, writer: &Writer, change: &InstanceAct) -> Outcome<Applied> {
        let title = change.note().summary;
        let instance = (&change.vault, change.name.as_str());
        let answer = lifecycle::ask(writer, instance, change.act, &self.requests).await;
        match answer {
            Ok(answer) => {
                self.asked.set(Some(change.act));
                let instance = change.vault.child("backupInstances", &change.name);
                Ok(answer.applied(writer, title, (instance.to_string(), versions::DATA_PROTECTION)))
            }
            // A request whose answer was lost and that was sent again finds nothing to undelete (recorded).
            Err(failure) if change.act == Act::Undelete && failure.exit == Exit::Missing => {
                self.asked.set(Some(change.act));
                Ok(Applied::Busy(turns::look_again(title)))
            }
            Err(failure) => Err(failure),
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let vault = target_ids::vault(&seen.target);
        let id = |own: &Instance| vault.child("backupInstances", own.id.name());
        platform::drop_unmade(tables, StepName::BackupInstance, |object| {
            seen.instances.iter().any(|own| same(id(own).as_str(), object))
        });
        let before = tables.instance.take();
        tables.instance = protection::chosen(&seen.target, &seen.instances)
            .map(|own| InstanceTable::in_state(before, id(own), own.protection()));
    }

    fn hand_over(&self, change: &InstanceAct, failure: &Failure) -> Option<Turn> {
        visible::is_refused(failure).then(|| turns::not_ours(change.note(), az(self.wanted.command())))
    }

    fn after_wait(&self, seen: &Seen, _state: &State) -> Vec<ChangeNote> {
        let act = match (self.wanted, seen.asked) {
            (Wanted::Suspended, None) => Act::Suspend,
            (Wanted::Stopped, None) => Act::Stop,
            _ => return Vec::new(),
        };
        let changes = protection::chosen(&seen.target, &seen.instances).map(|own| request(seen, own, act).note());
        changes.into_iter().collect()
    }

    fn goes_on(&self, seen: &Seen) -> bool {
        seen.asked.is_some()
    }

    fn is_last(&self, change: &InstanceAct) -> bool {
        change.act != Act::Undelete || self.wanted == Wanted::Undeleted { keep_stopped: true }
    }
}

impl Lifecycle {
    /// Returns the soft-deleted instances of the cluster. Only `undelete` depends on reading them.
    async fn deleted(&self, reader: &Reader, vault: &ResourceId, target: &Target) -> Outcome<Vec<Instance>> {
        let deleted = backups::deleted(reader, vault, &target.cluster).await.map(Some);
        match (Sight::of(deleted)?, self.wanted) {
            (Sight::Hidden(refusal), Wanted::Undeleted { .. }) => Err(refusal),
            (sight, _) => Ok(sight.here().cloned().unwrap_or_default()),
        }
    }

    /// Returns what is left to do for an instance that exists.
    fn of_live(&self, seen: &Seen, own: &Instance) -> Outcome<Decision<InstanceAct>> {
        let state = format!("backup instance {}: {}", own.id.name(), own.protection());
        match protection::of(own) {
            Protection::Changing => return Ok(Decision::Wait(Wait::for_(state))),
            Protection::Unknown => return Ok(Decision::Wait(Wait::unless_stuck(state, protection::unknown(own)))),
            Protection::Broken => return Err(Box::new(protection::broken(own))),
            Protection::Configured | Protection::Paused => {}
        }
        let done = || Ok(Decision::Done(protection::evidence(own)));
        let ask = |act| Ok(self.due(seen, own, &[act]));
        match (self.wanted, protection::pause(own)) {
            (Wanted::Undeleted { .. }, Some(Pause::Deleted)) => self.of_deleted(seen, own),
            (_, Some(Pause::Deleted)) => Err(Box::new(protection::paused(own))),
            (Wanted::Suspended, Some(Pause::Stopped)) => Err(Box::new(stopped(own))),
            // Of the words that the definitions have, one says that only the deletion of recovery points is suspended.
            (Wanted::Suspended, Some(Pause::Suspended)) if own.protection().starts_with("Backup") => done(),
            (Wanted::Suspended, _) => ask(Act::Suspend),
            (Wanted::Stopped, Some(Pause::Stopped)) => done(),
            (Wanted::Stopped, _) => ask(Act::Stop),
            (Wanted::Resumed, Some(_)) => ask(Act::Resume),
            // So ends an undeletion; a run that was interrupted there goes on here.
            (Wanted::Undeleted { keep_stopped: false }, Some(Pause::Stopped)) => ask(Act::Resume),
            (Wanted::Resumed, None) | (Wanted::Undeleted { .. }, _) => done(),
        }
    }

    /// Returns what is left to do for an instance that was deleted.
    fn of_deleted(&self, seen: &Seen, own: &Instance) -> Outcome<Decision<InstanceAct>> {
        match self.wanted {
            // Azure is at it.
            _ if protection::is_changing(own) => Ok(Decision::Wait(Wait::for_(format!(
                "backup instance {}: {}",
                own.id.name(),
                own.protection()
            )))),
            Wanted::Undeleted { keep_stopped: true } => Ok(self.due(seen, own, &[Act::Undelete])),
            Wanted::Undeleted { keep_stopped: false } => Ok(self.due(seen, own, &[Act::Undelete, Act::Resume])),
            Wanted::Suspended | Wanted::Stopped | Wanted::Resumed => Err(Box::new(protection::paused(own))),
        }
    }

    /// Returns these requests, unless the first was sent already and doesn't show yet.
    fn due(&self, seen: &Seen, own: &Instance, acts: &[Act]) -> Decision<InstanceAct> {
        if seen.asked.is_some() && seen.asked.as_ref() == acts.first() {
            let (name, state) = (own.id.name(), own.protection());
            let why = format!(
                "backup instance {name}: {state}; {} was requested",
                self.wanted.command()
            );
            let failure = Failure::failed(format!("{} stays in state {state}", protection::in_vault(own)))
                .because("Azure accepted the request")
                .hint(fix!["to find the cause: ", az("doctor")]);
            return Decision::Wait(Wait::unless_stuck(why, failure));
        }
        if let Some(turn) = self.guarded(seen, acts) {
            return Decision::Blocked(Vec::new(), vec![turn]);
        }
        Decision::Change(acts.iter().map(|act| request(seen, own, *act)).collect())
    }

    /// Returns the turn of the owner of the Resource Guard, if it protects the first of these.
    fn guarded(&self, seen: &Seen, acts: &[Act]) -> Option<Turn> {
        let critical = match acts.first()? {
            Act::Suspend => Critical::Suspend,
            Act::Stop => Critical::Stop,
            Act::Resume | Act::Undelete => return None,
        };
        let command = format!("{}{REDUCED}", self.wanted.command());
        let vault = target_ids::vault(&seen.target);
        seen.guard.as_ref()?.blocks(critical, &self.requests, &vault, &command)
    }

    fn absent(&self, target: &Target, state: &State) -> Failure {
        let (cluster, vault) = (target.cluster.with_group(), target_ids::vault(target).with_group());
        let failure = match self.wanted {
            Wanted::Undeleted { .. } => Failure::missing(format!(
                "cluster {cluster} has no deleted backup instance in vault {vault}"
            ))
            .because("the cluster has no other backup instance either"),
            Wanted::Suspended | Wanted::Stopped | Wanted::Resumed => {
                Failure::missing(format!("cluster {cluster} has no backup instance")).because(format!(
                    "no backup instance in vault {vault} or any other vault protects the cluster"
                ))
            }
        };
        let deleted: Vec<String> = status::removed(state).map(StepName::in_words).collect();
        let failure = match deleted.is_empty() {
            true => failure,
            false => failure.because(format!(
                "the state file reports that these were deleted: {}",
                deleted.join(", ")
            )),
        };
        // What `protect` needs comes first, where it isn't there.
        let next = status::next(state).map_or_else(|| az("protect"), |turn| turn.command);
        failure.hint(fix!["protect the cluster: ", next])
    }
}

/// Returns the request for `act` on an instance.
fn request(seen: &Seen, own: &Instance, act: Act) -> InstanceAct {
    InstanceAct {
        act,
        cluster: seen.target.cluster.clone(),
        vault: target_ids::vault(&seen.target),
        name: own.id.name().to_owned(),
        // What was deleted comes back with stopped protection.
        expires: protection::pause(own) != Some(Pause::Suspended),
        running: seen.running.clone(),
    }
}

/// Returns the backup job of the cluster that is running now; `None` also where the jobs can't be read.
async fn running(reader: &Reader, vault: &ResourceId, target: &Target) -> Outcome<Option<String>> {
    let jobs = Sight::of(backups::jobs(reader, vault).await.map(Some))?;
    let goes_on = |job: &&Job| job.is_of(&target.cluster) && job.is_backup() && job.state() == JobState::Running;
    let job = jobs.here().into_iter().flatten().find(goes_on);
    Ok(job.map(|job| job.name().to_owned()))
}

#[cfg(test)]
mod tests;
