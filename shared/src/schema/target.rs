//! `[target]`: what is wanted.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::ids::{
    BackupInstanceName, CloudName, ContainerName, CpuAmount, CrossSubscriptionRestore, ExtensionName, ExtensionVersion,
    HookName, Immutability, LabelSelector, LeftOut, MemoryAmount, NamespaceName, PolicyName, Region, ReleaseTrain,
    ResourceGroupName, ResourceId, ResourceType, StorageAccountName, SubscriptionId, Tag, TenantId, TimeOfDay,
    VaultName, VolumeType,
};
use crate::names::{CONFIRMATIONS, CONFIRMED_IDENTITY};
use crate::schema::Written;

/// What is to be protected, with what, under which names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Target {
    /// Name of the Azure cloud.
    pub cloud: CloudName,
    /// Tenant ID of the subscription.
    pub tenant: TenantId,
    /// Subscription ID of the cluster.
    pub subscription: SubscriptionId,
    /// Resource ID of the AKS cluster.
    #[serde(deserialize_with = "cluster")]
    pub cluster: ResourceId,
    /// Region of the cluster.
    pub region: Region,
    /// Tags, each as `NAME=VALUE`, of resource groups, storage account and vault that `prepare` creates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// What isn't backed up on purpose, each as `namespace/NAME` or `pvc/NAMESPACE/NAME`, so that `kubectl aksbackup verify` doesn't
    /// report it. It changes nothing that is backed up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Where backups are stored.
    pub storage: StorageTarget,
    /// Where disk snapshots are kept.
    pub snapshots: SnapshotTarget,
    /// The Backup vault.
    pub vault: VaultTarget,
    /// The backup policy.
    pub policy: PolicyTarget,
    /// The extension.
    pub extension: ExtensionTarget,
    /// The backup instance.
    pub instance: InstanceTarget,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Takes the id of an AKS cluster only: the file may come from anybody, and other kinds of resource answer to the same
/// requests with whatever their owner likes.
fn cluster<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ResourceId, D::Error> {
    const KIND: &str = "Microsoft.ContainerService/managedClusters";
    let id = ResourceId::deserialize(deserializer)?;
    match id == id.resource(KIND, id.name()) {
        true => Ok(id),
        false => Err(D::Error::custom(format!(
            "{id} isn't the resource ID of an AKS cluster"
        ))),
    }
}

/// Takes the ID of a user-assigned identity only, for the same reason.
fn identity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ResourceId>, D::Error> {
    const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
    let id = ResourceId::deserialize(deserializer)?;
    match id == id.resource(KIND, id.name()) {
        true => Ok(Some(id)),
        false => Err(D::Error::custom(format!(
            "{id} isn't the resource ID of a user-assigned identity"
        ))),
    }
}

/// Storage account and container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StorageTarget {
    /// Name of the storage account.
    pub account: StorageAccountName,
    /// Resource group of the storage account, in the cluster's subscription.
    pub resource_group: ResourceGroupName,
    /// Blob container for this cluster only.
    pub container: ContainerName,
    /// SKU to use if the storage account has to be created, such as `Standard_LRS`.
    pub sku: String,
}

/// The snapshot resource group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SnapshotTarget {
    /// A resource group in the cluster's subscription; it can't be changed after the cluster is protected.
    pub resource_group: ResourceGroupName,
}

