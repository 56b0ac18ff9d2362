//! Velero: which way it takes to Azure, and what it writes down.

use std::time::Instant;

use serde_json::{Value, json};

use super::cluster::Kubernetes;
use super::controllers::{Memory, place, uid};
use super::replicasets::ready;
use super::resources;
use super::settings::Dialect;
use super::store::{self, Options};
use super::validation::Rhythm;
use super::velero_log;
use super::words::{self, Failure};
use crate::planes::{Cloud, ServiceAccountToken, Workload};

/// Name of the container.
pub(crate) const CONTAINER: &str = "velero";

/// Does what is due for every running Velero.
pub(crate) fn step(cluster: &Kubernetes, memory: &mut Memory) {
    let (mut pods, _) = cluster.store.list("pods", None);
    pods.retain(|pod| validates(pod));
    if cluster.state().velero_hangs {
        return;
    }
    let rhythm = Rhythm {
        clock: cluster.clock,
        start: cluster.settings.validation_start,
        period: cluster.settings.validation_period,
    };
    for pod in &pods {
        let (own, namespace) = (uid(pod), place(pod).0);
        if !memory.velero.knows(&own, &pods) {
            velero_log::greeting(namespace)
                .into_iter()
                .for_each(|line| cluster.logs.push(&own, CONTAINER, line));
        }
        let location = || {
            cluster
                .store
                .get("backupstoragelocations", namespace, "default")
                .unwrap_or_default()
        };
        let seen = location();
        if memory
            .velero
            .due(&own, &seen, rhythm)
            .is_some_and(|at| at <= Instant::now())
        {
            validate(cluster, pod);
            memory.velero.done(&own, &seen);
        }
        if let Some(at) = memory.velero.due(&own, &location(), rhythm) {
            memory.wake_at(at);
        }
    }
}

/// Whether a pod is a Velero that is up and stays.
pub(crate) fn validates(pod: &Value) -> bool {
    runs_velero(pod) && ready(pod) && pod["metadata"]["deletionTimestamp"].is_null()
}

/// Whether one of the pod's containers is velero.
fn runs_velero(pod: &Value) -> bool {
    pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|container| container["name"] == CONTAINER)
}

/// One validation, written to the location and to the log.
fn validate(cluster: &Kubernetes, pod: &Value) {
    let namespace = place(pod).0;
    let say = |line: String| cluster.logs.push(&uid(pod), CONTAINER, line);
    let Some(location) = cluster.store.get("backupstoragelocations", namespace, "default") else {
        say(velero_log::no_location());
        return;
    };
    let dialect = cluster.state().dialect;
    let presented = presented(cluster, pod);
    let own = cluster
        .state()
        .release
        .clone()
        .map(|held| held.release.client_id.clone());
    let way = Way {
        cloud: cluster.cloud.0.as_ref(),
        own: own.as_deref().filter(|client_id| !client_id.is_empty()),
        presented: Ok(presented),
    };
    let outcome = way.reach(pod, &location["spec"]);
    velero_log::report(namespace, &outcome).into_iter().for_each(say);
    let Some(resource) = resources::named("backupstoragelocations") else {
        return;
    };
    let options = Options::by("velero-server", None);
    let _ = cluster.store.modify(resource, namespace, "default", &options, |live| {
        let mut live = live.clone();
        live["status"] = verdict(&live["status"], &outcome, dialect);
        Ok(live)
    });
}

/// The status of a location after a validation that ended with `outcome`, from its status `before`.
pub(crate) fn verdict(before: &Value, outcome: &Result<(), Failure>, dialect: Dialect) -> Value {
    let mut status = before.as_object().cloned().unwrap_or_default();
    status.insert("lastValidationTime".to_owned(), json!(store::now()));
    match outcome {
        Ok(()) => {
            status.insert("phase".to_owned(), json!("Available"));
            status.remove("message");
        }
        Err(failure) => {
            status.insert("phase".to_owned(), json!("Unavailable"));
            status.insert("message".to_owned(), json!(failure.stored(dialect)));
        }
    }
    Value::Object(status)
}

/// What Velero has in hand on its way to Azure.
pub(crate) struct Way<'a> {
    /// Azure.
    pub(crate) cloud: &'a dyn Cloud,
    /// Client id of the extension's identity, as the credentials file names it to the instance metadata service.
    pub(crate) own: Option<&'a str>,
    /// The pod's projected token for Azure, or Entra's refusal to believe it.
    pub(crate) presented: Result<ServiceAccountToken, String>,
}

