//! The names of the steps, as files and JSON have them. What each step is, is a row of the [guide](crate::guide).

use serde::{Deserialize, Serialize};

/// A step of the guide, or one that the guide forgot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// Login, subscription, rights and preconditions, before anything is written.
    Preflight,
    /// Step 1: providers registered, OIDC issuer and workload identity on.
    ClusterPrerequisites,
    /// Step 2: storage account, container, snapshot group.
    Storage,
    /// Step 3: Backup vault and policy.
    VaultAndPolicy,
    /// Step 4: the Azure Backup extension.
    Extension,
    /// Step 5: the identity that the extension brought along.
    ExtensionIdentity,
    /// Step 7: federated credentials of the service accounts.
    FederatedCredentials,
    /// Forgotten by the guide: the vault's access to the cluster.
    TrustedAccess,
    /// Step 8: role assignments.
    Roles,
    /// Step 6: annotations of the service accounts.
    WorkloadIdentity,
    /// Step 9: labels of the pod templates and the one rollout.
    Rollout,
    /// Step 10: live pods and the backup storage location.
    Verification,
    /// Step 11: the backup instance.
    BackupInstance,
    /// Step 12: a backup on demand.
    Backup,
    /// Of no handoff: a restore from a recovery point.
    Restore,
}

impl StepName {
    /// Every step, in the order in which a hand-off runs them.
    pub const ALL: [Self; 14] = [
        Self::Preflight,
        Self::ClusterPrerequisites,
        Self::Storage,
        Self::VaultAndPolicy,
        Self::Extension,
        Self::ExtensionIdentity,
        Self::FederatedCredentials,
        Self::TrustedAccess,
        Self::Roles,
        Self::WorkloadIdentity,
        Self::Rollout,
        Self::Verification,
        Self::BackupInstance,
        Self::Backup,
    ];
}
