//! The guide's steps as data: what each is called, whose it is, and what it needs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which binary a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Plane {
    /// `az aksbackup`.
    Cloud,
    /// `kubectl aksbackup`.
    Cluster,
}

impl Plane {
    /// The program of this side, as people type it.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Cloud => "az aksbackup",
            Self::Cluster => "kubectl aksbackup",
        }
    }

    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Cloud => Self::Cluster,
            Self::Cluster => Self::Cloud,
        }
    }
}

/// The people that a hand-off is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Person {
    /// Contributor on the groups of the cluster, the storage and the vault.
    PlatformTeam,
    /// Contributor on the whole subscription.
    SubscriptionContributor,
    /// May assign roles.
    SubscriptionOwner,
    /// Holds the kubeconfig.
    ClusterAdmin,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlatformTeam => "platform team",
            Self::SubscriptionContributor => "subscription contributor",
            Self::SubscriptionOwner => "subscription owner",
            Self::ClusterAdmin => "cluster admin",
        })
    }
}

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

    /// The guide's number, where the guide has the step.
    #[must_use]
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::Preflight | Self::TrustedAccess => None,
            Self::ClusterPrerequisites => Some(1),
            Self::Storage => Some(2),
            Self::VaultAndPolicy => Some(3),
            Self::Extension => Some(4),
            Self::ExtensionIdentity => Some(5),
            Self::WorkloadIdentity => Some(6),
            Self::FederatedCredentials => Some(7),
            Self::Roles => Some(8),
            Self::Rollout => Some(9),
            Self::Verification => Some(10),
            Self::BackupInstance => Some(11),
            Self::Backup => Some(12),
        }
    }

    /// A few words for tables and progress lines.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::ClusterPrerequisites => "cluster prerequisites",
            Self::Storage => "storage",
            Self::VaultAndPolicy => "vault and policy",
            Self::Extension => "extension",
            Self::ExtensionIdentity => "extension identity",
            Self::WorkloadIdentity => "workload identity",
            Self::FederatedCredentials => "federated credentials",
            Self::TrustedAccess => "trusted access",
            Self::Roles => "roles",
            Self::Rollout => "rollout",
            Self::Verification => "verification",
            Self::BackupInstance => "backup instance",
            Self::Backup => "backup",
        }
    }

    /// The step within a sentence: `step 4, extension`.
    #[must_use]
    pub fn in_words(self) -> String {
        match self.number() {
            Some(number) => format!("step {number}, {}", self.title()),
            None => self.title().to_owned(),
        }
    }

    /// Which binary does it.
    #[must_use]
    pub const fn plane(self) -> Plane {
        match self {
            Self::WorkloadIdentity | Self::Rollout | Self::Verification => Plane::Cluster,
            Self::Preflight
            | Self::ClusterPrerequisites
            | Self::Storage
            | Self::VaultAndPolicy
            | Self::Extension
            | Self::ExtensionIdentity
            | Self::FederatedCredentials
            | Self::TrustedAccess
            | Self::Roles
            | Self::BackupInstance
            | Self::Backup => Plane::Cloud,
        }
    }

    /// Who usually does it, with the command of the step's program.
    #[must_use]
    pub const fn turn(self) -> (Person, &'static str) {
        match self {
            Self::Preflight
            | Self::ClusterPrerequisites
            | Self::Storage
            | Self::VaultAndPolicy
            | Self::Extension
            | Self::ExtensionIdentity
            | Self::FederatedCredentials
            | Self::TrustedAccess => (Person::PlatformTeam, "prepare"),
            Self::Roles => (Person::SubscriptionOwner, "grant"),
            Self::WorkloadIdentity | Self::Rollout | Self::Verification => (Person::ClusterAdmin, "configure"),
            Self::BackupInstance => (Person::PlatformTeam, "protect"),
            Self::Backup => (Person::PlatformTeam, "backup"),
        }
    }

    /// The steps whose results it needs.
    #[must_use]
    pub const fn needs(self) -> &'static [Self] {
        match self {
            Self::Preflight | Self::Storage | Self::VaultAndPolicy | Self::ClusterPrerequisites => &[],
            Self::Extension => &[Self::ClusterPrerequisites, Self::Storage],
            Self::ExtensionIdentity => &[Self::Extension],
            Self::FederatedCredentials => &[Self::ClusterPrerequisites, Self::ExtensionIdentity],
            Self::TrustedAccess => &[Self::VaultAndPolicy, Self::Extension],
            // Whom the vault's roles are for is proven by its trusted access.
            Self::Roles => &[
                Self::Storage,
                Self::VaultAndPolicy,
                Self::ExtensionIdentity,
                Self::TrustedAccess,
            ],
            Self::WorkloadIdentity => &[Self::ExtensionIdentity],
            Self::Rollout => &[Self::WorkloadIdentity, Self::FederatedCredentials, Self::Roles],
            Self::Verification => &[Self::Rollout],
            Self::BackupInstance => &[Self::VaultAndPolicy, Self::Roles, Self::Verification],
            Self::Backup => &[Self::BackupInstance],
        }
    }
}

/// The number and the title, such as `4 extension`; a step that the guide forgot has its title alone.
impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number() {
            Some(number) => write!(f, "{number} {}", self.title()),
            None => f.write_str(self.title()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StepName;

    #[test]
    fn every_step_comes_after_what_it_needs() {
        for (at, step) in StepName::ALL.iter().enumerate() {
            for need in step.needs() {
                assert!(StepName::ALL[..at].contains(need), "{step} before {need}");
            }
        }
    }

    #[test]
    fn the_guide_s_twelve_numbers_are_all_there() {
        let mut numbers: Vec<u8> = StepName::ALL.iter().filter_map(|step| step.number()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=12).collect::<Vec<u8>>());
    }
}
