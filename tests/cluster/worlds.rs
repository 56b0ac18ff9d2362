//! `doctor` in worlds that are in order, that were mended, that are another cluster's, and that cannot be seen.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, finish};
use aksbackup_tests::kubernetes::{Fault, Persona, Rule};
use serde_json::{Value, json};

use crate::doctor::{
    AGENT, AGENT_ACCOUNT, GENEVA, alter_agent, configured, doctor, found, granted, hand, names_first, patch, restart,
    small, template,
};
use crate::looks::{NAMESPACE, ON, rolled_out, until};

/// One test for each way in which a world may look that is in order.
macro_rules! healthy {
    ($($test:ident: $change:expr;)*) => { $(
        #[test]
        fn $test() {
            let stage = configured();
            let act: fn(&Stage) -> &'static str = $change;
            let persona = act(&stage);
            let run = doctor(&stage, persona).ok();
            assert_eq!(found(&run), [""; 0], "{run}");
        }
    )* };
}

healthy! {
    healthy_hand_off: |_| "cluster-admin";
    healthy_for_somebody_of_the_namespace_alone: |_| "namespace-admin";
    healthy_without_a_state_file: |stage| {
        std::fs::rename(stage.state(), stage.folder().join("kept.toml")).unwrap();
        "viewer"
    };
    healthy_with_more_labels_and_annotations: |stage| {
        let keys = json!({ "labels": { "team": "backup", "azure.workload.identity/proxy-sidecar-port": "8000" } });
        template(stage, GENEVA, &keys);
        hand(stage, &["annotate", "serviceaccount", AGENT_ACCOUNT, "example.com/owner=backup"]);
        "cluster-admin"
    };
    healthy_with_a_validation_once_an_hour: |stage| {
        patch(stage, "backupstoragelocation", "default", &json!({ "spec": { "validationFrequency": "1h0m0s" } }));
        "cluster-admin"
    };
    healthy_with_the_older_path_of_the_token: |stage| {
        alter_agent(stage, |pod| {
            let text = pod.to_string().replace("/var/run/secrets/azure/wi/token", "/var/run/secrets/azure/tokens");
            *pod = serde_json::from_str(&text.replace("/var/run/secrets/azure/wi", "/var/run/secrets/azure/tokens")).unwrap();
        });
        "cluster-admin"
    };
    healthy_with_two_of_a_kind: |stage| {
        hand(stage, &["scale", "deployment", GENEVA, "--replicas", "2"]);
        until("two pods are up", || {
            let found = small(stage).object("Deployment", NAMESPACE, GENEVA).unwrap();
            (found["status"]["availableReplicas"] == 2).then_some(())
        });
        "cluster-admin"
    };
    healthy_with_a_deployment_of_somebody_else_in_the_namespace: |stage| {
        let labels = json!({ "app": "guest" });
        let pod = json!({ "containers": [{ "name": "guest", "image": "example.com/guest:1" }] });
        small(stage).place(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "guest", "namespace": NAMESPACE },
            "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": pod } },
        }));
        "cluster-admin"
    };
}

#[test]
fn what_was_mended_is_no_finding_though_logs_and_events_still_tell_of_it() {
    let stage = configured();
    small(&stage).set_fault(AGENT, Some(Fault::ImagePullBackOff));
    restart(&stage);
    names_first(&stage, "K8S-IMAGEPULL");
    small(&stage).set_fault(AGENT, None);
    rolled_out(&stage);
    until("no finding is left", || {
        found(&doctor(&stage, "cluster-admin")).is_empty().then_some(())
    });
}

