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

/// What the Azure side saw, one table a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CloudTables {
    /// Step 1. Written by `az aksbackup prepare`; read by `prepare` (steps 5 and 7) and by `kubectl aksbackup
    /// configure` and `verify`, which prove by the issuer that the cluster is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prerequisites: Option<PrerequisitesTable>,
    /// Step 2. Written by `az aksbackup prepare`; read by `status` in both programs. Every command looks at Azure
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<StorageTable>,
    /// Step 3. Written by `az aksbackup prepare`; read by `az aksbackup grant`, `protect` and `jobs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultTable>,
    /// Step 4. Written by `az aksbackup prepare`; read by `az aksbackup prepare` (step 5), which finds the extension
    /// again by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionTable>,
    /// Step 5. Written by `az aksbackup prepare`; read by `az aksbackup grant` and by `kubectl aksbackup configure` and
    /// `verify`, which annotate with the client ID and look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityTable>,
    /// Step 7. Written by `az aksbackup prepare`; read by `kubectl aksbackup configure`, which rolls nothing out to a
    /// service account without a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation: Option<FederationTable>,
    /// Trusted access. Written by `az aksbackup prepare`; read by `status` in both programs.
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
    /// Creations that were about to be asked for, gone once they were seen: each is written before its request, so that
    /// a run which was killed between request and answer finds its own resource or job again. Written and read by every
    /// writing command of `az aksbackup`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<Intent>,
    /// Resources that this tool created; what is not in the list was found. Written by every writing command of `az
    /// aksbackup`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<Intent>,
    /// Tables of this program that were taken away. Written with any table of the program; read by `merge`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removal>,
}

/// A creation that was about to be asked for, or that was seen afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PrerequisitesTable {
    /// The issuer of the cluster's service account tokens, byte for byte.
    pub issuer: IssuerUrl,
    /// Group of the cluster's nodes.
    pub node_resource_group: ResourceGroupName,
    /// Principal of the cluster's own identity.
    pub cluster_principal: PrincipalId,
    /// Resource providers seen as registered.
    pub providers: Vec<String>,
    /// Who can reach the cluster's API server, where that isn't everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_server: Option<ApiServerAccess>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Who can reach the API server of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ApiServerAccess {
    /// Only machines in the cluster's virtual network, or in one connected to it.
    Private,
    /// Only machines with an address in the authorized IP ranges.
    AuthorizedRanges,
}

/// Step 2: where backups are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct IdentityTable {
    /// The user-assigned identity.
    pub identity: ResourceId,
    /// Its client ID, for annotations.
    pub client_id: ClientId,
    /// Its principal, for roles.
    pub principal: PrincipalId,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 7: the federated credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CredentialRecord {
    /// Its name.
    pub name: FederatedCredentialName,
    /// Its subject: `system:serviceaccount:NAMESPACE:NAME`.
    pub subject: String,
}

/// Trusted access of the vault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RolesTable {
    /// Those that Azure listed.
    pub assignments: Vec<RoleRecord>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// A role assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InstanceTable {
    /// The instance.
    pub instance: ResourceId,
    /// Azure's own word for its state, `ProtectionConfigured` when all is well.
    pub protection: String,
    /// The policy that it was given; missing in files of version 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// Digest of the `[target.instance]` that it was changed to; missing in files of version 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Digest>,
    /// Who wrote it.
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
        self.protection == "ProtectionStopped" || self.protection.ends_with("Suspended")
    }
}

/// Step 12: the last backup that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
