//! What the kubelet and the scheduler write about a pod: its status and the events that go with it.

use std::time::Duration;

use serde_json::{Value, json};

use super::controllers::{place, uid};
use super::kubelet::{Known, Stage};
use super::store;

/// The events that go with a stage: component, reason, message. The pod runs on `node`.
pub(crate) fn told(node: &str, pod: &Value, stage: Stage) -> Vec<(&'static str, &'static str, String)> {
    let (namespace, name) = place(pod);
    let container = &pod["spec"]["containers"][0];
    let of = |key: &str| container[key].as_str().unwrap_or_default();
    let (image, container) = (of("image"), of("name"));
    match stage {
        Stage::Unschedulable => vec![("default-scheduler", "FailedScheduling", UNSCHEDULABLE.to_owned())],
        Stage::Starting => {
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

/// The status of a pod in its stage.
pub(crate) fn status(pod: &Value, known: &Known) -> Value {
    let before = &pod["status"];
    let started = matches!(known.stage, Stage::Running | Stage::Crashing);
    let phase = if started { "Running" } else { "Pending" };
    if known.stage == Stage::Unschedulable {
        let unplaced = flag(before, "PodScheduled", false, "Unschedulable", UNSCHEDULABLE);
        return json!({ "phase": phase, "conditions": [unplaced], "qosClass": "Burstable" });
    }
    let answers = |kind: &str| {
        let running = known.stage == Stage::Running;
        flag(
            before,
            kind,
            running,
            "ContainersNotReady",
            "containers with unready status",
        )
    };
    let done = |kind: &str| flag(before, kind, true, "", "");
    let conditions = [
        done("PodScheduled"),
        done("Initialized"),
        answers("Ready"),
        answers("ContainersReady"),
    ];
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten().enumerate();
    let containers: Vec<Value> = containers
        .map(|(index, container)| container_status(pod, container, index, known))
        .collect();
    let since = before.get("startTime").cloned().unwrap_or_else(|| json!(store::now()));
    let mut status = json!({
        "phase": phase, "conditions": conditions, "qosClass": "Burstable", "containerStatuses": containers,
        "hostIP": "10.224.0.4", "startTime": since,
    });
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
