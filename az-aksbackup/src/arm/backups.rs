//! Backup instances, on-demand backups, and jobs.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceId, same};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Told, Writer};
use crate::arm::user_error::UserError;
use crate::arm::{registered, versions};

/// The type under which Azure Backup knows a cluster.
pub(crate) const DATASOURCE_TYPE: &str = "Microsoft.ContainerService/managedClusters";

/// A backup instance.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Instance {
    /// Its id, in Azure's spelling.
    pub(crate) id: ResourceId,
    /// The rest.
    pub(crate) properties: InstanceProperties,
}

/// Properties of a backup instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceProperties {
    /// Its name for people.
    pub(crate) friendly_name: Option<String>,
    /// What it protects.
    pub(crate) data_source_info: Option<Source>,
    /// The set that this belongs to, without which Azure Backup does not protect a cluster.
    pub(crate) data_source_set_info: Option<Value>,
    /// As whom the vault protects it.
    pub(crate) identity_details: Option<IdentityDetails>,
    /// With which policy.
    pub(crate) policy_info: PolicyInfo,
    /// Azure's word for how that stands.
    pub(crate) current_protection_state: Option<String>,
    /// Errors, newer place.
    pub(crate) protection_error_details: Option<Value>,
    /// Errors, older place.
    pub(crate) protection_status: Option<Value>,
    /// When one that was soft-deleted will be gone.
    pub(crate) deletion_info: Option<Value>,
}

/// What an instance protects.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Source {
    /// Its id.
    #[serde(rename = "resourceID")]
    pub(crate) id: String,
}

/// As whom a vault protects.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentityDetails {
    /// Whether as its own identity.
    pub(crate) use_system_assigned_identity: Option<bool>,
    /// Else as this one.
    pub(crate) user_assigned_identity_arm_url: Option<String>,
}

/// The policy of an instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyInfo {
    /// The policy.
    pub(crate) policy_id: String,
    /// Its parameters for this instance.
    pub(crate) policy_parameters: Option<Value>,
}

impl Instance {
    /// The vault that it is in.
    pub(crate) fn vault(&self) -> Option<ResourceId> {
        let id = self.id.as_str();
        let lower = id.to_ascii_lowercase();
        let end = lower
            .rfind("/backupinstances/")
            .or_else(|| lower.rfind("/deletedbackupinstances/"))?;
        id.get(..end)?.parse().ok()
    }

    /// Whether it names the data source set, without which Azure accepts it and never backs it up.
    pub(crate) fn has_data_source_set(&self) -> bool {
        let set = self.properties.data_source_set_info.as_ref();
        set.is_some_and(|set| !set.is_null())
    }

    /// Azure's word for how its protection stands.
    pub(crate) fn protection(&self) -> &str {
        self.properties.current_protection_state.as_deref().unwrap_or("Unknown")
    }

    /// Whether it protects this resource.
    pub(crate) fn protects(&self, source: &ResourceId) -> bool {
        let own = self.properties.data_source_info.as_ref();
        own.is_some_and(|own| same(own.id.trim_end_matches('/'), source.as_str()))
    }

    /// The day on which Azure purges it (UTC), where it was soft-deleted and Azure says so.
    pub(crate) fn purged_on(&self) -> Option<String> {
        let info = self.properties.deletion_info.as_ref()?;
        let at: Timestamp = info.get("scheduledPurgeTime")?.as_str()?.parse().ok()?;
        Some(at.strftime("%Y-%m-%d").to_string())
    }

    /// The group that its snapshots go to.
    pub(crate) fn snapshot_group(&self) -> Option<&str> {
        let parameters = self.properties.policy_info.policy_parameters.as_ref()?;
        let stores = parameters.get("dataStoreParametersList")?.as_array()?;
        stores.iter().find_map(|store| store.get("resourceGroupId")?.as_str())
    }

    /// What of the cluster is backed up: namespaces, volumes, cluster-scoped resources.
    pub(crate) fn parameters(&self) -> Option<&Value> {
        let parameters = self.properties.policy_info.policy_parameters.as_ref()?;
        parameters.get("backupDatasourceParametersList")?.as_array()?.first()
    }

    /// The user-assigned identity that the vault protects as, where it is not its own.
    pub(crate) fn assigned_identity(&self) -> Option<&str> {
        let own = self.properties.identity_details.as_ref()?;
        let other = own.use_system_assigned_identity == Some(false);
        other.then_some(own.user_assigned_identity_arm_url.as_deref()).flatten()
    }

