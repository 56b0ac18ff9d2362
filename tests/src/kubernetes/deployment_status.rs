//! What the deployment controller writes into a deployment's status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::Kubernetes;
use super::controllers::{Memory, condition, place, uid};
use super::deployments::{MANAGER, available, complete, replicas, share};
use super::resources;
use super::store::Options;

/// Counts and conditions of `deployment` from its current replica set and all of them.
pub(crate) fn write_status(
    cluster: &Kubernetes,
    memory: &mut Memory,
    deployment: &Value,
    current: Option<&Value>,
    all: &[Arc<Value>],
) {
    let (namespace, name) = place(deployment);
    let status = counts(deployment, current, all);
    let fresh = current.is_some_and(|set| set["status"]["observedGeneration"] == set["metadata"]["generation"]);
    let late = late(cluster, memory, deployment, &json!([current.map(uid), status]));
    let Some(resource) = resources::named("deployments") else {
        return;
    };
    let options = Options::by(MANAGER, Some("status"));
    let _ = cluster.store.modify(resource, namespace, name, &options, |live| {
        let mut after = live.clone();
        let mut conditions = live["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let spec = &deployment["spec"];
        let observed = json!({
            "metadata": { "generation": live["metadata"]["generation"] },
            "spec": { "paused": spec["paused"], "replicas": spec["replicas"], "strategy": spec["strategy"] },
            "status": status,
        });
        let done = fresh && complete(&observed);
        set_conditions(&mut conditions, &observed, current, (done, late));
        after["status"] = status.clone();
        after["status"]["conditions"] = json!(conditions);
        Ok(after)
    });
}

/// The status without its conditions; a count of zero is left out.
fn counts(deployment: &Value, current: Option<&Value>, all: &[Arc<Value>]) -> Value {
    let sum = |key: &str| -> i64 { all.iter().map(|set| set["status"][key].as_i64().unwrap_or(0)).sum() };
    let updated = current.map_or(0, |set| set["status"]["replicas"].as_i64().unwrap_or(0));
    let serving = sum("availableReplicas");
    let mut status = json!({ "observedGeneration": deployment["metadata"]["generation"] });
    for (key, count) in [
        ("replicas", sum("replicas")),
        ("updatedReplicas", updated),
        ("readyReplicas", sum("readyReplicas")),
        ("availableReplicas", serving),
        (
            "unavailableReplicas",
            all.iter().map(|set| replicas(set)).sum::<i64>() - serving,
        ),
    ] {
        if count > 0 {
            status[key] = json!(count);
        }
    }
    status
}

/// However fast the model's time runs, the machine that moves the pods does not: a deadline is never shorter than this,
/// unless it was meant to be.
const LEAST_DEADLINE: Duration = Duration::from_secs(30);

/// Whether nothing has moved for longer than the progress deadline.
fn late(cluster: &Kubernetes, memory: &mut Memory, deployment: &Value, picture: &Value) -> bool {
    let seconds = deployment["spec"]["progressDeadlineSeconds"].as_u64().unwrap_or(600);
    let asked = Duration::from_secs(seconds);
    let limit = cluster.clock.real(asked.as_secs_f64()).max(asked.min(LEAST_DEADLINE));
    let entry = memory
        .progress
        .entry(uid(deployment))
        .or_insert_with(|| (picture.clone(), Instant::now()));
    if entry.0 != *picture || deployment["spec"]["paused"] == true {
        *entry = (picture.clone(), Instant::now());
    }
    let since = entry.1;
    if since.elapsed() >= limit {
        return true;
    }
    memory.wake_at(since + limit);
    false
}

/// The conditions of `observed`: the deployment with the status that it now has.
fn set_conditions(list: &mut Vec<Value>, observed: &Value, current: Option<&Value>, (done, late): (bool, bool)) {
    let (spec, status) = (&observed["spec"], &observed["status"]);
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let missing = share(&spec["strategy"]["rollingUpdate"]["maxUnavailable"], wanted, false);
    let enough = (
        "True",
        "MinimumReplicasAvailable",
        "Deployment has minimum availability.",
    );
    let too_few = (
        "False",
        "MinimumReplicasUnavailable",
        "Deployment does not have minimum availability.",
    );
    let serves = available(observed) >= wanted - missing;
    condition(list, "Available", Some(if serves { enough } else { too_few }));
    let failure = current.and_then(|set| find(set["status"]["conditions"].as_array()?, "ReplicaFailure"));
    let why = failure.and_then(|failure| failure["message"].as_str());
    condition(list, "ReplicaFailure", why.map(|why| ("True", "FailedCreate", why)));
    let reason = find(list, "Progressing").and_then(|condition| condition["reason"].as_str());
    let settled = reason == Some("NewReplicaSetAvailable") && status["replicas"] == status["updatedReplicas"];
    let name = current.map(|set| place(set).1).unwrap_or_default();
    let text = |tail: &str| format!("ReplicaSet \"{name}\" {tail}");
    let (status, reason, message) = if spec["paused"] == true {
        ("Unknown", "DeploymentPaused", "Deployment is paused".to_owned())
    } else if settled {
        return;
    } else if done {
        ("True", "NewReplicaSetAvailable", text("has successfully progressed."))
    } else if late {
        ("False", "ProgressDeadlineExceeded", text("has timed out progressing."))
    } else {
        ("True", "ReplicaSetUpdated", text("is progressing."))
    };
    condition(list, "Progressing", Some((status, reason, &message)));
}

fn find<'a>(list: &'a [Value], kind: &str) -> Option<&'a Value> {
    list.iter().find(|condition| condition["type"] == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_follow_a_roll_out_that_stalls_and_then_moves_on() {
        let observed = |available: i64| json!({ "spec": { "replicas": 1 }, "status": { "availableReplicas": available, "replicas": 2, "updatedReplicas": 1 } });
        let reason = |list: &[Value]| find(list, "Progressing").unwrap()["reason"].clone();
        let mut list = Vec::new();
        set_conditions(&mut list, &observed(1), None, (false, false));
        assert_eq!(reason(&list), "ReplicaSetUpdated");
        set_conditions(&mut list, &observed(1), None, (false, true));
        assert_eq!(reason(&list), "ProgressDeadlineExceeded");
        assert_eq!(
            find(&list, "Available").unwrap()["status"],
            "True",
            "the old pod still serves"
        );
        set_conditions(&mut list, &observed(1), None, (true, false));
        assert_eq!(reason(&list), "NewReplicaSetAvailable");
    }
}
