//! What stands in the state file. Each table belongs to one plane: `target` and `cloud` to `az aksbackup`, `cluster`
//! to `kubectl aksbackup`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::guide::StepName;
use crate::ids::{
    BackupInstanceName, ClientId, CloudName, ContainerName, ExtensionName, FederatedCredentialName, IssuerUrl,
    NamespaceName, ObjectName, PolicyName, PrincipalId, Region, ResourceGroupName, ResourceId, StorageAccountName,
    SubscriptionId, TenantId, VaultName,
};

/// The number of the format that this program writes.
pub const SCHEMA: u32 = 1;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Number of the format.
    pub schema: u32,
    /// What is wanted: written by `az aksbackup init`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What the cloud plane saw.
    #[serde(default)]
    pub cloud: CloudTables,
    /// What the cluster plane saw.
    #[serde(default)]
    pub cluster: ClusterTables,
}

impl Default for State {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            target: None,
            cloud: CloudTables::default(),
            cluster: ClusterTables::default(),
        }
    }
}

/// Who wrote a table, when, and which writing it replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Unique to this writing.
    pub id: String,
    /// The writing that it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// When the values were seen, UTC.
    pub observed_at: Timestamp,
    /// The signed-in principal or Kubernetes user.
    pub by: String,
    /// Program and version.
    pub tool: String,
}

/// What is to be protected, with what, under which names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The cloud, by name.
    pub cloud: CloudName,
    /// Tenant of the subscription.
    pub tenant: TenantId,
    /// Subscription of the cluster.
    pub subscription: SubscriptionId,
    /// The AKS cluster.
    pub cluster: ResourceId,
    /// Its region.
    pub region: Region,
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

/// Storage account and container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
pub struct SnapshotTarget {
    /// A resource group in the cluster's subscription; it cannot be changed once the cluster is protected.
    pub resource_group: ResourceGroupName,
}

/// The Backup vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
pub struct PolicyTarget {
    /// The policy.
    pub name: PolicyName,
    /// Interval of backups as an ISO 8601 duration, such as `P1D`, for a policy that has to be made.
    pub schedule: String,
    /// How long backups are kept as an ISO 8601 duration, such as `P7D`, for a policy that has to be made.
    pub retention: String,
    /// How long the vault tier keeps a daily copy, where there is to be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_tier_retention: Option<String>,
    /// A policy of one's own as JSON, relative to the state file, instead of the two above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// The extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtensionTarget {
    /// Name of an extension that has to be installed.
    pub name: ExtensionName,
}

/// The backup instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
}

/// What the cloud plane saw, one table a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CloudTables {
    /// Step 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prerequisites: Option<PrerequisitesTable>,
    /// Step 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageTable>,
    /// Step 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultTable>,
    /// Step 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionTable>,
    /// Step 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityTable>,
    /// Step 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation: Option<FederationTable>,
    /// Trusted access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_access: Option<TrustedAccessTable>,
    /// Step 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<RolesTable>,
    /// Step 11.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceTable>,
    /// Step 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupTable>,
    /// Creations that were about to be asked for; gone once they were seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<Intent>,
    /// Objects that this tool made, as opposed to found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<Intent>,
}

/// A creation that was about to be asked for, or that was seen afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The step that makes it.
    pub step: StepName,
    /// What it makes: an ARM id, or a name within one.
    pub object: String,
    /// When it was asked for, UTC.
    pub at: Timestamp,
}

