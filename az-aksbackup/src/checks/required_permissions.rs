//! The rights that each command needs, as data: printed, and compared with what the caller may do.

use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::Target;

use crate::arm::lifecycle::Act;
use crate::arm::restores;
use crate::arm::roles::{self, Permission};
use crate::arm::visible::Sight;
use crate::target_ids;

/// What the caller is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `prepare`.
    Prepare,
    /// `grant`.
    Grant,
    /// `protect`.
    Protect,
    /// `backup`.
    Backup,
    /// `up`.
    Everything,
    /// `suspend`.
    Suspend,
    /// `stop`.
    Stop,
    /// `resume`.
    Resume,
    /// `undelete`.
    Undelete,
    /// `teardown`.
    Teardown,
    /// `restore`.
    Restore,
}

impl Purpose {
    const ALL: [Self; 11] = [
        Self::Prepare,
        Self::Grant,
        Self::Protect,
        Self::Backup,
        Self::Everything,
        Self::Suspend,
        Self::Stop,
        Self::Resume,
        Self::Undelete,
        Self::Teardown,
        Self::Restore,
    ];
}

/// An action on a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needed {
    /// The ARM action.
    pub(crate) action: &'static str,
    /// The resource or group.
    pub(crate) scope: ResourceId,
}

const CLUSTER: &[&str] = &[
    "Microsoft.ContainerService/managedClusters/read",
    "Microsoft.ContainerService/managedClusters/write",
    "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/read",
    "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/write",
    "Microsoft.KubernetesConfiguration/extensions/read",
    "Microsoft.KubernetesConfiguration/extensions/write",
];
const NODES: &[&str] = &[
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
];
const STORAGE: &[&str] = &[
    "Microsoft.Storage/storageAccounts/read",
    "Microsoft.Storage/storageAccounts/write",
    "Microsoft.Storage/storageAccounts/blobServices/containers/read",
    "Microsoft.Storage/storageAccounts/blobServices/containers/write",
];
const VAULT: &[&str] = &[
    "Microsoft.DataProtection/backupVaults/read",
    "Microsoft.DataProtection/backupVaults/write",
    "Microsoft.DataProtection/backupVaults/operationStatus/read",
    "Microsoft.DataProtection/backupVaults/backupPolicies/read",
    "Microsoft.DataProtection/backupVaults/backupPolicies/write",
];
const ROLES: &[&str] = &[
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleAssignments/write",
];
const INSTANCE: &[&str] = &[
    "Microsoft.DataProtection/backupVaults/validateForBackup/action",
    "Microsoft.DataProtection/backupVaults/backupInstances/read",
    "Microsoft.DataProtection/backupVaults/backupInstances/write",
];
const BACKUP: &[&str] = &[
    "Microsoft.DataProtection/backupVaults/backupInstances/backup/action",
    "Microsoft.DataProtection/backupVaults/backupJobs/read",
];
const RESTORE: &[&str] = &[
    "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/read",
    restores::VALIDATE,
    restores::RESTORE,
    "Microsoft.DataProtection/backupVaults/operationStatus/read",
    "Microsoft.DataProtection/backupVaults/backupJobs/read",
];
const RESTORED: &[&str] = &["Microsoft.ContainerService/managedClusters/read"];
/// A cluster names its backup instances, whatever vault they are in.
const INSTANCES: &[&str] = &["Microsoft.DataProtection/backupInstances/read"];
const SUSPEND: &[&str] = &[Act::Suspend.action()];
const STOP: &[&str] = &[Act::Stop.action()];
const RESUME: &[&str] = &[Act::Resume.action()];
const UNDELETE: &[&str] = &[
    "Microsoft.DataProtection/backupVaults/deletedBackupInstances/read",
    Act::Undelete.action(),
    Act::Resume.action(),
];
const CLUSTER_DELETE: &[&str] = &[
    "Microsoft.ContainerService/managedClusters/read",
    "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/read",
    "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/delete",
    "Microsoft.KubernetesConfiguration/extensions/read",
    "Microsoft.KubernetesConfiguration/extensions/delete",
];
const NODES_DELETE: &[&str] = &[
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete",
];
const VAULT_DELETE: &[&str] = &[
    "Microsoft.DataProtection/backupVaults/read",
    "Microsoft.DataProtection/backupVaults/delete",
    "Microsoft.DataProtection/backupVaults/backupPolicies/read",
    "Microsoft.DataProtection/backupVaults/backupPolicies/delete",
    "Microsoft.DataProtection/backupVaults/backupJobs/read",
    "Microsoft.DataProtection/backupVaults/backupInstances/read",
    "Microsoft.DataProtection/backupVaults/backupInstances/delete",
    Act::Stop.action(),
];
const ROLES_DELETE: &[&str] = &[
    "Microsoft.Authorization/roleAssignments/read",
    "Microsoft.Authorization/roleAssignments/delete",
];

