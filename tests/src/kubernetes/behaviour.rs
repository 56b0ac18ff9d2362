//! How the cluster behaves when something is missing, wrong or changed.

use serde_json::{Value, json};

use super::chart;
use super::trial::{AGENT, AGENT_ACCOUNT, NAMESPACE, Trial, prompt, release};
use super::{Dialect, Fault};
use crate::planes::Cluster as _;

#[test]
fn a_roll_out_that_cannot_pull_runs_into_its_deadline_and_recovers() {
    let trial = Trial::with_extension(prompt());
    trial.cluster.set_fault(AGENT, Some(Fault::ImagePullBackOff));
    trial.change("deployments", AGENT, |deployment| {
        deployment["spec"]["progressDeadlineSeconds"] = json!(3);
    });
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
        deployment["spec"]["paused"] = json!(true);
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
        deployment["spec"]["paused"] = json!(false);
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
    let missing = trial.kubectl("cluster-admin", "get bsl -n default");
    assert!(!missing.status.success(), "no definition yet");
    assert_eq!(
        chart::definition()["metadata"]["name"],
        "backupstoragelocations.velero.io"
    );
    trial.cluster.install(release());
    let there = trial.kubectl("cluster-admin", &format!("get bsl -n {NAMESPACE}"));
    assert!(there.status.success());
    for kind in [
        "backups.velero.io",
        "restores.velero.io",
        "schedules.velero.io",
        "volumesnapshotlocations.velero.io",
        "serverstatusrequests.velero.io",
    ] {
        let listed = trial.kubectl("cluster-admin", &format!("get {kind} -n {NAMESPACE} -o json"));
        assert!(listed.status.success(), "{kind}");
        let list: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(list["items"], serde_json::json!([]), "{kind}");
    }
}

#[test]
fn a_deleted_namespace_takes_everything_with_it() {
    let trial = Trial::with_extension(prompt());
    trial.run(&format!("delete namespace {NAMESPACE}"));
    trial.until("nothing is left in it", |cluster| {
        [
            "ServiceAccount",
            "Deployment",
            "ReplicaSet",
            "Pod",
            "BackupStorageLocation",
        ]
        .iter()
        .all(|kind| {
            cluster
                .objects(kind)
                .iter()
                .all(|object| object["metadata"]["namespace"] != NAMESPACE)
        })
    });
    let account =
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "late", "namespace": NAMESPACE } });
    let file = trial.kubeconfig().with_file_name("late.json");
    std::fs::write(&file, account.to_string()).unwrap();
    let made = trial.kubectl("cluster-admin", &format!("create -f {}", file.display()));
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(
        said.contains(&format!("namespaces \"{NAMESPACE}\" not found")),
        "{said}"
    );
}

#[test]
fn a_watch_shows_what_passes_its_selector_and_ends_in_410_when_the_past_is_forgotten() {
    let trial = Trial::with_extension(prompt());
    let before = trial.cluster.store.list("serviceaccounts", None).1;
    let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
    trial.run(&format!("label sa -n {NAMESPACE} {AGENT_ACCOUNT} mark=one"));
    trial.run(&format!("label sa -n {NAMESPACE} {AGENT_ACCOUNT} mark=two --overwrite"));
    let watch =
        format!("get --raw {path}?watch=true&resourceVersion={before}&labelSelector=mark%3Done&timeoutSeconds=1");
    let events: Vec<Value> = trial
        .run(&watch)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_default())
        .collect();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds, ["ADDED", "DELETED"]);
    trial.cluster.forget_history();
    let gone: Value = serde_json::from_str(trial.run(&watch).trim()).unwrap();
    assert_eq!((&gone["type"], &gone["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(gone["object"]["reason"], "Expired");
}

#[test]
fn an_update_from_an_old_reading_is_a_conflict() {
    let trial = Trial::with_extension(prompt());
    let old = trial.run(&format!(
        "get deployment -n {NAMESPACE} {AGENT} -o json --show-managed-fields"
    ));
    trial.run(&format!("label deployment -n {NAMESPACE} {AGENT} mark=one"));
    let file = trial.kubeconfig().with_file_name("old.json");
    std::fs::write(&file, &old).unwrap();
    let replace = |path: &str| trial.kubectl("cluster-admin", &format!("replace -f {path}"));
    let refused = replace(&file.to_string_lossy());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("the object has been modified; please apply your changes to the latest version"),
        "{said}"
    );
    let mut other: Value = serde_json::from_str(&old).unwrap();
    other["metadata"]["resourceVersion"] = Value::Null;
    other["spec"]["selector"]["matchLabels"] = json!({ "name": "another" });
    std::fs::write(&file, other.to_string()).unwrap();
    let refused = replace(&file.to_string_lossy());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("field is immutable"), "{said}");
}
