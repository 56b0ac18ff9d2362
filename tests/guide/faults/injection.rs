//! What keeps workload identity out of the extension's pods is found before the first write, and no pod is deleted twice.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::kubernetes::OtherWebhook;
use serde_json::{Value, json};

const NAMESPACE: &str = "dataprotection-microsoft";
const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
const GENEVA: &str = "dataprotection-microsoft-geneva-service";
const GENEVA_ACCOUNT: &str = "dataprotection-microsoft-geneva-sa";
const USE: &str = "azure.workload.identity/use";
const CONFIGURATION: &str = "azure-wi-webhook-mutating-webhook-configuration";

fn granted() -> Stage {
    let stage = Stage::new().unwrap();
    stage.granted();
    stage
}

fn alter(stage: &Stage, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
    let namespace = if kind == "MutatingWebhookConfiguration" || kind == "Namespace" {
        ""
    } else {
        NAMESPACE
    };
    stage.sandbox.kubernetes().alter(kind, namespace, name, change);
}

/// Puts a variable into a container of the agent's template.
fn preset(stage: &Stage, container: &str, variable: &Value) {
    alter(stage, "Deployment", AGENT, |live| {
        let all = live["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap();
        let own = all.iter_mut().find(|own| own["name"] == container).unwrap();
        match &mut own["env"] {
            Value::Array(env) => env.push(variable.clone()),
            other => *other = json!([variable]),
        }
    });
}

/// The workload identity webhook is not asked again after another one.
fn asked_once(stage: &Stage) {
    alter(stage, "MutatingWebhookConfiguration", CONFIGURATION, |live| {
        live["webhooks"][0]["reinvocationPolicy"] = json!("Never");
    });
}

/// `configure` fails with a sentence that has each of `words`, and has changed nothing.
fn refused(stage: &Stage, words: &[&str]) -> Run {
    let before = stage.changes().len();
    let mut run = stage
        .configure("cluster-admin", &["--timeout", "20s"])
        .ends(Exit::Failed.code());
    for word in words {
        run = run.says(word);
    }
    assert_eq!(stage.changes().split_off(before), [] as [String; 0], "{run}");
    run
}

#[test]
fn a_container_that_the_webhook_is_told_to_skip_is_named_before_anything_is_written() {
    let stage = granted();
    let metadata = |live: &mut Value, value: Value| {
        live["spec"]["template"]["metadata"]["annotations"]["azure.workload.identity/skip-containers"] = value;
    };
    alter(&stage, "Deployment", AGENT, |live| metadata(live, json!("velero")));
    refused(
        &stage,
        &[
            "container velero",
            "azure.workload.identity/skip-containers",
            "kubectl patch deployment",
        ],
    );
    let dry = stage.kubectl("cluster-admin", &["configure", "--dry-run"]);
    dry.ends(Exit::Failed.code()).says("skip-containers");
}

#[test]
fn a_variable_that_the_template_sets_itself_is_named_with_its_container() {
    let source = json!({ "configMapKeyRef": { "name": "ids", "key": "client" } });
    for (variable, name) in [
        (
            json!({ "name": "AZURE_CLIENT_ID", "valueFrom": source }),
            "AZURE_CLIENT_ID",
        ),
        (
            json!({ "name": "AZURE_FEDERATED_TOKEN_FILE", "value": "/tmp/t" }),
            "AZURE_FEDERATED_TOKEN_FILE",
        ),
        (
            json!({ "name": "AZURE_TENANT_ID", "value": "11111111-1111-1111-1111-111111111111" }),
            "AZURE_TENANT_ID",
        ),
    ] {
        let stage = granted();
        preset(&stage, "velero", &variable);
        let run = refused(&stage, &["container velero", name]);
        run.says(&format!(
            "kubectl set env deployment {AGENT} --namespace {NAMESPACE} --containers velero {name}-"
        ));
    }
}

#[test]
fn a_client_id_in_capitals_is_the_same_client_id() {
    let stage = granted();
    let own = stage.client_id().to_uppercase();
    preset(&stage, "velero", &json!({ "name": "AZURE_CLIENT_ID", "value": own }));
    alter(&stage, "ServiceAccount", GENEVA_ACCOUNT, |live| {
        live["metadata"]["annotations"]["azure.workload.identity/client-id"] = json!(own);
    });
    stage.configure("cluster-admin", &["--timeout", "60s"]).ok();
    stage.kubectl("viewer", &["verify"]).ok();
}

#[test]
fn a_webhook_that_passes_the_pods_by_is_not_called_missing() {
    let stage = granted();
    let label = |live: &mut Value| live["metadata"]["labels"]["team"] = json!("backup");
    alter(&stage, "Namespace", NAMESPACE, label);
    alter(&stage, "MutatingWebhookConfiguration", CONFIGURATION, |live| {
        let expression = json!({ "key": "team", "operator": "DoesNotExist" });
        live["webhooks"][0]["namespaceSelector"] = json!({ "matchExpressions": [expression] });
    });
    let run = refused(&stage, &["is installed, but", CONFIGURATION, "namespaceSelector"]);
    run.says(&format!("kubectl label namespace {NAMESPACE} team-"));
    let found = stage.kubectl("cluster-admin", &["verify"]).ends(Exit::Pending.code());
    found.says("namespaceSelector");
    stage
        .as_kubectl("cluster-admin", &["label", "namespace", NAMESPACE, "team-"])
        .ok();
    alter(&stage, "MutatingWebhookConfiguration", CONFIGURATION, |live| {
        live["webhooks"][0]["failurePolicy"] = json!("Ignore");
    });
    stage.sandbox.kubernetes().set_webhook_down(true);
    refused(
        &stage,
        &[
            "is installed, but",
            "failurePolicy Ignore",
            "kubectl get pods --namespace kube-system",
        ],
    );
    stage.sandbox.kubernetes().set_webhook_down(false);
    stage.configure("cluster-admin", &[]).ok();
}

#[test]
fn a_policy_that_takes_the_label_off_is_seen_in_the_answer() {
    let stage = granted();
    stage
        .sandbox
        .kubernetes()
        .set_other_webhook(Some(OtherWebhook::StripsLabel));
    refused(&stage, &[USE, "removes"]);
}

/// Fails before: only the label was compared with the API server's answer.
#[test]
fn a_policy_that_takes_the_annotation_off_is_seen_in_the_answer() {
    let stage = granted();
    let cluster = stage.sandbox.kubernetes();
    cluster.set_other_webhook(Some(OtherWebhook::StripsAnnotation));
    let annotation = "annotation azure.workload.identity/client-id was removed from service account";
    refused(&stage, &[annotation, "removes", "mutatingadmissionpolicies"]);
    cluster.set_other_webhook(None);
    stage.configure("cluster-admin", &[]).ok();
}

#[test]
fn a_container_of_another_webhook_is_found_by_the_trial_over_all_containers() {
    let stage = granted();
    stage
        .sandbox
        .kubernetes()
        .set_other_webhook(Some(OtherWebhook::AddsContainer));
    asked_once(&stage);
    refused(
        &stage,
        &[
            "container sidecar",
            "AZURE_FEDERATED_TOKEN_FILE",
            "skip-containers",
            "reinvocationPolicy Never",
        ],
    );
}

#[test]
fn a_pod_is_deleted_once_and_then_the_container_is_named() {
    let stage = granted();
    stage.configure("cluster-admin", &[]).ok();
    asked_once(&stage);
    // The trial pod has no owner, so that it cannot foresee this one.
    stage
        .sandbox
        .kubernetes()
        .set_other_webhook(Some(OtherWebhook::AddsContainerToOwned));
    stage
        .as_kubectl("cluster-admin", &["delete", "pods", "--all", "-n", NAMESPACE])
        .ok();
    let before = stage.changes().len();
    let run = stage
        .configure("cluster-admin", &["--timeout", "60s"])
        .ends(Exit::Failed.code());
    let run = run.says("container sidecar").says("AZURE_FEDERATED_TOKEN_FILE");
    let deleted = stage.changes().split_off(before);
    assert!(
        deleted.len() <= 3 && deleted.iter().all(|one| one.starts_with("DELETE")),
        "{deleted:?}\n{run}"
    );
}

#[test]
fn a_policy_against_bare_pods_keeps_nobody_from_configuring() {
    let stage = granted();
    stage
        .sandbox
        .kubernetes()
        .set_other_webhook(Some(OtherWebhook::RefusesBarePods));
    stage.configure("cluster-admin", &[]).ok();
}

#[test]
fn a_policy_s_refusal_is_not_taken_for_a_missing_permission_and_comes_before_the_first_write() {
    let stage = granted();
    stage
        .sandbox
        .kubernetes()
        .set_other_webhook(Some(OtherWebhook::RefusesDeployments));
    let run = refused(
        &stage,
        &["psp-readonly", "a policy or quota of the cluster denied the request"],
    );
    assert!(
        !format!("{}{}", run.stdout, run.stderr).contains("ask a cluster admin"),
        "{run}"
    );
}

#[test]
fn every_conflict_is_known_before_the_first_write() {
    let stage = granted();
    let patch = json!({ "spec": { "template": { "metadata": { "labels": { USE: "false" } } } } }).to_string();
    let arguments = [
        "patch",
        "deployment",
        GENEVA,
        "-n",
        NAMESPACE,
        "--type=merge",
        "-p",
        &patch,
    ];
    stage.as_kubectl("cluster-admin", &arguments).ok();
    refused(&stage, &[GENEVA, "--force-conflicts"]);
    let dry = stage
        .kubectl("cluster-admin", &["configure", "--dry-run"])
        .ends(Exit::Pending.code());
    dry.says("--force-conflicts");
    stage.configure("cluster-admin", &["--force-conflicts"]).ok();
}

#[test]
fn a_tenant_that_verify_calls_wrong_is_not_nothing_to_do() {
    let stage = granted();
    stage.configure("cluster-admin", &[]).ok();
    let other = "azure.workload.identity/tenant-id=11111111-1111-1111-1111-111111111111";
    stage
        .as_kubectl(
            "cluster-admin",
            &["annotate", "serviceaccount", GENEVA_ACCOUNT, "-n", NAMESPACE, other],
        )
        .ok();
    stage
        .as_kubectl("cluster-admin", &["delete", "pods", "--all", "-n", NAMESPACE])
        .ok();
    let run = refused(&stage, &[GENEVA_ACCOUNT, "azure.workload.identity/tenant-id"]);
    let line = format!(
        "kubectl annotate serviceaccount {GENEVA_ACCOUNT} --namespace {NAMESPACE} azure.workload.identity/tenant-id-"
    );
    run.says(&line);
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    stage.as_kubectl("cluster-admin", &words).ok();
    stage.configure("cluster-admin", &["--timeout", "60s"]).ok();
    stage.kubectl("viewer", &["verify"]).ok();
}
