//! How the cluster behaves when something is missing, wrong or late.

use serde_json::{Value, json};

use super::chart;
use super::resources;
use super::store::Options;
use super::trial::{AGENT, AGENT_ACCOUNT, CLIENT_ID, NAMESPACE, Trial, release};
use super::{Dialect, Fault, Settings};
use crate::planes::Cluster as _;

fn prompt() -> Settings {
    Settings {
        webhook_lag: 0.0,
        ..Settings::default()
    }
}

impl Trial {
    fn change(&self, plural: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let resource = resources::named(plural).unwrap();
        let options = Options::by("test", None);
        let outcome = self.cluster.store.modify(resource, NAMESPACE, name, &options, |live| {
            let mut live = live.clone();
            change(&mut live);
            Ok(live)
        });
        outcome.unwrap();
    }

    fn annotate(&self) {
        self.change("serviceaccounts", AGENT_ACCOUNT, |account| {
            account["metadata"]["annotations"]["azure.workload.identity/client-id"] = json!(CLIENT_ID);
        });
    }

    fn label(&self) {
        self.change("deployments", AGENT, |deployment| {
            deployment["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] = json!("true");
        });
    }

    fn restart(&self, mark: &str) {
        self.change("deployments", AGENT, |deployment| {
            deployment["spec"]["template"]["metadata"]["annotations"]["restartedAt"] = json!(mark);
        });
    }

    fn variable(&self, name: &str) -> Value {
        let pods = self.agents();
        assert_eq!(pods.len(), 1);
        let env = pods[0]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
        env.into_iter()
            .find(|variable| variable["name"] == name)
            .unwrap_or_default()["value"]
            .clone()
    }

    fn rolled(&self, what: &str) {
        self.until(what, |cluster| {
            let deployment = cluster.object("Deployment", NAMESPACE, AGENT).unwrap();
            super::deployments::complete(&deployment)
        });
    }

    fn message(&self) -> String {
        self.location()["message"].as_str().unwrap_or_default().to_owned()
    }

    fn condition(&self, kind: &str) -> Value {
        let deployment = self.cluster.object("Deployment", NAMESPACE, AGENT).unwrap();
        let conditions = deployment["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        conditions
            .into_iter()
            .find(|condition| condition["type"] == kind)
            .unwrap_or_default()
    }
}

#[test]
fn without_injection_the_location_is_available_through_the_metadata_service() {
    let trial = Trial::with_extension(prompt());
    trial.until("a first validation", |_| trial.location()["phase"] == "Available");
    assert!(
        trial.cloud.0.lock().unwrap().shown.is_empty(),
        "no token was shown to Entra"
    );
    let status = trial.cluster.storage_location().unwrap();
    assert_eq!((status.phase.as_str(), status.message.as_str()), ("Available", ""));
}

#[test]
fn with_a_token_file_there_is_no_way_back_to_the_metadata_service() {
    let trial = Trial::with_extension(prompt());
    trial.cluster.set_workload_identity(true);
    let refusal = "AADSTS70021: No matching federated identity record found for presented assertion.";
    trial.cloud.0.lock().unwrap().exchange = Some(refusal.to_owned());
    trial.annotate();
    trial.label();
    trial.until("unavailable, in Entra's words", |_| {
        trial.message().contains("AADSTS70021")
    });
    assert_eq!(trial.location()["phase"], "Unavailable");
    trial.cloud.0.lock().unwrap().exchange = None;
    trial.until("available once the credential is there", |_| {
        trial.location()["phase"] == "Available"
    });
    assert_eq!(trial.variable("AZURE_CLIENT_ID"), CLIENT_ID);
}

#[test]
fn a_fresh_annotation_is_missed_by_a_cache_that_lags() {
    let trial = Trial::with_extension(Settings {
        webhook_lag: 20.0,
        ..Settings::default()
    });
    trial.cluster.set_workload_identity(true);
    trial.annotate();
    trial.label();
    trial.rolled("the labelled pods");
    assert_eq!(
        trial.variable("AZURE_CLIENT_ID"),
        Value::Null,
        "the webhook saw the account without it"
    );
    assert!(trial.variable("AZURE_FEDERATED_TOKEN_FILE").is_string());
    trial.until("velero says what is missing", |_| {
        trial.message().contains("no client ID specified")
    });
    trial.cluster.set_webhook_lag(0.0);
    let pod = trial.agents()[0]["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    trial.run(&["delete", "pod", "-n", NAMESPACE, &pod]);
    trial.until("another pod", |_| {
        trial.agents().len() == 1 && trial.agents()[0]["metadata"]["name"] != pod.as_str()
    });
    assert_eq!(trial.variable("AZURE_CLIENT_ID"), CLIENT_ID);
}

#[test]
fn a_webhook_that_is_down_keeps_labelled_pods_from_being_made() {
    let trial = Trial::with_extension(prompt());
    trial.cluster.set_workload_identity(true);
    trial.cluster.set_webhook_down(true);
    trial.label();
    trial.until("a failure of the replica set", |_| {
        let why = trial.condition("ReplicaFailure")["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        why.contains("failed calling webhook \"mutation.azure-workload-identity.io\"")
    });
    let events = trial.cluster.objects("Event");
    assert!(
        events
            .iter()
            .any(|event| event["reason"] == "FailedCreate" && event["type"] == "Warning")
    );
    assert_eq!(trial.agents().len(), 1, "the old pod goes on");
    trial.cluster.set_webhook_down(false);
    trial.rolled("the pods once the webhook is back");
    assert_eq!(trial.condition("ReplicaFailure"), Value::Null);
}

#[test]
fn a_dry_run_shows_the_injected_pod_and_keeps_nothing() {
    let trial = Trial::with_extension(prompt());
    trial.cluster.set_workload_identity(true);
    trial.annotate();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "probe", "namespace": NAMESPACE, "labels": { "azure.workload.identity/use": "true" } },
        "spec": { "serviceAccountName": AGENT_ACCOUNT, "containers": [{ "name": "probe", "image": "none" }] },
    });
    let file = trial.kubeconfig().with_file_name("pod.json");
    std::fs::write(&file, pod.to_string()).unwrap();
    let path = file.to_string_lossy().into_owned();
    let create = [
        "create",
        "--validate=false",
        "--dry-run=server",
        "-o",
        "json",
        "-f",
        &path,
    ];
    let made: Value = serde_json::from_str(&trial.run(&create)).unwrap();
    assert_eq!(
        made["spec"]["containers"][0]["env"][0],
        json!({ "name": "AZURE_CLIENT_ID", "value": CLIENT_ID })
    );
    assert!(trial.cluster.object("Pod", NAMESPACE, "probe").is_none());
    assert!(trial.log.entries().iter().all(|entry| !entry.write));
}

