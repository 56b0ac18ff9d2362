//! The way back: what this tool has created for a cluster is deleted, in the reverse order of dependence, and nothing else.
//!
//! The state file alone deletes nothing. A resource goes if the file records its creation, the person confirmed cluster, vault,
//! storage account and snapshot resource group ([`confirm`](crate::steps::confirm)), and Azure confirms it:
//!
//! | what | Azure's proof |
//! | --- | --- |
//! | backup instance | it protects this cluster, in this vault |
//! | Trusted Access role binding | the name that only this tool gives for this vault, and the vault itself |
//! | role assignment | the GUID that only this tool derives of role, principal and scope |
//! | extension | it stores backups in an account with this tool's tag, and was created when the file says |
//! | federated credential | it is on that extension's identity, for this cluster and its namespace |
//! | vault, resource group | this tool's tag, which holds for one cluster and one resource |
//! | policy | it is in such a vault, whose second tag names it, or its name is derived from its rules; and nothing uses it |
//!
//! Everything else is left and named with its reason. Storage account and container hold the backups and are always left. Each
//! deletion is decided again, by what Azure says at that moment, right before its request.

pub(crate) mod backup_instance;
mod claims;
mod data;
pub(crate) mod extension;
pub(crate) mod federated_credentials;
pub(crate) mod resource_groups;
pub(crate) mod roles;
pub(crate) mod trusted_access;
pub(crate) mod vault_and_policy;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::error::missing_right;
use crate::arm::groups::{self, Lock};
use crate::arm::visible::{self, Sight};
use crate::checks::cluster_support;
use crate::checks::locks::whose_lock;
use crate::platform::Azure;
use crate::steps::confirm::Named;
use crate::steps::turns;
use claims::Claims;
use data::{Backups, Fate};

/// What `teardown` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct TeardownOptions {
    /// The cluster whose backups are deleted as well, in the words of the person.
    pub(crate) delete_backups: Option<Named>,
    /// The requests to a Resource Guard.
    pub(crate) requests: Vec<ResourceId>,
}

impl TeardownOptions {
    /// Refuses to delete the backups of another cluster than the target's.
    ///
    /// # Errors
    /// Exit 2, with both.
    pub(crate) fn must_be_of(&self, target: &Target) -> Outcome<()> {
        let cluster = &target.cluster;
        let is_it = match &self.delete_backups {
            None => true,
            Some(Named::Id(id)) => id == cluster,
            Some(Named::InGroup(group, name)) => {
                same(group.as_str(), cluster.resource_group().as_str()) && same(name, cluster.name())
            }
        };
        match (is_it, &self.delete_backups) {
            (false, Some(named)) => Failure::usage(format!(
                "--delete-backups is {named}, but the state file specifies cluster {}",
                cluster.with_group()
            ))
            .at_key("target.cluster", format!("the file has {cluster}; nothing was changed"))
            .hint("check the value of --delete-backups: deleted backups can't be restored")
            .err(),
            _ => Ok(()),
        }
    }

    /// The words of the command, without what confirms.
    pub(crate) fn words(&self) -> String {
        let delete = match self.delete_backups {
            Some(_) => " --delete-backups RESOURCE-GROUP/CLUSTER",
            None => "",
        };
        format!("teardown{delete}")
    }

    /// The turn of `who`, with `teardown` of `target` to run.
    fn turn(&self, who: Person, why: String, right: impl Into<Option<Right>>, target: Option<&Target>) -> Turn {
        Turn {
            who,
            why,
            command: az(format!("{}{}", self.words(), Target::confirmations(target))),
            right: right.into(),
            also: Vec::new(),
        }
    }
}

/// What every kind depends on.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    claims: Claims,
    backups: Sight<Backups>,
    options: TeardownOptions,
    /// The locks on what is deleted and above it, as far as the account can see them.
    locks: Vec<Lock>,
    /// Whether the steps before are still to come.
    ahead: bool,
}

impl Common {
    /// What becomes of the backups; `None` where the signed-in account can't see them.
    fn fate(&self) -> Option<Fate> {
        let backups = self.backups.here()?;
        Some(data::fate(backups, &self.claims, self.deletes()))
    }

    /// Whether the person wants the backups deleted.
    fn deletes(&self) -> bool {
        self.options.delete_backups.is_some()
    }

    /// Whether no backup instance is left that could need anything.
    fn is_clear(&self) -> bool {
        self.fate() == Some(Fate::None)
    }

    /// The decision about everything that backups need, as long as there are some, or the account can't tell.
    fn gate<C>(&self) -> Option<Decision<C>> {
        match self.fate() {
            Some(Fate::None | Fate::Going(_)) => None,
            Some(Fate::Kept(why)) => Some(Decision::Done(format!("kept: {why}"))),
            None => {
                let vault = crate::target_ids::vault(&self.claims.target);
                let why = "the signed-in account can't see whether backup instances still need what is to be deleted";
                let right = Right::new("Microsoft.DataProtection/backupVaults/backupInstances/read", vault);
                let target = Some(&self.claims.target);
                let turn = self.options.turn(Person::PlatformTeam, why.to_owned(), right, target);
                Some(Decision::Blocked(vec![], vec![turn]))
            }
        }
    }

