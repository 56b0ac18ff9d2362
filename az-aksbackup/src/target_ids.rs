//! The ids of what `[target]` asks for.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::{State, Target};

use crate::arm::{extensions, storage, vaults};

/// The target of the state file.
///
/// # Errors
/// Exit 2: the file names none.
pub(crate) fn target(state: &State) -> Outcome<&Target> {
    match &state.target {
        Some(target) => Ok(target),
        None => Failure::usage("the state file has no [target]")
            .hint(fix!["create the table: ", az("init")])
            .err(),
    }
}

/// The group of the storage account.
pub(crate) fn storage_group(target: &Target) -> ResourceId {
    ResourceId::group(&target.subscription, &target.storage.resource_group)
}

/// The storage account.
pub(crate) fn account(target: &Target) -> ResourceId {
    storage_group(target).resource(storage::KIND, target.storage.account.as_str())
}

/// The container.
pub(crate) fn container(target: &Target) -> ResourceId {
    storage::container_id(&account(target), target.storage.container.as_str())
}

/// The group that snapshots go to.
pub(crate) fn snapshot_group(target: &Target) -> ResourceId {
    ResourceId::group(&target.subscription, &target.snapshots.resource_group)
}

/// The group of the vault.
pub(crate) fn vault_group(target: &Target) -> ResourceId {
    ResourceId::group(target.vault_subscription(), &target.vault.resource_group)
}

/// The vault.
pub(crate) fn vault(target: &Target) -> ResourceId {
    vault_group(target).resource(vaults::KIND, target.vault.name.as_str())
}

/// The policy.
pub(crate) fn policy(target: &Target) -> ResourceId {
    vault(target).child("backupPolicies", target.policy.name.as_str())
}

/// The backup instance.
pub(crate) fn instance(target: &Target) -> ResourceId {
    vault(target).child("backupInstances", target.instance.name.as_str())
}

/// The extension, should one have to be installed.
pub(crate) fn extension(target: &Target) -> ResourceId {
    extensions::extension_id(&target.cluster, target.extension.name.as_str())
}

#[cfg(test)]
pub(crate) mod tests {
    use aksbackup_shared::schema::{
        ExtensionTarget, InstanceTarget, PolicyTarget, SnapshotTarget, StorageTarget, VaultTarget,
    };

    use super::*;

    const CLUSTER: &str = concat!(
        "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-aks",
        "/providers/Microsoft.ContainerService/managedClusters/aks"
    );

    /// A target for tests.
    pub(crate) fn example() -> Target {
        Target {
            cloud: "AzureCloud".parse().unwrap(),
            tenant: "4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10".parse().unwrap(),
            subscription: "0b1f6471-1bf0-4dda-aec3-cb9272f09590".parse().unwrap(),
            cluster: CLUSTER.parse().unwrap(),
            region: "westeurope".parse().unwrap(),
            tags: vec![],
            left_out: vec![],
            storage: StorageTarget {
                account: "stbackup".parse().unwrap(),
                resource_group: "rg-backup".parse().unwrap(),
                container: "aks".parse().unwrap(),
                sku: "Standard_LRS".into(),
            },
            snapshots: SnapshotTarget {
                resource_group: "rg-snapshots".parse().unwrap(),
            },
            vault: VaultTarget {
                name: "bv-aks".parse().unwrap(),
                resource_group: "rg-backup".parse().unwrap(),
                subscription: None,
                redundancy: "LocallyRedundant".into(),
                soft_delete: "On".into(),
                soft_delete_days: 14,
                identity: None,
                immutability: None,
                cross_region_restore: None,
                cross_subscription_restore: None,
                job_failure_alerts: None,
            },
            policy: PolicyTarget::new("policy-aks".parse().unwrap(), "P1D", "P7D"),
            extension: ExtensionTarget::new("azure-aks-backup".parse().unwrap()),
            instance: InstanceTarget {
                name: "aks-instance".parse().unwrap(),
                friendly_name: "aks".into(),
                snapshot_volumes: true,
                include_cluster_scope_resources: true,
                included_namespaces: vec![],
                excluded_namespaces: vec![],
                label_selectors: vec![],
                included_resource_types: vec![],
                excluded_resource_types: vec![],
                included_volume_types: vec![],
                backup_hooks: vec![],
            },
            written: None,
        }
    }

    /// A state with nothing but that target.
    pub(crate) fn state() -> State {
        State {
            target: Some(example()),
            ..State::default()
        }
    }

    #[test]
    fn the_ids_are_those_of_the_target() {
        let target = example();
        assert!(
            container(&target)
                .as_str()
                .ends_with("/storageAccounts/stbackup/blobServices/default/containers/aks")
        );
        assert!(policy(&target).is_kind("Microsoft.DataProtection/backupVaults/backupPolicies"));
        assert!(
            instance(&target)
                .as_str()
                .ends_with("/backupVaults/bv-aks/backupInstances/aks-instance")
        );
        assert!(target_missing());
    }

    fn target_missing() -> bool {
        target(&State::default()).is_err_and(|failure| failure.what.contains("[target]"))
    }
}