#[test]
fn fixing_asks_and_then_configures() {
    let stage = granted();
    let writes = stage.changes().len();
    stage
        .kubectl("cluster-admin", &["doctor", "--fix"])
        .ends(Exit::Usage.code())
        .says("cannot prompt without a terminal");
    assert_eq!(stage.changes().len(), writes, "nobody said yes");
    // As for configure itself, a yes alone doesn't confirm the client ID of the file.
    stage
        .kubectl("cluster-admin", &["doctor", "--fix", "--yes"])
        .ends(Exit::Usage.code())
        .says("--expect-digest");
    assert_eq!(stage.changes().len(), writes, "nobody confirmed the client ID");
    let status = stage.kubectl("cluster-admin", &["status", "--offline", "-o", "json"]);
    let status = status.ok().json();
    let digest = status["digest"].as_str().unwrap();
    let fix = ["doctor", "--fix", "--yes", "--expect-digest", digest];
    stage.kubectl("cluster-admin", &fix).ok();
    assert_eq!(found(&doctor(&stage, "cluster-admin").ok()), [""; 0]);
}

#[test]
fn before_anything_is_there_the_place_is_named() {
    let stage = Stage::with(ON).unwrap();
    names_first(&stage, "K8S-NS-ABSENT");
    stage
        .as_kubectl("cluster-admin", &["create", "namespace", NAMESPACE])
        .ok();
    names_first(&stage, "EXT-MISSING");
    let off = Stage::new().unwrap();
    names_first(&off, "CLU-OIDC-OFF");
}

#[test]
fn another_cluster_is_the_only_finding_about_it() {
    let stage = configured();
    let run = stage.kubectl("other-cluster", &["doctor", "-o", "json"]);
    assert_eq!(found(&run), ["K8S-WRONG-CONTEXT"], "{run}");
    run.ends(Exit::Pending.code());
}

/// `doctor` with a kubeconfig of which one part is another.
fn with_kubeconfig(stage: &Stage, change: impl FnOnce(&mut Value)) -> Run {
    let text = std::fs::read_to_string(stage.folder().join("kubeconfig")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    change(&mut config);
    let path = stage.folder().join("changed");
    std::fs::write(&path, config.to_string()).unwrap();
    let mut command = stage.kubectl_command("cluster-admin", &["doctor", "-o", "json"]);
    command.env("KUBECONFIG", &path);
    finish(&mut command)
}

#[test]
fn what_is_wrong_on_the_way_to_the_api_server_is_named() {
    let stage = Stage::with(ON).unwrap();
    let server = |to: &'static str| move |config: &mut Value| config["clusters"][0]["cluster"]["server"] = json!(to);
    let first_of = |run: Run, exit: Exit| {
        let found = found(&run.ends(exit.code()));
        found.first().cloned().unwrap_or_default()
    };
    let first = |run: Run| first_of(run, Exit::NotPermitted);
    for (to, failure) in [
        ("https://127.0.0.1:1", "K8S-TIMEOUT"),
        ("https://gone.invalid:443", "K8S-DNS"),
    ] {
        let run = with_kubeconfig(&stage, server(to));
        assert_eq!(first_of(run, Exit::Failed), failure, "as verify ends");
    }
    let token = |config: &mut Value| config["users"][0]["user"]["token"] = json!("nobodys-token");
    assert_eq!(first(with_kubeconfig(&stage, token)), "K8S-UNAUTHORIZED");
    let plugin = |config: &mut Value| {
        let plugin = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "kubelogin", "interactiveMode": "Never",
        });
        config["users"][0]["user"] = json!({ "exec": plugin });
    };
    assert_eq!(first(with_kubeconfig(&stage, plugin)), "K8S-KUBELOGIN");
}

#[test]
fn whoever_may_see_only_a_part_is_told_what_to_ask_for() {
    let stage = configured();
    let blind = doctor(&stage, "nobody").ends(Exit::NotPermitted.code());
    assert_eq!(found(&blind), ["K8S-FORBIDDEN"], "{blind}");
    let rules = vec![Rule::new(&["list"], &["", "apps"], &["pods", "deployments"]).within(NAMESPACE)];
    small(&stage).set_persona(Persona::new("nobody", rules));
    let run = stage.kubectl("nobody", &["verify"]).ok();
    run.says("list serviceaccounts in namespace")
        .says("list nodes")
        .says("no findings (");
}