/// The Backup vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VaultTarget {
    /// Name of the Backup vault.
    pub name: VaultName,
    /// Resource group of the Backup vault.
    pub resource_group: ResourceGroupName,
    /// Subscription ID of the Backup vault, if it isn't the cluster's. Region and tenant are the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionId>,
    /// Redundancy to use if the vault has to be created: `LocallyRedundant`, `ZoneRedundant` or `GeoRedundant`.
    pub redundancy: String,
    /// Soft delete: `On` or `Off`; never `AlwaysOn`, which can't be reverted.
    pub soft_delete: String,
    /// Soft delete retention in days, from 14 to 180.
    pub soft_delete_days: u32,
    /// Resource ID of the user-assigned identity with which the vault protects the cluster. Without this key, it is the vault's own
    /// (system-assigned) identity.
    #[serde(default, deserialize_with = "identity", skip_serializing_if = "Option::is_none")]
    pub identity: Option<ResourceId>,
    /// Immutability: `Disabled`, `Unlocked`, or `Locked`, which can't be reverted. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub immutability: Option<Immutability>,
    /// Whether backups can be restored in the paired region. It requires redundancy `GeoRedundant` and can't be disabled again.
    /// Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_region_restore: Option<bool>,
    /// Whether backups can be restored to another subscription: `Enabled`, `Disabled`, or `PermanentlyDisabled`, which can't be
    /// reverted. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_subscription_restore: Option<CrossSubscriptionRestore>,
    /// Whether Azure Monitor raises an alert for each failed job of the vault. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_failure_alerts: Option<bool>,
}

/// The backup policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PolicyTarget {
    /// Name of the backup policy.
    pub name: PolicyName,
    /// Backup interval to use if the policy has to be created: an ISO 8601 duration, such as `P1D`.
    pub schedule: String,
    /// Retention to use if the policy has to be created: an ISO 8601 duration, such as `P7D`.
    pub retention: String,
    /// Time of the first backup, UTC, such as `01:30`, to use if the policy has to be created [default: `06:00`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeOfDay>,
    /// Retention of the first backup of a day, if it differs from that of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_retention: Option<String>,
    /// Retention of the first backup of a week, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly_retention: Option<String>,
    /// Retention of the first backup of a month, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_retention: Option<String>,
    /// Retention of the first backup of a year, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yearly_retention: Option<String>,
    /// Retention of a daily copy in the vault tier, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_tier_retention: Option<String>,
    /// Retention of a weekly copy in the vault tier, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_tier_weekly_retention: Option<String>,
    /// Retention of a monthly copy in the vault tier, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_tier_monthly_retention: Option<String>,
    /// Retention of a yearly copy in the vault tier, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_tier_yearly_retention: Option<String>,
    /// JSON file with a custom backup policy, relative to the state file, instead of schedule and retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// SHA-256 of that file, written by `init`. If the content changes, `init` has to confirm it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_digest: Option<Digest>,
    /// Whether that file copies backups to the vault tier, which requires additional roles. Written by `init`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub file_vault_tier: bool,
}

/// The extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExtensionTarget {
    /// Name to use if the extension has to be installed.
    pub name: ExtensionName,
    /// CPU limit of the extension's pods, such as `2` or `1500m`. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<CpuAmount>,
    /// CPU request of the extension's pods. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_request: Option<CpuAmount>,
    /// Memory limit of the extension's pods, such as `4400Mi`. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<MemoryAmount>,
    /// Memory request of the extension's pods. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_request: Option<MemoryAmount>,
    /// Whether Azure upgrades minor versions of the extension. Without this key, Azure's setting stays; a new extension is
    /// upgraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_upgrade: Option<bool>,
    /// Release train that upgrades come from, such as `stable`. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_train: Option<ReleaseTrain>,
    /// Version that the extension stays at, which ends automatic upgrades. Without this key, Azure's setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<ExtensionVersion>,
}

impl ExtensionTarget {
    /// An extension of this name, with the settings that Azure gives it.
    #[must_use]
    pub const fn new(name: ExtensionName) -> Self {
        Self {
            name,
            cpu_limit: None,
            cpu_request: None,
            memory_limit: None,
            memory_request: None,
            auto_upgrade: None,
            release_train: None,
            version: None,
        }
    }
}

