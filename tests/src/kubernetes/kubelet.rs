//! The scheduler and the kubelet: what becomes of a pod after it has been created.

use std::sync::Arc;
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
use crate::planes::Clock;

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
    pub(crate) fn end_pod(&self, namespace: &str, name: &str, grace: Option<u64>) -> Result<Arc<Value>, Refusal> {
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
        self.state().faults.get(deployment_of(pod)).copied()
    }
}

/// Name of the deployment that a pod belongs to, from the name of its replica set; empty where there is none.
pub(crate) fn deployment_of(pod: &Value) -> &str {
    let set = owner(pod)["name"].as_str().unwrap_or_default();
    set.rsplit_once('-').map(|(name, _)| name).unwrap_or_default()
}

/// Does what is due for every pod.
pub(crate) fn step(cluster: &Kubernetes, memory: &mut Memory) {
    let (pods, _) = cluster.store.list("pods", None);
    memory.pods.retain(|known, _| pods.iter().any(|pod| uid(pod) == *known));
    for pod in &pods {
        let mut known = memory.pods.remove(&uid(pod)).unwrap_or_default();
        if end(cluster, pod, &mut known) {
            continue;
        }
        advance(cluster, pod, &mut known);
        known.wakes().for_each(|at| memory.wake_at(at));
        memory.pods.insert(uid(pod), known);
    }
}

/// Takes a pod away whose time is over.
fn end(cluster: &Kubernetes, pod: &Value, known: &mut Known) -> bool {
    if pod["metadata"]["deletionTimestamp"].is_null() {
        return false;
    }
    if !known.ended(cluster.clock, cluster.settings.pod_stop) {
        return false;
    }
    let (namespace, name) = place(pod);
    cluster.store.remove("pods", namespace, name);
    cluster.logs.forget(&uid(pod));
    true
}

fn advance(cluster: &Kubernetes, pod: &Value, known: &mut Known) {
    let fault = cluster.fault_of(pod);
    if known.advance(fault, cluster.clock, cluster.settings.pod_start) {
        write(cluster, pod, known);
    }
}

impl Default for Known {
    /// A pod that nobody has looked at yet.
    fn default() -> Self {
        Self {
            stage: Stage::New,
            until: None,
            restarts: 0,
            ending: None,
        }
    }
}

impl Known {
    /// Moves a pod on that suffers from `fault`: says whether there is something new to write down. A healthy pod takes
    /// `pod_start` seconds of the model to become ready.
    pub(crate) fn advance(&mut self, fault: Option<Fault>, clock: Clock, pod_start: f64) -> bool {
        if self.ending.is_some() || self.stage == Stage::Running {
            return false;
        }
        let over = self.until.is_some_and(|until| Instant::now() >= until);
        let start = || Some(Instant::now() + clock.real(pod_start));
        let (stage, until) = match (self.stage, fault) {
            (Stage::New | Stage::Unschedulable, Some(Fault::Unschedulable)) => (Stage::Unschedulable, None),
            (Stage::New | Stage::Unschedulable, _) => (Stage::Starting, start()),
            (Stage::Starting | Stage::PullFails, Some(Fault::ImagePullBackOff)) => (Stage::PullFails, None),
            (Stage::PullFails, _) => (Stage::Starting, start()),
            (Stage::Starting, Some(Fault::CrashLoopBackOff)) if over => (Stage::Crashing, None),
            (Stage::Crashing, Some(Fault::CrashLoopBackOff)) if !over => return false,
            (Stage::Crashing, Some(Fault::CrashLoopBackOff)) => (Stage::Crashing, None),
            (Stage::Crashing, _) => (Stage::Starting, start()),
            (Stage::Starting, _) if over => (Stage::Running, None),
            _ => return false,
        };
        if stage == self.stage && stage != Stage::Crashing {
            return false;
        }
        self.until = until;
        if stage == Stage::Crashing {
            // Ten seconds, doubled with every restart, five minutes at most: the kubelet's own back-off.
            let pause = f64::from(10 * (1_u32 << self.restarts.min(5))).min(300.0);
            self.until = Some(Instant::now() + clock.real(pause));
            self.restarts += 1;
        }
        self.stage = stage;
        true
    }

    /// Whether a pod that is being deleted has ended by now; it takes `pod_stop` seconds of the model.
    pub(crate) fn ended(&mut self, clock: Clock, pod_stop: f64) -> bool {
        let at = *self.ending.get_or_insert_with(|| Instant::now() + clock.real(pod_stop));
        Instant::now() >= at
    }

    /// When there is something to do again without an order.
    pub(crate) fn wakes(&self) -> impl Iterator<Item = Instant> {
        [self.until, self.ending].into_iter().flatten()
    }
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
    for (component, reason, message) in told(&cluster.settings.node_name, &pod, known.stage) {
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
