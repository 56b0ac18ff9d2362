//! The deployment controller: replica sets from templates, rolling updates, status.

use std::time::Instant;

use serde_json::{Value, json};

use super::cluster::Kubernetes;
use super::controllers::{Memory, condition, owned, place, reference, uid};
use super::events;
use super::resources;
use super::store::Options;

const MANAGER: &str = "kube-controller-manager";
const COMPONENT: &str = "deployment-controller";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

/// Whether a roll-out is complete and everything is available.
pub(crate) fn complete(deployment: &Value) -> bool {
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let status = &deployment["status"];
    let count = |key: &str| status[key].as_i64().unwrap_or(0);
    count("observedGeneration") >= deployment["metadata"]["generation"].as_i64().unwrap_or(0)
        && count("updatedReplicas") == wanted
        && count("replicas") == wanted
        && count("availableReplicas") == wanted
}

/// Does what is due for one deployment.
pub(crate) fn reconcile(cluster: &Kubernetes, memory: &mut Memory, deployment: &Value) {
    let sets = owned(cluster, "replicasets", deployment);
    let paused = deployment["spec"]["paused"] == true;
    let current = sets.iter().find(|set| same_template(set, deployment)).cloned();
    let current = match current {
        None if !paused => new_set(cluster, deployment, &sets),
        found => found,
    };
    let old: Vec<Value> = match &current {
        Some(current) => sets.into_iter().filter(|set| uid(set) != uid(current)).collect(),
        None => sets,
    };
    if !paused {
        if let Some(current) = &current {
            roll(cluster, deployment, current, &old);
        }
    }
    let all: Vec<Value> = current.iter().chain(&old).cloned().collect();
    write_status(cluster, memory, deployment, current.as_ref(), &all);
}

fn same_template(set: &Value, deployment: &Value) -> bool {
    let mut template = set["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    template == deployment["spec"]["template"]
}

/// A short name for a template: FNV-1a in Kubernetes' alphabet of safe letters.
fn template_hash(template: &Value) -> String {
    let hash = template.to_string().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    hash.to_string()
        .bytes()
        .map(|digit| char::from(ALPHABET[usize::from(digit) % 27]))
        .collect()
}

fn revision(object: &Value) -> i64 {
    object["metadata"]["annotations"][REVISION]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

fn new_set(cluster: &Kubernetes, deployment: &Value, sets: &[Value]) -> Option<Value> {
    let (namespace, name) = place(deployment);
    let hash = template_hash(&deployment["spec"]["template"]);
    let number = sets.iter().map(revision).max().unwrap_or(0) + 1;
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    let set_name = format!("{name}-{hash}");
    let set = json!({
        "metadata": {
            "name": set_name, "namespace": namespace, "labels": template["metadata"]["labels"],
            "annotations": { REVISION: number.to_string() }, "ownerReferences": reference(deployment),
        },
        "spec": { "replicas": 0, "selector": selector, "template": template },
        "status": { "replicas": 0 },
    });
    let options = Options::by(MANAGER, None);
    let made = cluster
        .store
        .create(resources::named("replicasets")?, set, &options)
        .ok()?;
    let _ = cluster
        .store
        .modify(resources::named("deployments")?, namespace, name, &options, |live| {
            let mut live = live.clone();
            live["metadata"]["annotations"][REVISION] = json!(number.to_string());
            let mut conditions = live["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let message = format!("Created new replica set \"{set_name}\"");
            condition(
                &mut conditions,
                "Progressing",
                Some(("True", "NewReplicaSetCreated", &message)),
            );
            live["status"]["conditions"] = json!(conditions);
            Ok(live)
        });
    Some(made)
}

fn replicas(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(0)
}

fn available(object: &Value) -> i64 {
    object["status"]["availableReplicas"].as_i64().unwrap_or(0)
}

/// A count or a percentage of `replicas`; a surge is rounded up, what may be missing is rounded down.
fn share(value: &Value, replicas: i64, up: bool) -> i64 {
    let Some(text) = value.as_str() else {
        return value.as_i64().unwrap_or(0);
    };
    let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(25);
    if up {
        (replicas * percent + 99) / 100
    } else {
        replicas * percent / 100
    }
}

/// One step of a rolling update: the new set up as far as the surge allows, old sets down as far as enough stays
/// available.
fn roll(cluster: &Kubernetes, deployment: &Value, current: &Value, old: &[Value]) {
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let rules = &deployment["spec"]["strategy"]["rollingUpdate"];
    let recreate = deployment["spec"]["strategy"]["type"] == "Recreate";
    let surge = if recreate {
        0
    } else {
        share(&rules["maxSurge"], wanted, true)
    };
    let mut missing = if recreate {
        wanted
    } else {
        share(&rules["maxUnavailable"], wanted, false)
    };
    if surge == 0 && missing == 0 {
        missing = 1;
    }
    let total: i64 = old.iter().chain([current]).map(replicas).sum();
    let waiting = recreate
        && old
            .iter()
            .any(|set| set["status"]["replicas"].as_i64().unwrap_or(0) > 0);
    if replicas(current) > wanted {
        scale(cluster, deployment, current, wanted);
    } else if replicas(current) < wanted && total < wanted + surge && !waiting {
        scale(
            cluster,
            deployment,
            current,
            wanted.min(replicas(current) + wanted + surge - total),
        );
    }
    let absent = replicas(current) - available(current);
    let mut spare = total - (wanted - missing) - absent;
    let unhealthy = |set: &Value| replicas(set) - available(set);
    let ready: i64 = old.iter().chain([current]).map(available).sum();
    let mut healthy_spare = ready - (wanted - missing);
    for set in old.iter().filter(|set| replicas(set) > 0) {
        let sick = unhealthy(set).clamp(0, spare.max(0));
        let well = available(set).min(healthy_spare.max(0));
        spare -= sick;
        healthy_spare -= well;
        if sick + well > 0 {
            scale(cluster, deployment, set, replicas(set) - sick - well);
        }
    }
}

fn scale(cluster: &Kubernetes, deployment: &Value, set: &Value, to: i64) {
    let (namespace, name) = place(set);
    let Some(resource) = resources::named("replicasets") else {
        return;
    };
    let from = replicas(set);
    let _ = cluster
        .store
        .modify(resource, namespace, name, &Options::by(MANAGER, None), |live| {
            let mut live = live.clone();
            live["spec"]["replicas"] = json!(to);
            Ok(live)
        });
    let direction = if to > from { "up" } else { "down" };
    let message = format!("Scaled {direction} replica set {name} from {from} to {to}");
    events::record(cluster, deployment, COMPONENT, "ScalingReplicaSet", &message);
}

fn write_status(cluster: &Kubernetes, memory: &mut Memory, deployment: &Value, current: Option<&Value>, all: &[Value]) {
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
    fn a_surge_is_rounded_up_and_what_may_be_missing_down() {
        assert_eq!((share(&json!("25%"), 1, true), share(&json!("25%"), 1, false)), (1, 0));
        assert_eq!((share(&json!("25%"), 8, true), share(&json!(3), 8, false)), (2, 3));
    }

    #[test]
    fn the_hash_depends_on_the_template_alone() {
        let (one, two) = (json!({ "a": 1 }), json!({ "a": 2 }));
        assert_eq!(template_hash(&one), template_hash(&one.clone()));
        assert_ne!(template_hash(&one), template_hash(&two));
    }

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