/// The backup instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InstanceTarget {
    /// Name of the backup instance.
    pub name: BackupInstanceName,
    /// Display name in the Azure portal.
    pub friendly_name: String,
    /// Whether to back up persistent volumes as disk snapshots.
    pub snapshot_volumes: bool,
    /// Whether to back up cluster-scoped resources.
    pub include_cluster_scope_resources: bool,
    /// Namespaces to back up; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_namespaces: Vec<NamespaceName>,
    /// Namespaces to exclude.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_namespaces: Vec<NamespaceName>,
    /// Labels of the resources to back up, such as `app=web`; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_selectors: Vec<LabelSelector>,
    /// Resource types to back up, such as `apps/v1/Deployment`; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_resource_types: Vec<ResourceType>,
    /// Resource types to exclude. Backups contain all Secrets unless `v1/Secret` is excluded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_resource_types: Vec<ResourceType>,
    /// Volume types to back up: `AzureDisk`, `AzureFileShareSMB`. If empty, Azure backs up disks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_volume_types: Vec<VolumeType>,
    /// Backup hooks to run, each as `NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backup_hooks: Vec<HookName>,
}

impl Target {
    /// Returns the subscription of the vault.
    #[must_use]
    pub fn vault_subscription(&self) -> &SubscriptionId {
        self.vault.subscription.as_ref().unwrap_or(&self.subscription)
    }

    /// Returns the subscription of the vault where it isn't the cluster's.
    #[must_use]
    pub fn foreign_subscription(&self) -> Option<&SubscriptionId> {
        let own = self.vault_subscription();
        (!crate::ids::same(own.as_str(), self.subscription.as_str())).then_some(own)
    }

    /// Returns the flags that confirm what gets access, with a blank before each, for printed commands.
    #[must_use]
    pub fn confirmations(target: Option<&Self>) -> String {
        let identity = target.and_then(|own| own.vault.identity.as_ref());
        let identity = identity.map(|_| CONFIRMED_IDENTITY).unwrap_or_default();
        format!("{CONFIRMATIONS}{identity}")
    }

    /// Reads a target from its values. They are read as text, as the state file is: a second way to read them would double the code
    /// of each table.
    ///
    /// # Errors
    /// A value is missing or isn't what its key takes: the reason, without a place.
    pub fn of_values(values: &toml::Table) -> Result<Self, String> {
        toml::from_str(&values.to_string()).map_err(|error| error.message().to_owned())
    }
}

impl VaultTarget {
    /// Returns whether this key of the target, such as `vault.immutability`, asks for what can't be changed back.
    #[must_use]
    pub fn is_lasting(&self, key: &str) -> bool {
        match key {
            "vault.immutability" => self.immutability.as_ref().map(|own| own.as_str()) == Some("Locked"),
            "vault.cross_region_restore" => self.cross_region_restore == Some(true),
            "vault.cross_subscription_restore" => {
                let own = self.cross_subscription_restore.as_ref();
                own.map(|own| own.as_str()) == Some("PermanentlyDisabled")
            }
            _ => false,
        }
    }
}

impl InstanceTarget {
    /// Returns a digest of all of it, or nothing if it can't be written as TOML.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        toml::Table::try_from(self).ok().map(|table| Digest::of(&table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Claim {
        #[serde(deserialize_with = "cluster")]
        cluster: ResourceId,
    }

    fn claim(tail: &str) -> Result<Claim, toml::de::Error> {
        const GROUP: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg";
        toml::from_str(&format!("cluster = \"{GROUP}{tail}\""))
    }

    #[test]
    fn only_a_cluster_is_taken_for_one() {
        let own = claim("/providers/microsoft.containerservice/managedclusters/aks").unwrap();
        assert_eq!(own.cluster.name(), "aks");
        for bad in [
            "",
            "/providers/Microsoft.CustomProviders/resourceProviders/evil",
            "/providers/Microsoft.ContainerService/managedClusters/aks/agentPools/np",
            "/providers/Evil.Kind/hosts/h/providers/Microsoft.ContainerService/managedClusters/aks",
        ] {
            let error = claim(bad).unwrap_err().to_string();
            assert!(error.contains("isn't the resource ID of an AKS cluster"), "{error}");
        }
    }
}
