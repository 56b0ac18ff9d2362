//! What the commands were told.

use std::path::PathBuf;

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::Target;

use crate::checks::restore::Criteria;
use crate::checks::restore_point::Wanted as WantedPoint;
use crate::steps::confirm::{Confirm, Named};
use crate::steps::step03_vault_and_policy::settings::Irreversible;

/// What `prepare` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct PrepareOptions {
    /// The words of `apply` with its file, where a saved plan is applied.
    pub(crate) applying: Option<String>,
    /// Subjects that need a federated credential besides those that are known.
    pub(crate) subjects: Vec<String>,
    /// Create an account or container again that existed and is gone.
    pub(crate) recreate_storage: bool,
    /// What is said to changes of the vault that can't be reverted.
    pub(crate) irreversible: Irreversible,
    /// The requests to a Resource Guard.
    pub(crate) requests: Vec<ResourceId>,
    /// The folder of the state file, which a policy file is relative to.
    pub(crate) folder: PathBuf,
}

impl PrepareOptions {
    /// Returns the words of the command that makes the changes, for printed lines.
    pub(crate) fn command(&self) -> &str {
        self.applying.as_deref().unwrap_or("prepare")
    }
}

/// What `grant` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct GrantOptions {
    /// Assign the role for blobs on the container instead of the account.
    pub(crate) on_container: bool,
    /// What the person confirms.
    pub(crate) confirm: Confirm,
    /// Whether this is one of many steps, so that roles on what nobody confirmed are left to the subscription owner.
    pub(crate) in_passing: bool,
}

/// What `protect` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProtectOptions {
    /// The words of `apply` with its file, where a saved plan is applied.
    pub(crate) applying: Option<String>,
    /// Do not wait for the cluster side's report.
    pub(crate) without_verification: bool,
    /// The requests to a Resource Guard.
    pub(crate) requests: Vec<ResourceId>,
    /// Delete policies that this tool created and nothing uses any more.
    pub(crate) remove_unused_policies: bool,
    /// The folder of the state file, which a policy file is relative to.
    pub(crate) folder: PathBuf,
}

impl ProtectOptions {
    /// Returns the words of the command that makes the changes, for printed lines.
    pub(crate) fn command(&self) -> &str {
        self.applying.as_deref().unwrap_or("protect")
    }
}

/// What `backup` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct BackupOptions {
    /// The rule of the policy to back up by, instead of the policy's own.
    pub(crate) rule: Option<String>,
    /// The retention tag, instead of the policy's default.
    pub(crate) retention_tag: Option<String>,
}

/// What `restore` was told.
#[derive(Debug, Clone)]
pub(crate) struct RestoreOptions {
    /// From which recovery point.
    pub(crate) point: WantedPoint,
    /// What, and how.
    pub(crate) criteria: Criteria,
    /// The cluster that is restored in place, in the words of the person.
    pub(crate) in_place: Option<Named>,
    /// Whether nothing is restored, and Azure only validates.
    pub(crate) plan: bool,
    /// Whether another restore is started, although one was begun.
    pub(crate) again: bool,
    /// The words of the command, which another person or a later run can repeat.
    pub(crate) words: String,
}

impl RestoreOptions {
    /// Returns the words of the command, without what confirms.
    pub(crate) fn words(&self) -> String {
        self.words.clone()
    }

    /// Refuses to restore another cluster than the target's in place.
    ///
    /// # Errors
    /// Exit 2, with both.
    pub(crate) fn must_be_of(&self, target: &Target) -> Outcome<()> {
        let cluster = &target.cluster;
        let is_it = match &self.in_place {
            None => true,
            Some(Named::Id(id)) => id == cluster,
            Some(Named::InGroup(group, name)) => {
                same(group.as_str(), cluster.resource_group().as_str()) && same(name, cluster.name())
            }
        };
        match (is_it, &self.in_place) {
            (false, Some(named)) => Failure::usage(format!(
                "--in-place is {named}, but the state file specifies cluster {}",
                cluster.with_group()
            ))
            .at_key(
                "target.cluster",
                format!("the file has {cluster}; nothing was restored"),
            )
            .because(
                "a restore in place skips existing persistent volume claims: their data isn't restored, and the job still reports \
                 Completed",
            )
            .hint("check the value of --in-place, or restore into another namespace: --namespace shop=shop-restored")
            .err(),
            _ => Ok(()),
        }
    }
}

/// How the protection of a cluster is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// No scheduled backups, while recovery points expire.
    Suspended,
    /// No scheduled backups, and no recovery point expires.
    Stopped,
    /// Scheduled backups again.
    Resumed,
    /// A soft-deleted backup instance is back, and with it scheduled backups.
    Undeleted {
        /// Leave its protection stopped.
        keep_stopped: bool,
    },
}

impl Wanted {
    /// Returns whether the cluster is protected less then.
    pub(crate) const fn reduces(self) -> bool {
        matches!(self, Self::Suspended | Self::Stopped)
    }

    /// Returns the command that brings it about.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::Suspended => "suspend",
            Self::Stopped => "stop",
            Self::Resumed => "resume",
            Self::Undeleted { .. } => "undelete",
        }
    }
}
