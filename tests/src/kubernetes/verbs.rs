//! get, list, create, update, patch, delete.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::admission;
use super::cluster::Kubernetes;
use super::fields;
use super::patch;
use super::resources::Resource;
use super::server::{Answer, Request, json as json_answer};
use super::status::Refusal;
use super::store::Options;
use super::target::Named;
use super::watch::Selector;

pub(crate) fn answer(cluster: &Kubernetes, request: &Request, named: &Named, verb: &str) -> Answer {
    let (resource, namespace, name) = (named.resource, named.store_namespace(), named.name());
    let object = match verb {
        "get" => {
            let found = cluster.store.get(resource.plural, namespace, name);
            found.ok_or_else(|| Refusal::not_found(resource, name))?
        }
        "list" => return list(cluster, request, named),
        "create" => return create(cluster, request, named),
        "update" => update(cluster, request, named)?,
        "patch" => return patch(cluster, request, named),
        _ => return delete(cluster, request, named),
    };
    let object = if named.subresource.as_deref() == Some("scale") {
        scale(&object)
    } else {
        object
    };
    Ok(json_answer(StatusCode::OK, &object))
}

fn list(cluster: &Kubernetes, request: &Request, named: &Named) -> Answer {
    let resource = named.resource;
    let selector = Selector::parse(resource, &request.query)?;
    let (objects, revision) = cluster.store.list(resource.plural, named.namespace.as_deref());
    let items: Vec<Value> = objects.into_iter().filter(|object| selector.matches(object)).collect();
    let list = json!({
        "kind": format!("{}List", resource.kind), "apiVersion": resource.api_version(),
        "metadata": { "resourceVersion": revision.to_string() }, "items": items,
    });
    Ok(json_answer(StatusCode::OK, &list))
}

/// How the request writes: manager from the query or the agent's name, as the API server does it.
fn options(request: &Request, subresource: Option<&'static str>) -> Options {
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

fn create(cluster: &Kubernetes, request: &Request, named: &Named) -> Answer {
    let mut object = request.json()?;
    let (resource, namespace) = (named.resource, named.store_namespace());
    if object["kind"].as_str().is_some_and(|kind| kind != resource.kind) {
        return Err(Refusal::bad_request(&format!(
            "{} in version \"{}\" cannot be handled as a {}: no kind \"{}\" is registered for this path",
            object["kind"].as_str().unwrap_or_default(),
            object["apiVersion"].as_str().unwrap_or_default(),
            resource.kind,
            object["kind"].as_str().unwrap_or_default(),
        )));
    }
    let stated = object["metadata"]["namespace"].as_str().unwrap_or_default();
    if resource.namespaced && !stated.is_empty() && stated != namespace {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    if resource.namespaced {
        object["metadata"]["namespace"] = json!(namespace);
    }
    let made = cluster.create(resource, object, &options(request, None))?;
    Ok(json_answer(StatusCode::CREATED, &made))
}

impl Kubernetes {
    /// Names, admits and stores a new object, as for a request of anybody.
    ///
    /// # Errors
    /// What admission refuses, and 409 where the name is taken.
    pub(crate) fn create(&self, resource: &Resource, mut object: Value, options: &Options) -> Result<Value, Refusal> {
        let metadata = &mut object["metadata"];
        if metadata["name"].as_str().unwrap_or_default().is_empty() {
            let Some(prefix) = metadata["generateName"].as_str() else {
                return Err(Refusal::invalid(
                    resource,
                    "",
                    "metadata.name",
                    "Required value: name or generateName is required",
                ));
            };
            metadata["name"] = json!(format!("{prefix}{}", suffix()));
            object = admission::admit(self, resource, object, true)?;
        } else {
            object = admission::admit(self, resource, object, false)?;
        }
        let made = self.store.create(resource, object, options)?;
        if resource.plural == "namespaces" && !options.dry_run {
            self.create_namespace(made["metadata"]["name"].as_str().unwrap_or_default(), options);
        }
        Ok(made)
    }
}

/// Five letters of the alphabet that Kubernetes uses for generated names.
pub(crate) fn suffix() -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    Uuid::new_v4()
        .as_bytes()
        .iter()
        .take(5)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % 27]))
        .collect()
}

fn update(cluster: &Kubernetes, request: &Request, named: &Named) -> Result<Value, Refusal> {
    let wanted = request.json()?;
    let (resource, sub) = (named.resource, subresource(named));
    cluster.store.modify(
        resource,
        named.store_namespace(),
        named.name(),
        &options(request, sub),
        |live| {
            check_metadata(resource, live, &wanted)?;
            let after = confine(live, wanted.clone(), sub);
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
        None if live["kind"] == "BackupStorageLocation" => {}
        None => match live.get("status") {
            Some(status) => after["status"] = status.clone(),
            None => {
                let _ = after.as_object_mut().and_then(|map| map.remove("status"));
            }
        },
    }
    after
}

fn patch(cluster: &Kubernetes, request: &Request, named: &Named) -> Answer {
    let (resource, sub) = (named.resource, subresource(named));
    let mut options = options(request, sub);
    let body = request.json()?;
    let kind = request
        .header("content-type")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
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
            let after = match kind.as_str() {
                "application/apply-patch+yaml" => fields::apply(live, &body, &writer, request.query.flag("force"))?,
                _ => changed(resource, live, &body, &kind)?,
            };
            check_metadata(resource, live, &after)?;
            let after = confine(live, after, sub);
            admission::validate(resource, live, &after)?;
            Ok(after)
        });
    match outcome {
        Err(refusal) if refusal.code == 404 && options.applies => {
            let mut object = fields::apply(&json!({}), &body, &writer, false)?;
            object["metadata"]["name"] = json!(named.name());
            if resource.namespaced {
                object["metadata"]["namespace"] = json!(named.namespace());
            }
            Ok(json_answer(
                StatusCode::CREATED,
                &cluster.create(resource, object, &options)?,
            ))
        }
        outcome => outcome.map(|object| json_answer(StatusCode::OK, &object)),
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
fn scale(object: &Value) -> Value {
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

fn delete(cluster: &Kubernetes, request: &Request, named: &Named) -> Answer {
    let (resource, namespace, name) = (named.resource, named.store_namespace(), named.name());
    let wanted = if request.body.is_empty() {
        Value::Null
    } else {
        request.json()?
    };
    let Some(live) = cluster.store.get(resource.plural, namespace, name) else {
        return Err(Refusal::not_found(resource, name));
    };
    let uid = wanted["preconditions"]["uid"].as_str().unwrap_or_default();
    if !uid.is_empty() && live["metadata"]["uid"] != uid {
        let found = live["metadata"]["uid"].as_str().unwrap_or_default();
        return Err(Refusal::precondition(resource, name, uid, found));
    }
    let stays = request.query.dry_run() || wanted["dryRun"][0] == "All";
    let grace = wanted["gracePeriodSeconds"]
        .as_u64()
        .or_else(|| request.query.number("gracePeriodSeconds"));
    if stays {
        return Ok(json_answer(StatusCode::OK, &live));
    }
    if resource.plural == "pods" && grace != Some(0) {
        return Ok(json_answer(StatusCode::OK, &cluster.end_pod(namespace, name, grace)?));
    }
    cluster.store.remove(resource.plural, namespace, name);
    let mut details = resource.details(name);
    details["uid"] = live["metadata"]["uid"].clone();
    let done = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
    });
    let body = if resource.plural == "pods" { &live } else { &done };
    Ok(json_answer(StatusCode::OK, body))
}
