//! The release says what belongs to the extension, whatever the names are; credentials follow what the cluster uses.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, own, pods, until, variable};
use crate::stages::{
    AGENT, AGENT_ACCOUNT, GENEVA, changes_of, configure, granted, new_sets, replica_sets, short, verify,
};

/// Applies objects as Helm's own hand would.
fn apply(stage: &Stage, name: &str, objects: &[Value]) {
    let file = stage.folder().join(name);
    std::fs::write(
        &file,
        json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string(),
    )
    .unwrap();
    let arguments = [
        "create",
        "--validate=false",
        "--field-manager",
        "helm",
        "-f",
        file.to_str().unwrap(),
    ];
    stage.as_kubectl("cluster-admin", &arguments).ok();
}

/// An object like `model`, of another name.
fn like(model: &Value, name: &str) -> Value {
    let mut object = model.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| ["labels", "annotations", "namespace"].contains(&key.as_str()));
    metadata.insert("name".into(), json!(name));
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove("deployment.kubernetes.io/revision");
    }
    object.as_object_mut().unwrap().remove("status");
    object
}

fn found(stage: &Stage, kind: &str, name: &str) -> Value {
    let version = if kind == "Deployment" { "apps/v1" } else { "v1" };
    let mut object = stage.sandbox.cluster().object(kind, NAMESPACE, name).unwrap();
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind);
    object
}

/// A deployment of its own labels and service account.
fn deployment(model: &Value, name: &str, account: &str) -> Value {
    let mut own = like(model, name);
    own["spec"]["selector"] = json!({ "matchLabels": { "app": name } });
    own["spec"]["template"]["metadata"]["labels"]["app"] = json!(name);
    own["spec"]["template"]["spec"]["serviceAccountName"] = json!(account);
    own["spec"]["template"]["spec"]
        .as_object_mut()
        .unwrap()
        .remove("serviceAccount");
    own
}

fn up(stage: &Stage, count: usize) {
    until("all deployments are up", || {
        let ready = own(stage, "Deployment")
            .iter()
            .filter(|own| own["status"]["readyReplicas"] == 1)
            .count();
        (ready == count && pods(stage).len() == count).then_some(())
    });
}

fn a_fourth_deployment_waits_for_its_credential_and_is_then_handled(backend: Backend) {
    let stage = granted(backend);
    let model = found(&stage, "Deployment", GENEVA);
    let account = like(
        &found(&stage, "ServiceAccount", "dataprotection-microsoft-geneva-sa"),
        "scanner-sa",
    );
    let mut foreign = deployment(&model, "bystander", "default");
    foreign["metadata"]["annotations"] = json!({ "meta.helm.sh/release-name": "another-release" });
    apply(
        &stage,
        "fourth.json",
        &[account, deployment(&model, "backup-scanner", "scanner-sa"), foreign],
    );
    up(&stage, 5);

    let sets = replica_sets(&stage);
    let (changes, run) = changes_of(&stage, || configure(&stage).ends(Exit::TheirTurn.code()));
    assert_eq!(changes, [] as [String; 0], "{run}");
    let subject = "system:serviceaccount:dataprotection-microsoft:scanner-sa";
    let run = run.says(&format!("az aksbackup prepare --subject {subject}"));
    assert!(stage.state_text().contains("\"scanner-sa\""), "recorded\n{run}");
    assert!(!stage.state_text().contains("bystander"), "{run}");
    assert_eq!(replica_sets(&stage), sets);

    // The file alone names the subject: without a word of the platform team nothing is created for it.
    let dry = stage
        .az("platform", &["prepare", "--dry-run"])
        .ends(Exit::TheirTurn.code());
    dry.says(&format!("az aksbackup prepare --subject {subject}"));
    stage.az("platform", &["prepare", "--yes", "--subject", subject]).ok();
    let run = configure(&stage).ok();
    let new = new_sets(&stage, &sets);
    assert_eq!(new.get("backup-scanner"), Some(&1), "{run}");
    assert_eq!((new.len(), new.get("bystander")), (4, None), "{run}");
    verify(&stage).ok().says("4 deployments");
    let client_id = stage.value("/cloud/identity/client_id");
    for pod in pods(&stage) {
        let bystander = pod["metadata"]["labels"]["app"] == "bystander";
        let own = variable(&pod["spec"]["containers"][0], "AZURE_CLIENT_ID");
        assert_eq!(*own == client_id.as_str(), !bystander);
    }
}

fn an_agent_and_an_account_of_other_names_are_found_by_the_release(backend: Backend) {
    let stage = granted(backend);
    let agent = found(&stage, "Deployment", AGENT);
    let account = like(&found(&stage, "ServiceAccount", AGENT_ACCOUNT), "velero-server");
    for (kind, name) in [("deployment", AGENT), ("serviceaccount", AGENT_ACCOUNT)] {
        stage
            .as_kubectl("cluster-admin", &["delete", kind, name, "-n", NAMESPACE])
            .ok();
    }
    apply(
        &stage,
        "renamed.json",
        &[account, deployment(&agent, "backup-agent", "velero-server")],
    );
    up(&stage, 3);
    let subject = "system:serviceaccount:dataprotection-microsoft:velero-server";
    let run = configure(&stage).ends(Exit::TheirTurn.code());
    run.says(&format!("az aksbackup prepare --subject {subject}"));
    stage.az("platform", &["prepare", "--yes", "--subject", subject]).ok();
    let (changes, run) = changes_of(&stage, || configure(&stage).ok());
    let changes = short(&changes);
    for expected in ["PATCH serviceaccounts/velero-server", "PATCH deployments/backup-agent"] {
        assert!(changes.iter().any(|own| own == expected), "{changes:?}\n{run}");
    }
    verify(&stage).ok().says("3 deployments");
    stage
        .kubectl("cluster-admin", &["logs"])
        .ok()
        .says("BackupStorageLocations is valid");
}

on_both! {
    a_fourth_deployment_waits_for_its_credential_and_is_then_handled: fourth_on_the_small_cluster, fourth_on_a_real_control_plane;
    an_agent_and_an_account_of_other_names_are_found_by_the_release: renamed_on_the_small_cluster, renamed_on_a_real_control_plane;
}
