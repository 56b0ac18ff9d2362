//! The links of the chain.

use serde::{Deserialize, Serialize};

use crate::guide::StepName;

/// A link, in the order of questions: what is wrong with one of them says little about those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// The caller's login, in Azure or at the API server.
    Login,
    /// The subscription and its resource providers.
    Subscription,
    /// The cluster: running, identity, issuer, workload identity, CSI; whether it is the state file's.
    Cluster,
    /// Storage account, container and the network to them.
    Storage,
    /// The extension, its settings and its identity.
    Extension,
    /// Namespace, deployments, pods and their events.
    Pods,
    /// The workload identity webhook, and what it put into the pods that run.
    Injection,
    /// The annotation of the service accounts against the extension's identity.
    ServiceAccounts,
    /// The federated credentials: issuer, subject, audience.
    FederatedCredentials,
    /// The extension identity's role on the storage.
    StorageRole,
    /// The backup storage location: phase, message, age.
    StorageLocation,
    /// The vault: its identity, its roles and the cluster's, trusted access, policy.
    Vault,
    /// The backup instance's protection.
    BackupInstance,
    /// The last backup jobs.
    Jobs,
}

impl Link {
    /// Every link, in order.
    pub const ALL: [Self; 14] = [
        Self::Login,
        Self::Subscription,
        Self::Cluster,
        Self::Storage,
        Self::Extension,
        Self::Pods,
        Self::Injection,
        Self::ServiceAccounts,
        Self::FederatedCredentials,
        Self::StorageRole,
        Self::StorageLocation,
        Self::Vault,
        Self::BackupInstance,
        Self::Jobs,
    ];

    /// A few words for tables and headings.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Subscription => "subscription",
            Self::Cluster => "cluster",
            Self::Storage => "storage",
            Self::Extension => "extension",
            Self::Pods => "pods",
            Self::Injection => "injection",
            Self::ServiceAccounts => "service accounts",
            Self::FederatedCredentials => "federated credentials",
            Self::StorageRole => "storage role",
            Self::StorageLocation => "storage location",
            Self::Vault => "vault",
            Self::BackupInstance => "backup instance",
            Self::Jobs => "jobs",
        }
    }

    /// The steps that make it.
    #[must_use]
    pub const fn steps(self) -> &'static [StepName] {
        match self {
            Self::Login => &[],
            Self::Subscription | Self::Cluster => &[StepName::ClusterPrerequisites],
            Self::Storage => &[StepName::Storage],
            Self::Extension => &[StepName::Extension, StepName::ExtensionIdentity],
            Self::Pods | Self::Injection => &[StepName::Rollout],
            Self::ServiceAccounts => &[StepName::WorkloadIdentity],
            Self::FederatedCredentials => &[StepName::FederatedCredentials],
            Self::StorageRole => &[StepName::Roles],
            Self::StorageLocation => &[StepName::Verification],
            Self::Vault => &[StepName::VaultAndPolicy, StepName::TrustedAccess, StepName::Roles],
            Self::BackupInstance => &[StepName::BackupInstance],
            Self::Jobs => &[StepName::Backup],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_listed_in_their_order() {
        assert!(Link::ALL.is_sorted());
    }
}
