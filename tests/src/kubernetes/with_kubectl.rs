//! What the real kubectl makes of this API server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Settings;
use super::trial::{AGENT, AGENT_ACCOUNT, CLIENT_ID, ISSUER, NAMESPACE, Trial, prompt};
use crate::planes::Cluster as _;

const LABEL: &str = r#"{"spec":{"template":{"metadata":{"labels":{"azure.workload.identity/use":"true"}}}}}"#;

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Trial {
    /// Steps six and nine of the guide, for the agent.
    fn follow_the_guide(&self) {
        self.cluster.set_workload_identity(true);
        let annotation = format!("azure.workload.identity/client-id={CLIENT_ID}");
        self.run(&format!(
            "annotate sa -n {NAMESPACE} {AGENT_ACCOUNT} {annotation} --overwrite"
        ));
        self.run(&format!("patch deployment -n {NAMESPACE} {AGENT} -p {LABEL}"));
        self.wait_for_roll_out();
        self.run(&format!("rollout restart deployment -n {NAMESPACE} {AGENT}"));
        self.wait_for_roll_out();
    }

    fn wait_for_roll_out(&self) {
        let rolled = self.run(&format!(
            "rollout status deployment -n {NAMESPACE} {AGENT} --timeout=20s"
        ));
        assert!(rolled.contains("successfully rolled out"), "{rolled}");
    }
}

#[test]
fn the_guide_rolls_twice_and_velero_shows_its_token() {
    let trial = Trial::with_extension(prompt());
    trial.follow_the_guide();
    let history = trial.run(&format!("rollout history -n {NAMESPACE} deployment/{AGENT}"));
    assert!(
        history.lines().any(|line| line.starts_with("3 ")),
        "three revisions: {history}"
    );
    let logs = format!("logs -n {NAMESPACE} deployment/{AGENT} -c velero --tail=20");
    trial.until("velero has said that it is content", |_| {
        trial.run(&logs).contains("is valid")
    });
    let (client_id, token) = trial.cloud.0.lock().unwrap().shown.last().cloned().unwrap();
    assert_eq!((client_id.as_str(), token.issuer.as_str()), (CLIENT_ID, ISSUER));
    assert_eq!(
        token.subject,
        format!("system:serviceaccount:{NAMESPACE}:{AGENT_ACCOUNT}")
    );
}

#[test]
fn what_kubectl_prints_is_what_it_prints_elsewhere() {
    let trial = Trial::with_extension(prompt());
    trial.until("a first validation", |_| trial.location()["phase"] == "Available");
    let pods = trial.run(&format!("get pods -n {NAMESPACE} -l name=velero --no-headers"));
    assert!(pods.contains("2/2") && pods.contains("Running"), "{pods}");
    let location = trial.run(&format!("get bsl -n {NAMESPACE}"));
    assert!(
        location.contains("PHASE") && location.contains("Available"),
        "{location}"
    );
    let deployment = trial.run(&format!("describe deployment -n {NAMESPACE} {AGENT}"));
    assert!(deployment.contains("NewReplicaSetAvailable") && deployment.contains("Scaled up replica set"));
    let mixed = trial.run(&format!("get sa,deploy,rs,pods,events -n {NAMESPACE}"));
    assert!(
        mixed.contains("deployment.apps/") && mixed.contains("ScalingReplicaSet"),
        "{mixed}"
    );
}

