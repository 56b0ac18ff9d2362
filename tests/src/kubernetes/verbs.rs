//! get, list, create, update, patch, delete.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::admission;
use super::changes;
use super::cluster::Kubernetes;
use super::resources::Resource;
use super::selectors::Selector;
use super::server::{Answer, Request, json as json_answer};
use super::status::Refusal;
use super::store::Options;
use super::tables::Table;
use super::target::{Named, Query};

pub(crate) fn answer(cluster: &Kubernetes, request: &Request, named: &Named, verb: &str) -> Answer {
    let (resource, namespace, name) = (named.resource, named.store_namespace(), named.name());
    let (code, object) = match verb {
        "get" => {
            let found = cluster.store.get(resource.plural, namespace, name);
            (StatusCode::OK, found.ok_or_else(|| Refusal::not_found(resource, name))?)
        }
        "list" => return list(cluster, request, named),
        "create" => (StatusCode::CREATED, create(cluster, request, named)?),
        "update" => (StatusCode::OK, changes::update(cluster, request, named)?),
        "patch" => changes::patch(cluster, request, named)?,
        _ => return delete(cluster, request, named),
    };
    let object = match (named.subresource.as_deref(), Table::asked(request)) {
        (Some("scale"), _) => Arc::new(changes::scale(&object)),
        (_, Some(table)) => {
            let version = object["metadata"]["resourceVersion"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            Arc::new(table.render(resource, &[object], &version))
        }
        _ => object,
    };
    Ok(json_answer(code, &object))
}

fn list(cluster: &Kubernetes, request: &Request, named: &Named) -> Answer {
    let resource = named.resource;
    let selector = Selector::parse(resource, &request.query)?;
    let (objects, revision) = cluster.store.list(resource.plural, named.namespace.as_deref());
    let items: Vec<Arc<Value>> = objects.into_iter().filter(|object| selector.matches(object)).collect();
    let (items, next) = page(items, &request.query)?;
    let mut list = match Table::asked(request) {
        Some(table) => table.render(resource, &items, &revision.to_string()),
        None => json!({
            "kind": format!("{}List", resource.kind), "apiVersion": resource.api_version(),
            "metadata": { "resourceVersion": revision.to_string() }, "items": items.iter().map(|item| Value::clone(item)).collect::<Vec<_>>(),
        }),
    };
    if let Some((token, left)) = next {
        list["metadata"]["continue"] = json!(token.to_string());
        list["metadata"]["remainingItemCount"] = json!(left);
    }
    Ok(json_answer(StatusCode::OK, &list))
}

/// Where a list goes on, and how many objects are left then.
type Next = Option<(usize, usize)>;

/// As many of `items` as were asked for, from where the page before ended.
fn page<T>(items: Vec<T>, query: &Query) -> Result<(Vec<T>, Next), Refusal> {
    let begun = match query.get("continue").filter(|token| !token.is_empty()) {
        Some(token) => token
            .parse()
            .map_err(|_| Refusal::bad_request("continue key is not valid"))?,
        None => 0,
    };
    let limit = query.number("limit").and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let end = limit.saturating_add(begun).min(items.len());
    let left = items.len() - end;
    let items = items.into_iter().skip(begun).take(limit).collect();
    Ok((items, (left > 0).then_some((end, left))))
}

fn create(cluster: &Kubernetes, request: &Request, named: &Named) -> Result<Arc<Value>, Refusal> {
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
    cluster.create(resource, object, &changes::options(request, None))
}

impl Kubernetes {
    /// Names, admits and stores a new object, as for a request of anybody.
    ///
    /// # Errors
    /// What admission refuses, and 409 where the name is taken.
    pub(crate) fn create(
        &self,
        resource: &Resource,
        mut object: Value,
        options: &Options,
    ) -> Result<Arc<Value>, Refusal> {
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
        return Ok(json_answer(StatusCode::OK, &*cluster.end_pod(namespace, name, grace)?));
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
