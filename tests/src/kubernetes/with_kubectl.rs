//! What the real kubectl makes of this API server.

use serde_json::{Value, json};

use super::Settings;
use super::trial::{AGENT, AGENT_ACCOUNT, CLIENT_ID, ISSUER, NAMESPACE, Trial};
use crate::planes::Cluster as _;

const LABEL: &str = r#"{"spec":{"template":{"metadata":{"labels":{"azure.workload.identity/use":"true"}}}}}"#;

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn the_guide_from_step_six_to_ten() {
    let trial = Trial::with_extension(Settings {
        webhook_lag: 0.0,
        ..Settings::default()
    });
    trial.cluster.set_workload_identity(true);
    let annotation = format!("azure.workload.identity/client-id={CLIENT_ID}");
    trial.run(&[
        "annotate",
        "sa",
        "-n",
        NAMESPACE,
        AGENT_ACCOUNT,
        &annotation,
        "--overwrite",
    ]);
    trial.run(&["patch", "deployment", "-n", NAMESPACE, AGENT, "-p", LABEL]);
    let rolled = trial.run(&[
        "rollout",
        "status",
        "deployment",
        "-n",
        NAMESPACE,
        AGENT,
        "--timeout=20s",
    ]);
    assert!(rolled.contains("successfully rolled out"), "{rolled}");
    trial.run(&["rollout", "restart", "deployment", "-n", NAMESPACE, AGENT]);
    trial.run(&[
        "rollout",
        "status",
        "deployment",
        "-n",
        NAMESPACE,
        AGENT,
        "--timeout=20s",
    ]);
    let pods = trial.run(&["get", "pods", "-n", NAMESPACE, "-l", "name=velero", "--no-headers"]);
    assert!(pods.contains("2/2") && pods.contains("Running"), "{pods}");
    let location = trial.run(&["get", "bsl", "-n", NAMESPACE]);
    assert!(
        location.contains("PHASE") && location.contains("Available"),
        "{location}"
    );
    let deployment = trial.run(&["describe", "deployment", "-n", NAMESPACE, AGENT]);
    assert!(deployment.contains("NewReplicaSetAvailable") && deployment.contains("Scaled up replica set"));
    let target = format!("deployment/{AGENT}");
    let revisions = trial.run(&["rollout", "history", "-n", NAMESPACE, &target]);
    assert!(
        revisions.lines().any(|line| line.starts_with("3 ")),
        "three revisions: {revisions}"
    );
    trial.until("velero has said that it is content", |_| {
        trial
            .run(&["logs", "-n", NAMESPACE, &target, "-c", "velero", "--tail=20"])
            .contains("is valid")
    });
    let shown = trial.cloud.0.lock().unwrap().shown.last().cloned().unwrap();
    assert_eq!((shown.0.as_str(), shown.1.issuer.as_str()), (CLIENT_ID, ISSUER));
    assert_eq!(
        shown.1.subject,
        format!("system:serviceaccount:{NAMESPACE}:{AGENT_ACCOUNT}")
    );
}

#[test]
fn rights_are_asked_for_and_refused_in_kubernetes_words() {
    let trial = Trial::with_extension(Settings::default());
    let can = ["auth", "can-i", "patch", "deployments", "-n", NAMESPACE];
    assert_eq!(said(&trial.kubectl("namespace-admin", &can)).trim(), "yes");
    assert_eq!(said(&trial.kubectl("viewer", &can)).trim(), "no");
    let who = said(&trial.kubectl("viewer", &["auth", "whoami"]));
    assert!(who.contains("viewer") && who.contains("system:authenticated"), "{who}");
    let refused = said(&trial.kubectl("viewer", &["patch", "deployment", "-n", NAMESPACE, AGENT, "-p", LABEL]));
    let expected = format!(
        "deployments.apps \"{AGENT}\" is forbidden: User \"viewer\" cannot patch resource \"deployments\" \
         in API group \"apps\" in the namespace \"{NAMESPACE}\""
    );
    assert!(refused.contains(&expected), "{refused}");
    let missing = said(&trial.kubectl("viewer", &["get", "deployment", "-n", NAMESPACE, "none"]));
    assert!(missing.contains("deployments.apps \"none\" not found"), "{missing}");
    let stranger = said(&trial.kubectl("viewer", &["--token=wrong", "get", "ns"]));
    assert!(stranger.contains("You must be logged in to the server"), "{stranger}");
    let as_other = said(&trial.kubectl("cluster-admin", &["--as=nobody", "get", "pods", "-n", NAMESPACE]));
    assert!(
        as_other.contains("User \"nobody\" cannot list resource \"pods\""),
        "{as_other}"
    );
    let writes = trial.log.entries().iter().filter(|entry| entry.write).count();
    assert_eq!(writes, 1, "only the refused patch asked for a change");
}

