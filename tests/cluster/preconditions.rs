//! `verify --pre`: what would stand in the extension's way, before it is installed.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::json;

use crate::looks::{NAMESPACE, ON, check};

fn verify(stage: &Stage, persona: &str) -> Run {
    stage.kubectl(persona, &["verify", "--pre", "-o", "json"])
}

fn verdicts(run: &Run) -> Vec<String> {
    let document = run.json();
    let checks = document["checks"].as_array().unwrap().iter();
    checks
        .map(|check| {
            format!(
                "{} {}",
                check["check"].as_str().unwrap(),
                check["verdict"].as_str().unwrap()
            )
        })
        .collect()
}

fn apply(stage: &Stage, object: &serde_json::Value) {
    let path = stage.folder().join("object.json");
    std::fs::write(&path, object.to_string()).unwrap();
    let path = path.display().to_string();
    stage.as_kubectl("cluster-admin", &["create", "-f", &path]).ok();
}

fn obstacles(backend: Backend) {
    let stage = Stage::on(backend, ON).unwrap();
    let node = stage.sandbox.cluster().objects("Node").remove(0);
    let node = node["metadata"]["name"].as_str().unwrap();
    let taint = |taints: &str| {
        let patch = format!(r#"{{"spec":{{"taints":{taints}}}}}"#);
        let arguments = ["patch", "node", node, "--type=merge", "-p", &patch];
        stage.as_kubectl("cluster-admin", &arguments).ok();
    };
    // The API server taints a new node as not ready; the bed has no controller that takes this away.
    taint("null");
    let good = verify(&stage, "cluster-admin").ok();
    let all = [
        "cluster ok",
        "other velero ok",
        "nodes ok",
        "namespace ok",
        "quota ok",
        "webhook ok",
    ];
    assert_eq!(verdicts(&good), all, "{good}");
    // Whoever may see nothing at all has not verified anything; whoever sees a part is told which.
    verify(&stage, "nobody").ends(Exit::NotPermitted.code());
    // On the real one a namespace that is not there yet has no role binding either.
    if backend == Backend::Small {
        stage
            .kubectl("namespace-admin", &["verify", "--pre"])
            .ok()
            .says("no findings (");
    }

    stage
        .as_kubectl("cluster-admin", &["create", "namespace", "velero"])
        .ok();
    let container = json!({ "name": "server", "image": "docker.io/velero/velero:v1.17.0" });
    let labels = json!({ "app": "velero" });
    apply(
        &stage,
        &json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "velero", "namespace": "velero" },
            "spec": {
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": { "containers": [container] } },
            },
        }),
    );
    taint(r#"[{"key":"dedicated","effect":"NoSchedule"}]"#);
    let writes = stage.changes().len();
    let bad = verify(&stage, "cluster-admin").ends(Exit::Pending.code());
    let says = |name: &str| check(&bad.json(), name)["says"].as_str().unwrap().to_owned();
    assert!(says("other velero").contains("velero/velero"), "{bad}");
    assert!(says("nodes").contains("has taint dedicated:NoSchedule"), "{bad}");
    let wrong = verdicts(&bad).into_iter().filter(|line| line.ends_with(" error"));
    assert_eq!(wrong.count(), 2, "{bad}");
    assert_eq!(bad.json()["exit"], "pending");
    assert_eq!(stage.changes().len(), writes, "it reads alone");
}

on_both! {
    obstacles: obstacles_on_the_small_cluster, obstacles_on_a_real_control_plane;
}

#[test]
fn a_namespace_that_is_on_its_way_out_is_found() {
    let stage = Stage::on(Backend::Real, ON).unwrap();
    let metadata = json!({ "name": NAMESPACE });
    apply(
        &stage,
        &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }),
    );
    let metadata = json!({ "name": "held", "namespace": NAMESPACE, "finalizers": ["example.com/held"] });
    apply(
        &stage,
        &json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata }),
    );
    stage
        .as_kubectl("cluster-admin", &["delete", "namespace", NAMESPACE, "--wait=false"])
        .ok();
    stage
        .kubectl("cluster-admin", &["verify", "--pre"])
        .ends(Exit::Pending.code())
        .says("is being deleted")
        .says(&format!("kubectl get namespace {NAMESPACE} -o yaml"));
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    let arguments = [
        "patch",
        "configmap",
        "held",
        "-n",
        NAMESPACE,
        "--type=merge",
        "-p",
        patch,
    ];
    stage.as_kubectl("cluster-admin", &arguments).ok();
}

#[test]
fn kubectl_makes_service_accounts_on_the_small_cluster() {
    let stage = Stage::on(Backend::Small, &[]).unwrap();
    stage
        .as_kubectl("cluster-admin", &["create", "serviceaccount", "mine", "-n", "default"])
        .ok();
    let made = stage.sandbox.cluster().object("ServiceAccount", "default", "mine");
    assert!(made.is_some(), "in the binary form that kubectl sends");
}
