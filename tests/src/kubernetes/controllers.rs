//! The loop that runs all controllers: they look whenever an object changes or a time has come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::cluster::Kubernetes;
use super::resources::RESOURCES;
use super::validation::Validation;
use super::{deployments, kubelet, replicasets, velero};

/// What the controllers remember between two looks, by uid.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) pods: BTreeMap<String, kubelet::Known>,
    pub(crate) progress: BTreeMap<String, (Value, Instant)>,
    pub(crate) retries: BTreeMap<String, (Instant, u32)>,
    pub(crate) velero: Validation,
    wake: Option<Instant>,
}

impl Memory {
    /// Asks for another look at `at`.
    pub(crate) fn wake_at(&mut self, at: Instant) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

/// Runs the controllers for as long as the future is polled.
pub(crate) async fn run(cluster: &Arc<Kubernetes>) {
    let mut memory = Memory::default();
    let mut revisions = cluster.store.subscribe();
    let mut stirred = cluster.stirred();
    loop {
        revisions.borrow_and_update();
        stirred.borrow_and_update();
        memory.wake = None;
        step(cluster, &mut memory);
        let wake = memory
            .wake
            .unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            _ = revisions.changed() => {}
            _ = stirred.changed() => {}
            () = tokio::time::sleep_until(wake.into()) => {}
        }
    }
}

/// Takes away what is left in a namespace that is gone.
fn empty_namespaces(cluster: &Kubernetes) {
    let is_namespaced = |plural: &str| {
        let mut known = RESOURCES
            .iter()
            .filter(|resource| resource.namespaced && !resource.review);
        known.any(|resource| resource.plural == plural)
    };
    for (plural, namespace, name) in cluster.store.without_namespace() {
        if is_namespaced(plural) {
            cluster.store.remove(plural, &namespace, &name);
        }
    }
}

fn step(cluster: &Kubernetes, memory: &mut Memory) {
    empty_namespaces(cluster);
    collect_orphans(cluster);
    for deployment in cluster.store.list("deployments", None).0 {
        deployments::reconcile(cluster, memory, &deployment);
    }
    for set in cluster.store.list("replicasets", None).0 {
        replicasets::reconcile(cluster, memory, &set);
    }
    kubelet::step(cluster, memory);
    velero::step(cluster, memory);
}

/// Takes away what a deleted owner has left behind.
fn collect_orphans(cluster: &Kubernetes) {
    for (child, parent) in [("replicasets", "deployments"), ("pods", "replicasets")] {
        let (parents, _) = cluster.store.list(parent, None);
        for object in cluster.store.list(child, None).0 {
            let owner = owner(&object);
            if owner.is_null() || parents.iter().any(|parent| parent["metadata"]["uid"] == owner["uid"]) {
                continue;
            }
            let (namespace, name) = place(&object);
            if child == "pods" {
                let _ = cluster.end_pod(namespace, name, None);
            } else {
                cluster.store.remove(child, namespace, name);
            }
        }
    }
}

/// The controlling owner's reference, null where there is none.
pub(crate) fn owner(object: &Value) -> &Value {
    let references = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    references
        .into_iter()
        .find(|reference| reference["controller"] == true)
        .unwrap_or(&Value::Null)
}

/// Namespace and name of an object.
pub(crate) fn place(object: &Value) -> (&str, &str) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    (text("namespace"), text("name"))
}

/// The uid of an object.
pub(crate) fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

/// A reference by which `owner` controls another object.
pub(crate) fn reference(owner: &Value) -> Value {
    json!([{
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    }])
}

/// The objects of `plural` that `owner` controls.
pub(crate) fn owned(cluster: &Kubernetes, plural: &'static str, holder: &Value) -> Vec<Arc<Value>> {
    let (mut objects, _) = cluster.store.list(plural, Some(place(holder).0));
    objects.retain(|object| owner(object)["uid"] == holder["metadata"]["uid"]);
    objects
}

/// Sets the condition `kind` in `list`; times change only with what they tell of. Without `wanted` it goes.
pub(crate) fn condition(list: &mut Vec<Value>, kind: &str, wanted: Option<(&str, &str, &str)>) {
    let found = list.iter().position(|condition| condition["type"] == kind);
    let Some((status, reason, message)) = wanted else {
        if let Some(index) = found {
            list.remove(index);
        }
        return;
    };
    let now = super::store::now();
    let mut fresh = json!({ "type": kind, "status": status, "reason": reason, "message": message });
    match found.map(|index| &mut list[index]) {
        Some(old) => {
            let same = ["status", "reason", "message"]
                .iter()
                .all(|key| old[*key] == fresh[*key]);
            if same {
                return;
            }
            let turned = old["status"] != fresh["status"];
            fresh["lastTransitionTime"] = if turned {
                json!(now)
            } else {
                old["lastTransitionTime"].clone()
            };
            fresh["lastUpdateTime"] = json!(now);
            *old = fresh;
        }
        None => {
            fresh["lastTransitionTime"] = json!(now);
            fresh["lastUpdateTime"] = json!(now);
            list.push(fresh);
        }
    }
}
