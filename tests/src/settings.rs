//! The switches of the sandbox: durations, initial state, limits and faults.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::azure::faults::Fault;
use crate::kubernetes;

mod others;
mod protection;
mod wire;

pub use others::Others;
pub use protection::Protection;
pub use wire::Wire;

/// How the sandbox behaves. All switches have one flat name space, whichever struct they are in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How long things take.
    #[serde(flatten)]
    pub durations: Durations,
    /// What the world looks like at the start.
    #[serde(flatten)]
    pub start: Start,
    /// How long-running operations are told of, and where Azure says that it is.
    #[serde(flatten)]
    pub wire: Wire,
    /// What others do.
    #[serde(flatten)]
    pub others: Others,
    /// How vault, groups and protection are.
    #[serde(flatten)]
    pub protection: Protection,
    /// Real seconds for one second of the model.
    pub time_scale: f64,
    /// Added to every answer.
    pub latency: f64,
    /// What an access token lives, in real seconds: clients reckon with their own clock.
    pub token_lifetime: f64,
    /// Federated credential writes per second and identity; 0 is no limit.
    pub credential_rate: f64,
    /// After each of so many reads of the cluster somebody sets its tag `read`, and its eTag moves.
    pub etag_moves: u32,
    /// So many extension installs fail before one succeeds.
    pub extension_failures: u32,
    /// Under 2025-03-01 the extension names its identity's client ID and resource id.
    pub extension_names_identity: bool,
    /// So many jobs fail before one completes.
    pub job_failures: u32,
    /// So many jobs complete with warnings before one completes without.
    pub job_warnings: u32,
    /// Role assignments without effect for ever: nothing is propagated.
    pub roles_never_effective: bool,
    /// `PrincipalNotFound` even where `principalType` is given, for so many writes.
    pub principal_not_found: u32,
    /// Trusted access answers without operation headers.
    pub trusted_access_no_headers: bool,
    /// `Retry-After`, in model seconds, on operations whose provider sends none of its own; 0 is none.
    pub retry_after: f64,
    /// Items of one page of a list; 0 is everything at once.
    pub page_size: usize,
    /// Versions that the region does not offer, `type@version`, lower case, comma-separated.
    pub withdrawn_api_versions: String,
    /// `object` or `list`: shape of the metadata document under 2022-09-01.
    pub metadata_shape: String,
    /// ARM's own token buckets (reads 250/25, writes 200/10, deletes 200/10 per second) are enforced.
    pub arm_throttling: bool,
    /// Subject of the federated assertion that each persona may sign in with; `{persona}` stands for its name.
    pub federated_subject: String,
    /// Faults that wait for their request.
    pub faults: Vec<Fault>,
    /// What a request is told that a fault with a status strikes; empty for the sandbox's own words.
    pub fault_message: String,
    /// What Entra tells whoever asks for a token, `AADSTSnnn: …`; empty where it gives them.
    pub sign_in_refused: String,
    /// The Kubernetes half's own switches: `kubernetes.SWITCH`.
    pub kubernetes: kubernetes::Settings,
}

/// How long things take, in model seconds; the wall-clock time is the duration times `time_scale`.
///
/// The defaults are what Azure was seen to take in recorded traffic, or what its documentation promises.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Durations {
    /// Cluster PUT until its operation has Succeeded.
    pub cluster_update: f64,
    /// Extension PUT until Succeeded.
    pub extension_install: f64,
    /// How long the cluster stays occupied after an extension has Succeeded, by work that nobody is told of.
    pub extension_background: f64,
    /// Extension DELETE until it is gone.
    pub extension_delete: f64,
    /// Trusted access PUT until Succeeded.
    pub trusted_access_write: f64,
    /// From there until the vault can really reach the cluster: the add-on manager looks every five minutes.
    pub trusted_access_effect: f64,
    /// Storage account PUT until Succeeded.
    pub storage_create: f64,
    /// Vault PUT until Succeeded.
    pub vault_create: f64,
    /// `validateForBackup` until its verdict.
    pub validation: f64,
    /// Backup instance PUT until its operation has Succeeded.
    pub instance_create: f64,
    /// From there until the protection state leaves `ConfiguringProtection`.
    pub instance_configure: f64,
    /// Ad-hoc backup POST until its operation names the job.
    pub backup_trigger: f64,
    /// The job itself.
    pub backup_job: f64,
    /// `validateRestore` until its verdict: recorded.
    pub restore_validation: f64,
    /// Restore POST until its operation names the job: recorded.
    pub restore_trigger: f64,
    /// The restore job itself: recorded.
    pub restore_job: f64,
    /// Provider registration until `Registered`.
    pub registration: f64,
    /// Deletion of a resource group until it and all in it are gone.
    pub group_delete: f64,
    /// Role assignment until the control plane honours it.
    pub role_propagation: f64,
    /// Role assignment until the blob data plane honours it.
    pub data_role_propagation: f64,
    /// Federated credential until Entra honours it.
    pub credential_propagation: f64,
    /// How long Entra remembers that it knew no such credential, once somebody asked too early; 0 is no memory.
    pub credential_negative_cache: f64,
    /// How long one write of a federated credential occupies its identity.
    pub credential_write: f64,
    /// Fresh principals are unknown to role assignments without `principalType` for so long.
    pub principal_replication: f64,
}

