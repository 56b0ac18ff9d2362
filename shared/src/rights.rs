//! The rights of each step's writes, as data: for whoever has to be asked for them, without a login.
//!
//! The binaries check what the caller may do against the full lists of their own planes; these are the few that decide
//! who can do a step at all.

use serde::Serialize;

use crate::guide::StepName;
use crate::ids::ResourceId;
use crate::names::NAMESPACE;
use crate::state::schema::{State, Target};
use crate::step::Right;

/// A right with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// The right.
    pub right: Right,
    /// What it is for.
    pub why: &'static str,
}

/// What a step's writes need, on the scopes that the state file names. Empty where the file does not say what is to be
/// protected; a right on the group of the cluster's nodes is left out until that group is known.
///
/// The actions are those of Microsoft's list of resource provider operations:
/// <https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations>.
#[must_use]
pub fn of(step: StepName, state: &State) -> Vec<Needed> {
    match step {
        StepName::WorkloadIdentity => vec![cluster(
            "patch serviceaccounts",
            "to annotate the service accounts with the client id",
        )],
        StepName::Rollout => vec![cluster(
            "patch deployments.apps",
            "to label the pod templates: one rollout each",
        )],
        StepName::Verification => vec![
            cluster("list pods", "to prove that the running pods use workload identity"),
            cluster(
                "list backupstoragelocations.velero.io",
                "to prove that they reach their storage",
            ),
        ],
        _ => state
            .target
            .as_ref()
            .map(|target| cloud(step, target, state))
            .unwrap_or_default(),
    }
}

fn cluster(action: &str, why: &'static str) -> Needed {
    let right = Right::new(action, format!("namespace {NAMESPACE}"));
    Needed { right, why }
}

fn needed(action: &str, scope: &ResourceId, why: &'static str) -> Needed {
    let right = Right::new(action, scope);
    Needed { right, why }
}

fn cloud(step: StepName, target: &Target, state: &State) -> Vec<Needed> {
    let group = |name| ResourceId::group(&target.subscription, name);
    let (storage, vault) = (
        group(&target.storage.resource_group),
        group(&target.vault.resource_group),
    );
    let snapshots = group(&target.snapshots.resource_group);
    match step {
        StepName::ClusterPrerequisites => {
            let action = "Microsoft.ContainerService/managedClusters/write";
            vec![needed(
                action,
                &target.cluster,
                "to switch on the OIDC issuer and workload identity",
            )]
        }
        StepName::Storage => {
            let action = "Microsoft.Storage/storageAccounts/write";
            vec![needed(
                action,
                &storage,
                "to make the storage account and its container",
            )]
        }
        StepName::VaultAndPolicy => {
            let action = "Microsoft.DataProtection/backupVaults/write";
            vec![needed(action, &vault, "to make the Backup vault and its policy")]
        }
        StepName::Extension => {
            let action = "Microsoft.KubernetesConfiguration/extensions/write";
            vec![needed(action, &target.cluster, "to install the backup extension")]
        }
        StepName::ExtensionIdentity | StepName::FederatedCredentials => {
            let Some(table) = &state.cloud.prerequisites else {
                return Vec::new();
            };
            let action = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write";
            vec![needed(
                action,
                &group(&table.node_resource_group),
                "to let the service accounts use the extension's identity",
            )]
        }
        StepName::TrustedAccess => {
            let action = "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/write";
            vec![needed(action, &target.cluster, "to let the vault reach the cluster")]
        }
        StepName::Roles => {
            let action = "Microsoft.Authorization/roleAssignments/write";
            vec![
                needed(action, &storage, "to let the extension write backups"),
                needed(action, &target.cluster, "to let the vault read the cluster"),
                needed(action, &snapshots, "to let vault and cluster use the snapshot group"),
            ]
        }
        StepName::BackupInstance => {
            let action = "Microsoft.DataProtection/backupVaults/backupInstances/write";
            vec![needed(action, &vault, "to put the cluster under protection")]
        }
        StepName::Backup => {
            let action = "Microsoft.DataProtection/backupVaults/backupInstances/backup/action";
            vec![needed(action, &vault, "to take a backup now")]
        }
        StepName::Preflight | StepName::WorkloadIdentity | StepName::Rollout | StepName::Verification => Vec::new(),
    }
}