impl Way<'_> {
    /// Goes to the container in the way that Velero's Azure plugin does, as `pod` for the location of `spec`.
    ///
    /// # Errors
    /// What Velero would say.
    pub(crate) fn reach(&self, pod: &Value, spec: &Value) -> Result<(), Failure> {
        let config = |key: &str| spec["config"][key].as_str().unwrap_or_default();
        let bucket = spec["objectStorage"]["bucket"].as_str().unwrap_or_default();
        if bucket.contains('/') {
            return Err(Failure::early(&format!(
                "backup storage location's bucket name {bucket:?} must not contain a '/' (if using a prefix, put it in the \
                 'Prefix' field instead)"
            )));
        }
        let account = config("storageAccount");
        if account.is_empty() {
            return Err(Failure::early("storageAccount is required in BSL"));
        }
        let by_key = match config("useAAD") {
            "" => true,
            "1" | "t" | "T" | "true" | "TRUE" | "True" => false,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => true,
            other => {
                return Err(Failure::early(&format!(
                    "failed to parse bool from useAAD string: {other}"
                )));
            }
        };
        if by_key && config("resourceGroup").is_empty() {
            let why = "resource group is required in BSL or credential to exchange the storage account access key";
            return Err(Failure::early(&format!(
                "failed to get storage account access key: {why}"
            )));
        }
        let workload = self.sign_in(pod)?;
        if by_key {
            return Err(words::keys_denied(
                &workload,
                config("subscriptionId"),
                config("resourceGroup"),
                account,
            ));
        }
        let touched = self.cloud.touch_container(&workload.principal_id, account, bucket);
        touched.map_err(|text| words::storage(&text, config("storageAccountURI"), account, bucket))
    }

    /// Velero's order of credentials: a token file means workload identity and nothing else; without one the instance
    /// metadata service is asked for the identity of the credentials file.
    fn sign_in(&self, pod: &Value) -> Result<Workload, Failure> {
        let variable = |name: &str| variable(pod, name);
        if variable("AZURE_FEDERATED_TOKEN_FILE").is_empty() {
            let answer = self.cloud.instance_metadata(self.own);
            return answer.map_err(|text| words::metadata(&text));
        }
        let missing = |what: &str, field: &str| {
            let why = format!("no {what} specified. Check pod configuration or set {field} in the options");
            Err(Failure::early(&why))
        };
        let (client_id, tenant_id) = (variable("AZURE_CLIENT_ID"), variable("AZURE_TENANT_ID"));
        if client_id.is_empty() {
            return missing("client ID", "ClientID");
        }
        if tenant_id.is_empty() {
            return missing("tenant ID", "TenantID");
        }
        let exchanged = match &self.presented {
            Ok(token) => self.cloud.exchange(&client_id, &tenant_id, token),
            Err(refusal) => Err(refusal.clone()),
        };
        exchanged.map_err(|text| words::exchange(&text, &variable("AZURE_AUTHORITY_HOST"), &tenant_id))
    }
}

/// The token that the pod's projected volume for Azure holds.
fn presented(cluster: &Kubernetes, pod: &Value) -> ServiceAccountToken {
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or_default();
    let projected = projection(pod);
    ServiceAccountToken {
        issuer: cluster.issuer(),
        subject: format!("system:serviceaccount:{}:{account}", place(pod).0),
        audience: projected["audience"].as_str().unwrap_or_default().to_owned(),
    }
}

/// A variable of velero's container, empty where it is not set.
fn variable(pod: &Value, name: &str) -> String {
    let mut containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let velero = containers.find(|container| container["name"] == CONTAINER);
    let mut env = velero
        .and_then(|container| container["env"].as_array())
        .into_iter()
        .flatten();
    let found = env.find(|variable| variable["name"] == name);
    found
        .and_then(|variable| variable["value"].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// The pod's projected service account token for Azure, as its volume asks for it; null where there is none.
pub(crate) fn projection(pod: &Value) -> &Value {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let sources = volumes.flat_map(|volume| volume["projected"]["sources"].as_array().into_iter().flatten());
    let mut tokens = sources.map(|source| &source["serviceAccountToken"]);
    let own = tokens.find(|token| token["path"].as_str().is_some_and(|path| path.contains("azure")));
    own.unwrap_or(&Value::Null)
}
