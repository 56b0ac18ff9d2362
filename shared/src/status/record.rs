//! What stands in the state file about each step.

use jiff::Timestamp;
use serde::Serialize;

use crate::command_line::az;
use crate::guide::StepName;
use crate::state::schema::{State, Written};

/// A step as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// What was seen.
    pub evidence: String,
    /// When.
    pub since: Option<Timestamp>,
    /// By whom.
    pub by: Option<String>,
}

/// What the file says of a step; `None` where it says nothing. Whether it still holds is for [`stale`](super::stale()) to say.
#[must_use]
pub fn record(state: &State, step: StepName) -> Option<Record> {
    let (cloud, cluster) = (&state.cloud, &state.cluster);
    let (evidence, written) = match step {
        StepName::Preflight => return None,
        StepName::ClusterPrerequisites => {
            let table = cloud.prerequisites.as_ref()?;
            (format!("issuer {}", table.issuer), &table.written)
        }
        StepName::Storage => {
            let table = cloud.storage.as_ref()?;
            (
                format!(
                    "container {} in account {}",
                    table.container,
                    table.account.with_group()
                ),
                &table.written,
            )
        }
        StepName::VaultAndPolicy => {
            let table = cloud.vault.as_ref()?;
            (
                format!("vault {}, policy {}", table.vault.with_group(), table.policy.name()),
                &table.written,
            )
        }
        StepName::Extension => {
            let table = cloud.extension.as_ref()?;
            (format!("extension {}", table.extension.name()), &table.written)
        }
        StepName::ExtensionIdentity => {
            let table = cloud.identity.as_ref()?;
            (format!("client id {}", table.client_id), &table.written)
        }
        StepName::FederatedCredentials => {
            let table = cloud.federation.as_ref()?;
            (
                format!("{} credentials on {}", table.credentials.len(), table.identity.name()),
                &table.written,
            )
        }
        StepName::TrustedAccess => {
            let table = cloud.trusted_access.as_ref()?;
            (format!("binding {}", table.binding.name()), &table.written)
        }
        StepName::Roles => {
            let table = cloud.roles.as_ref()?;
            (format!("{} role assignments", table.assignments.len()), &table.written)
        }
        StepName::WorkloadIdentity => {
            let table = cluster.workload_identity.as_ref()?;
            (
                format!("{} service accounts annotated", table.service_accounts.len()),
                &table.written,
            )
        }
        StepName::Rollout => {
            let table = cluster.rollout.as_ref()?;
            (
                format!("{} deployments rolled out", table.deployments.len()),
                &table.written,
            )
        }
        StepName::Verification => {
            let table = cluster.verification.as_ref()?;
            (
                format!("storage location {} Available", table.storage_location),
                &table.written,
            )
        }
        StepName::BackupInstance => {
            let table = cloud.instance.as_ref()?;
            (
                format!("{}: {}", table.instance.name(), table.protection),
                &table.written,
            )
        }
        StepName::Backup => {
            let table = cloud.backup.as_ref()?;
            (
                format!(
                    "job {}: {}",
                    table.job.rsplit('/').next().unwrap_or_default(),
                    table.status
                ),
                &table.written,
            )
        }
    };
    let written: Option<&Written> = written.as_ref();
    Some(Record {
        evidence,
        since: written.map(|written| written.observed_at),
        by: written.map(|written| written.by.clone()),
    })
}

/// Returns what is wrong with the result that the file has of a step: Azure calls a backup that lacks something "completed with
/// warnings", in more than one spelling.
pub(super) fn warning(state: &State, step: StepName) -> Option<String> {
    let table = state.cloud.backup.as_ref().filter(|_| step == StepName::Backup)?;
    let job = table.job.rsplit('/').next().unwrap_or_default();
    let warned = table.status.to_ascii_lowercase().contains("warning");
    warned.then(|| {
        let status = &table.status;
        format!(
            "backup job {job} is {status}: some resources might be missing; run: {}",
            az("jobs").with(job)
        )
    })
}

/// The values of a step's table, without who wrote them and when; `None` where the file has none.
pub(super) fn table(state: &State, step: StepName) -> Option<toml::Value> {
    let (plane, name) = match step {
        StepName::Preflight => return None,
        StepName::ClusterPrerequisites => ("cloud", "prerequisites"),
        StepName::Storage => ("cloud", "storage"),
        StepName::VaultAndPolicy => ("cloud", "vault"),
        StepName::Extension => ("cloud", "extension"),
        StepName::ExtensionIdentity => ("cloud", "identity"),
        StepName::FederatedCredentials => ("cloud", "federation"),
        StepName::TrustedAccess => ("cloud", "trusted_access"),
        StepName::Roles => ("cloud", "roles"),
        StepName::WorkloadIdentity => ("cluster", "workload_identity"),
        StepName::Rollout => ("cluster", "rollout"),
        StepName::Verification => ("cluster", "verification"),
        StepName::BackupInstance => ("cloud", "instance"),
        StepName::Backup => ("cloud", "backup"),
    };
    toml::Value::from(state.values()).get(plane)?.get(name).cloned()
}
