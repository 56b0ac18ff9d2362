//! Which resource groups of the target don't exist.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::Target;

use crate::arm::client::Reader;
use crate::arm::roles::Permission;
use crate::arm::visible::Sight;
use crate::arm::{groups, storage, vaults};
use crate::target_ids;

/// A scope, and the caller's permissions on it.
pub(crate) type ScopePermissions = (ResourceId, Sight<Vec<Permission>>);

/// Returns the resource groups that don't exist, as far as the caller can see. Azure refuses a read of a group in which the caller has no
/// role, whether the group exists or not.
pub(crate) async fn missing(
    reader: &Reader,
    target: &Target,
    permissions: &[ScopePermissions],
) -> Outcome<Vec<ResourceId>> {
    let has_role = |group: &ResourceId| {
        let found = permissions.iter().find(|(scope, _)| scope == group);
        found
            .and_then(|(_, sight)| sight.here())
            .is_some_and(|roles| !roles.is_empty())
    };
    let mut missing = Vec::new();
    let (storage, vault) = (target_ids::storage_group(target), target_ids::vault_group(target));
    let holds_backups = |group: &ResourceId| *group == storage || *group == vault;
    for group in [storage.clone(), vault.clone(), target_ids::snapshot_group(target)] {
        if missing.contains(&group) || has_role(&group) {
            continue;
        }
        match Sight::of(groups::group(reader, &group).await)? {
            Sight::Here(_) => {}
            // In a group for snapshots alone the caller needs no role.
            Sight::Hidden(_) if !holds_backups(&group) => {}
            // A role on the resource alone shows the resource, and not its group.
            Sight::Hidden(_) if has_resource(reader, target, &group).await? => {}
            Sight::Absent | Sight::Hidden(_) => missing.push(group),
        }
    }
    Ok(missing)
}

/// Returns whether the caller can see the storage account or the vault in `group`.
async fn has_resource(reader: &Reader, target: &Target, group: &ResourceId) -> Outcome<bool> {
    let (account, vault) = (target_ids::account(target), target_ids::vault(target));
    let (account, vault) = futures::join!(storage::account(reader, &account), vaults::vault(reader, &vault));
    let account = *group == target_ids::storage_group(target) && Sight::of(account)?.here().is_some();
    Ok(account || *group == target_ids::vault_group(target) && Sight::of(vault)?.here().is_some())
}
