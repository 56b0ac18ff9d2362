//! `[cloud.*]`: what the Azure side saw, for the cluster side to build on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::ids::{
    ClientId, ContainerName, FederatedCredentialName, IssuerUrl, NamespaceName, PolicyName, PrincipalId,
    ResourceGroupName, ResourceId,
};
use crate::schema::{Removal, Written};
use crate::step_name::StepName;

/// What the Azure side reported, one table for each step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CloudTables {
    /// Step 1. Written by `az aksbackup prepare`; read by `prepare` (steps 5 and 7) and by `kubectl aksbackup
    /// configure` and `verify`, which use the issuer to verify that they are connected to the right cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prerequisites: Option<PrerequisitesTable>,
    /// Step 2. Written by `az aksbackup prepare`; read by `status` in both programs. Every command also reads the live
    /// state in Azure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageTable>,
    /// Step 3. Written by `az aksbackup prepare`; read by `az aksbackup grant`, `protect` and `jobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultTable>,
    /// Step 4. Written by `az aksbackup prepare`; read by `az aksbackup prepare` (step 5) to find the extension again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionTable>,
    /// Step 5. Written by `az aksbackup prepare`; read by `az aksbackup grant` and by `kubectl aksbackup configure`
    /// and `verify`, which set and check the client ID annotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityTable>,
    /// Step 7. Written by `az aksbackup prepare`; read by `kubectl aksbackup configure`, which rolls out a deployment
    /// only if its service account has a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation: Option<FederationTable>,
    /// Trusted Access. Written by `az aksbackup prepare`; read by `status` in both programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_access: Option<TrustedAccessTable>,
    /// Step 8. Written by `az aksbackup grant`; read by `kubectl aksbackup configure`, which waits for the storage
    /// role, and by `az aksbackup protect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<RolesTable>,
    /// Step 11. Written by `az aksbackup protect`; read by `az aksbackup backup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceTable>,
    /// Step 12. Written by `az aksbackup backup`; read by `backup` and `jobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupTable>,
    /// Resources and jobs that are being created. Each is written before its request and removed when the result is
    /// known, so that a run finds what an interrupted run created. Written and read by every writing command of `az
    /// aksbackup`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<Intent>,
    /// Resources that this tool created. Resources that already existed aren't listed. Written by every writing
    /// command of `az aksbackup`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<Intent>,
    /// Removed tables of this program. Written with any table of the program; read by `merge`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removal>,
}

/// A resource or job that is being created, or that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Intent {
    /// The step that creates it.
    pub step: StepName,
    /// Resource ID, or a name within a resource.
    pub object: String,
    /// When its creation was requested, UTC.
    pub at: Timestamp,
}

/// Step 1: cluster prerequisites.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PrerequisitesTable {
    /// Issuer of the cluster's service account tokens, byte for byte.
    pub issuer: IssuerUrl,
    /// Node resource group of the cluster.
    pub node_resource_group: ResourceGroupName,
    /// Principal ID of the cluster's identity.
    pub cluster_principal: PrincipalId,
    /// Registered resource providers.
    pub providers: Vec<String>,
    /// Restriction on access to the cluster's API server, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_server: Option<ApiServerAccess>,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Who can reach the API server of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ApiServerAccess {
    /// Only machines in the cluster's virtual network or in a connected network.
    Private,
    /// Only machines with an address in the authorized IP ranges.
    AuthorizedRanges,
}

/// Step 2: where backups are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StorageTable {
    /// Storage account.
    pub account: ResourceId,
    /// Blob container.
    pub container: ContainerName,
    /// Blob endpoint of the storage account, as Azure reports it.
    pub blob_endpoint: String,
    /// Snapshot resource group.
    pub snapshot_group: ResourceId,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 3: the vault and its policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VaultTable {
    /// Backup vault.
    pub vault: ResourceId,
    /// Principal ID of the vault's identity.
    pub principal: PrincipalId,
    /// Backup policy.
    pub policy: ResourceId,
    /// Name of the policy's backup rule.
    pub rule: String,
    /// Default retention tag of the policy.
    pub retention_tag: String,
    /// Whether the policy copies backups to the vault tier.
    pub vault_tier: bool,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 4: the extension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ExtensionTable {
    /// Backup extension.
    pub extension: ResourceId,
    /// Version of the extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Namespace of the extension's release.
    pub namespace: NamespaceName,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 5: the extension's identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct IdentityTable {
    /// User-assigned identity of the extension.
    pub identity: ResourceId,
    /// Client ID of the identity, for annotations.
    pub client_id: ClientId,
    /// Principal ID of the identity, for roles.
    pub principal: PrincipalId,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 7: the federated credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FederationTable {
    /// Identity that has the credentials.
    pub identity: ResourceId,
    /// Issuer of the credentials, byte for byte.
    pub issuer: IssuerUrl,
    /// One credential for each service account.
    pub credentials: Vec<CredentialRecord>,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// A federated credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CredentialRecord {
    /// Name of the credential.
    pub name: FederatedCredentialName,
    /// Subject of the credential: `system:serviceaccount:NAMESPACE:NAME`.
    pub subject: String,
}

/// Trusted access of the vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TrustedAccessTable {
    /// Trusted Access role binding.
    pub binding: ResourceId,
    /// Backup vault that has access.
    pub vault: ResourceId,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 8: role assignments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RolesTable {
    /// Role assignments, as Azure lists them.
    pub assignments: Vec<RoleRecord>,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// A role assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RoleRecord {
    /// Name of the role.
    pub role: String,
    /// Who has the role: `extension identity`, `vault` or `cluster`.
    pub holder: String,
    /// Principal ID that has the role.
    pub principal: PrincipalId,
    /// Scope that the role is required at.
    pub scope: ResourceId,
}

/// Step 11: the backup instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InstanceTable {
    /// Backup instance.
    pub instance: ResourceId,
    /// Protection state in Azure, such as `ProtectionConfigured`.
    pub protection: String,
    /// Policy of the backup instance; missing in files of version 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// Digest of the `[target.instance]` that was applied last; missing in files of version 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Digest>,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

impl InstanceTable {
    /// Returns the table of an instance in another state, with the rest as it was recorded.
    #[must_use]
    pub fn in_state(before: Option<Self>, instance: ResourceId, protection: &str) -> Self {
        let (policy, settings) = before.map(|own| (own.policy, own.settings)).unwrap_or_default();
        Self {
            instance,
            protection: protection.to_owned(),
            policy,
            settings,
            written: None,
        }
    }

    /// Returns whether protection was suspended or stopped on purpose.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(Pause::of(&self.protection), Some(Pause::Suspended | Pause::Stopped))
    }
}

/// How the protection of an instance was ended on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// A schedule is suspended.
    Suspended,
    /// Protection is stopped, and the recovery points stay.
    Stopped,
    /// The instance is soft-deleted, or about to be.
    Deleted,
}

impl Pause {
    /// Reads Azure's word; `None` if protection wasn't ended.
    #[must_use]
    pub fn of(state: &str) -> Option<Self> {
        match state {
            "ProtectionStopped" => Some(Self::Stopped),
            "SoftDeleted" | "SoftDeleting" => Some(Self::Deleted),
            // Azure says `BackupsSuspended`; the definitions of its API have `BackupSchedulesSuspended` and
            // `RetentionSchedulesSuspended`.
            state if state.ends_with("Suspended") => Some(Self::Suspended),
            _ => None,
        }
    }
}

/// Step 12: the last backup that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BackupTable {
    /// ID of the backup job.
    pub job: String,
    /// Status of the job in Azure.
    pub status: String,
    /// Start of the job, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// End of the job, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}
