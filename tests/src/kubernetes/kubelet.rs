//! The scheduler and the kubelet: what becomes of a pod after it has been created.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::{Fault, Kubernetes};
use super::controllers::{Memory, owner, place, uid};
use super::events;
use super::resources;
use super::settings::Settings;
use super::status::Refusal;
use super::store::{self, Options};

/// What the kubelet knows of a pod.
#[derive(Debug)]
pub(crate) struct Known {
    stage: Stage,
    /// When the stage ends by itself.
    until: Option<Instant>,
    restarts: u32,
    ending: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
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

/// The events that go with a stage: component, reason, message.
fn told(cluster: &Kubernetes, pod: &Value, stage: Stage) -> Vec<(&'static str, &'static str, String)> {
    let (namespace, name) = place(pod);
    let container = &pod["spec"]["containers"][0];
    let of = |key: &str| container[key].as_str().unwrap_or_default();
    let (image, container) = (of("image"), of("name"));
    match stage {
        Stage::Unschedulable => vec![("default-scheduler", "FailedScheduling", UNSCHEDULABLE.to_owned())],
        Stage::Starting => {
            let node = &cluster.settings.node_name;
            let message = format!("Successfully assigned {namespace}/{name} to {node}");
            vec![("default-scheduler", "Scheduled", message)]
        }
        Stage::PullFails => vec![
            (
                "kubelet",
                "Failed",
                format!("Failed to pull image \"{image}\": {}", pull_error(image)),
            ),
            ("kubelet", "BackOff", format!("Back-off pulling image \"{image}\"")),
        ],
        Stage::Crashing => {
            let message = format!(
                "Back-off restarting failed container {container} in pod {name}_{namespace}({})",
                uid(pod)
            );
            vec![("kubelet", "BackOff", message)]
        }
        Stage::Running => vec![("kubelet", "Started", format!("Started container {container}"))],
        Stage::New => Vec::new(),
    }
}

const UNSCHEDULABLE: &str = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: \
                             1 No preemption victims found for incoming pod.";

fn pull_error(image: &str) -> String {
    let host = image.split('/').next().unwrap_or_default();
    format!(
        "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": \
         failed to do request: Head \"https://{host}/\": dial tcp: i/o timeout"
    )
}

fn status(pod: &Value, known: &Known) -> Value {
    let before = &pod["status"];
    let running = known.stage == Stage::Running;
    let containers: Vec<Value> = pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(index, container)| container_status(pod, container, index, known))
        .collect();
    let unready = if known.stage == Stage::Unschedulable {
        ""
    } else {
        "ContainersNotReady"
    };
    let scheduled = known.stage != Stage::Unschedulable;
    let mut conditions = vec![flag(before, "PodScheduled", scheduled, "Unschedulable", UNSCHEDULABLE)];
    if scheduled {
        conditions.push(flag(before, "Initialized", true, "", ""));
        conditions.push(flag(
            before,
            "Ready",
            running,
            unready,
            "containers with unready status",
        ));
        conditions.push(flag(
            before,
            "ContainersReady",
            running,
            unready,
            "containers with unready status",
        ));
    }
    let started = matches!(known.stage, Stage::Running | Stage::Crashing);
    let mut status = json!({
        "phase": if started { "Running" } else { "Pending" }, "conditions": conditions, "qosClass": "Burstable",
    });
    if scheduled {
        status["containerStatuses"] = json!(containers);
        status["hostIP"] = json!("10.224.0.4");
        status["startTime"] = before.get("startTime").cloned().unwrap_or_else(|| json!(store::now()));
    }
    if started {
        let last = uid(pod).bytes().fold(0_u8, u8::wrapping_add).max(2);
        status["podIP"] = json!(format!("10.244.0.{last}"));
    }
    status
}

fn flag(before: &Value, kind: &str, on: bool, reason: &str, message: &str) -> Value {
    let text = if on { "True" } else { "False" };
    let list = before["conditions"].as_array().into_iter().flatten();
    let same = list
        .into_iter()
        .find(|condition| condition["type"] == kind && condition["status"] == text);
    let since = same.map_or_else(
        || json!(store::now()),
        |condition| condition["lastTransitionTime"].clone(),
    );
    let mut condition = json!({ "type": kind, "status": text, "lastTransitionTime": since, "lastProbeTime": null });
    if !on {
        condition["reason"] = json!(reason);
        condition["message"] = json!(message);
    }
    condition
}

fn container_status(pod: &Value, container: &Value, index: usize, known: &Known) -> Value {
    let (namespace, name) = place(pod);
    let image = container["image"].as_str().unwrap_or_default();
    let own = container["name"].as_str().unwrap_or_default();
    let crashes = known.stage == Stage::Crashing && index == 0;
    let up = known.stage == Stage::Running || (known.stage == Stage::Crashing && !crashes);
    let waiting = |reason: &str, message: String| json!({ "waiting": { "reason": reason, "message": message } });
    let state = match known.stage {
        _ if up => json!({ "running": { "startedAt": store::now() } }),
        Stage::PullFails => {
            let message = format!(
                "Back-off pulling image \"{image}\": ErrImagePull: {}",
                pull_error(image)
            );
            waiting("ImagePullBackOff", message)
        }
        Stage::Crashing => {
            let pause = Duration::from_secs(10 << known.restarts.saturating_sub(1).min(5))
                .as_secs()
                .min(300);
            let message = format!(
                "back-off {pause}s restarting failed container={own} pod={name}_{namespace}({})",
                uid(pod)
            );
            waiting("CrashLoopBackOff", message)
        }
        _ => json!({ "waiting": { "reason": "ContainerCreating" } }),
    };
    let last = if crashes {
        json!({ "terminated": { "exitCode": 1, "reason": "Error", "startedAt": store::now(), "finishedAt": store::now() } })
    } else {
        json!({})
    };
    json!({
        "name": own, "image": image, "imageID": "", "ready": up, "started": up, "state": state, "lastState": last,
        "restartCount": if crashes { known.restarts } else { 0 },
    })
}
