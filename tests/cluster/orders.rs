//! What tests order is what the cluster then does, on both clusters.

use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::kubernetes::{Dialect, Fault, Persona, Rule};
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, location, own, pods, until, variable};

const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
const ACCOUNT: &str = "dataprotection-microsoft-kubernetes-agent-server";

const SWITCHES: &[&str] = &["issuer_on=true", "workload_identity_on=true"];

/// The extension is installed and rolled out; nobody has configured it.
fn installed(backend: Backend) -> Stage {
    let stage = Stage::on(backend, SWITCHES).unwrap();
    stage.prepared();
    stage.sandbox.cluster().settled().unwrap();
    until("the extension is rolled out", || (ready(&stage) == 3).then_some(()));
    stage
}

fn ready(stage: &Stage) -> usize {
    let deployments = own(stage, "Deployment");
    deployments
        .iter()
        .filter(|deployment| deployment["status"]["readyReplicas"] == 1)
        .count()
}

/// A new template, and so a new ReplicaSet.
fn roll(stage: &Stage, cause: &str) {
    let template = json!({ "metadata": { "annotations": { "cause": cause } } });
    let patch = json!({ "spec": { "template": template } }).to_string();
    let arguments = ["patch", "deployment", "-n", NAMESPACE, AGENT, "-p", &patch];
    stage.as_kubectl("cluster-admin", &arguments).ok();
}

/// The pods of velero's deployment.
fn agents(stage: &Stage) -> Vec<Value> {
    let mut pods = pods(stage);
    pods.retain(|pod| pod["metadata"]["labels"]["name"] == "velero");
    pods
}

fn faults_show_in_new_pods_and_end(backend: Backend) {
    let stage = installed(backend);
    let cluster = stage.sandbox.cluster();
    for (fault, word) in [
        (Fault::ImagePullBackOff, "ImagePullBackOff"),
        (Fault::CrashLoopBackOff, "CrashLoopBackOff"),
        (Fault::Unschedulable, "Unschedulable"),
    ] {
        cluster.set_fault(AGENT, Some(fault));
        roll(&stage, word);
        until(word, || {
            agents(&stage)
                .iter()
                .any(|pod| pod["status"].to_string().contains(word))
                .then_some(())
        });
        cluster.set_fault(AGENT, None);
        until("the pods are well again", || {
            let agents = agents(&stage);
            let up = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
            (agents.len() == 1 && up(&agents[0])).then_some(())
        });
    }
    let events = own(&stage, "Event");
    for reason in ["FailedScheduling", "BackOff", "Failed", "Scheduled"] {
        assert!(events.iter().any(|event| event["reason"] == reason), "{reason}");
    }
}

fn labelled_pods_are_not_made_while_the_webhook_is_down(backend: Backend) {
    let stage = installed(backend);
    let cluster = stage.sandbox.cluster();
    cluster.set_webhook_down(true).unwrap();
    let label =
        json!({ "spec": { "template": { "metadata": { "labels": { "azure.workload.identity/use": "true" } } } } });
    let patch = ["patch", "deployment", "-n", NAMESPACE, AGENT, "-p", &label.to_string()];
    stage.as_kubectl("cluster-admin", &patch).ok();
    until("the replica set says why", || {
        let agent = cluster.object("Deployment", NAMESPACE, AGENT).unwrap();
        let text = agent["status"]["conditions"].to_string();
        text.contains("failed calling webhook").then_some(())
    });
    cluster.set_webhook_down(false).unwrap();
    until("an injected pod", || {
        let agents = agents(&stage);
        let injected = |pod: &Value| variable(&pod["spec"]["containers"][0], "AZURE_FEDERATED_TOKEN_FILE").is_string();
        agents.iter().any(injected).then_some(())
    });
}

fn velero_says_in_both_dialects_what_azure_refuses(backend: Backend) {
    let stage = installed(backend);
    let cluster = stage.sandbox.cluster();
    // Nobody has granted anything yet, so that the identity may not read the container.
    let message = |part: &str| {
        until(part, || {
            let status = location(&stage)["status"].clone();
            let text = status["message"].as_str().unwrap_or_default().to_owned();
            (status["phase"] == "Unavailable" && text.contains(part)).then_some(text)
        })
    };
    let newer = message("desc = AuthorizationPermissionMismatch: ");
    assert!(!newer.contains("RESPONSE"), "{newer}");
    cluster.set_dialect(Dialect::Older);
    message("ERROR CODE: AuthorizationPermissionMismatch");
    stage.grant("owner").ok();
    until("the role has its effect", || {
        (location(&stage)["status"]["phase"] == "Available").then_some(())
    });
    assert_eq!(location(&stage)["status"]["message"], Value::Null);
    let log = ["logs", "-n", NAMESPACE, &format!("deployment/{AGENT}"), "-c", "velero"];
    stage
        .as_kubectl("cluster-admin", &log)
        .ok()
        .says("BackupStorageLocations is valid");
}

