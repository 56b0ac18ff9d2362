//! The scheduler and the kubelet: what becomes of a pod after it has been created.

use std::time::Instant;

use serde_json::{Value, json};

use super::cluster::{Fault, Kubernetes};
use super::controllers::{Memory, owner, place, uid};
use super::events;
use super::pod_status::{status, told};
use super::resources;
use super::settings::Settings;
use super::status::Refusal;
use super::store::{self, Options};

/// What the kubelet knows of a pod.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) stage: Stage,
    /// When the stage ends by itself.
    until: Option<Instant>,
    pub(crate) restarts: u32,
    ending: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    New,
    Unschedulable,
    Starting,
    PullFails,
    Crashing,
    Running,
}

/// The only node.
pub(crate) fn node(settings: &Settings) -> Value {
    let room = json!({ "cpu": "4", "memory": "16393216Ki", "pods": "110", "ephemeral-storage": "129886128Ki" });
    json!({
        "metadata": { "name": settings.node_name, "labels": {
            "kubernetes.azure.com/agentpool": "nodepool1", "kubernetes.azure.com/mode": "system",
            "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": settings.node_name,
            "node.kubernetes.io/instance-type": "Standard_D4s_v5", "topology.kubernetes.io/region": "westeurope",
        } },
        "spec": { "providerID": settings.node_provider_id },
        "status": {
            "capacity": room, "allocatable": room,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
            }],
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": settings.version,
                "containerRuntimeVersion": "containerd://1.7.28-1", "osImage": "Ubuntu 22.04.5 LTS",
            },
        },
    })
}

impl Kubernetes {
    /// Begins to end a pod; it is gone some seconds of the model later.
    ///
    /// # Errors
    /// 404 where there is no such pod.
    pub(crate) fn end_pod(&self, namespace: &str, name: &str, grace: Option<u64>) -> Result<Value, Refusal> {
        let Some(resource) = resources::named("pods") else {
            return Err(Refusal::no_such_path());
        };
        self.store.modify(
            resource,
            namespace,
            name,
            &Options::by("kube-apiserver", None),
            |live| {
                let mut live = live.clone();
                if live["metadata"]["deletionTimestamp"].is_null() {
                    let grace = grace
                        .or_else(|| live["spec"]["terminationGracePeriodSeconds"].as_u64())
                        .unwrap_or(30);
                    live["metadata"]["deletionTimestamp"] = json!(store::now());
                    live["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
                }
                Ok(live)
            },
        )
    }

    fn fault_of(&self, pod: &Value) -> Option<Fault> {
        let set = owner(pod)["name"].as_str().unwrap_or_default();
        let deployment = set.rsplit_once('-').map(|(name, _)| name).unwrap_or_default();
        self.state().faults.get(deployment).copied()
    }
}

/// Does what is due for every pod.
pub(crate) fn step(cluster: &Kubernetes, memory: &mut Memory) {
    let (pods, _) = cluster.store.list("pods", None);
    memory.pods.retain(|known, _| pods.iter().any(|pod| uid(pod) == *known));
    for pod in &pods {
        let fresh = Known {
            stage: Stage::New,
            until: None,
            restarts: 0,
            ending: None,
        };
        let mut known = memory.pods.remove(&uid(pod)).unwrap_or(fresh);
        if end(cluster, pod, &mut known) {
            continue;
        }
        advance(cluster, pod, &mut known);
        for at in [known.until, known.ending].into_iter().flatten() {
            memory.wake_at(at);
        }
        memory.pods.insert(uid(pod), known);
    }
}

/// Takes a pod away whose time is over.
fn end(cluster: &Kubernetes, pod: &Value, known: &mut Known) -> bool {
    if pod["metadata"]["deletionTimestamp"].is_null() {
        return false;
    }
    let at = *known
        .ending
        .get_or_insert_with(|| Instant::now() + cluster.clock.real(cluster.settings.pod_stop));
    if Instant::now() < at {
        return false;
    }
    let (namespace, name) = place(pod);
    cluster.store.remove("pods", namespace, name);
    cluster.logs.forget(&uid(pod));
    true
}

fn advance(cluster: &Kubernetes, pod: &Value, known: &mut Known) {
    if known.ending.is_some() || known.stage == Stage::Running {
        return;
    }
    let fault = cluster.fault_of(pod);
    let over = known.until.is_some_and(|until| Instant::now() >= until);
    let start = || Some(Instant::now() + cluster.clock.real(cluster.settings.pod_start));
    let (stage, until) = match (known.stage, fault) {
        (Stage::New | Stage::Unschedulable, Some(Fault::Unschedulable)) => (Stage::Unschedulable, None),
        (Stage::New | Stage::Unschedulable, _) => (Stage::Starting, start()),
        (Stage::Starting | Stage::PullFails, Some(Fault::ImagePullBackOff)) => (Stage::PullFails, None),
        (Stage::PullFails, _) => (Stage::Starting, start()),
        (Stage::Starting, Some(Fault::CrashLoopBackOff)) if over => (Stage::Crashing, None),
        (Stage::Crashing, Some(Fault::CrashLoopBackOff)) if !over => return,
        (Stage::Crashing, Some(Fault::CrashLoopBackOff)) => (Stage::Crashing, None),
        (Stage::Crashing, _) => (Stage::Starting, start()),
        (Stage::Starting, _) if over => (Stage::Running, None),
        _ => return,
    };
    if stage == known.stage && stage != Stage::Crashing {
        return;
    }
    known.until = until;
    if stage == Stage::Crashing {
        // Ten seconds, doubled with every restart, five minutes at most: the kubelet's own back-off.
        let pause = f64::from(10 * (1_u32 << known.restarts.min(5))).min(300.0);
        known.until = Some(Instant::now() + cluster.clock.real(pause));
        known.restarts += 1;
    }
    known.stage = stage;
    write(cluster, pod, known);
}

fn write(cluster: &Kubernetes, pod: &Value, known: &Known) {
    let (namespace, name) = place(pod);
    let Some(resource) = resources::named("pods") else {
        return;
    };
    let options = Options::by("kubelet", Some("status"));
    let changed = cluster.store.modify(resource, namespace, name, &options, |live| {
        let mut live = live.clone();
        if known.stage != Stage::Unschedulable {
            live["spec"]["nodeName"] = json!(cluster.settings.node_name);
        }
        live["status"] = status(&live, known);
        Ok(live)
    });
    let Ok(pod) = changed else { return };
    match known.stage {
        Stage::Crashing => {
            let container = pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default();
            cluster.logs.push(
                &uid(&pod),
                container,
                "panic: the sandbox was told to crash this container".to_owned(),
            );
        }
        Stage::Running => started(cluster, &pod),
        _ => {}
    }
    for (component, reason, message) in told(cluster, &pod, known.stage) {
        events::record(cluster, &pod, component, reason, &message);
    }
}

fn started(cluster: &Kubernetes, pod: &Value) {
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        let name = container["name"].as_str().unwrap_or_default();
        if name != "velero" {
            cluster
                .logs
                .push(&uid(pod), name, format!("{} info starting {name}", store::now()));
        }
    }
}