/// The rights that a command needs on what exists or will. Without `nodes`, the node group is not known yet.
pub(crate) fn needed(purpose: Purpose, target: &Target, nodes: Option<&ResourceId>) -> Vec<Needed> {
    let cluster = || Some(target.cluster.clone());
    let (storage, vault) = (
        || Some(target_ids::storage_group(target)),
        || Some(target_ids::vault_group(target)),
    );
    let snapshots = || Some(target_ids::snapshot_group(target));
    let prepare = || {
        vec![
            (CLUSTER, cluster()),
            (NODES, nodes.cloned()),
            (STORAGE, storage()),
            (VAULT, vault()),
        ]
    };
    let grant = || vec![(ROLES, storage()), (ROLES, cluster()), (ROLES, snapshots())];
    let lists = match purpose {
        Purpose::Prepare => prepare(),
        Purpose::Grant => grant(),
        Purpose::Protect => vec![(INSTANCE, vault()), (INSTANCES, cluster())],
        Purpose::Backup => vec![(BACKUP, vault())],
        Purpose::Teardown => vec![
            (CLUSTER_DELETE, cluster()),
            (NODES_DELETE, nodes.cloned()),
            (VAULT_DELETE, vault()),
            (ROLES_DELETE, storage()),
            (ROLES_DELETE, cluster()),
            (ROLES_DELETE, snapshots()),
        ],
        Purpose::Everything => [prepare(), grant(), vec![(INSTANCE, vault()), (INSTANCES, cluster())]].concat(),
        Purpose::Suspend => vec![(SUSPEND, vault()), (INSTANCES, cluster())],
        Purpose::Stop => vec![(STOP, vault()), (INSTANCES, cluster())],
        Purpose::Resume => vec![(RESUME, vault()), (INSTANCES, cluster())],
        Purpose::Undelete => vec![(UNDELETE, vault()), (INSTANCES, cluster())],
        Purpose::Restore => vec![(RESTORE, vault()), (RESTORED, cluster()), (INSTANCES, cluster())],
    };
    let mut needed = Vec::new();
    for (actions, scope) in lists {
        let Some(scope) = scope else { continue };
        needed.extend(actions.iter().map(|action| Needed {
            action,
            scope: scope.clone(),
        }));
    }
    needed
}

/// What commands read beyond that: subscription, resource groups and providers, what stands in the way of a change, and how an operation
/// goes on.
const LOOK: &[&str] = &[
    "Microsoft.Authorization/locks/read",
    "Microsoft.Authorization/permissions/read",
    "Microsoft.ContainerService/locations/operations/read",
    "Microsoft.DataProtection/backupVaults/backupInstances/operationResults/read",
    "Microsoft.DataProtection/backupVaults/operationResults/read",
    "Microsoft.DataProtection/locations/operationResults/read",
    "Microsoft.DataProtection/locations/operationStatus/read",
    "Microsoft.KubernetesConfiguration/extensions/operations/read",
    "Microsoft.ResourceGraph/resources/read",
    "Microsoft.Resources/subscriptions/providers/read",
    "Microsoft.Resources/subscriptions/read",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Storage/checkNameAvailability/read",
];

/// The actions of a role that allows these commands and every command that only reads, each once.
pub(crate) fn actions(purposes: &[Purpose], target: &Target) -> Vec<&'static str> {
    let nodes = target_ids::snapshot_group(target);
    let of = |purpose: &Purpose| needed(*purpose, target, Some(&nodes)).into_iter().map(|own| own.action);
    let read = Purpose::ALL
        .iter()
        .flat_map(of)
        .filter(|action| action.ends_with("/read"));
    let mut all: Vec<&str> = LOOK
        .iter()
        .copied()
        .chain(read)
        .chain(purposes.iter().flat_map(of))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether these roles in a resource group allow the caller to create storage account and vault there.
pub(crate) fn holds_backups(roles: &[Permission]) -> bool {
    let mut all = STORAGE.iter().chain(VAULT);
    all.all(|action| roles::allows(roles, action))
}

/// The scopes of these rights, each once.
pub(crate) fn scopes(needed: &[Needed]) -> Vec<ResourceId> {
    let mut scopes: Vec<ResourceId> = Vec::new();
    for right in needed {
        if !scopes.contains(&right.scope) {
            scopes.push(right.scope.clone());
        }
    }
    scopes
}

/// How the caller's rights compare: how many there are, which are missing, and on which scopes nobody can tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Rights that the caller has.
    pub(crate) held: usize,
    /// Rights that the caller lacks.
    pub(crate) missing: Vec<Needed>,
    /// Scopes whose permissions Azure does not show: not there yet, or hidden.
    pub(crate) unknown: Vec<ResourceId>,
}

/// Compares what is needed with what the caller may do on each scope.
pub(crate) fn compare(needed: Vec<Needed>, own: &[(ResourceId, Sight<Vec<Permission>>)]) -> Comparison {
    let mut comparison = Comparison::default();
    for right in needed {
        let permissions = own
            .iter()
            .find(|(scope, _)| *scope == right.scope)
            .and_then(|(_, sight)| sight.here());
        match permissions {
            Some(permissions) if roles::allows(permissions, right.action) => comparison.held += 1,
            Some(_) => comparison.missing.push(right),
            None if comparison.unknown.contains(&right.scope) => {}
            None => comparison.unknown.push(right.scope),
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn what_is_held_missing_and_unknown_is_told_apart() {
        let needed = needed(Purpose::Prepare, &example(), None);
        let reader = Permission {
            actions: vec!["*/read".into()],
            not_actions: vec![],
        };
        let own = vec![
            (example().cluster, Sight::Here(vec![reader])),
            (target_ids::storage_group(&example()), Sight::Absent),
        ];
        let comparison = compare(needed, &own);
        assert_eq!((comparison.held, comparison.missing.len()), (3, 3));
        assert_eq!(comparison.unknown, [target_ids::storage_group(&example())]);
    }

    #[test]
    fn granting_needs_no_right_to_write_resources() {
        let needed = needed(Purpose::Grant, &example(), None);
        assert!(
            needed
                .iter()
                .all(|right| right.action.starts_with("Microsoft.Authorization/"))
        );
        assert_eq!(scopes(&needed).len(), 3);
    }
}