#[test]
fn the_issuer_is_in_the_discovery_document_and_in_tokens() {
    let trial = Trial::start(Settings::default());
    let document: Value =
        serde_json::from_str(&trial.run(&["get", "--raw", "/.well-known/openid-configuration"])).unwrap();
    assert_eq!(document["issuer"], ISSUER);
    let refused = said(&trial.kubectl("viewer", &["get", "--raw", "/.well-known/openid-configuration"]));
    assert!(refused.contains("cannot get path"), "{refused}");
    let token = trial.run(&[
        "create",
        "token",
        "default",
        "-n",
        "default",
        "--audience=api://AzureADTokenExchange",
    ]);
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!(ISSUER), &json!(["api://AzureADTokenExchange"]))
    );
    assert_eq!(claims["sub"], "system:serviceaccount:default:default");
}

#[test]
fn scaling_watching_and_following_go_through() {
    let trial = Trial::with_extension(Settings::default());
    trial.run(&["scale", "deployment", "-n", NAMESPACE, AGENT, "--replicas=2"]);
    trial.run(&[
        "rollout",
        "status",
        "deployment",
        "-n",
        NAMESPACE,
        AGENT,
        "--timeout=20s",
    ]);
    assert_eq!(trial.agents().len(), 2);
    let watched = ["get", "pods", "-n", NAMESPACE, "--watch", "--request-timeout=2s"];
    let events = said(&trial.kubectl("cluster-admin", &watched));
    assert!(events.contains("Running"), "{events}");
    let name = trial.agents()[0]["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let follow = [
        "logs",
        "-n",
        NAMESPACE,
        &name,
        "-c",
        "velero",
        "-f",
        "--request-timeout=2s",
    ];
    let lines = said(&trial.kubectl("cluster-admin", &follow));
    assert!(
        lines.matches("Validating BackupStorageLocation").count() >= 2,
        "it went on following: {lines}"
    );
    let unclear = said(&trial.kubectl("cluster-admin", &["logs", "-n", NAMESPACE, &name, "-c", "none"]));
    assert!(unclear.contains("container none is not valid for pod"), "{unclear}");
}

#[test]
fn an_apply_from_the_server_side_meets_helms_fields() {
    let trial = Trial::with_extension(Settings::default());
    let account = |client_id: &str, chart: &str| {
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {
                "name": AGENT_ACCOUNT, "namespace": NAMESPACE, "labels": { "helm.sh/chart": chart },
                "annotations": { "azure.workload.identity/client-id": client_id },
            },
        })
    };
    let file = trial.kubeconfig().with_file_name("account.json");
    let path = file.to_string_lossy().into_owned();
    let apply = [
        "apply",
        "--server-side",
        "--validate=false",
        "--field-manager=ours",
        "-f",
        &path,
    ];
    std::fs::write(&file, account(CLIENT_ID, "other").to_string()).unwrap();
    let refused = said(&trial.kubectl("cluster-admin", &apply));
    assert!(
        refused.contains("conflict with \"helm\" using v1: .metadata.labels.helm.sh/chart"),
        "{refused}"
    );
    let chart = "dataprotection-microsoft-kubernetes-0.0.3180";
    std::fs::write(&file, account(CLIENT_ID, chart).to_string()).unwrap();
    trial.run(&apply);
    trial.cluster.helm_upgrade("0.0.3200");
    let object = trial
        .cluster
        .object("ServiceAccount", NAMESPACE, AGENT_ACCOUNT)
        .unwrap();
    assert_eq!(
        object["metadata"]["annotations"]["azure.workload.identity/client-id"],
        CLIENT_ID
    );
    assert_eq!(
        object["metadata"]["labels"]["helm.sh/chart"],
        "dataprotection-microsoft-kubernetes-0.0.3200"
    );
    trial.cluster.recreate_service_account(AGENT_ACCOUNT);
    let object = trial
        .cluster
        .object("ServiceAccount", NAMESPACE, AGENT_ACCOUNT)
        .unwrap();
    assert!(object["metadata"]["annotations"]["azure.workload.identity/client-id"].is_null());
}