    /// These deletions, unless a lock forbids them.
    ///
    /// # Errors
    /// A lock does: it is named with the command that shows it.
    fn unlocked<C: Change>(&self, changes: Vec<C>) -> Outcome<Decision<C>> {
        let (Some(lock), Some(change)) = (self.locks.first(), changes.first()) else {
            return Ok(Decision::Change(changes));
        };
        Failure::failed(format!("cannot {}: a lock forbids it", change.note().summary))
            .because(format!("{} ({})", lock.id, lock.properties.level))
            .because("nothing was changed")
            .hint(whose_lock(lock))
            .err()
    }
}

/// What a step was told, and what it knows from its last look.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    options: TeardownOptions,
    state: RefCell<Option<State>>,
}

impl Memory {
    /// Of a step that was told `options`.
    pub(crate) fn new(options: &TeardownOptions) -> Self {
        Self {
            options: options.clone(),
            state: RefCell::default(),
        }
    }

    /// Reads what every kind depends on, with the locks on `places`.
    async fn common(
        &self,
        reader: &Reader,
        state: &State,
        places: impl FnOnce(&Target) -> Vec<ResourceId>,
    ) -> Outcome<Common> {
        let ahead = self.state.replace(Some(state.clone())).is_none();
        let claims = Claims::of(state)?;
        let places = places(&claims.target);
        let locks = futures::future::join_all(places.iter().map(|place| groups::locks(reader, place)));
        let (backups, found) = futures::join!(data::look(reader, &claims.target), locks);
        let mut locks = Vec::new();
        for list in found {
            // Of a resource that is gone there are none; hidden ones are unknown, and Azure refuses by them.
            locks.extend(Sight::of(list.map(Some))?.here().cloned().unwrap_or_default());
        }
        Ok(Common {
            backups: backups?,
            locks,
            options: self.options.clone(),
            claims,
            ahead,
        })
    }

    /// The turn of the platform team for a step whose resources the account isn't authorized to read.
    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        visible::is_refused(failure).then(|| {
            let right = failure.why.iter().find_map(|words| missing_right(words));
            let right = right.map(|(action, scope)| Right::new(action, scope));
            let why = format!("the signed-in account isn't authorized: {}", failure.what);
            self.turn(Person::PlatformTeam, why, right)
        })
    }

    /// The turn of `who` for a change that Azure refused for lack of a permission.
    fn refused(&self, who: Person, change: &impl Change, failure: &Failure) -> Option<Turn> {
        visible::is_refused(failure).then(|| {
            let note = change.note();
            let why = format!("the signed-in account isn't authorized to {}", note.summary);
            self.turn(who, why, note.right)
        })
    }

    /// The turn of `who`, with `teardown` to run.
    fn turn(&self, who: Person, why: String, right: impl Into<Option<Right>>) -> Turn {
        let state = self.state.borrow();
        let target = state.as_ref().and_then(|own| own.target.as_ref());
        self.options.turn(who, why, right, target)
    }

    /// Makes a deletion by `delete`, if Azure still says all that it was decided by; else the step looks again.
    async fn make<S, D>(&self, step: &S, writer: &Writer, change: &S::Change, delete: D) -> Outcome<Applied>
    where
        S: Step<Platform = Azure, Seen: AsRef<Common>, Change: PartialEq>,
        D: AsyncFnOnce() -> Outcome<Applied>,
    {
        let state = self.state.borrow().clone().unwrap_or_default();
        let seen = step.observe(writer.reader(), &state).await?;
        let stands = match step.decide(&seen, &state)? {
            Decision::Change(changes) | Decision::Blocked(changes, _) => changes.contains(change),
            Decision::Done(_) | Decision::Differs(..) | Decision::Wait(_) => false,
        };
        // Whatever comes after the instance waits until it is gone.
        let clear = step.name() == StepName::BackupInstance || seen.as_ref().is_clear();
        match stands && clear {
            true => delete().await,
            false => Ok(Applied::Busy(turns::look_again(
                "Azure has changed since the plan was made",
            ))),
        }
    }
}

/// What came of the request for a deletion in the cluster, which AKS refuses while another operation runs there.
fn in_cluster(answer: Outcome<Answer>, writer: &Writer, title: String) -> Outcome<Applied> {
    match answer {
        Ok(answer) => Ok(answer.deleted(writer, title)),
        Err(failure) => turns::busy(failure, &turns::CLUSTER_BUSY, &title).map(Applied::Busy),
    }
}

/// A note of a deletion.
fn deletion(summary: String, action: &str, scope: &ResourceId, warning: impl Into<Option<String>>) -> ChangeNote {
    ChangeNote {
        summary,
        right: Right::new(action, scope),
        creates: None,
        warning: warning.into(),
        reduces: Vec::new(),
        keeps: None,
    }
}

/// The failure of a teardown while the cluster is stopped.
pub(crate) fn stopped(cluster: &ResourceId) -> Failure {
    Failure::failed(format!("cluster {} is stopped", cluster.with_group()))
        .because("its backups can only be deleted while it is running, and so can its extension and its role bindings")
        .because("nothing was changed")
        .hint(fix![
            "start it for the time of the teardown: ",
            shell(format!("az aks start {}", cluster_support::flags(cluster)))
        ])
}
