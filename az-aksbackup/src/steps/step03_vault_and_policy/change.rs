//! What can be made of vault and policy, and how people read it.

use std::fmt;

use aksbackup_shared::ids::{Region, ResourceId, SubscriptionId};
use aksbackup_shared::step::{Change, ChangeNote, Right, Turn};

use super::settings::Update;
use crate::arm::marker::Origin;
use crate::arm::vaults::NewVault;
use crate::checks::drift;
use crate::checks::policy_file::Asked;
use crate::steps::policy_names::Replaced;

/// What can be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum VaultChange {
    /// The vault's group.
    CreateGroup {
        group: ResourceId,
        region: Region,
        origin: Origin,
    },
    /// The vault; `group` where its group has to be made first.
    CreateVault {
        vault: ResourceId,
        new: NewVault,
        group: Option<Turn>,
    },
    /// The system-assigned identity of a vault without one; `assigned` are the user-assigned ones, which it keeps.
    AddIdentity { vault: ResourceId, assigned: Vec<String> },
    /// A user-assigned identity; the vault keeps the others, and its own where it is `system`.
    AssignIdentity {
        vault: ResourceId,
        added: ResourceId,
        assigned: Vec<String>,
        system: bool,
    },
    /// Its settings.
    Update(Update),
    /// The policy; `group` as above.
    CreatePolicy {
        policy: ResourceId,
        vault: ResourceId,
        asked: Asked,
        /// The policy that it replaces.
        instead: Option<Replaced>,
        group: Option<Turn>,
    },
}

impl VaultChange {
    /// Returns the subscription of what is changed.
    pub(super) fn subscription(&self) -> SubscriptionId {
        match self {
            Self::CreateGroup { group: id, .. }
            | Self::CreateVault { vault: id, .. }
            | Self::AddIdentity { vault: id, .. }
            | Self::AssignIdentity { vault: id, .. }
            | Self::Update(Update { vault: id, .. })
            | Self::CreatePolicy { vault: id, .. } => id.subscription(),
        }
    }
}

impl Change for VaultChange {
    fn is_final(&self) -> bool {
        matches!(self, Self::Update(update) if update.lasting)
    }

    fn note(&self) -> ChangeNote {
        match self {
            Self::CreateGroup { group, region, .. } => note(
                format!("create resource group {} in {region}", group.name()),
                "Microsoft.Resources/subscriptions/resourceGroups/write",
                format!("/subscriptions/{}", group.subscription()),
                Some(group),
            ),
            Self::CreateVault { vault, new, .. } => note(
                format!(
                    "create Backup vault {} ({}, soft delete {}{}) in resource group {}, {}",
                    vault.name(),
                    new.redundancy,
                    new.soft_delete,
                    new.identity
                        .as_ref()
                        .map(|own| format!(", identity {}", own.with_group()))
                        .unwrap_or_default(),
                    vault.resource_group(),
                    new.region
                ),
                "Microsoft.DataProtection/backupVaults/write",
                vault.resource_group_id(),
                Some(vault),
            ),
            Self::AddIdentity { vault, assigned } => note(
                match assigned.len() {
                    0 => format!(
                        "enable a system-assigned identity for Backup vault {}",
                        vault.with_group()
                    ),
                    count => format!(
                        "enable a system-assigned identity for Backup vault {} (its user-assigned identities are kept: {count})",
                        vault.with_group()
                    ),
                },
                "Microsoft.DataProtection/backupVaults/write",
                vault,
                None,
            ),
            Self::AssignIdentity { vault, added, .. } => note(
                format!(
                    "assign identity {} to Backup vault {}",
                    added.with_group(),
                    vault.with_group()
                ),
                "Microsoft.DataProtection/backupVaults/write",
                vault,
                None,
            ),
            Self::Update(update) => update.note(),
            Self::CreatePolicy {
                policy,
                vault,
                asked,
                instead,
                ..
            } => ChangeNote {
                // The instance gets it with the next `protect`, which would be too late to say no to its creation.
                reduces: instead.iter().flat_map(|own| own.reduces.clone()).collect(),
                keeps: instead
                    .as_ref()
                    .filter(|own| !own.reduces.is_empty())
                    .map(|_| drift::adopting()),
                warning: (!asked.left_out.is_empty()).then(|| {
                    format!(
                        "ignored in the policy file, because only Azure sets these values: {}",
                        asked.left_out.join(", ")
                    )
                }),
                ..note(
                    format!(
                        "create backup policy {} in vault {}{}",
                        policy.name(),
                        vault.with_group(),
                        instead
                            .as_ref()
                            .map(|own| {
                                let parts: Vec<&str> = std::iter::once(own.name.as_str())
                                    .chain(own.differences.iter().map(String::as_str))
                                    .collect();
                                format!(" (to replace {})", parts.join("; "))
                            })
                            .unwrap_or_default()
                    ),
                    "Microsoft.DataProtection/backupVaults/backupPolicies/write",
                    vault,
                    Some(policy),
                )
            },
        }
    }
}

fn note(summary: String, action: &str, scope: impl fmt::Display, creates: Option<&ResourceId>) -> ChangeNote {
    ChangeNote {
        reduces: Vec::new(),
        keeps: None,
        summary,
        right: Right::new(action, scope),
        creates: creates.map(ToString::to_string),
        warning: None,
    }
}
