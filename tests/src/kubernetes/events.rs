//! Events about objects, counted as Kubernetes counts them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::cluster::Kubernetes;
use super::resources;
use super::store::{self, Options};

/// Records an event about `object`: a new one, or one more of the same.
pub(crate) fn record(cluster: &Kubernetes, object: &Value, component: &str, reason: &str, message: &str) {
    let Some(resource) = resources::named("events") else {
        return;
    };
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or("default").to_owned();
    let options = Options::by(component, None);
    let (events, _) = cluster.store.list("events", Some(&namespace));
    let same = events.iter().find(|event| {
        event["involvedObject"]["uid"] == metadata["uid"] && event["reason"] == reason && event["message"] == message
    });
    if let Some(name) = same.and_then(|event| event["metadata"]["name"].as_str()) {
        let _ = cluster.store.modify(resource, &namespace, name, &options, |event| {
            let mut event = event.clone();
            event["count"] = json!(event["count"].as_i64().unwrap_or(1) + 1);
            event["lastTimestamp"] = json!(store::now());
            Ok(event)
        });
        return;
    }
    let event = event(object, component, reason, message);
    let _ = cluster.store.create(resource, event, &options);
}

/// A new event about `object`.
pub(crate) fn event(object: &Value, component: &str, reason: &str, message: &str) -> Value {
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or("default");
    let kind = if warning(reason) { "Warning" } else { "Normal" };
    let name = metadata["name"].as_str().unwrap_or_default();
    let serial = Uuid::new_v4().simple().to_string();
    json!({
        "metadata": { "name": format!("{name}.{}", &serial[..16]), "namespace": namespace },
        "involvedObject": {
            "kind": object["kind"], "apiVersion": object["apiVersion"], "namespace": metadata["namespace"],
            "name": metadata["name"], "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
        },
        "type": kind, "reason": reason, "message": message, "count": 1,
        "source": { "component": component }, "reportingComponent": component, "reportingInstance": "",
        "firstTimestamp": store::now(), "lastTimestamp": store::now(), "eventTime": null,
    })
}

fn warning(reason: &str) -> bool {
    reason.starts_with("Failed") || reason == "BackOff"
}
