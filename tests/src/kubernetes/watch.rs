//! Selectors, and watches that live until their deadline or the end of the cluster.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::cluster::Kubernetes;
use super::resources::Resource;
use super::server::{Answer, Request};
use super::status::Refusal;
use super::store::Change;
use super::target::{Named, Query};

/// A label selector and a field selector.
#[derive(Debug)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
    name: Option<String>,
}

#[derive(Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// # Errors
    /// 400 for a selector that cannot be read, or a field that cannot be selected on.
    pub(crate) fn parse(resource: &Resource, query: &Query) -> Result<Self, Refusal> {
        let mut fields = Vec::new();
        for part in query
            .get("fieldSelector")
            .unwrap_or_default()
            .split(',')
            .filter(|part| !part.is_empty())
        {
            let (field, value, equal) = match (part.split_once("!="), part.split_once("=")) {
                (Some((field, value)), _) => (field, value, false),
                (None, Some((field, value))) => (field, value.trim_start_matches('='), true),
                _ => return Err(Refusal::bad_request(&format!("invalid field selector: {part}"))),
            };
            if !resource.selectable(field) {
                return Err(Refusal::bad_request(&format!(
                    "Unable to find \"{}, Resource={}\" that match label selector \"\", field selector \"{part}\": \
                     field label not supported: {field}",
                    resource.api_version(),
                    resource.plural
                )));
            }
            fields.push((field.to_owned(), value.to_owned(), equal));
        }
        let labels = requirements(query.get("labelSelector").unwrap_or_default())?;
        Ok(Self {
            labels,
            fields,
            name: None,
        })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let named = self
            .name
            .as_deref()
            .is_none_or(|name| object["metadata"]["name"] == name);
        named
            && self.labels.iter().all(|requirement| requirement.matches(labels))
            && self.fields.iter().all(|(field, value, equal)| {
                let found = field.split('.').fold(object, |value, key| &value[key]);
                (found.as_str().unwrap_or_default() == value) == *equal
            })
    }
}

impl Requirement {
    fn matches(&self, labels: &Value) -> bool {
        let value = |key: &str| labels.get(key).and_then(Value::as_str);
        match self {
            Self::In(key, values) => value(key).is_some_and(|own| values.iter().any(|one| one == own)),
            Self::NotIn(key, values) => value(key).is_none_or(|own| values.iter().all(|one| one != own)),
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
        }
    }
}

fn requirements(text: &str) -> Result<Vec<Requirement>, Refusal> {
    let mut depth = 0;
    let parts = text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(requirement)
        .collect()
}

fn requirement(part: &str) -> Result<Requirement, Refusal> {
    let set = |text: &str| {
        let inner = text.trim().trim_start_matches('(').trim_end_matches(')');
        inner
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let owned = |text: &str| text.trim().to_owned();
    if let Some((key, values)) = part.split_once(" notin ") {
        return Ok(Requirement::NotIn(owned(key), set(values)));
    }
    if let Some((key, values)) = part.split_once(" in ") {
        return Ok(Requirement::In(owned(key), set(values)));
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(owned(key), vec![owned(value)]));
    }
    if let Some((key, value)) = part.split_once('=') {
        return Ok(Requirement::In(owned(key), vec![owned(value.trim_start_matches('='))]));
    }
    match part.strip_prefix('!') {
        Some(key) => Ok(Requirement::Absent(owned(key))),
        None if part.contains(' ') => Err(Refusal::bad_request(&format!(
            "unable to parse requirement: found '{part}', expected: identifier"
        ))),
        None => Ok(Requirement::Exists(owned(part))),
    }
}

struct Stream {
    cluster: Arc<Kubernetes>,
    resource: &'static Resource,
    namespace: Option<String>,
    selector: Selector,
    revision: u64,
    bookmarks: bool,
    ready: VecDeque<Value>,
    deadline: Instant,
    revisions: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    ended: bool,
}

