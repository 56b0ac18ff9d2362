//! The deployment controller: replica sets from templates, rolling updates, status.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cluster::Kubernetes;
use super::controllers::{Memory, condition, owned, place, reference, uid};
use super::deployment_status::write_status;
use super::events;
use super::resources;
use super::store::Options;

pub(crate) const MANAGER: &str = "kube-controller-manager";
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
    let old: Vec<Arc<Value>> = match &current {
        Some(current) => sets.into_iter().filter(|set| uid(set) != uid(current)).collect(),
        None => sets,
    };
    if let Some(current) = current.as_ref().filter(|_| !paused) {
        roll(cluster, deployment, current, &old);
    }
    let all: Vec<Arc<Value>> = current.iter().chain(&old).cloned().collect();
    write_status(cluster, memory, deployment, current.as_deref(), &all);
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

fn new_set(cluster: &Kubernetes, deployment: &Value, sets: &[Arc<Value>]) -> Option<Arc<Value>> {
    let (namespace, name) = place(deployment);
    let hash = template_hash(&deployment["spec"]["template"]);
    let number = sets.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
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

pub(crate) fn replicas(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(0)
}

pub(crate) fn available(object: &Value) -> i64 {
    object["status"]["availableReplicas"].as_i64().unwrap_or(0)
}

/// A count or a percentage of `replicas`; a surge is rounded up, what may be missing is rounded down.
pub(crate) fn share(value: &Value, replicas: i64, up: bool) -> i64 {
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
fn roll(cluster: &Kubernetes, deployment: &Value, current: &Arc<Value>, old: &[Arc<Value>]) {
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let recreate = deployment["spec"]["strategy"]["type"] == "Recreate";
    let (surge, missing) = slack(deployment, wanted);
    let total: i64 = old.iter().chain([current]).map(|set| replicas(set)).sum();
    let running = |set: &Value| set["status"]["replicas"].as_i64().unwrap_or(0) > 0;
    let waiting = recreate && old.iter().any(|set| running(set));
    if replicas(current) > wanted {
        scale(cluster, deployment, current, wanted);
    } else if replicas(current) < wanted && total < wanted + surge && !waiting {
        let more = wanted + surge - total;
        scale(cluster, deployment, current, wanted.min(replicas(current) + more));
    }
    // What is sick may go first: all pods less those that must serve and those of the new set that do not serve yet.
    let mut sick_spare = total - (wanted - missing) - (replicas(current) - available(current));
    let serving: i64 = old.iter().chain([current]).map(|set| available(set)).sum();
    let mut spare = serving - (wanted - missing);
    for set in old.iter().filter(|set| replicas(set) > 0) {
        let sick = (replicas(set) - available(set)).clamp(0, sick_spare.max(0));
        let well = available(set).min(spare.max(0));
        sick_spare -= sick;
        spare -= well;
        if sick + well > 0 {
            scale(cluster, deployment, set, replicas(set) - sick - well);
        }
    }
}

/// How many pods more than wanted may be there, and how many fewer may serve.
fn slack(deployment: &Value, wanted: i64) -> (i64, i64) {
    let strategy = &deployment["spec"]["strategy"];
    if strategy["type"] == "Recreate" {
        return (0, wanted);
    }
    let surge = share(&strategy["rollingUpdate"]["maxSurge"], wanted, true);
    let missing = share(&strategy["rollingUpdate"]["maxUnavailable"], wanted, false);
    if surge == 0 {
        (0, missing.max(1))
    } else {
        (surge, missing)
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
}
