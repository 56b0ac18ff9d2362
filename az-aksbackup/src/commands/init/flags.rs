//! The flags of `init`.

use std::path::PathBuf;

use aksbackup_shared::ids::{
    BackupInstanceName, ClusterName, ContainerName, ExtensionName, NamespaceName, PolicyName, ResourceGroupName,
    ResourceId, StorageAccountName, VaultName,
};
use clap::Args;

use super::settings::Set;
use super::values::{self, Redundancy, SoftDelete};
use crate::cli::WriteArgs;

/// Flags of `init`. What is not said is taken from the state file, from what exists in Azure, or has a default.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct InitArgs {
    /// Resource ID of the cluster
    #[arg(long, visible_alias = "ids", value_name = "ID", conflicts_with_all = ["resource_group", "cluster_name"], help_heading = "Cluster")]
    pub(crate) cluster_id: Option<ResourceId>,
    /// Resource group of the cluster
    #[arg(long, short = 'g', value_name = "NAME", help_heading = "Cluster")]
    pub(crate) resource_group: Option<ResourceGroupName>,
    /// Name of the cluster
    #[arg(long, short = 'n', alias = "name", value_name = "NAME", help_heading = "Cluster")]
    pub(crate) cluster_name: Option<ClusterName>,

    /// Name of the storage account for backups
    #[arg(long, value_name = "NAME", help_heading = "Storage")]
    pub(crate) storage_account: Option<StorageAccountName>,
    /// Resource group of the storage account, in the cluster's subscription
    #[arg(long, value_name = "NAME", help_heading = "Storage")]
    pub(crate) storage_resource_group: Option<ResourceGroupName>,
    /// Name of the blob container; must be used for this cluster only
    #[arg(long, value_name = "NAME", help_heading = "Storage")]
    pub(crate) container: Option<ContainerName>,
    /// SKU to use if the storage account has to be created [default: Standard_LRS]
    #[arg(long, value_name = "SKU", value_parser = values::sku, help_heading = "Storage")]
    pub(crate) sku: Option<String>,
    /// Name of the resource group for disk snapshots; can't be changed after the cluster is protected
    #[arg(long, value_name = "NAME", help_heading = "Storage")]
    pub(crate) snapshot_group: Option<ResourceGroupName>,

    /// Name of the Backup vault
    #[arg(long, value_name = "NAME", help_heading = "Vault and policy")]
    pub(crate) vault: Option<VaultName>,
    /// Resource group of the Backup vault
    #[arg(long, value_name = "NAME", help_heading = "Vault and policy")]
    pub(crate) vault_resource_group: Option<ResourceGroupName>,
    /// Name or ID of the subscription that contains the Backup vault, in the cluster's tenant [default: the
    /// cluster's subscription]
    #[arg(long, value_name = "SUBSCRIPTION", help_heading = "Vault and policy")]
    pub(crate) vault_subscription: Option<String>,
    /// Redundancy to use if the vault has to be created [default: LocallyRedundant]
    #[arg(
        long,
        value_enum,
        ignore_case = true,
        value_name = "REDUNDANCY",
        help_heading = "Vault and policy"
    )]
    pub(crate) redundancy: Option<Redundancy>,
    /// Soft-delete state of the vault [default: On]
    #[arg(
        long,
        value_enum,
        ignore_case = true,
        value_name = "STATE",
        help_heading = "Vault and policy"
    )]
    pub(crate) soft_delete: Option<SoftDelete>,
    /// Soft-delete retention in days [default: 14]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(14..=180), help_heading = "Vault and policy")]
    pub(crate) soft_delete_days: Option<u32>,
    /// Name of the backup policy
    #[arg(long, value_name = "NAME", help_heading = "Vault and policy")]
    pub(crate) policy: Option<PolicyName>,
    /// Backup interval to use if the policy has to be created: 4h, 6h, 8h, 12h, daily, or weekly [default: daily]
    #[arg(long, value_name = "INTERVAL", value_parser = values::schedule, conflicts_with = "policy_file", help_heading = "Vault and policy")]
    pub(crate) schedule: Option<String>,
    /// Retention to use if the policy has to be created, such as 7d, 30d, or P7D [default: 7d]
    #[arg(long, value_name = "PERIOD", value_parser = values::retention, conflicts_with = "policy_file", help_heading = "Vault and policy")]
    pub(crate) retention: Option<String>,
    /// Retention of the daily copy in the vault tier, such as 30d or P30D
    #[arg(long, value_name = "PERIOD", value_parser = values::retention, conflicts_with = "policy_file", help_heading = "Vault and policy")]
    pub(crate) vault_tier_retention: Option<String>,
    /// JSON file with the backup policy to use if the policy has to be created
    #[arg(long, value_name = "FILE", help_heading = "Vault and policy")]
    pub(crate) policy_file: Option<PathBuf>,

    /// Name to use for the extension if it has to be installed [default: azure-aks-backup]
    #[arg(long, value_name = "NAME", help_heading = "Backup instance")]
    pub(crate) extension: Option<ExtensionName>,
    /// Name of the backup instance
    #[arg(long, value_name = "NAME", help_heading = "Backup instance")]
    pub(crate) instance: Option<BackupInstanceName>,
    /// Display name of the backup instance in the Azure portal
    #[arg(long, value_name = "TEXT", value_parser = values::friendly_name, help_heading = "Backup instance")]
    pub(crate) friendly_name: Option<String>,
    /// Back up persistent volumes as disk snapshots (the default)
    #[arg(long, overrides_with = "no_snapshot_volumes", help_heading = "Backup instance")]
    pub(crate) snapshot_volumes: bool,
    /// Exclude persistent volumes
    #[arg(long, overrides_with = "snapshot_volumes", help_heading = "Backup instance")]
    pub(crate) no_snapshot_volumes: bool,
    /// Back up cluster-scoped resources (the default)
    #[arg(
        long,
        overrides_with = "no_cluster_scope_resources",
        help_heading = "Backup instance"
    )]
    pub(crate) cluster_scope_resources: bool,
    /// Exclude cluster-scoped resources
    #[arg(long, overrides_with = "cluster_scope_resources", help_heading = "Backup instance")]
    pub(crate) no_cluster_scope_resources: bool,
    /// Back up only this namespace (repeatable) [default: all]
    #[arg(long, value_name = "NAME", help_heading = "Backup instance")]
    pub(crate) include_namespace: Vec<NamespaceName>,
    /// Exclude this namespace (repeatable)
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "include_namespace",
        help_heading = "Backup instance"
    )]
    pub(crate) exclude_namespace: Vec<NamespaceName>,

    /// Tags for resource groups, storage accounts, and vaults that have to be created; existing ones keep their tags, and
    /// "" means no tags
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., help_heading = "All settings")]
    pub(crate) tags: Vec<String>,
    /// Setting of the target to change (repeatable), such as policy.time=01:30 or instance.label_selectors=app=web; KEY+=VALUE adds a
    /// value to a list
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "All settings")]
    pub(crate) sets: Vec<Set>,
    /// Use the settings of the cluster's backup instance, its policy, its vault, and the extension instead of those in the
    /// state file
    #[arg(long, help_heading = "All settings")]
    pub(crate) from_azure: bool,

    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

impl InitArgs {
    /// Returns whether a flag says what this key of the target is to be, among those that `prepare` applies to what exists.
    pub(super) fn says(&self, key: &str) -> bool {
        let by_flag = match key {
            "vault.soft_delete" => self.soft_delete.is_some(),
            "vault.soft_delete_days" => self.soft_delete_days.is_some(),
            _ => false,
        };
        by_flag || self.sets.iter().any(|own| own.is(key))
    }
}

/// A pair of flags that say yes and no: `None` where neither was given.
pub(super) fn either(yes: bool, no: bool) -> Option<bool> {
    match (yes, no) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        (false, false) => None,
    }
}
