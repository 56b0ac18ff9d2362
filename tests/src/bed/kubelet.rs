//! The stand-in for scheduler and kubelet: it binds pods to the only node, holds their tokens, and says how they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use axum::http::Method;
use kube::Error;
use serde_json::{Value, json};

use super::api::JSON;
use super::cluster::Inner;
use crate::kubernetes::events;
use crate::kubernetes::kubelet::{Known, Stage, deployment_of, node};
use crate::kubernetes::pod_status::{status, told};
use crate::kubernetes::{path_of, place, uid};

/// What the kubelet remembers, by the uid of the pod.
#[derive(Debug, Default)]
pub(crate) struct Pods {
    known: BTreeMap<String, Known>,
    /// Pods whose stage could not be written down yet.
    unwritten: BTreeSet<String>,
}

/// The only node.
pub(crate) fn the_node(inner: &Inner) -> Value {
    let mut node = node(&inner.settings);
    node["apiVersion"] = json!("v1");
    node["kind"] = json!("Node");
    node["status"]["addresses"] = json!([{ "type": "InternalIP", "address": "127.0.0.1" }]);
    node["status"]["daemonEndpoints"] = json!({ "kubeletEndpoint": { "Port": inner.kubelet_port } });
    node
}

/// Does what is due for every pod. Gives when to look again.
pub(crate) async fn step(inner: &Inner, memory: &mut Pods) -> Option<Instant> {
    let pods = inner.pods.list();
    let here = |own: &String| pods.iter().any(|pod| uid(pod) == *own);
    memory.known.retain(|own, _| here(own));
    memory.unwritten.retain(|own| here(own));
    let mut wake = Vec::new();
    for pod in pods.iter().filter(|pod| ours(inner, pod)) {
        let own = uid(pod);
        let mut known = memory.known.remove(&own).unwrap_or_default();
        if pod["metadata"]["deletionTimestamp"].is_null() {
            let fault = inner.state().faults.get(deployment_of(pod)).copied();
            let moved = known.advance(fault, inner.clock, inner.settings.pod_start);
            if moved || memory.unwritten.remove(&own) {
                if write(inner, pod, &known).await.is_err() {
                    memory.unwritten.insert(own.clone());
                    wake.push(Instant::now() + Duration::from_millis(100));
                } else if moved {
                    tell(inner, pod, known.stage).await;
                }
            }
        } else if known.ended(inner.clock, inner.settings.pod_stop) && end(inner, pod).await.is_err() {
            wake.push(Instant::now() + Duration::from_millis(100));
        }
        wake.extend(known.wakes().filter(|at| *at > Instant::now()));
        memory.known.insert(own, known);
    }
    wake.into_iter().min()
}

fn ours(inner: &Inner, pod: &Value) -> bool {
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    node.is_empty() || node == inner.settings.node_name
}

/// Binds the pod where that is due, and writes its status.
async fn write(inner: &Inner, pod: &Value, known: &Known) -> Result<(), Error> {
    let path = path_of(pod, true);
    let Some(live) = inner.api.get(&path).await?.filter(|live| uid(live) == uid(pod)) else {
        return Ok(());
    };
    if known.stage != Stage::Unschedulable && live["spec"]["nodeName"].is_null() {
        let target = json!({ "apiVersion": "v1", "kind": "Node", "name": inner.settings.node_name });
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": place(pod).1 }, "target": target,
        });
        inner
            .api
            .send(Method::POST, &format!("{path}/binding"), JSON, &binding)
            .await?;
    }
    if known.stage == Stage::Running {
        inner.tokens.mount(inner, pod).await?;
    }
    let mut status = status(&live, known);
    // The API server has reckoned the class of service itself and lets nobody change it.
    status["qosClass"] = live["status"]["qosClass"].clone();
    let path = format!("{path}/status?fieldManager=kubelet");
    inner.api.merge(&path, &json!({ "status": status })).await?;
    Ok(())
}

async fn tell(inner: &Inner, pod: &Value, stage: Stage) {
    for (component, reason, message) in told(&inner.settings.node_name, pod, stage) {
        let mut event = events::event(pod, component, reason, &message);
        event["apiVersion"] = json!("v1");
        event["kind"] = json!("Event");
        // Events are said once and may be lost, as everywhere.
        let _ = inner.api.create(&event, component).await;
    }
}

/// Confirms that the containers have ended: only then does the API server let the pod go.
async fn end(inner: &Inner, pod: &Value) -> Result<(), Error> {
    let options = json!({ "gracePeriodSeconds": 0, "preconditions": { "uid": uid(pod) } });
    inner.api.delete(&path_of(pod, true), &options).await?;
    inner.tokens.unmount(pod);
    inner.logs.forget(&uid(pod));
    Ok(())
}
