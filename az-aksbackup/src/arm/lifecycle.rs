//! What a vault does with the protection of an instance besides configuring it.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::ResourceId;
use serde_json::Value;

use crate::arm::answer::Answer;
use crate::arm::client::Writer;
use crate::arm::{guards, versions};

/// A request to a vault. Each can be sent twice: of an instance that is protected, resuming is answered with 200 (recorded).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// No more scheduled backups; recovery points expire.
    Suspend,
    /// No more scheduled backups, and no recovery point expires.
    Stop,
    /// Scheduled backups again. Azure has an operation of its own for suspended backups, `resumeBackups`, but this one resumes
    /// them too (recorded), so that one permission is enough.
    Resume,
    /// A soft-deleted instance comes back, with stopped protection.
    Undelete,
}

impl Act {
    /// Returns the action that the signed-in account needs in the vault.
    pub(crate) const fn action(self) -> &'static str {
        match self {
            Self::Suspend => "Microsoft.DataProtection/backupVaults/backupInstances/suspendBackups/action",
            Self::Stop => "Microsoft.DataProtection/backupVaults/backupInstances/stopProtection/action",
            Self::Resume => "Microsoft.DataProtection/backupVaults/backupInstances/resumeProtection/action",
            Self::Undelete => "Microsoft.DataProtection/backupVaults/deletedBackupInstances/undelete/action",
        }
    }

    /// Returns the path of the request for the instance called `name`.
    fn path(self, vault: &ResourceId, name: &str) -> String {
        let (collection, verb) = match self {
            Self::Suspend => ("backupInstances", "suspendBackups"),
            Self::Stop => ("backupInstances", "stopProtection"),
            Self::Resume => ("backupInstances", "resumeProtection"),
            Self::Undelete => ("deletedBackupInstances", "undelete"),
        };
        format!("{}/{verb}", vault.child(collection, name))
    }
}

/// Asks a vault for `act` on its instance called `name`. Without requests to a Resource Guard, neither az nor the definitions send a body.
pub(crate) async fn ask(
    writer: &Writer,
    (vault, name): (&ResourceId, &str),
    act: Act,
    requests: &[ResourceId],
) -> Outcome<Answer> {
    let path = act.path(vault, name);
    let mut body = Value::Null;
    if matches!(act, Act::Suspend | Act::Stop) {
        guards::add(&mut body, requests);
    }
    let body = Some(&body).filter(|body| !body.is_null());
    writer.post(&path, versions::DATA_PROTECTION, body).await
}
