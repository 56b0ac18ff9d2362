//! `doctor` on the cluster: each state of the catalogue, made by hand on the small cluster, is the first that it names; worlds
//! that are in order have no finding.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, finish};
use aksbackup_tests::kubernetes::{Fault, Kubernetes, Persona, Rule};
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, ON, location, own, pods, rolled_out, until};

const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
const AGENT_ACCOUNT: &str = "dataprotection-microsoft-kubernetes-agent-server";
const GENEVA: &str = "dataprotection-microsoft-geneva-service";
const GENEVA_ACCOUNT: &str = "dataprotection-microsoft-geneva-sa";
const CLIENT: &str = "azure.workload.identity/client-id";
const USE: &str = "azure.workload.identity/use";
const SYSTEM: &str = "kube-system";
const MUTATING: &str = "MutatingWebhookConfiguration";
const CONFIGURATION: &str = "azure-wi-webhook-mutating-webhook-configuration";
const SOMEBODY: &str = "00000000-0000-4000-8000-00000000000f";

/// The cloud's side is done, and nobody has configured the cluster.
fn granted() -> Stage {
    let stage = Stage::with(ON).unwrap();
    stage.granted();
    rolled_out(&stage);
    until("the role has its effect", || {
        (location(&stage)["status"]["phase"] == "Available").then_some(())
    });
    stage
}

/// The whole hand-off, as far as the cluster sees it.
fn configured() -> Stage {
    let stage = granted();
    stage.kubectl("cluster-admin", &["configure", "--yes"]).ok();
    stage
}

fn small(stage: &Stage) -> &Kubernetes {
    stage.sandbox.kubernetes()
}

/// kubectl as the cluster admin, in the extension's namespace.
fn hand(stage: &Stage, arguments: &[&str]) {
    let all = [arguments, &["-n", NAMESPACE]].concat();
    stage.as_kubectl("cluster-admin", &all).ok();
}

fn patch(stage: &Stage, kind: &str, name: &str, patch: &Value) {
    hand(
        stage,
        &["patch", kind, name, "--type", "merge", "-p", &patch.to_string()],
    );
}

fn template(stage: &Stage, deployment: &str, metadata: &Value) {
    patch(
        stage,
        "deployment",
        deployment,
        &json!({ "spec": { "template": { "metadata": metadata } } }),
    );
    rolled_out(stage);
}

/// Rolls the agent out, without waiting for it.
fn restart(stage: &Stage) {
    let metadata = json!({ "annotations": { "restarted": "now" } });
    patch(
        stage,
        "deployment",
        AGENT,
        &json!({ "spec": { "template": { "metadata": metadata } } }),
    );
}

/// The pod that Velero runs in.
fn agent(stage: &Stage) -> Value {
    let mut all = pods(stage);
    all.retain(|pod| pod["metadata"]["labels"]["name"] == "velero");
    all.remove(0)
}

fn alter_agent(stage: &Stage, change: impl FnOnce(&mut Value)) {
    let name = agent(stage)["metadata"]["name"].as_str().unwrap().to_owned();
    small(stage).alter("Pod", NAMESPACE, &name, change);
}

/// Takes a variable out of every container of a pod.
fn without(pod: &mut Value, variable: &str) {
    for container in pod["spec"]["containers"].as_array_mut().unwrap() {
        container["env"]
            .as_array_mut()
            .unwrap()
            .retain(|own| own["name"] != variable);
    }
}

fn doctor(stage: &Stage, persona: &str) -> Run {
    stage.kubectl(persona, &["doctor", "-o", "json"])
}

