//! The replica set controller: as many pods as asked for.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::cluster::Kubernetes;
use super::controllers::{Memory, condition, owned, place, reference, uid};
use super::events;
use super::resources;
use super::store::Options;

const MANAGER: &str = "kube-controller-manager";
const COMPONENT: &str = "replicaset-controller";

/// Whether a pod answers.
pub(crate) fn ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Does what is due for one replica set.
pub(crate) fn reconcile(cluster: &Kubernetes, memory: &mut Memory, set: &Value) {
    let mut pods = owned(cluster, "pods", set);
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(0)).unwrap_or(0);
    let mut failure = None;
    for _ in pods.len()..wanted {
        match create(cluster, memory, set) {
            Ok(pod) => pods.extend(pod),
            Err(why) => {
                failure = Some(why);
                break;
            }
        }
    }
    // What does not answer goes first, then the newest.
    let born = |pod: &Value| pod["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
    pods.sort_by_key(|pod| (ready(pod), Reverse(born(pod))));
    for pod in pods.iter().take(pods.len().saturating_sub(wanted)) {
        let (namespace, name) = place(pod);
        if cluster.end_pod(namespace, name, None).is_ok() {
            let message = format!("Deleted pod: {name}");
            events::record(cluster, set, COMPONENT, "SuccessfulDelete", &message);
        }
    }
    let waiting = pods.len() < wanted && failure.is_none();
    write_status(cluster, set, failure, waiting);
}

/// Creates one pod: `Ok(None)` while the controller holds back after a failure.
fn create(cluster: &Kubernetes, memory: &mut Memory, set: &Value) -> Result<Option<Arc<Value>>, String> {
    let (held_back, failures) = memory.retries.get(&uid(set)).copied().unzip();
    if let Some(next) = held_back.filter(|next| Instant::now() < *next) {
        memory.wake_at(next);
        return Err(String::new());
    }
    let Some(resource) = resources::named("pods") else {
        return Ok(None);
    };
    let tell = |reason: &str, message: &str| events::record(cluster, set, COMPONENT, reason, message);
    match cluster.create(resource, pod_of(set), &Options::by(MANAGER, None)) {
        Ok(pod) => {
            memory.retries.remove(&uid(set));
            tell("SuccessfulCreate", &format!("Created pod: {}", place(&pod).1));
            Ok(Some(pod))
        }
        Err(refusal) => {
            let failures: u32 = failures.unwrap_or(0);
            let next = Instant::now() + cluster.clock.real(f64::from(1_u32 << failures.min(6)));
            memory.retries.insert(uid(set), (next, failures + 1));
            memory.wake_at(next);
            let why = refusal.message().to_owned();
            tell("FailedCreate", &format!("Error creating: {why}"));
            Err(why)
        }
    }
}

/// A pod from the template of a replica set.
fn pod_of(set: &Value) -> Value {
    let (namespace, name) = place(set);
    let template = &set["spec"]["template"];
    let mut metadata = template["metadata"].clone();
    metadata["generateName"] = json!(format!("{name}-"));
    metadata["namespace"] = json!(namespace);
    metadata["ownerReferences"] = reference(set);
    json!({ "metadata": metadata, "spec": template["spec"] })
}

/// `failure` empty: the last failure still stands.
fn write_status(cluster: &Kubernetes, set: &Value, failure: Option<String>, waiting: bool) {
    let (namespace, name) = place(set);
    let Some(resource) = resources::named("replicasets") else {
        return;
    };
    let mut pods = owned(cluster, "pods", set);
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let answering = pods.iter().filter(|pod| ready(pod)).count();
    let mut status = json!({ "replicas": pods.len(), "observedGeneration": set["metadata"]["generation"] });
    for (key, count) in [
        ("fullyLabeledReplicas", pods.len()),
        ("readyReplicas", answering),
        ("availableReplicas", answering),
    ] {
        if count > 0 {
            status[key] = json!(count);
        }
    }
    let options = Options::by(MANAGER, Some("status"));
    let _ = cluster.store.modify(resource, namespace, name, &options, |live| {
        let mut conditions = live["status"]["conditions"].as_array().cloned().unwrap_or_default();
        match failure.as_deref() {
            Some("") => {}
            Some(why) => condition(&mut conditions, "ReplicaFailure", Some(("True", "FailedCreate", why))),
            None if waiting => {}
            None => condition(&mut conditions, "ReplicaFailure", None),
        }
        let mut after = live.clone();
        after["status"] = status.clone();
        if !conditions.is_empty() {
            after["status"]["conditions"] = json!(conditions);
        }
        Ok(after)
    });
}
