//! What containers have written, and `pods/log`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;

use super::cluster::Kubernetes;
use super::server::{Answer, Request};
use super::status::Refusal;
use super::target::{Named, Query};

/// How many lines of one container are kept; the kubelet rotates logs as well.
const KEPT: usize = 5000;

/// The lines of every container of every pod that is still there.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    containers: Mutex<BTreeMap<(String, String), Lines>>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Line>,
    dropped: usize,
}

#[derive(Debug, Clone)]
struct Line {
    time: Timestamp,
    text: String,
}

impl Logs {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Lines>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what the containers of a pod have written.
    pub(crate) fn clear(&self, uid: &str) {
        self.lock().retain(|(pod, _), _| pod != uid);
    }

    /// Adds a line to the log of a container, by the uid of its pod.
    pub(crate) fn push(&self, uid: &str, container: &str, text: String) {
        let mut containers = self.lock();
        let lines = containers.entry((uid.to_owned(), container.to_owned())).or_default();
        lines.kept.push_back(Line {
            time: Timestamp::now(),
            text,
        });
        if lines.kept.len() > KEPT {
            lines.kept.pop_front();
            lines.dropped += 1;
        }
        drop(containers);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Forgets a pod; followers of its log end.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().retain(|(own, _), _| own != uid);
        self.changed.send_modify(|count| *count += 1);
    }

    /// The lines after the first `read` ones, and how many there are with them; `None` for a container without a log.
    fn read(&self, uid: &str, container: &str, read: usize) -> Option<(Vec<Line>, usize)> {
        let containers = self.lock();
        let lines = containers.get(&(uid.to_owned(), container.to_owned()))?;
        let fresh = lines
            .kept
            .iter()
            .skip(read.saturating_sub(lines.dropped))
            .cloned()
            .collect();
        Some((fresh, lines.dropped + lines.kept.len()))
    }
}

/// Which lines are wanted, and how.
#[derive(Debug)]
struct Wanted {
    tail: Option<usize>,
    since: Option<Timestamp>,
    timestamps: bool,
}

impl Wanted {
    fn parse(query: &Query) -> Self {
        let seconds = query
            .number("sinceSeconds")
            .and_then(|seconds| i64::try_from(seconds).ok());
        let ago = seconds.map(|seconds| Timestamp::now() - SignedDuration::from_secs(seconds));
        let tail = query.number("tailLines").and_then(|lines| usize::try_from(lines).ok());
        let since = ago.or_else(|| query.get("sinceTime").and_then(|text| text.parse().ok()));
        Self {
            tail,
            since,
            timestamps: query.flag("timestamps"),
        }
    }

    fn text(&self, lines: &[Line]) -> String {
        let mut text = String::new();
        for line in lines
            .iter()
            .filter(|line| self.since.is_none_or(|since| line.time >= since))
        {
            if self.timestamps {
                text.push_str(&format!("{:.9} ", line.time));
            }
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }
}

/// Answers `pods/log`.
pub(crate) fn answer(cluster: &Arc<Kubernetes>, request: &Request, named: &Named) -> Answer {
    let pod = cluster.store.get("pods", named.namespace(), named.name());
    let pod = pod.ok_or_else(|| Refusal::not_found(named.resource, named.name()))?;
    let container = container(&pod, request.query.get("container"))?;
    let mut statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let status = statuses
        .find(|status| status["name"] == container.as_str())
        .cloned()
        .unwrap_or_default();
    if request.query.flag("previous") && status["lastState"]["terminated"].is_null() {
        return Err(Refusal::bad_request(&format!(
            "previous terminated container \"{container}\" in pod \"{}\" not found",
            named.name()
        )));
    }
    let reason = status["state"]["waiting"]["reason"].as_str();
    if status.is_null() || reason.is_some_and(|reason| reason != "CrashLoopBackOff") {
        let why = reason.unwrap_or("ContainerCreating");
        return Err(Refusal::bad_request(&format!(
            "container \"{container}\" in pod \"{}\" is waiting to start: {why}",
            named.name()
        )));
    }
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let body = body(&cluster.logs, cluster.stopping(), &request.query, (uid, container));
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

fn container(pod: &Value, wanted: Option<&str>) -> Result<String, Refusal> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let all: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten())
        .filter_map(|container| container["name"].as_str())
        .collect();
    match (wanted, all.as_slice()) {
        (Some(wanted), all) if all.contains(&wanted) => Ok(wanted.to_owned()),
        (Some(wanted), _) => Err(Refusal::bad_request(&format!(
            "container {wanted} is not valid for pod {name}"
        ))),
        (None, [only]) => Ok((*only).to_owned()),
        (None, all) => Err(Refusal::bad_request(&format!(
            "a container name must be specified for pod {name}, choose one of: [{}]",
            all.join(" ")
        ))),
    }
}

/// What a container has written, as `query` wants it, by the uid of the pod and the container's name. Where it is to be
/// followed, the body grows with the log until the pod is gone, or whoever serves it is `stopping`.
pub(crate) fn body(logs: &Arc<Logs>, stopping: watch::Receiver<bool>, query: &Query, key: (String, String)) -> Body {
    let wanted = Wanted::parse(query);
    let (lines, total) = logs.read(&key.0, &key.1, 0).unwrap_or_default();
    let skipped = wanted.tail.map_or(0, |tail| lines.len().saturating_sub(tail));
    let first = wanted.text(&lines[skipped..]);
    if query.flag("follow") {
        return follow(Arc::clone(logs), stopping, wanted, key, (total, first));
    }
    Body::from(first)
}

fn follow(
    logs: Arc<Logs>,
    stopping: watch::Receiver<bool>,
    wanted: Wanted,
    key: (String, String),
    begun: (usize, String),
) -> Body {
    let changed = logs.changed.subscribe();
    let state = (logs, wanted, key, begun, changed, stopping);
    Body::from_stream(stream::unfold(state, |mut state| async move {
        loop {
            let (logs, wanted, key, (read, text), changed, stopping) = &mut state;
            if !text.is_empty() {
                let bytes = Bytes::from(std::mem::take(text));
                return Some((Ok::<_, std::convert::Infallible>(bytes), state));
            }
            changed.borrow_and_update();
            let (lines, total) = logs.read(&key.0, &key.1, *read)?;
            if *stopping.borrow() {
                return None;
            }
            *text = wanted.text(&lines);
            *read = total;
            if text.is_empty() {
                tokio::select! {
                    _ = changed.changed() => {}
                    _ = stopping.wait_for(|stop| *stop) => return None,
                }
            }
        }
    }))
}