/// Opens a watch.
pub(crate) fn answer(cluster: &Arc<Kubernetes>, request: &Request, named: &Named) -> Answer {
    let mut selector = Selector::parse(named.resource, &request.query)?;
    selector.name.clone_from(&named.name);
    let namespace = if named.resource.namespaced {
        named.namespace.clone()
    } else {
        None
    };
    // Without a number of its own the API server ends a watch after 30 to 60 minutes.
    let seconds = request.query.number("timeoutSeconds").unwrap_or(1800);
    let revisions = cluster.store.subscribe();
    let mut stream = Stream {
        cluster: Arc::clone(cluster),
        resource: named.resource,
        namespace,
        selector,
        revision: 0,
        bookmarks: request.query.flag("allowWatchBookmarks"),
        ready: VecDeque::new(),
        deadline: Instant::now() + Duration::from_secs(seconds),
        revisions,
        stopping: cluster.stopping(),
        ended: false,
    };
    let initial = request.query.flag("sendInitialEvents");
    match request.query.get("resourceVersion").unwrap_or("0") {
        text if text == "0" || initial => stream.begin(initial),
        text => {
            stream.revision = text
                .parse()
                .map_err(|_| Refusal::bad_request(&format!("resourceVersion: Invalid value: \"{text}\"")))?;
        }
    }
    let lines = stream::unfold(stream, |mut stream| async move {
        let line = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(line), stream))
    });
    let mut response = Response::new(Body::from_stream(lines));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

impl Stream {
    /// Begins with everything there is.
    fn begin(&mut self, initial: bool) {
        let (objects, revision) = self.cluster.store.list(self.resource.plural, self.namespace.as_deref());
        for object in objects.into_iter().filter(|object| self.selector.matches(object)) {
            self.ready.push_back(json!({ "type": "ADDED", "object": object }));
        }
        self.revision = revision;
        if initial && self.bookmarks {
            let mut bookmark = self.bookmark();
            bookmark["object"]["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
            self.ready.push_back(bookmark);
        }
    }

    fn bookmark(&self) -> Value {
        json!({ "type": "BOOKMARK", "object": {
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(),
            "metadata": { "resourceVersion": self.revision.to_string(), "creationTimestamp": null },
        } })
    }

    fn collect(&mut self) {
        self.revisions.borrow_and_update();
        match self.cluster.store.changes(self.resource.plural, self.revision) {
            Ok((changes, revision)) => {
                self.revision = revision;
                let events: Vec<Value> = changes.into_iter().filter_map(|change| self.event(change)).collect();
                self.ready.extend(events);
            }
            Err(refusal) => {
                self.ready.push_back(json!({ "type": "ERROR", "object": refusal.body }));
                self.ended = true;
            }
        }
    }

    /// What a change looks like through the selector.
    fn event(&self, change: Change) -> Option<Value> {
        let here = |object: &Value| {
            let namespace = self.namespace.as_deref();
            namespace.is_none_or(|own| object["metadata"]["namespace"] == own) && self.selector.matches(object)
        };
        let before = change.before.as_ref().is_some_and(here);
        let after = !change.deleted && here(&change.after);
        let kind = match (before, after) {
            (false, false) => return None,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        Some(json!({ "type": kind, "object": change.after }))
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Bytes::from(format!("{event}\n")));
            }
            if self.ended {
                return None;
            }
            self.collect();
            if !self.ready.is_empty() {
                continue;
            }
            // Bookmarks come about once a minute; a little disorder keeps many watches from beating in time.
            let pause = Duration::from_secs(55 + u64::from(Uuid::new_v4().as_bytes()[0] % 10));
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || *self.stopping.borrow() {
                self.ended = true;
                continue;
            }
            tokio::select! {
                changed = self.revisions.changed() => self.ended = changed.is_err(),
                _ = self.stopping.changed() => self.ended = true,
                () = tokio::time::sleep(left.min(pause)) => {
                    if left > pause && self.bookmarks {
                        let bookmark = self.bookmark();
                        self.ready.push_back(bookmark);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors_of_both_kinds() {
        let labels = json!({ "app": "a", "tier": "x" });
        for (text, expected) in [
            ("app=a", true),
            ("app==a,tier!=y", true),
            ("app in (a, b),tier notin (x)", false),
            ("!none,app", true),
            ("!app", false),
        ] {
            let found = requirements(text)
                .unwrap()
                .iter()
                .all(|requirement| requirement.matches(&labels));
            assert_eq!(found, expected, "{text}");
        }
        assert!(requirements("a b").is_err());
    }
}