fn helm_and_hands_undo_what_was_configured(backend: Backend) {
    let stage = installed(backend);
    let cluster = stage.sandbox.cluster();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    let label = || {
        let agent = cluster.object("Deployment", NAMESPACE, AGENT).unwrap();
        agent["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"].clone()
    };
    let annotations =
        || cluster.object("ServiceAccount", NAMESPACE, ACCOUNT).unwrap()["metadata"]["annotations"].clone();
    cluster.helm_upgrade("0.0.9999").unwrap();
    let agent = cluster.object("Deployment", NAMESPACE, AGENT).unwrap();
    let chart = agent["metadata"]["labels"]["helm.sh/chart"].as_str().unwrap();
    assert!(chart.ends_with("0.0.9999"), "{chart}");
    assert_eq!(label(), "true", "an upgrade keeps what it does not know");
    cluster.helm_upgrade_drops_label(AGENT).unwrap();
    assert_eq!(label(), Value::Null);
    assert!(annotations()["azure.workload.identity/client-id"].is_string());
    cluster.recreate_service_account(ACCOUNT).unwrap();
    assert_eq!(annotations()["azure.workload.identity/client-id"], Value::Null);
    stage.kubectl("viewer", &["verify"]).ends(8);
}

on_both! {
    faults_show_in_new_pods_and_end: faults_on_the_small_cluster, faults_on_a_real_control_plane;
    labelled_pods_are_not_made_while_the_webhook_is_down: webhook_down_on_the_small_cluster, webhook_down_on_a_real_control_plane;
    velero_says_in_both_dialects_what_azure_refuses: dialects_on_the_small_cluster, dialects_on_a_real_control_plane;
    helm_and_hands_undo_what_was_configured: helm_on_the_small_cluster, helm_on_a_real_control_plane;
}

#[test]
fn the_people_have_the_rights_of_their_roles() {
    let stage = installed(Backend::Real);
    let may = |persona: &str, arguments: &[&str]| {
        let arguments = [&["auth", "can-i"], arguments].concat();
        stage.as_kubectl(persona, &arguments).stdout.starts_with("yes")
    };
    assert!(may("cluster-admin", &["patch", "deployments", "-n", "kube-system"]));
    assert!(may("namespace-admin", &["patch", "deployments", "-n", NAMESPACE]));
    assert!(!may("namespace-admin", &["list", "deployments", "-n", "kube-system"]));
    assert!(may("viewer", &["list", "pods", "-A"]) && !may("viewer", &["delete", "pods", "-n", NAMESPACE]));
    assert!(!may("nobody", &["list", "pods", "-n", NAMESPACE]));
    let rules = vec![Rule::new(&["list"], &[""], &["pods"]).within(NAMESPACE)];
    let bed = stage.sandbox.bed().unwrap();
    bed.set_persona(Persona::new("nobody", rules)).unwrap();
    until("the API server knows the new role", || {
        may("nobody", &["list", "pods", "-n", NAMESPACE]).then_some(())
    });
    assert!(!may("nobody", &["get", "pods", "-n", NAMESPACE]));
}

#[test]
fn the_api_server_comes_back_and_everything_goes_on() {
    let stage = installed(Backend::Real);
    stage.grant("owner").ok();
    stage.sandbox.bed().unwrap().restart_api_server().unwrap();
    stage.configure("cluster-admin", &[]).ok();
    let bed = stage.sandbox.bed().unwrap();
    let patches = bed
        .requests()
        .into_iter()
        .filter(|request| request.write && request.user == "cluster-admin");
    let agents: Vec<String> = patches.map(|request| request.user_agent).collect();
    assert!(
        !agents.is_empty() && agents.iter().all(|agent| !agent.starts_with("kubectl/")),
        "{agents:?}"
    );
}
