//! One row for each step, in the order in which a handoff runs them.

use crate::command_line::az;
use crate::guide::row::{Recorded, Requirement, Scope, StepInfo, recorded, requires};
use crate::guide::{Person, StepName, stale};
use crate::program::Program;

/// To write federated credentials: the extension's identity is in the resource group of the nodes.
const CREDENTIALS: &[Requirement] = &[requires(
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    Scope::NodeGroup,
    "to allow the service accounts to use the extension's identity",
)];

const ROLES: &str = "Microsoft.Authorization/roleAssignments/write";

pub(super) const STEPS: [StepInfo; StepName::ALL.len() + 1] = [
    StepInfo {
        name: StepName::Preflight,
        number: None,
        title: "preflight",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "prepare",
        needs: &[],
        permissions: &[],
        table: None,
        recorded: |_| None,
        stale: |_| None,
    },
    StepInfo {
        name: StepName::ClusterPrerequisites,
        number: Some(1),
        title: "cluster prerequisites",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "prepare",
        needs: &[],
        permissions: &[requires(
            "Microsoft.ContainerService/managedClusters/write",
            Scope::Cluster,
            "to enable the OIDC issuer and workload identity",
        )],
        table: Some("prerequisites"),
        recorded: |state| {
            let table = state.cloud.prerequisites.as_ref()?;
            recorded(format!("issuer {}", table.issuer), table.written.as_ref())
        },
        stale: |_| None,
    },
    StepInfo {
        name: StepName::Storage,
        number: Some(2),
        title: "storage",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "prepare",
        needs: &[],
        permissions: &[requires(
            "Microsoft.Storage/storageAccounts/write",
            Scope::StorageGroup,
            "to create the storage account and its container",
        )],
        table: Some("storage"),
        recorded: |state| {
            let table = state.cloud.storage.as_ref()?;
            let (container, account) = (&table.container, table.account.with_group());
            recorded(
                format!("container {container} in account {account}"),
                table.written.as_ref(),
            )
        },
        stale: stale::storage,
    },
    StepInfo {
        name: StepName::VaultAndPolicy,
        number: Some(3),
        title: "vault and policy",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "prepare",
        needs: &[],
        permissions: &[requires(
            "Microsoft.DataProtection/backupVaults/write",
            Scope::VaultGroup,
            "to create the Backup vault and its policy",
        )],
        table: Some("vault"),
        recorded: |state| {
            let table = state.cloud.vault.as_ref()?;
            let (vault, policy) = (table.vault.with_group(), table.policy.name());
            recorded(format!("vault {vault}, policy {policy}"), table.written.as_ref())
        },
        stale: stale::vault,
    },
    StepInfo {
        name: StepName::Extension,
        number: Some(4),
        title: "extension",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "prepare",
        needs: &[StepName::ClusterPrerequisites, StepName::Storage],
        permissions: &[requires(
            "Microsoft.KubernetesConfiguration/extensions/write",
            Scope::Cluster,
            "to install the backup extension",
        )],
        table: Some("extension"),
        recorded: |state| {
            let table = state.cloud.extension.as_ref()?;
            recorded(format!("extension {}", table.extension.name()), table.written.as_ref())
        },
        stale: |_| None,
    },
    StepInfo {
        name: StepName::ExtensionIdentity,
        number: Some(5),
        title: "extension identity",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "prepare",
        needs: &[StepName::Extension],
        permissions: CREDENTIALS,
        table: Some("identity"),
        recorded: |state| {
            let table = state.cloud.identity.as_ref()?;
            recorded(format!("client ID {}", table.client_id), table.written.as_ref())
        },
        stale: |_| None,
    },
    StepInfo {
        name: StepName::FederatedCredentials,
        number: Some(7),
        title: "federated credentials",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "prepare",
        needs: &[StepName::ClusterPrerequisites, StepName::ExtensionIdentity],
        permissions: CREDENTIALS,
        table: Some("federation"),
        recorded: |state| {
            let table = state.cloud.federation.as_ref()?;
            let (count, identity) = (table.credentials.len(), table.identity.name());
            recorded(format!("{count} credentials on {identity}"), table.written.as_ref())
        },
        stale: stale::federation,
    },
    StepInfo {
        name: StepName::TrustedAccess,
        number: None,
        title: "trusted access",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "prepare",
        needs: &[StepName::VaultAndPolicy, StepName::Extension],
        permissions: &[requires(
            "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/write",
            Scope::Cluster,
            "to grant the vault access to the cluster",
        )],
        table: Some("trusted_access"),
        recorded: |state| {
            let table = state.cloud.trusted_access.as_ref()?;
            recorded(format!("binding {}", table.binding.name()), table.written.as_ref())
        },
        stale: stale::trusted_access,
    },
    StepInfo {
        name: StepName::Roles,
        number: Some(8),
        title: "roles",
        program: Program::Az,
        person: Person::SubscriptionOwner,
        command: "grant",
        // Whom the vault's roles are for is proven by its Trusted Access role binding.
        needs: &[
            StepName::Storage,
            StepName::VaultAndPolicy,
            StepName::ExtensionIdentity,
            StepName::TrustedAccess,
        ],
        permissions: &[
            requires(ROLES, Scope::StorageGroup, "to allow the extension to write backups"),
            requires(ROLES, Scope::Cluster, "to allow the vault to read the cluster"),
            requires(
                ROLES,
                Scope::SnapshotGroup,
                "to allow the vault and the cluster to use the snapshot resource group",
            ),
        ],
        table: Some("roles"),
        recorded: |state| {
            let table = state.cloud.roles.as_ref()?;
            recorded(
                format!("{} role assignments", table.assignments.len()),
                table.written.as_ref(),
            )
        },
        stale: stale::roles,
    },
    StepInfo {
        name: StepName::WorkloadIdentity,
        number: Some(6),
        title: "workload identity",
        program: Program::Kubectl,
        person: Person::ClusterAdmin,
        command: "configure",
        needs: &[StepName::ExtensionIdentity],
        permissions: &[requires(
            "patch serviceaccounts",
            Scope::Namespace,
            "to annotate the service accounts with the client ID",
        )],
        table: Some("workload_identity"),
        recorded: |state| {
            let table = state.cluster.workload_identity.as_ref()?;
            let count = table.service_accounts.len();
            recorded(format!("{count} service accounts annotated"), table.written.as_ref())
        },
        stale: stale::annotated,
    },
    StepInfo {
        name: StepName::Rollout,
        number: Some(9),
        title: "rollout",
        program: Program::Kubectl,
        person: Person::ClusterAdmin,
        command: "configure",
        needs: &[
            StepName::WorkloadIdentity,
            StepName::FederatedCredentials,
            StepName::Roles,
        ],
        permissions: &[requires(
            "patch deployments.apps",
            Scope::Namespace,
            "to label the pod templates, with one rollout each",
        )],
        table: Some("rollout"),
        recorded: |state| {
            let table = state.cluster.rollout.as_ref()?;
            recorded(
                format!("{} deployments rolled out", table.deployments.len()),
                table.written.as_ref(),
            )
        },
        stale: stale::annotated,
    },
    StepInfo {
        name: StepName::Verification,
        number: Some(10),
        title: "verification",
        program: Program::Kubectl,
        person: Person::ClusterAdmin,
        command: "configure",
        needs: &[StepName::Rollout],
        permissions: &[
            requires(
                "list pods",
                Scope::Namespace,
                "to check that the running pods use workload identity",
            ),
            requires(
                "list backupstoragelocations.velero.io",
                Scope::Namespace,
                "to check that the running pods can access their storage",
            ),
        ],
        table: Some("verification"),
        recorded: |state| {
            let table = state.cluster.verification.as_ref()?;
            let location = &table.storage_location;
            recorded(
                format!("backup storage location {location} Available"),
                table.written.as_ref(),
            )
        },
        stale: stale::verification,
    },
    StepInfo {
        name: StepName::BackupInstance,
        number: Some(11),
        title: "backup instance",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "protect",
        needs: &[StepName::VaultAndPolicy, StepName::Roles, StepName::Verification],
        permissions: &[requires(
            "Microsoft.DataProtection/backupVaults/backupInstances/write",
            Scope::VaultGroup,
            "to create the backup instance for the cluster",
        )],
        table: Some("instance"),
        recorded: |state| {
            let table = state.cloud.instance.as_ref()?;
            recorded(
                format!("{}: {}", table.instance.name(), table.protection),
                table.written.as_ref(),
            )
        },
        stale: stale::instance,
    },
    StepInfo {
        name: StepName::Backup,
        number: Some(12),
        title: "backup",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "backup",
        needs: &[StepName::BackupInstance],
        permissions: &[requires(
            "Microsoft.DataProtection/backupVaults/backupInstances/backup/action",
            Scope::VaultGroup,
            "to start an on-demand backup",
        )],
        table: Some("backup"),
        recorded: |state| {
            let table = state.cloud.backup.as_ref()?;
            let (job, status) = (table.job.rsplit('/').next().unwrap_or_default(), &table.status);
            // Azure calls a backup that lacks something "completed with warnings", in more than one spelling.
            let warned = status.to_ascii_lowercase().contains("warning");
            Some(Recorded {
                evidence: format!("job {job}: {status}"),
                written: table.written.as_ref(),
                warning: warned.then(|| {
                    let jobs = az("jobs").with(job);
                    format!("backup job {job} is {status}: some resources might be missing; for details, run: {jobs}")
                }),
            })
        },
        stale: stale::backup,
    },
    // Not a step of the handoff, so that `status` and `handoff` don't list it.
    StepInfo {
        name: StepName::Restore,
        number: None,
        title: "restore",
        program: Program::Az,
        person: Person::PlatformTeam,
        command: "restore",
        needs: &[],
        permissions: &[requires(
            "Microsoft.DataProtection/backupVaults/backupInstances/restore/action",
            Scope::VaultGroup,
            "to restore from a recovery point",
        )],
        table: None,
        recorded: |_| None,
        stale: |_| None,
    },
];

// A step finds its row by its number.
const _: () = {
    let mut at = 0;
    while at < STEPS.len() {
        assert!(STEPS[at].name as usize == at && (at == StepName::ALL.len() || StepName::ALL[at] as usize == at));
        at += 1;
    }
};
