//! The rights of each step's writes, as data: for whoever has to be asked for them, without a login.
//!
//! The binaries check what the caller may do against the full lists of their own programs; these are the few that decide
//! who can do a step at all.

use serde::Serialize;

use crate::guide::{Requirement, Scope, StepName};
use crate::ids::ResourceId;
use crate::names::NAMESPACE;
use crate::schema::State;
use crate::step::Right;

/// A right with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// The right.
    pub right: Right,
    /// What it is for.
    pub why: &'static str,
}

/// Returns what a step's writes need, on the scopes that the state file names. What it doesn't name is left out: all of Azure before the file
/// says what to protect, and the resource group of the cluster's nodes until step 1 has found it.
#[must_use]
pub fn of(step: StepName, state: &State) -> Vec<Needed> {
    let needed = |requirement: &Requirement| {
        let right = Right::new(requirement.action, scope(requirement.scope, state)?);
        let why = requirement.why;
        Some(Needed { right, why })
    };
    step.permissions().iter().filter_map(needed).collect()
}

fn scope(scope: Scope, state: &State) -> Option<String> {
    let target = state.target.as_ref();
    let group = |name| Some(ResourceId::group(&target?.subscription, name).to_string());
    match scope {
        Scope::Namespace => Some(format!("namespace {NAMESPACE}")),
        Scope::Cluster => Some(target?.cluster.to_string()),
        Scope::NodeGroup => group(&state.cloud.prerequisites.as_ref()?.node_resource_group),
        Scope::StorageGroup => group(&target?.storage.resource_group),
        Scope::VaultGroup => {
            let target = target?;
            Some(ResourceId::group(target.vault_subscription(), &target.vault.resource_group).to_string())
        }
        Scope::SnapshotGroup => group(&target?.snapshots.resource_group),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_needs_its_permissions_where_it_writes() {
        let file = include_str!("../tests/state-files/2-protected.toml").replace(
            "name = \"bv-aks-demo\"\nresource_group = \"rg-backup\"",
            "name = \"bv-aks-demo\"\nresource_group = \"rg-vault\"",
        );
        let state: State = toml::from_str(&file).unwrap();
        let cases: [(StepName, &[&str]); 14] = [
            (StepName::Preflight, &[]),
            (StepName::ClusterPrerequisites, &["aks-demo"]),
            (StepName::Storage, &["rg-backup"]),
            (StepName::VaultAndPolicy, &["rg-vault"]),
            (StepName::Extension, &["aks-demo"]),
            (StepName::ExtensionIdentity, &["MC_rg-aks_aks-demo_westeurope"]),
            (StepName::FederatedCredentials, &["MC_rg-aks_aks-demo_westeurope"]),
            (StepName::TrustedAccess, &["aks-demo"]),
            (StepName::Roles, &["rg-backup", "aks-demo", "rg-snapshots"]),
            (StepName::WorkloadIdentity, &["namespace dataprotection-microsoft"]),
            (StepName::Rollout, &["namespace dataprotection-microsoft"]),
            (
                StepName::Verification,
                &[
                    "namespace dataprotection-microsoft",
                    "namespace dataprotection-microsoft",
                ],
            ),
            (StepName::BackupInstance, &["rg-vault"]),
            (StepName::Backup, &["rg-vault"]),
        ];
        for (step, expected) in cases {
            let needed = of(step, &state);
            let scopes = needed.iter().map(|needed| needed.right.scope.as_str());
            let names: Vec<&str> = scopes.map(|scope| scope.rsplit('/').next().unwrap()).collect();
            assert_eq!(names, expected, "{step}");
        }
        // Without a target only the cluster's own namespace is known.
        assert!(of(StepName::Storage, &State::default()).is_empty());
        assert_eq!(of(StepName::Rollout, &State::default()).len(), 1);
    }
}
