//! Workload identity: the webhook's hand on new pods, and what Velero does with it.

use serde_json::{Value, json};

use super::Settings;
use super::trial::{AGENT_ACCOUNT, CLIENT_ID, NAMESPACE, Trial, prompt};
use crate::planes::Cluster as _;

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
        webhook_lag: 300.0,
        ..Settings::default()
    });
    trial.cluster.set_workload_identity(true);
    let lag = trial.cluster.clock.real(300.0);
    trial.until("the cache knows the account", |cluster| {
        cluster.store.lagging_account(NAMESPACE, AGENT_ACCOUNT, lag).is_some()
    });
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
    trial.run(&format!("delete pod -n {NAMESPACE} {pod}"));
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
    let create = format!("create --dry-run=server -o json -f {path}");
    let made: Value = serde_json::from_str(&trial.run(&create)).unwrap();
    assert_eq!(
        made["spec"]["containers"][0]["env"][0],
        json!({ "name": "AZURE_CLIENT_ID", "value": CLIENT_ID })
    );
    assert!(trial.cluster.object("Pod", NAMESPACE, "probe").is_none());
    assert!(trial.log.entries().iter().all(|entry| !entry.write));
}