/// The ids of what `doctor` finds, in its order.
fn found(run: &Run) -> Vec<String> {
    let document = run.json();
    let all = document["findings"].as_array().unwrap().iter();
    all.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

/// `doctor` names `id` first, as soon as the cluster has become so.
fn names_first(stage: &Stage, id: &str) {
    let run = until(&format!("{id} is named first"), || {
        let run = doctor(stage, "cluster-admin");
        let first = found(&run).first().is_some_and(|first| first == id);
        if !first && std::env::var_os("AKSBACKUP_SHOW").is_some() {
            eprintln!("{id}: {:?}", found(&run));
        }
        first.then_some(run)
    });
    run.ends(Exit::Pending.code());
}

/// One test for each row: the world is made by `make`, broken by `break`, and `doctor` has to say what it is.
macro_rules! rows {
    ($($test:ident: $id:literal, $world:ident, $break:expr;)*) => { $(
        #[test]
        fn $test() {
            let stage = $world();
            let act: fn(&Stage) = $break;
            act(&stage);
            names_first(&stage, $id);
        }
    )* };
}

rows! {
    label_missing: "WI-LABEL-MISSING", granted, |_| {};
    label_value: "WI-LABEL-VALUE", configured, |stage| template(stage, AGENT, &json!({ "labels": { USE: "True" } }));
    label_dropped: "EXT-DRIFT", configured, |stage| small(stage).helm_upgrade_drops_label(AGENT);
    annotation_lost: "EXT-DRIFT", configured, |stage| small(stage).recreate_service_account(GENEVA_ACCOUNT);
    not_injected: "WI-NOT-INJECTED", configured, |stage| alter_agent(stage, |pod| without(pod, "AZURE_FEDERATED_TOKEN_FILE"));
    no_client: "WI-SA-NO-CLIENT", granted, |stage| {
        for deployment in own(stage, "Deployment") {
            template(stage, deployment["metadata"]["name"].as_str().unwrap(), &json!({ "labels": { USE: "true" } }));
        }
    };
    wrong_client: "WI-SA-WRONG-CLIENT", configured, |stage| {
        hand(stage, &["annotate", "--overwrite", "serviceaccount", GENEVA_ACCOUNT, &format!("{CLIENT}={SOMEBODY}")]);
    };
    stale_client: "WI-SA-STALE-CLIENT", configured, |stage| {
        let text = stage.state_text().replace(&stage.value("/cloud/identity/client_id"), SOMEBODY);
        std::fs::write(stage.state(), text).unwrap();
    };
    typo: "WI-SA-TYPO", configured, |stage| {
        let typo = format!("azure.workload.identity/clientid={SOMEBODY}");
        hand(stage, &["annotate", "serviceaccount", GENEVA_ACCOUNT, &format!("{CLIENT}-"), &typo]);
    };
    other_account: "WI-SA-OTHER", configured, |stage| {
        let client = stage.value("/cloud/identity/client_id");
        hand(stage, &["create", "serviceaccount", "renamed"]);
        hand(stage, &["annotate", "serviceaccount", "renamed", &format!("{CLIENT}={client}")]);
        let spec = json!({ "spec": { "template": { "spec": { "serviceAccountName": "renamed" } } } });
        patch(stage, "deployment", GENEVA, &spec);
        rolled_out(stage);
    };
    account_absent: "WI-SA-ABSENT", configured, |stage| hand(stage, &["delete", "serviceaccount", GENEVA_ACCOUNT]);
    tenant: "WI-TENANT", configured, |stage| alter_agent(stage, |pod| {
        for container in pod["spec"]["containers"].as_array_mut().unwrap() {
            let env = container["env"].as_array_mut().unwrap();
            env.iter_mut().filter(|own| own["name"] == "AZURE_TENANT_ID").for_each(|own| own["value"] = json!(SOMEBODY));
        }
    });
    preset: "WI-ENV-PRESET", configured, |stage| {
        let value = format!("AZURE_CLIENT_ID={SOMEBODY}");
        hand(stage, &["set", "env", &format!("deployment/{GENEVA}"), &value]);
        rolled_out(stage);
    };
    pod_stale: "WI-POD-STALE", configured, |stage| alter_agent(stage, |pod| without(pod, "AZURE_CLIENT_ID"));
    webhook_down: "WI-WEBHOOK-DOWN", configured, |stage| small(stage).set_webhook_down(true);
    webhook_twice: "WI-WEBHOOK-DUP", configured, |stage| {
        let mut second = small(stage).object(MUTATING, "", CONFIGURATION).unwrap();
        second["metadata"] = json!({ "name": "by-hand" });
        small(stage).place(second);
    };
    webhook_distrusted: "WI-WEBHOOK-CERT", configured, |stage| {
        small(stage).alter(MUTATING, "", CONFIGURATION, |own| own["webhooks"][0]["clientConfig"]["caBundle"] = json!(""));
    };
    webhook_gone: "CLU-WI-OFF", configured, |stage| {
        stage.as_kubectl("cluster-admin", &["delete", "mutatingwebhookconfiguration", CONFIGURATION]).ok();
    };
    skipped: "WI-SKIP", configured, |stage| {
        let skips = json!({ "annotations": { "azure.workload.identity/skip-containers": "velero" } });
        template(stage, AGENT, &skips);
    };
    virtual_node: "WI-VIRTUAL-NODE", configured, |stage| {
        let labels = json!({ "type": "virtual-kubelet", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" });
        small(stage).place(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "virtual", "labels": labels } }));
        alter_agent(stage, |pod| pod["spec"]["nodeName"] = json!("virtual"));
    };
    issuer_changed: "CLU-OIDC-JUST-ENABLED", configured, |stage| alter_agent(stage, |pod| {
        pod["metadata"]["annotations"]["aksbackup.io/workload-identity"] = json!("0000000000000000");
    });
    other_velero: "CLU-OTHER-VELERO", configured, |stage| {
        let labels = json!({ "app": "velero" });
        let pod = json!({ "containers": [{ "name": "server", "image": "docker.io/velero/velero:v1.17.0" }] });
        small(stage).place(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "velero", "namespace": "default" },
            "spec": { "replicas": 0, "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": pod } },
        }));
    };
    nodes_unsuitable: "CLU-NODES-UNSUITABLE", configured, |stage| {
        let node = small(stage).objects("Node")[0]["metadata"]["name"].as_str().unwrap().to_owned();
        small(stage).alter("Node", "", &node, |own| own["metadata"]["labels"]["kubernetes.io/arch"] = json!("arm64"));
    };
    agent_down: "EXT-AGENT-DOWN", configured, |stage| {
        small(stage).set_fault("extension-agent", Some(Fault::CrashLoopBackOff));
        let labels = json!({ "app": "extension-agent" });
        let pod = json!({ "containers": [{ "name": "agent", "image": "mcr.microsoft.com/agent:1" }] });
        small(stage).place(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "extension-agent", "namespace": SYSTEM },
            "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": pod } },
        }));
    };
    terminating: "EXT-NS-TERMINATING", configured, |stage| {
        small(stage).alter("Namespace", "", NAMESPACE, |own| own["status"]["phase"] = json!("Terminating"));
    };
    read_only: "STO-READONLY", configured, |stage| {
        patch(stage, "backupstoragelocation", "default", &json!({ "spec": { "accessMode": "ReadOnly" } }));
    };
    wrong_target: "STO-WRONG-TARGET", configured, |stage| {
        patch(stage, "backupstoragelocation", "default", &json!({ "spec": { "objectStorage": { "bucket": "elsewhere" } } }));
    };
    use_aad: "EXT-USEAAD-BAD", configured, |stage| {
        patch(stage, "backupstoragelocation", "default", &json!({ "spec": { "config": { "useAAD": "yes" } } }));
    };
    location_absent: "BSL-ABSENT", configured, |stage| hand(stage, &["delete", "backupstoragelocation", "default"]);
    kind_absent: "BSL-CRD-ABSENT", configured, |stage| {
        stage.as_kubectl("cluster-admin", &["delete", "crd", "backupstoragelocations.velero.io"]).ok();
    };
    no_phase: "BSL-NO-PHASE", configured, |stage| {
        small(stage).set_velero_hangs(true);
        small(stage).alter("BackupStorageLocation", NAMESPACE, "default", |own| own["status"] = json!({}));
    };
    stale: "BSL-STALE", configured, |stage| {
        small(stage).set_velero_hangs(true);
        small(stage).alter("BackupStorageLocation", NAMESPACE, "default", |own| {
            own["status"]["lastValidationTime"] = json!("2020-01-01T00:00:00Z");
        });
    };
    no_default: "BSL-NO-DEFAULT", configured, |stage| {
        patch(stage, "backupstoragelocation", "default", &json!({ "spec": { "default": false } }));
    };
    slash: "BSL-SPEC", configured, |stage| {
        patch(stage, "backupstoragelocation", "default", &json!({ "spec": { "objectStorage": { "bucket": "a/b" } } }));
    };
    secret: "BSL-SECRET-WINS", configured, |stage| {
        let credential = json!({ "name": "cloud-credentials", "key": "cloud" });
        patch(stage, "backupstoragelocation", "default", &json!({ "spec": { "credential": credential } }));
    };
    pending: "K8S-PENDING", configured, |stage| {
        small(stage).set_fault(AGENT, Some(Fault::Unschedulable));
        restart(stage);
    };
    image: "K8S-IMAGEPULL", configured, |stage| {
        small(stage).set_fault(AGENT, Some(Fault::ImagePullBackOff));
        restart(stage);
    };
    crash: "K8S-CRASHLOOP", configured, |stage| {
        small(stage).set_fault(AGENT, Some(Fault::CrashLoopBackOff));
        restart(stage);
    };
    out_of_memory: "JOB-OOM", configured, |stage| alter_agent(stage, |pod| {
        let ended = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } });
        let status = &mut pod["status"]["containerStatuses"][0];
        (status["lastState"], status["restartCount"]) = (ended, json!(2));
    });
    volumes_skipped: "JOB-VOLUMES-SKIPPED", configured, |stage| {
        let spec = json!({
            "claimRef": { "name": "c", "namespace": "default" }, "csi": { "driver": "file.csi.azure.com", "volumeHandle": "h" },
        });
        small(stage).place(json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": "files" }, "spec": spec }));
    };
    claim_lost: "JOB-PVC", configured, |stage| {
        small(stage).place(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "c", "namespace": "default" },
            "spec": {}, "status": { "phase": "Lost" },
        }));
    };
}

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
    let first = |run: Run| {
        let found = found(&run.ends(Exit::NotPermitted.code()));
        found.first().cloned().unwrap_or_default()
    };
    assert_eq!(
        first(with_kubeconfig(&stage, server("https://127.0.0.1:1"))),
        "K8S-TIMEOUT"
    );
    assert_eq!(
        first(with_kubeconfig(&stage, server("https://gone.invalid:443"))),
        "K8S-DNS"
    );
    let token = |config: &mut Value| config["users"][0]["user"]["token"] = json!("nobodys-token");
    assert_eq!(first(with_kubeconfig(&stage, token)), "K8S-UNAUTHORIZED");
    let plugin = |config: &mut Value| {
        let plugin = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "kubelogin", "interactiveMode": "Never",
        });
        config["users"][0]["user"] = json!({ "exec": plugin });
    };
    assert_eq!(first(with_kubeconfig(&stage, plugin)), "K8S-KUBELOGIN");
    assert_eq!(first(doctor(&stage, "nobody")), "K8S-FORBIDDEN");
}

#[test]
fn whoever_may_see_only_a_part_is_told_what_to_ask_for() {
    let stage = configured();
    let rules = vec![Rule::new(&["list"], &["", "apps"], &["pods", "deployments"]).within(NAMESPACE)];
    small(&stage).set_persona(Persona::new("nobody", rules));
    let run = stage.kubectl("nobody", &["verify"]).ok();
    run.says("list serviceaccounts in namespace")
        .says("list nodes")
        .says("as far as it may be seen");
}
