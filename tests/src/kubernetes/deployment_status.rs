//! What the deployment controller writes into a deployment's status.

use std::time::Instant;

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
    all: &[Value],
) {
    let (namespace, name) = place(deployment);
    let sum = |key: &str| -> i64 { all.iter().map(|set| set["status"][key].as_i64().unwrap_or(0)).sum() };
    let updated = current.map_or(0, |set| set["status"]["replicas"].as_i64().unwrap_or(0));
    let total = sum("replicas");
    let counts = [
        ("replicas", total),
        ("updatedReplicas", updated),
        ("readyReplicas", sum("readyReplicas")),
        ("availableReplicas", sum("availableReplicas")),
        (
            "unavailableReplicas",
            (all.iter().map(replicas).sum::<i64>() - sum("availableReplicas")).max(0),
        ),
    ];
    // A count of zero is left out.
    let mut status = json!({ "observedGeneration": deployment["metadata"]["generation"] });
    for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        status[key] = json!(count);
    }
    let fresh = current.filter(|set| set["status"]["observedGeneration"] == set["metadata"]["generation"]);
    let late = late(cluster, memory, deployment, &json!([current.map(uid), status]));
    let Some(resource) = resources::named("deployments") else {
        return;
    };
    let options = Options::by(MANAGER, Some("status"));
    let _ = cluster.store.modify(resource, namespace, name, &options, |live| {
        let mut after = live.clone();
        let mut conditions = live["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let observed = json!({ "metadata": live["metadata"], "spec": deployment["spec"], "status": status });
        let done = fresh.is_some() && complete(&observed);
        set_conditions(&mut conditions, &observed, current, (done, late));
        after["status"] = status.clone();
        after["status"]["conditions"] = json!(conditions);
        Ok(after)
    });
}

/// Whether nothing has moved for longer than the progress deadline.
fn late(cluster: &Kubernetes, memory: &mut Memory, deployment: &Value, picture: &Value) -> bool {
    let seconds = deployment["spec"]["progressDeadlineSeconds"].as_u64().unwrap_or(600);
    let limit = cluster
        .clock
        .real(std::time::Duration::from_secs(seconds).as_secs_f64());
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
    let wanted = observed["spec"]["replicas"].as_i64().unwrap_or(1);
    let missing = share(
        &observed["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"],
        wanted,
        false,
    );
    let available = if available(observed) >= wanted - missing {
        (
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        (
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    condition(list, "Available", Some(available));
    let failure = current.and_then(|set| find(set["status"]["conditions"].as_array()?, "ReplicaFailure"));
    let why = failure.and_then(|failure| failure["message"].as_str());
    condition(list, "ReplicaFailure", why.map(|why| ("True", "FailedCreate", why)));
    let reason = find(list, "Progressing").and_then(|condition| condition["reason"].as_str());
    let status = &observed["status"];
    let settled = reason == Some("NewReplicaSetAvailable") && status["replicas"] == status["updatedReplicas"];
    let name = current.map(|set| place(set).1).unwrap_or_default();
    let text = |tail: &str| format!("ReplicaSet \"{name}\" {tail}");
    let progressing = if observed["spec"]["paused"] == true {
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
    condition(
        list,
        "Progressing",
        Some((progressing.0, progressing.1, &progressing.2)),
    );
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
