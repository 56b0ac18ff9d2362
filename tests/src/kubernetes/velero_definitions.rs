//! The other definitions that Velero brings along, for clients that list them. Nothing in the sandbox acts on their objects.

use serde_json::{Value, json};

use super::chart;
use super::resources::{RESOURCES, Resource};

/// The definitions of everything of Velero's that the API server knows, the storage locations first.
pub(crate) fn all() -> Vec<Value> {
    let location = chart::definition();
    let known = location["metadata"]["name"].clone();
    let others = RESOURCES
        .iter()
        .filter(|resource| resource.group == chart::GROUP && known != *resource.qualified());
    std::iter::once(location).chain(others.map(definition)).collect()
}

/// A definition that keeps whatever an object says: the schemas of these kinds are long, and no one is judged by them here.
fn definition(resource: &Resource) -> Value {
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let schema = json!({ "type": "object", "properties": { "spec": open, "status": open } });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": resource.qualified(), "labels": { "component": "velero" } },
        "spec": {
            "group": resource.group, "scope": "Namespaced",
            "names": {
                "kind": resource.kind, "listKind": format!("{}List", resource.kind), "plural": resource.plural,
                "singular": resource.kind.to_lowercase(), "shortNames": resource.short,
            },
            "versions": [{
                "name": resource.version, "served": true, "storage": true, "schema": { "openAPIV3Schema": schema },
            }],
        },
        "status": { "conditions": [
            { "type": "Established", "status": "True", "reason": "InitialNamesAccepted" },
            { "type": "NamesAccepted", "status": "True", "reason": "NoConflicts" },
        ] },
    })
}
