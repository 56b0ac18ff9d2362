//! Watches that live until their deadline or the end of the cluster.

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
use super::selectors::Selector;
use super::server::{Answer, Request};
use super::status::Refusal;
use super::store::Change;
use super::tables::Table;
use super::target::Named;

struct Stream {
    cluster: Arc<Kubernetes>,
    resource: &'static Resource,
    namespace: Option<String>,
    selector: Selector,
    revision: u64,
    bookmarks: bool,
    table: Option<Table>,
    ready: VecDeque<Value>,
    deadline: Instant,
    revisions: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    ended: bool,
}

/// Opens a watch.
pub(crate) fn answer(cluster: &Arc<Kubernetes>, request: &Request, named: &Named) -> Answer {
    let mut stream = Stream::new(cluster, request, named)?;
    let initial = request.query.flag("sendInitialEvents");
    match request.query.get("resourceVersion").unwrap_or("0") {
        text if text == "0" || initial => stream.begin(initial),
        text => {
            let wrong = |_| Refusal::bad_request(&format!("resourceVersion: Invalid value: \"{text}\""));
            stream.revision = text.parse().map_err(wrong)?;
        }
    }
    let lines = stream::unfold(stream, |mut stream| async move {
        let line = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(line), stream))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

impl Stream {
    fn new(cluster: &Arc<Kubernetes>, request: &Request, named: &Named) -> Result<Self, Refusal> {
        let mut selector = Selector::parse(named.resource, &request.query)?;
        selector.only(named.name.as_deref());
        // Without a number of its own the API server ends a watch after 30 to 60 minutes.
        let seconds = request.query.number("timeoutSeconds").unwrap_or(1800);
        Ok(Self {
            cluster: Arc::clone(cluster),
            resource: named.resource,
            namespace: named.namespace.clone().filter(|_| named.resource.namespaced),
            selector,
            revision: 0,
            bookmarks: request.query.flag("allowWatchBookmarks"),
            table: Table::asked(request),
            ready: VecDeque::new(),
            deadline: Instant::now() + Duration::from_secs(seconds),
            revisions: cluster.store.subscribe(),
            stopping: cluster.stopping(),
            ended: false,
        })
    }

    /// Begins with everything there is.
    fn begin(&mut self, initial: bool) {
        let (objects, revision) = self.cluster.store.list(self.resource.plural, self.namespace.as_deref());
        for object in objects.into_iter().filter(|object| self.selector.matches(object)) {
            let object = self.shown(object);
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
        let before = change.before.as_deref().is_some_and(here);
        let after = !change.deleted && here(&change.after);
        let kind = match (before, after) {
            (false, false) => return None,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        Some(json!({ "type": kind, "object": self.shown(change.after) }))
    }

    fn shown(&self, object: Arc<Value>) -> Value {
        let version = object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        match self.table {
            Some(table) => table.render(self.resource, &[object], &version),
            None => Arc::unwrap_or_clone(object),
        }
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