#[test]
fn a_roll_out_that_cannot_pull_runs_into_its_deadline_and_recovers() {
    let trial = Trial::with_extension(prompt());
    trial.cluster.set_fault(AGENT, Some(Fault::ImagePullBackOff));
    trial.restart("one");
    trial.until("the deadline", |_| {
        trial.condition("Progressing")["reason"] == "ProgressDeadlineExceeded"
    });
    let waiting = trial
        .agents()
        .iter()
        .any(|pod| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff");
    assert!(
        waiting && trial.condition("Available")["status"] == "True",
        "the old pod still serves"
    );
    trial.cluster.set_fault(AGENT, None);
    trial.rolled("the roll-out after all");
    assert_eq!(trial.condition("Progressing")["reason"], "NewReplicaSetAvailable");
}

#[test]
fn crashing_and_unschedulable_pods_say_why() {
    let trial = Trial::with_extension(prompt());
    trial.cluster.set_fault(AGENT, Some(Fault::Unschedulable));
    trial.restart("one");
    let pods = |reason: &str| {
        let found = trial.agents().into_iter().find(|pod| pod.to_string().contains(reason));
        found.map(|pod| pod["status"]["phase"].clone())
    };
    trial.until("a pod without a node", |_| {
        pods("Unschedulable") == Some(json!("Pending"))
    });
    trial.cluster.set_fault(AGENT, Some(Fault::CrashLoopBackOff));
    trial.until("a pod that crashes", |_| {
        pods("CrashLoopBackOff") == Some(json!("Running"))
    });
    trial.until("restarts", |_| {
        trial
            .agents()
            .iter()
            .any(|pod| pod["status"]["containerStatuses"][0]["restartCount"] == 2)
    });
}

#[test]
fn the_storage_location_says_what_the_settings_lack() {
    let trial = Trial::start(prompt());
    let mut release = release();
    let prefix = "configuration.backupStorageLocation.config.";
    let key = release.settings.remove(&format!("{prefix}useAAD"));
    trial.cluster.install(release.clone());
    trial.until("keys are not for us", |_| trial.message().contains("listKeys/action"));
    assert!(trial.message().contains("desc = AuthorizationFailed: The client"));
    release
        .settings
        .insert(format!("{prefix}useAAD"), key.unwrap_or_default());
    release.settings.remove(&format!("{prefix}storageAccount"));
    trial.cluster.install(release);
    trial.until("no account", |_| {
        trial.message().ends_with("desc = storageAccount is required in BSL")
    });
}

#[test]
fn both_dialects_name_the_code_of_the_blob_service() {
    let trial = Trial::with_extension(prompt());
    let refusal = "rpc error: code = Unknown desc = AuthorizationPermissionMismatch: This request is not authorized.";
    trial.cloud.0.lock().unwrap().container = Some(refusal.to_owned());
    let expected = format!("BackupStorageLocation \"default\" is unavailable: {refusal}");
    trial.until("the newer dialect", |_| trial.message() == expected);
    trial.cluster.set_dialect(Dialect::Older);
    trial.until("the older dialect", |_| {
        trial.message().contains("ERROR CODE: AuthorizationPermissionMismatch")
    });
    assert!(
        trial
            .message()
            .contains("https://contosobackups.blob.core.windows.net/backups")
    );
}

#[test]
fn a_paused_deployment_waits_and_a_dropped_label_rolls() {
    let trial = Trial::with_extension(prompt());
    trial.change("deployments", AGENT, |deployment| {
        deployment["spec"]["paused"] = json!(true)
    });
    trial.label();
    trial.until("it says that it is paused", |_| {
        trial.condition("Progressing")["reason"] == "DeploymentPaused"
    });
    let sets = |cluster: &super::Kubernetes| {
        cluster
            .objects("ReplicaSet")
            .iter()
            .filter(|set| set.to_string().contains(AGENT_ACCOUNT))
            .count()
    };
    assert_eq!(sets(&trial.cluster), 1);
    trial.change("deployments", AGENT, |deployment| {
        deployment["spec"]["paused"] = json!(false)
    });
    trial.rolled("the roll-out");
    assert_eq!(sets(&trial.cluster), 2);
    trial.cluster.helm_upgrade_drops_label(AGENT);
    trial.until("no labelled pod is left", |_| {
        let pods = trial.agents();
        pods.len() == 1 && pods[0]["metadata"]["labels"]["azure.workload.identity/use"].is_null()
    });
}

#[test]
fn an_upgrade_keeps_foreign_keys_and_a_reinstall_loses_them() {
    let trial = Trial::with_extension(prompt());
    trial.label();
    trial.annotate();
    trial.cluster.install(release());
    let label = |cluster: &super::Kubernetes| {
        let deployment = cluster.object("Deployment", NAMESPACE, AGENT).unwrap_or_default();
        deployment["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"].clone()
    };
    assert_eq!(label(&trial.cluster), "true");
    trial.cluster.uninstall();
    assert!(trial.cluster.storage_location().is_none() && !trial.cluster.healthy());
    trial.until("the pods are gone", |cluster| cluster.objects("Pod").is_empty());
    trial.cluster.install(release());
    assert_eq!(label(&trial.cluster), Value::Null);
}

#[test]
fn custom_resources_are_there_only_with_their_definition() {
    let trial = Trial::start(prompt());
    let missing = trial.kubectl("cluster-admin", &["get", "bsl", "-n", "default"]);
    assert!(!missing.status.success(), "no definition yet");
    assert_eq!(
        chart::definition()["metadata"]["name"],
        "backupstoragelocations.velero.io"
    );
    trial.cluster.install(release());
    assert!(
        trial
            .kubectl("cluster-admin", &["get", "bsl", "-n", NAMESPACE])
            .status
            .success()
    );
}
