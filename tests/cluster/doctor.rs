//! `doctor` on the cluster: each state of the catalogue, made by hand on the small cluster, is the first that it names.

use aksbackup_shared::diagnosis::catalogue::Catalogue;
use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::kubernetes::{Fault, Kubernetes};
use aksbackup_tests::remedies::{carry_out, printed, promises};
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, ON, location, own, pods, rolled_out, until};

pub(crate) const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
pub(crate) const AGENT_ACCOUNT: &str = "dataprotection-microsoft-kubernetes-agent-server";
pub(crate) const GENEVA: &str = "dataprotection-microsoft-geneva-service";
const GENEVA_ACCOUNT: &str = "dataprotection-microsoft-geneva-sa";
const CLIENT: &str = "azure.workload.identity/client-id";
const USE: &str = "azure.workload.identity/use";
const SYSTEM: &str = "kube-system";
const MUTATING: &str = "MutatingWebhookConfiguration";
const CONFIGURATION: &str = "azure-wi-webhook-mutating-webhook-configuration";
const SOMEBODY: &str = "00000000-0000-4000-8000-00000000000f";

/// The cloud's side is done, and nobody has configured the cluster.
pub(crate) fn granted() -> Stage {
    let stage = Stage::with(ON).unwrap();
    stage.granted();
    rolled_out(&stage);
    until("the role has its effect", || {
        (location(&stage)["status"]["phase"] == "Available").then_some(())
    });
    stage
}

/// The whole hand-off, as far as the cluster sees it.
pub(crate) fn configured() -> Stage {
    let stage = granted();
    stage.configure("cluster-admin", &[]).ok();
    stage
}

pub(crate) fn small(stage: &Stage) -> &Kubernetes {
    stage.sandbox.kubernetes()
}

/// kubectl as the cluster admin, in the extension's namespace.
pub(crate) fn hand(stage: &Stage, arguments: &[&str]) {
    let all = [arguments, &["-n", NAMESPACE]].concat();
    stage.as_kubectl("cluster-admin", &all).ok();
}

pub(crate) fn patch(stage: &Stage, kind: &str, name: &str, patch: &Value) {
    hand(
        stage,
        &["patch", kind, name, "--type", "merge", "-p", &patch.to_string()],
    );
}

pub(crate) fn template(stage: &Stage, deployment: &str, metadata: &Value) {
    patch(
        stage,
        "deployment",
        deployment,
        &json!({ "spec": { "template": { "metadata": metadata } } }),
    );
    rolled_out(stage);
}

/// Rolls the agent out, without waiting for it.
pub(crate) fn restart(stage: &Stage) {
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

pub(crate) fn alter_agent(stage: &Stage, change: impl FnOnce(&mut Value)) {
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

pub(crate) fn doctor(stage: &Stage, persona: &str) -> Run {
    stage.kubectl(persona, &["doctor", "-o", "json"])
}

/// The ids of what `doctor` finds, in its order.
pub(crate) fn found(run: &Run) -> Vec<String> {
    let document = run.json();
    let all = document["findings"].as_array().unwrap().iter();
    all.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

/// `doctor` names `id` first, as soon as the cluster has become so.
pub(crate) fn names_first(stage: &Stage, id: &str) -> Run {
    let run = until(&format!("{id} is named first"), || {
        let run = doctor(stage, "cluster-admin");
        let first = found(&run).first().is_some_and(|first| first == id);
        if !first && std::env::var_os("AKSBACKUP_SHOW").is_some() {
            eprintln!("{id}: {:?}", found(&run));
        }
        first.then_some(run)
    });
    run.ends(Exit::Pending.code())
}

/// Runs what `doctor` prints first, and checks until the failure `id` is gone.
pub(crate) fn fixed(stage: &Stage, id: &str, run: &Run) {
    let row = Catalogue::get().row(id).unwrap();
    let promised = promises(&json!({ "remedy": row.remedy, "fix": row.fix }));
    let finding = &run.json()["findings"][0];
    if include_str!("../doctor/untried.toml").contains(&format!("\"{id}\"")) {
        return;
    }
    match carry_out(stage, finding, promised) {
        Err(why) => panic!("{id}: its fix fails: {why}"),
        Ok(false) => return,
        Ok(true) => {}
    }
    until(&format!("{id} is gone after {:?}", printed(finding)), || {
        let after = doctor(stage, "cluster-admin");
        let document = after.json();
        let checks = document["checks"].as_array().into_iter().flatten();
        let proven = checks.filter(|check| check["failure"] == id).count();
        (proven == 0 && !found(&after).contains(&id.to_owned())).then_some(())
    });
}

/// One test for each row: the world is made by `make`, broken by `break`, `doctor` has to say what it is, and what it prints has
/// to fix it.
macro_rules! rows {
    ($($test:ident: $id:literal, $world:ident, $break:expr;)*) => { $(
        #[test]
        fn $test() {
            let stage = $world();
            let act: fn(&Stage) = $break;
            act(&stage);
            let run = names_first(&stage, $id);
            fixed(&stage, $id, &run);
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
    webhook_excludes: "WI-WEBHOOK-BYPASS", configured, |stage| {
        let excludes = json!({ "matchLabels": { "workload-identity": "yes" } });
        small(stage).alter(MUTATING, "", CONFIGURATION, |own| own["webhooks"][0]["namespaceSelector"] = excludes);
    };
    webhook_gone: "CLU-WI-OFF", configured, |stage| {
        assert!(stage.sandbox.azure().change(&ids::cluster_id(), "/properties/securityProfile", json!({})));
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
            "claimRef": { "name": "c", "namespace": "default" }, "csi": { "driver": "blob.csi.azure.com", "volumeHandle": "h" },
        });
        small(stage).place(json!({ "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": "files" }, "spec": spec }));
    };
    volumes_filtered: "JOB-VOLUMES-FILTERED", configured, |stage| {
        let spec = json!({
            "claimRef": { "name": "c", "namespace": "default" }, "storageClassName": "azurefile-csi",
            "csi": { "driver": "file.csi.azure.com", "volumeHandle": "h" }, "capacity": { "storage": "5Gi" },
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
