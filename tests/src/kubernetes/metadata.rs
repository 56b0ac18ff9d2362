//! The metadata that only the API server keeps.

use serde_json::{Value, json};

use super::resources::{Generation, Resource};
use super::store::Key;

/// Where `object` is stored.
pub(crate) fn key_of(resource: &Resource, object: &Value) -> Key {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    let namespace = if resource.namespaced {
        text("namespace")
    } else {
        String::new()
    };
    (resource.plural, namespace, text("name"))
}

/// What only the API server may set, and the generation.
pub(crate) fn keep_own_metadata(resource: &Resource, before: &Value, after: &mut Value) {
    for key in ["apiVersion", "kind"] {
        after[key] = before[key].clone();
    }
    for key in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "resourceVersion",
        "generation",
    ] {
        if let Some(value) = before["metadata"].get(key) {
            after["metadata"][key] = value.clone();
        }
    }
    let bare = |object: &Value| {
        let mut object = object.clone();
        object["metadata"] = Value::Null;
        object
    };
    let raised = match resource.generation {
        Generation::Absent => false,
        Generation::Spec => before["spec"] != after["spec"],
        Generation::AllButMetadata => bare(before) != bare(after),
    };
    if raised {
        after["metadata"]["generation"] = json!(before["metadata"]["generation"].as_i64().unwrap_or(0) + 1);
    }
}
