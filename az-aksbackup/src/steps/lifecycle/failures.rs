//! States of a backup instance from which a command can't go on.

use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;
use aksbackup_shared::schema::Target;

use crate::arm::backups::Instance;
use crate::checks::protection;
use crate::target_ids;

/// An instance whose recovery points are kept, and whose backups are to be suspended.
pub(super) fn stopped(own: &Instance) -> Failure {
    Failure::failed(format!(
        "{} is in state {}",
        protection::in_vault(own),
        own.protection()
    ))
    .because("its scheduled backups are already stopped, and suspending them would let recovery points expire")
    .hint(fix![
        "resume protection first if that is intended: ",
        az("resume"),
        "; then: ",
        az("suspend")
    ])
}

/// More than one instance of the cluster was deleted.
pub(super) fn ambiguous(target: &Target, several: &[Instance]) -> Failure {
    let vault = target_ids::vault(target);
    let names: Vec<&str> = several.iter().map(|own| own.id.name()).collect();
    let (group, vault_name) = (vault.resource_group(), vault.name());
    Failure::failed(format!(
        "vault {} has {} deleted backup instances of cluster {}",
        vault.with_group(),
        several.len(),
        target.cluster.with_group()
    ))
    .because(names.join(", "))
    .hint(fix![
        "choose one: ",
        shell(format!(
            "az dataprotection backup-instance deleted-backup-instance undelete --backup-instance-name NAME --resource-group {group} \
             --vault-name {vault_name}"
        ))
    ])
}
