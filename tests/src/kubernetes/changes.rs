//! update and patch: how an object that is there comes to look otherwise.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::admission;
use super::apply;
use super::cluster::Kubernetes;
use super::patch;
use super::resources::Resource;
use super::server::Request;
use super::status::Refusal;
use super::store::Options;
use super::target::Named;

/// How the request writes: manager from the query or the agent's name, as the API server does it.
pub(crate) fn options(request: &Request, subresource: Option<&'static str>) -> Options {
    let agent = request.header("user-agent").split('/').next().unwrap_or_default();
    let manager = request
        .query
        .get("fieldManager")
        .unwrap_or(if agent.is_empty() { "unknown" } else { agent });
    Options {
        dry_run: request.query.dry_run(),
        ..Options::by(manager, subresource)
    }
}

fn subresource(named: &Named) -> Option<&'static str> {
    let wanted = named.subresource.as_deref()?;
    named
        .resource
        .subresources
        .iter()
        .map(|(own, _)| *own)
        .find(|own| *own == wanted)
}

pub(crate) fn update(cluster: &Kubernetes, request: &Request, named: &Named) -> Result<Arc<Value>, Refusal> {
    let wanted = request.json()?;
    let (resource, sub) = (named.resource, subresource(named));
    let other = cluster.state().other_webhook.filter(|_| sub.is_none());
    cluster.store.modify(
        resource,
        named.store_namespace(),
        named.name(),
        &options(request, sub),
        |live| {
            check_metadata(resource, live, &wanted)?;
            let after = admission::others(other, resource, confine(live, wanted.clone(), sub))?;
            admission::validate(resource, live, &after)?;
            Ok(after)
        },
    )
}

/// Name, uid and resource version that a body states must be those of the live object.
fn check_metadata(resource: &Resource, live: &Value, stated: &Value) -> Result<(), Refusal> {
    let text = |object: &Value, key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    let name = text(live, "name");
    if text(stated, "name") != name {
        return Err(Refusal::bad_request(&format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            text(stated, "name")
        )));
    }
    let uid = text(stated, "uid");
    if !uid.is_empty() && uid != text(live, "uid") {
        return Err(Refusal::precondition(resource, &name, &uid, &text(live, "uid")));
    }
    let version = text(stated, "resourceVersion");
    if !version.is_empty() && version != text(live, "resourceVersion") {
        return Err(Refusal::modified(resource, &name));
    }
    Ok(())
}

/// A write to the main resource leaves `status` alone where that has an endpoint of its own, and the reverse.
fn confine(live: &Value, wanted: Value, subresource: Option<&str>) -> Value {
    let mut after = match subresource {
        Some(_) => live.clone(),
        None => wanted.clone(),
    };
    match subresource {
        Some("scale") => after["spec"]["replicas"] = wanted["spec"]["replicas"].clone(),
        Some(_) => after["status"] = wanted["status"].clone(),
        None if live["apiVersion"] == "velero.io/v1" => {}
        None => match live.get("status") {
            Some(status) => after["status"] = status.clone(),
            None => {
                let _ = after.as_object_mut().and_then(|map| map.remove("status"));
            }
        },
    }
    after
}

/// The status of the answer, and the object as it is now.
pub(crate) fn patch(
    cluster: &Kubernetes,
    request: &Request,
    named: &Named,
) -> Result<(StatusCode, Arc<Value>), Refusal> {
    let (resource, sub) = (named.resource, subresource(named));
    let mut options = options(request, sub);
    // Webhooks are asked about the object itself, and not about what controllers say of it.
    let other = cluster.state().other_webhook.filter(|_| sub.is_none());
    let body = request.json()?;
    let kind = request.header("content-type").split(';').next().unwrap_or_default();
    options.applies = kind == "application/apply-patch+yaml";
    if options.applies && request.query.get("fieldManager").is_none() {
        return Err(Refusal::bad_request(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ));
    }
    let writer = options.writer.clone();
    let outcome = cluster
        .store
        .modify(resource, named.store_namespace(), named.name(), &options, |live| {
            let after = match kind {
                "application/apply-patch+yaml" => apply::apply(live, &body, &writer, request.query.flag("force"))?,
                _ => changed(resource, live, &body, kind)?,
            };
            check_metadata(resource, live, &after)?;
            let after = admission::others(other, resource, confine(live, after, sub))?;
            admission::validate(resource, live, &after)?;
            Ok(after)
        });
    match outcome {
        Err(refusal) if refusal.code == 404 && options.applies => {
            let mut object = apply::apply(&json!({}), &body, &writer, false)?;
            object["metadata"]["name"] = json!(named.name());
            if resource.namespaced {
                object["metadata"]["namespace"] = json!(named.namespace());
            }
            Ok((StatusCode::CREATED, cluster.create(resource, object, &options)?))
        }
        outcome => outcome.map(|object| (StatusCode::OK, object)),
    }
}

fn changed(resource: &Resource, live: &Value, body: &Value, kind: &str) -> Result<Value, Refusal> {
    let mut after = live.clone();
    match kind {
        "application/merge-patch+json" => patch::merge(&mut after, body),
        "application/strategic-merge-patch+json" if resource.strategic => patch::strategic(&mut after, body),
        "application/json-patch+json" => {
            patch::json_patch(&mut after, body).map_err(|why| {
                Refusal::new(
                    422,
                    "Invalid",
                    &format!("the server rejected our request due to an error in our request: {why}"),
                    json!({}),
                )
            })?;
        }
        _ => return Err(Refusal::unsupported_media_type()),
    }
    Ok(after)
}

/// The Scale of a deployment.
pub(crate) fn scale(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": { "replicas": object["spec"]["replicas"] },
        "status": { "replicas": object["status"]["replicas"] },
    })
}
