//! As much of OpenAPI as kubectl looks for before it writes: that the server itself checks the fields of an object.

use serde_json::{Map, Value, json};

use super::cluster::Kubernetes;
use super::discovery::served;
use super::resources::{RESOURCES, Resource};

fn prefix(resource: &Resource) -> String {
    if resource.group.is_empty() {
        format!("api/{}", resource.version)
    } else {
        format!("apis/{}/{}", resource.group, resource.version)
    }
}

/// The list of documents.
pub(crate) fn index(cluster: &Kubernetes) -> Value {
    let here = RESOURCES.iter().filter(|resource| served(cluster, resource));
    let paths: Map<String, Value> = here
        .map(|resource| {
            let path = prefix(resource);
            let url = json!({ "serverRelativeURL": format!("/openapi/v3/{path}") });
            (path, url)
        })
        .collect();
    json!({ "paths": paths })
}

/// The document of one group and version, `None` where there is none.
pub(crate) fn document(cluster: &Kubernetes, path: &str) -> Option<Value> {
    let here = RESOURCES
        .iter()
        .filter(|resource| prefix(resource) == path && served(cluster, resource));
    let paths: Map<String, Value> = here
        .map(|resource| {
            let scope = if resource.namespaced {
                "namespaces/{namespace}/"
            } else {
                ""
            };
            let parameter = json!({ "name": "fieldValidation", "in": "query", "schema": { "type": "string" } });
            let patch = json!({
                "parameters": [parameter], "responses": {},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {
                    "group": resource.group, "version": resource.version, "kind": resource.kind,
                },
            });
            (
                format!("/{path}/{scope}{}/{{name}}", resource.plural),
                json!({ "patch": patch }),
            )
        })
        .collect();
    let info = json!({ "title": "Kubernetes", "version": cluster.settings.version });
    (!paths.is_empty()).then(|| json!({ "openapi": "3.0.0", "info": info, "paths": paths, "components": {} }))
}
