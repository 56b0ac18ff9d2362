//! `[target]`: what is wanted.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::ids::{
    BackupInstanceName, CloudName, ContainerName, ExtensionName, HookName, LabelSelector, NamespaceName, PolicyName,
    Region, ResourceGroupName, ResourceId, ResourceType, StorageAccountName, SubscriptionId, Tag, TenantId, TimeOfDay,
    VaultName, VolumeType,
};
use crate::schema::Written;

/// What is to be protected, with what, under which names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Target {
    /// The cloud, by name.
    pub cloud: CloudName,
    /// Tenant of the subscription.
    pub tenant: TenantId,
    /// Subscription of the cluster.
    pub subscription: SubscriptionId,
    /// The AKS cluster.
    #[serde(deserialize_with = "cluster")]
    pub cluster: ResourceId,
    /// Its region.
    pub region: Region,
    /// Tags, each as `NAME=VALUE`, of resource groups, storage account and vault that have to be made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
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
    /// Who wrote it.
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
        false => Err(D::Error::custom(format!("{id} is not the id of an AKS cluster"))),
    }
}

/// Storage account and container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StorageTarget {
    /// The account.
    pub account: StorageAccountName,
    /// Its resource group, in the cluster's subscription.
    pub resource_group: ResourceGroupName,
    /// The container, of this cluster alone.
    pub container: ContainerName,
    /// SKU of an account that has to be made, such as `Standard_LRS`.
    pub sku: String,
}

/// The snapshot group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SnapshotTarget {
    /// A resource group in the cluster's subscription; it cannot be changed once the cluster is protected.
    pub resource_group: ResourceGroupName,
}

/// The Backup vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VaultTarget {
    /// The vault.
    pub name: VaultName,
    /// Its resource group.
    pub resource_group: ResourceGroupName,
    /// `LocallyRedundant`, `ZoneRedundant` or `GeoRedundant`, for a vault that has to be made.
    pub redundancy: String,
    /// `On` or `Off`, for a vault that has to be made; never `AlwaysOn`, which cannot be undone.
    pub soft_delete: String,
    /// Days that deleted backups are kept, for a vault that has to be made.
    pub soft_delete_days: u32,
}

/// The backup policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PolicyTarget {
    /// The policy.
    pub name: PolicyName,
    /// Interval of backups as an ISO 8601 duration, such as `P1D`, for a policy that has to be made.
    pub schedule: String,
    /// How long backups are kept as an ISO 8601 duration, such as `P7D`, for a policy that has to be made.
    pub retention: String,
    /// Time of day of the first backup, UTC, such as `01:30`, for a policy that has to be made; without it `06:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeOfDay>,
    /// How long the vault tier keeps a daily copy, where there is to be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_tier_retention: Option<String>,
    /// A policy of one's own as JSON, relative to the state file, instead of the two above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// SHA-256 of that file, written by `init`: another content is refused until `init` confirms it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_digest: Option<Digest>,
    /// Whether that file copies backups to the vault tier, written by `init`: the vault tier has roles of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub file_vault_tier: bool,
}

impl PolicyTarget {
    /// Returns its rules: schedule, time, retention, and retention in the vault tier.
    #[must_use]
    pub fn rules(&self) -> (&str, Option<&TimeOfDay>, &str, Option<&str>) {
        let tier = self.vault_tier_retention.as_deref();
        (&self.schedule, self.time.as_ref(), &self.retention, tier)
    }
}

/// The extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExtensionTarget {
    /// Name of an extension that has to be installed.
    pub name: ExtensionName,
}

/// The backup instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InstanceTarget {
    /// The instance.
    pub name: BackupInstanceName,
    /// Name shown in the portal.
    pub friendly_name: String,
    /// Whether persistent volumes are backed up as disk snapshots.
    pub snapshot_volumes: bool,
    /// Whether cluster-scoped resources are backed up.
    pub include_cluster_scope_resources: bool,
    /// Namespaces to back up; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_namespaces: Vec<NamespaceName>,
    /// Namespaces to leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_namespaces: Vec<NamespaceName>,
    /// Labels, such as `app=web`, of the resources to back up; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_selectors: Vec<LabelSelector>,
    /// Resource types, such as `apps/v1/Deployment`, to back up; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_resource_types: Vec<ResourceType>,
    /// Resource types to leave out. Without `v1/Secret` here, backups contain all Secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_resource_types: Vec<ResourceType>,
    /// Volume types to back up: `AzureDisk`, `AzureFileShareSMB`; empty leaves it to Azure, which backs up disks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_volume_types: Vec<VolumeType>,
    /// Backup hooks to run, each as `NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backup_hooks: Vec<HookName>,
}

impl Target {
    /// Reads a target from its values. They are read as text, as the state file is: a second way to read them would double the code
    /// of each table.
    ///
    /// # Errors
    /// A value is missing or isn't what its key takes: the reason, without a place.
    pub fn of_values(values: &toml::Table) -> Result<Self, String> {
        toml::from_str(&values.to_string()).map_err(|error| error.message().to_owned())
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
            assert!(error.contains("not the id of an AKS cluster"), "{error}");
        }
    }
}