/// What the world looks like at the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// The OIDC issuer is on from the start.
    pub issuer_on: bool,
    /// Workload identity is on from the start.
    pub workload_identity_on: bool,
    /// All resource providers are Registered from the start.
    pub providers_registered: bool,
    /// The cluster is stopped.
    pub cluster_stopped: bool,
    /// The cluster runs as a service principal instead of a managed identity.
    pub service_principal: bool,
    /// The cluster has a user-assigned identity instead of a system-assigned one.
    pub user_assigned_cluster_identity: bool,
    /// The node resource group is locked down (`restrictionLevel` ReadOnly and a deny assignment).
    pub locked_node_group: bool,
    /// rg-snapshots does not exist.
    pub no_snapshot_group: bool,
    /// A `CanNotDelete` lock lies on rg-snapshots.
    pub snapshot_group_lock: bool,
    /// The CSI disk driver is off.
    pub no_csi_driver: bool,
    /// The cluster answers without an eTag, as older api-versions did.
    pub no_etag: bool,
    /// The cluster is protected already, by a vault in rg-elsewhere.
    pub protected_elsewhere: bool,
    /// The storage account name that somebody else owns.
    pub taken_account: String,
    /// `defaultAction` of the storage account's network rules.
    pub storage_default_action: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            durations: Durations::default(),
            start: Start::default(),
            wire: Wire::default(),
            others: Others::default(),
            protection: Protection::default(),
            time_scale: 1.0,
            latency: 0.0,
            token_lifetime: 3599.0,
            credential_rate: 0.25,
            etag_moves: 0,
            extension_failures: 0,
            extension_names_identity: true,
            job_failures: 0,
            job_warnings: 0,
            roles_never_effective: false,
            principal_not_found: 0,
            trusted_access_no_headers: false,
            retry_after: 0.0,
            page_size: 0,
            withdrawn_api_versions: String::new(),
            metadata_shape: "object".to_owned(),
            arm_throttling: false,
            federated_subject: "repo:contoso/backup:environment:{persona}".to_owned(),
            faults: Vec::new(),
            fault_message: String::new(),
            sign_in_refused: String::new(),
            kubernetes: kubernetes::Settings::default(),
        }
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            cluster_update: 129.0,
            extension_install: 238.0,
            extension_background: 0.0,
            extension_delete: 60.0,
            trusted_access_write: 30.0,
            trusted_access_effect: 120.0,
            storage_create: 20.0,
            vault_create: 2.0,
            validation: 126.0,
            instance_create: 33.0,
            instance_configure: 30.0,
            backup_trigger: 30.0,
            backup_job: 191.0,
            restore_validation: 41.0,
            restore_trigger: 1.0,
            restore_job: 214.0,
            registration: 90.0,
            group_delete: 90.0,
            role_propagation: 120.0,
            data_role_propagation: 180.0,
            credential_propagation: 30.0,
            credential_negative_cache: 0.0,
            credential_write: 0.5,
            principal_replication: 60.0,
        }
    }
}

impl Default for Start {
    fn default() -> Self {
        Self {
            issuer_on: false,
            workload_identity_on: false,
            providers_registered: true,
            cluster_stopped: false,
            service_principal: false,
            user_assigned_cluster_identity: false,
            locked_node_group: false,
            no_snapshot_group: false,
            snapshot_group_lock: false,
            no_csi_driver: false,
            no_etag: false,
            protected_elsewhere: false,
            taken_account: "contosobackups".to_owned(),
            storage_default_action: "Allow".to_owned(),
        }
    }
}

impl Settings {
    /// Sets one switch by name: `key=value`, where a value is JSON or else a text. `fault` adds one, see [`Fault`].
    ///
    /// # Errors
    /// No such switch, or a value of the wrong kind; the text names both.
    pub fn set(&mut self, assignment: &str) -> Result<(), String> {
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| format!("'{assignment}' is not KEY=VALUE"))?;
        if key == "fault" {
            self.faults.push(value.parse()?);
            return Ok(());
        }
        let mut all = serde_json::to_value(&*self).map_err(|error| error.to_string())?;
        let pointer = format!("/{}", key.replace('-', "_").replace('.', "/"));
        let slot = all
            .pointer_mut(&pointer)
            .ok_or_else(|| format!("no switch is called '{key}'"))?;
        *slot = match slot {
            Value::String(_) => Value::String(value.to_owned()),
            _ => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())),
        };
        *self = serde_json::from_value(all).map_err(|error| format!("'{key}' does not take '{value}': {error}"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn a_switch_is_set_by_its_name() {
        let mut settings = Settings::default();
        settings.set("issuer_on=true").unwrap();
        settings.set("extension-install=5").unwrap();
        settings.set("taken_account=123").unwrap();
        assert!(settings.start.issuer_on);
        assert!((settings.durations.extension_install - 5.0).abs() < f64::EPSILON);
        assert_eq!(settings.start.taken_account, "123");
    }

    #[test]
    fn unknown_switches_and_wrong_values_are_named() {
        let mut settings = Settings::default();
        assert!(settings.set("no_such_switch=1").unwrap_err().contains("no_such_switch"));
        assert!(settings.set("issuer_on=maybe").unwrap_err().contains("maybe"));
        assert!(!settings.start.issuer_on);
    }

    #[test]
    fn a_fault_is_added() {
        let mut settings = Settings::default();
        settings.set("fault=429@PUT:federatedIdentityCredentials:2").unwrap();
        assert_eq!(settings.faults.len(), 1);
        assert!(settings.set("fault=nonsense").is_err());
    }
}