/// Step 1: what the cluster must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrerequisitesTable {
    /// The issuer of the cluster's service account tokens, byte for byte.
    pub issuer: IssuerUrl,
    /// Group of the cluster's nodes.
    pub node_resource_group: ResourceGroupName,
    /// Principal of the cluster's own identity.
    pub cluster_principal: PrincipalId,
    /// Resource providers seen as registered.
    pub providers: Vec<String>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 2: where backups are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StorageTable {
    /// The account.
    pub account: ResourceId,
    /// The container.
    pub container: ContainerName,
    /// The account's blob endpoint, as Azure gave it.
    pub blob_endpoint: String,
    /// The snapshot group.
    pub snapshot_group: ResourceId,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 3: the vault and its policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VaultTable {
    /// The vault.
    pub vault: ResourceId,
    /// Principal of the vault's identity.
    pub principal: PrincipalId,
    /// The policy.
    pub policy: ResourceId,
    /// Name of its backup rule.
    pub rule: String,
    /// Its default retention tag.
    pub retention_tag: String,
    /// Whether the policy copies backups to the vault tier.
    pub vault_tier: bool,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 4: the extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtensionTable {
    /// The extension.
    pub extension: ResourceId,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Namespace of its release.
    pub namespace: NamespaceName,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 5: the extension's identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdentityTable {
    /// The user-assigned identity.
    pub identity: ResourceId,
    /// Its client id, for annotations.
    pub client_id: ClientId,
    /// Its principal, for roles.
    pub principal: PrincipalId,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 7: the federated credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FederationTable {
    /// The identity that they are on.
    pub identity: ResourceId,
    /// Their issuer, byte for byte.
    pub issuer: IssuerUrl,
    /// One for each service account.
    pub credentials: Vec<CredentialRecord>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// A federated credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialRecord {
    /// Its name.
    pub name: FederatedCredentialName,
    /// Its subject: `system:serviceaccount:NAMESPACE:NAME`.
    pub subject: String,
}

/// Trusted access of the vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustedAccessTable {
    /// The binding.
    pub binding: ResourceId,
    /// The vault that it lets in.
    pub vault: ResourceId,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 8: role assignments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolesTable {
    /// Those that Azure listed.
    pub assignments: Vec<RoleRecord>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// A role assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRecord {
    /// The role's name.
    pub role: String,
    /// Whose it is: `extension identity`, `vault` or `cluster`.
    pub holder: String,
    /// The principal.
    pub principal: PrincipalId,
    /// The scope that it is needed on.
    pub scope: ResourceId,
}

/// Step 11: the backup instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceTable {
    /// The instance.
    pub instance: ResourceId,
    /// Azure's own word for its state, `ProtectionConfigured` when all is well.
    pub protection: String,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 12: the last backup that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupTable {
    /// The job's id.
    pub job: String,
    /// Azure's own word for its state.
    pub status: String,
    /// When it began, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// What the cluster plane saw, one table a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterTables {
    /// The service accounts that the extension's deployments really use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workloads: Option<WorkloadsTable>,
    /// Step 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentityTable>,
    /// Step 9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutTable>,
    /// Step 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationTable>,
}

/// Deployments and their service accounts, as read from the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadsTable {
    /// Their namespace.
    pub namespace: NamespaceName,
    /// The deployments.
    pub deployments: Vec<ObjectName>,
    /// The service accounts that they use, without repetition.
    pub service_accounts: Vec<ObjectName>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 6: annotated service accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadIdentityTable {
    /// The client id that they carry.
    pub client_id: ClientId,
    /// The service accounts.
    pub service_accounts: Vec<ObjectName>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 9: rolled out deployments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutTable {
    /// The deployments.
    pub deployments: Vec<ObjectName>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 10: what was seen of the running pods and the backup storage location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationTable {
    /// The client id that the running pods were injected with.
    pub client_id: ClientId,
    /// The backup storage location.
    pub storage_location: ObjectName,
    /// Its container.
    pub container: String,
    /// Its storage account.
    pub account: String,
    /// Number of pods that were looked at.
    pub pods: u32,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

impl State {
    /// Whether both say the same, whoever wrote it and when.
    #[must_use]
    pub fn same_values(&self, other: &Self) -> bool {
        let values = |state: &Self| {
            let mut table = toml::Table::try_from(state).unwrap_or_default();
            forget_writers(&mut table);
            table
        };
        self == other || values(self) == values(other)
    }
}

fn forget_writers(table: &mut toml::Table) {
    table.remove("written");
    for (_, value) in table.iter_mut() {
        if let toml::Value::Table(table) = value {
            forget_writers(table);
        }
    }
}
