//! What the commands were told.

use std::path::PathBuf;

use crate::steps::confirm::Confirm;

/// What `prepare` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct PrepareOptions {
    /// Subjects that need a federated credential besides those that are known.
    pub(crate) subjects: Vec<String>,
    /// Create an account or container again that existed and is gone.
    pub(crate) recreate_storage: bool,
    /// The folder of the state file, which a policy file is relative to.
    pub(crate) folder: PathBuf,
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
    /// Do not wait for the cluster side's report.
    pub(crate) without_verification: bool,
}

/// What `backup` was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct BackupOptions {
    /// The rule of the policy to back up by, instead of the policy's own.
    pub(crate) rule: Option<String>,
    /// The retention tag, instead of the policy's default.
    pub(crate) retention_tag: Option<String>,
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