#[test]
fn rights_are_asked_for_and_refused_in_kubernetes_words() {
    let trial = Trial::with_extension(prompt());
    let can = format!("auth can-i patch deployments -n {NAMESPACE}");
    assert_eq!(said(&trial.kubectl("namespace-admin", &can)).trim(), "yes");
    assert_eq!(said(&trial.kubectl("viewer", &can)).trim(), "no");
    let who = said(&trial.kubectl("viewer", "auth whoami"));
    assert!(who.contains("viewer") && who.contains("system:authenticated"), "{who}");
    let refused = said(&trial.kubectl("viewer", &format!("patch deployment -n {NAMESPACE} {AGENT} -p {LABEL}")));
    let expected = format!(
        "deployments.apps \"{AGENT}\" is forbidden: User \"viewer\" cannot patch resource \"deployments\" \
         in API group \"apps\" in the namespace \"{NAMESPACE}\""
    );
    assert!(refused.contains(&expected), "{refused}");
    let missing = said(&trial.kubectl("viewer", &format!("get deployment -n {NAMESPACE} none")));
    assert!(missing.contains("deployments.apps \"none\" not found"), "{missing}");
    let stranger = said(&trial.kubectl("viewer", "--token=wrong get ns"));
    assert!(stranger.contains("You must be logged in to the server"), "{stranger}");
    let as_other = said(&trial.kubectl("cluster-admin", &format!("--as=nobody get pods -n {NAMESPACE}")));
    assert!(
        as_other.contains("User \"nobody\" cannot list resource \"pods\""),
        "{as_other}"
    );
    let writes = trial.log.entries().iter().filter(|entry| entry.write).count();
    assert_eq!(writes, 1, "only the refused patch asked for a change");
}

#[test]
fn the_issuer_is_in_the_discovery_document_and_in_tokens() {
    let trial = Trial::start(prompt());
    let document: Value = serde_json::from_str(&trial.run("get --raw /.well-known/openid-configuration")).unwrap();
    assert_eq!(document["issuer"], ISSUER);
    let refused = said(&trial.kubectl("viewer", "get --raw /.well-known/openid-configuration"));
    assert!(refused.contains("cannot get path"), "{refused}");
    let token = trial.run("create token default -n default --audience=api://AzureADTokenExchange");
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!(ISSUER), &json!(["api://AzureADTokenExchange"]))
    );
    assert_eq!(claims["sub"], "system:serviceaccount:default:default");
}

#[test]
fn scaling_watching_and_following_go_through() {
    let trial = Trial::with_extension(prompt());
    trial.run(&format!("scale deployment -n {NAMESPACE} {AGENT} --replicas=2"));
    trial.wait_for_roll_out();
    assert_eq!(trial.agents().len(), 2);
    let admin = |line: String| said(&trial.kubectl("cluster-admin", &line));
    let events = admin(format!("get pods -n {NAMESPACE} --watch --request-timeout=2s"));
    assert!(events.contains("Running"), "{events}");
    let name = trial.agents()[0]["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let lines = admin(format!("logs -n {NAMESPACE} {name} -c velero -f --request-timeout=2s"));
    assert!(
        lines.matches("Validating BackupStorageLocation").count() >= 2,
        "it went on following: {lines}"
    );
    let unclear = admin(format!("logs -n {NAMESPACE} {name} -c none"));
    assert!(unclear.contains("container none is not valid for pod"), "{unclear}");
}

#[test]
fn an_apply_from_the_server_side_meets_helms_fields() {
    let trial = Trial::with_extension(prompt());
    let file = trial.kubeconfig().with_file_name("account.json");
    let write = |chart: &str| {
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {
                "name": AGENT_ACCOUNT, "namespace": NAMESPACE, "labels": { "helm.sh/chart": chart },
                "annotations": { "azure.workload.identity/client-id": CLIENT_ID },
            },
        });
        std::fs::write(&file, account.to_string()).unwrap();
    };
    let apply = format!("apply --server-side --field-manager=ours -f {}", file.display());
    write("other");
    let refused = said(&trial.kubectl("cluster-admin", &apply));
    assert!(
        refused.contains("conflict with \"helm\" using v1: .metadata.labels.helm.sh/chart"),
        "{refused}"
    );
    write(&format!(
        "dataprotection-microsoft-kubernetes-{}",
        Settings::default().chart_version
    ));
    trial.run(&apply);
    let annotation = || {
        let account = trial
            .cluster
            .object("ServiceAccount", NAMESPACE, AGENT_ACCOUNT)
            .unwrap();
        account["metadata"]["annotations"]["azure.workload.identity/client-id"].clone()
    };
    trial.cluster.helm_upgrade("0.0.3200");
    assert_eq!(annotation(), CLIENT_ID, "an upgrade leaves foreign keys alone");
    trial.cluster.recreate_service_account(AGENT_ACCOUNT);
    assert_eq!(annotation(), Value::Null);
}