    /// The errors of its protection.
    pub(crate) fn errors(&self) -> Vec<UserError> {
        let older = self
            .properties
            .protection_status
            .as_ref()
            .and_then(|status| status.get("errorDetails"));
        let mut errors: Vec<UserError> = Vec::new();
        for error in self.properties.protection_error_details.iter().chain(older) {
            for error in UserError::all(error) {
                if !errors.contains(&error) {
                    errors.push(error);
                }
            }
        }
        errors
    }
}

/// The instances that protect a cluster, in whatever vault.
pub(crate) async fn of_cluster(reader: &Reader, cluster: &ResourceId) -> Outcome<Vec<Instance>> {
    let path = format!("{cluster}/providers/Microsoft.DataProtection/backupInstances");
    registered::or_nothing(reader.list(&path, versions::DATA_PROTECTION).await)
}

/// The instances of a cluster that a vault keeps although they were deleted.
pub(crate) async fn deleted(reader: &Reader, vault: &ResourceId, cluster: &ResourceId) -> Outcome<Vec<Instance>> {
    let mut all = deleted_in(reader, vault).await?;
    all.retain(|own| {
        let source = own.properties.data_source_info.as_ref();
        source.is_some_and(|source| same(&source.id, cluster.as_str()))
    });
    Ok(all)
}

/// The backup instances of a vault, of whatever they protect.
pub(crate) async fn in_vault(reader: &Reader, vault: &ResourceId) -> Outcome<Vec<Instance>> {
    registered::or_nothing(
        reader
            .list(&format!("{vault}/backupInstances"), versions::DATA_PROTECTION)
            .await,
    )
}

/// The instances that a vault keeps although they were deleted.
pub(crate) async fn deleted_in(reader: &Reader, vault: &ResourceId) -> Outcome<Vec<Instance>> {
    let path = format!("{vault}/deletedBackupInstances");
    registered::or_nothing(reader.list(&path, versions::DATA_PROTECTION).await)
}

/// Deletes an instance with all its backups.
pub(crate) async fn delete(writer: &Writer, instance: &ResourceId) -> Outcome<Answer> {
    writer.delete(instance.as_str(), versions::DATA_PROTECTION).await
}

/// Asks a vault whether an instance with these `properties` would work.
pub(crate) async fn validate(reader: &Reader, vault: &ResourceId, properties: &Value) -> Outcome<Answer> {
    let path = format!("{vault}/validateForBackup");
    let body = json!({ "backupInstance": properties });
    reader.inquire(&path, versions::DATA_PROTECTION, &body).await
}

/// Makes an instance with these `properties`.
pub(crate) async fn put(writer: &Writer, instance: &ResourceId, properties: &Value) -> Outcome<Answer> {
    let body = json!({ "properties": properties });
    writer
        .put(instance.as_str(), versions::DATA_PROTECTION, &body, None)
        .await
}

/// A backup instance as Azure gives it, to be sent back; `None` where there is none.
pub(crate) async fn body(reader: &Reader, instance: &ResourceId) -> Outcome<Option<Value>> {
    reader.get(instance.as_str(), versions::DATA_PROTECTION).await
}

/// Replaces an instance by this `body`.
pub(crate) async fn replace(writer: &Writer, instance: &ResourceId, body: &Value) -> Outcome<Answer> {
    writer
        .put(instance.as_str(), versions::DATA_PROTECTION, body, None)
        .await
}

/// Starts a backup on demand by this rule of the policy; `tag` decides how long it is kept. It is asked for once.
pub(crate) async fn start(writer: &Writer, instance: &ResourceId, rule: &str, tag: &str) -> Outcome<Told> {
    let path = format!("{instance}/backup");
    let body = json!({ "backupRuleOptions": {
        "ruleName": rule, "triggerOption": { "retentionTagOverride": tag },
    } });
    writer.post_once(&path, versions::DATA_PROTECTION, Some(&body)).await
}

/// A job of a vault.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Job {
    /// Its id.
    pub(crate) id: String,
    /// The rest.
    pub(crate) properties: JobProperties,
}

