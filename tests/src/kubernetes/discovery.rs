//! What the API server says about itself: versions, groups, resources, and the documents of its token issuer.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::cluster::Kubernetes;
use super::openapi;
use super::resources::{RESOURCES, Resource};
use super::server::{Answer, json as json_answer};
use super::status::Refusal;
use super::tokens;

/// Whether a resource is there: a custom one only while its definition exists.
pub(crate) fn served(cluster: &Kubernetes, resource: &Resource) -> bool {
    resource.group != "velero.io"
        || cluster
            .store
            .get("customresourcedefinitions", "", &resource.qualified())
            .is_some()
}

/// Answers a path outside the resources.
pub(crate) fn answer(cluster: &Kubernetes, path: &str) -> Answer {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let value = match parts.as_slice() {
        ["version"] => version(&cluster.settings.version),
        ["healthz" | "livez" | "readyz"] => json!("ok"),
        ["api"] => json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] }),
        ["api", "v1"] => resource_list(cluster, "", "v1")?,
        ["apis"] => groups(cluster),
        ["apis", group] => {
            let found = groups(cluster)["groups"].as_array().cloned().unwrap_or_default();
            let group = found.into_iter().find(|one| one["name"] == *group);
            let mut group = group.ok_or_else(Refusal::no_such_path)?;
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            group
        }
        ["apis", group, version] => resource_list(cluster, group, version)?,
        ["openapi", "v3"] => openapi::index(cluster),
        ["openapi", "v3", rest @ ..] => {
            openapi::document(cluster, &rest.join("/")).ok_or_else(Refusal::no_such_path)?
        }
        [".well-known", "openid-configuration"] => tokens::configuration(cluster),
        ["openid", "v1", "jwks"] => tokens::keys(cluster)?,
        _ => return Err(Refusal::no_such_path()),
    };
    Ok(json_answer(StatusCode::OK, &value))
}

fn version(text: &str) -> Value {
    let mut numbers = text.trim_start_matches('v').split('.');
    let (major, minor) = (numbers.next().unwrap_or("1"), numbers.next().unwrap_or_default());
    json!({
        "major": major, "minor": minor, "gitVersion": text, "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean", "buildDate": "2025-09-09T19:44:50Z", "goVersion": "go1.24.6", "compiler": "gc",
        "platform": "linux/amd64",
    })
}

fn groups(cluster: &Kubernetes) -> Value {
    let here = RESOURCES
        .iter()
        .filter(|resource| !resource.group.is_empty() && served(cluster, resource));
    let names: BTreeSet<(&str, &str)> = here.map(|resource| (resource.group, resource.version)).collect();
    let list: Vec<Value> = names
        .into_iter()
        .map(|(group, version)| {
            let version = json!({ "groupVersion": format!("{group}/{version}"), "version": version });
            json!({ "name": group, "versions": [version], "preferredVersion": version })
        })
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": list })
}

fn resource_list(cluster: &Kubernetes, group: &str, version: &str) -> Result<Value, Refusal> {
    let here = RESOURCES
        .iter()
        .filter(|resource| resource.group == group && resource.version == version && served(cluster, resource));
    let list: Vec<Value> = here.flat_map(entries).collect();
    if list.is_empty() {
        return Err(Refusal::no_such_path());
    }
    let name = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    Ok(json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": list }))
}

fn entries(resource: &Resource) -> Vec<Value> {
    let verbs = if resource.review {
        json!(["create"])
    } else {
        json!(["create", "delete", "get", "list", "patch", "update", "watch"])
    };
    let mut list = vec![json!({
        "name": resource.plural, "singularName": resource.kind.to_lowercase(), "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": verbs, "shortNames": resource.short,
    })];
    for (name, kind) in resource.subresources {
        let verbs = match *name {
            "log" => json!(["get"]),
            "token" => json!(["create"]),
            _ => json!(["get", "patch", "update"]),
        };
        list.push(json!({
            "name": format!("{}/{name}", resource.plural), "singularName": "", "namespaced": resource.namespaced,
            "kind": kind, "verbs": verbs,
        }));
    }
    list
}