/// Properties of a job.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobProperties {
    /// Azure's word for how it goes.
    pub(crate) status: String,
    /// Such as `Backup`.
    pub(crate) operation_category: Option<String>,
    /// Whether a person asked for it.
    pub(crate) is_user_triggered: Option<bool>,
    /// The instance that it is about.
    pub(crate) backup_instance_id: Option<String>,
    /// The resource that it is about.
    pub(crate) data_source_id: Option<String>,
    /// When it began.
    pub(crate) start_time: Option<Timestamp>,
    /// When it ended.
    pub(crate) end_time: Option<Timestamp>,
    /// Why it failed.
    pub(crate) error_details: Option<Value>,
    /// What else Azure tells.
    pub(crate) extended_info: Option<Value>,
}

/// Azure's words for a job that completed, in lower case.
pub(crate) const COMPLETED: [&str; 5] = [
    "completed",
    "success",
    "succeeded",
    "completedwithwarnings",
    "successwithwarning",
];
/// Azure's words for a job that failed, in lower case.
pub(crate) const FAILED: [&str; 3] = ["failed", "cancelled", "canceled"];

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobState {
    /// It goes on, or says what this program does not know.
    Running,
    /// It ended well.
    Completed,
    /// It ended without a complete backup.
    Failed,
}

impl Job {
    /// Its name, as `jobs` takes it.
    pub(crate) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is about this cluster.
    pub(crate) fn is_of(&self, cluster: &ResourceId) -> bool {
        let source = self.properties.data_source_id.as_deref().unwrap_or_default();
        same(source.trim_end_matches('/'), cluster.as_str())
    }

    /// Whether it makes a backup.
    pub(crate) fn is_backup(&self) -> bool {
        let category = self.properties.operation_category.as_deref().unwrap_or_default();
        category.eq_ignore_ascii_case("Backup")
    }

    /// Its errors.
    pub(crate) fn errors(&self) -> Vec<UserError> {
        let details = self.properties.error_details.as_ref();
        details.map(UserError::all).unwrap_or_default()
    }

    /// How it stands. A word that Azure may invent means that it goes on.
    pub(crate) fn state(&self) -> JobState {
        match self.properties.status.to_ascii_lowercase().as_str() {
            word if COMPLETED.contains(&word) => JobState::Completed,
            word if FAILED.contains(&word) => JobState::Failed,
            _ => JobState::Running,
        }
    }

    /// Returns whether it completed without everything: Azure has several words for that, and a list of jobs has no details.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.properties.status.to_ascii_lowercase().contains("warning") || !self.warnings().is_empty()
    }

    /// Its warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let details = self
            .properties
            .extended_info
            .as_ref()
            .and_then(|info| info.get("warningDetails"));
        let details = details.and_then(Value::as_array).into_iter().flatten();
        details
            .filter_map(|detail| {
                let warning = detail.get("warning")?;
                let text = warning
                    .get("message")
                    .and_then(Value::as_str)
                    .or_else(|| warning.as_str())?;
                let about = detail.get("resourceName").and_then(Value::as_str).unwrap_or_default();
                Some(format!("{about}: {text}").trim_start_matches(": ").to_owned())
            })
            .collect()
    }
}

/// The id of a job: Azure gives either a full id or its name.
pub(crate) fn job_path(vault: &ResourceId, job: &str) -> Outcome<ResourceId> {
    let path = if job.starts_with('/') {
        job.to_owned()
    } else {
        format!("{vault}/backupJobs/{job}")
    };
    path.parse().or_else(|error| {
        Failure::failed(format!("cannot look up backup job {job}"))
            .because(format!("{error}"))
            .err()
    })
}

/// A job; `None` where there is none.
pub(crate) async fn job(reader: &Reader, job: &ResourceId) -> Outcome<Option<Job>> {
    reader.get(job.as_str(), versions::DATA_PROTECTION).await
}

/// So many lists of jobs are read at once. Each has the jobs of all clusters of a vault, of which a cluster keeps its own: where many
/// clusters are checked together, these lists would fill the memory.
static JOB_LISTS: Semaphore = Semaphore::const_new(3);

/// The jobs of a vault.
pub(crate) async fn jobs(reader: &Reader, vault: &ResourceId) -> Outcome<Vec<Job>> {
    // It is never closed.
    let _one_of_few = JOB_LISTS.acquire().await;
    reader
        .list(&format!("{vault}/backupJobs"), versions::DATA_PROTECTION)
        .await
}
