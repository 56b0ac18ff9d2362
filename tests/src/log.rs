//! The request log: every request that the sandbox answered, in order, for tests and for the bench.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request and its answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Entry {
    /// Milliseconds since the sandbox started, when the request arrived.
    pub arrived_ms: u64,
    /// Milliseconds since the sandbox started, when the answer was ready.
    pub answered_ms: u64,
    /// `arm`, `entra`, `graph`, `storage` or `kubernetes`.
    pub service: String,
    /// Name of the persona that the token stands for; empty where none was needed or known.
    pub persona: String,
    /// The client, as its `User-Agent` names it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// HTTP method.
    pub method: String,
    /// Path with its query, as received.
    pub target: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Whether the request asked for a change of the world.
    pub write: bool,
    /// `x-ms-client-request-id` of the client.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_request_id: String,
    /// `x-ms-request-id` of the answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// `x-ms-correlation-request-id` of the answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub correlation_id: String,
    /// `Retry-After` of the answer, in milliseconds of the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether the answer is a recorded one of Azure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
    /// Violations of Microsoft's schema in request or answer, each with its JSON pointer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
}

/// The log; clones share one list.
#[derive(Debug, Clone)]
pub struct RequestLog {
    start: Instant,
    shared: Arc<Shared>,
}

/// What happens when a request arrives.
type Hook = Arc<dyn Fn(&Arrival) + Send + Sync>;

/// A request that has arrived in full and has had no effect yet.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path with its query, as received.
    pub target: &'a str,
}

/// What happens when a request to ARM is answered.
type AnswerHook = Arc<dyn Fn(&Answered) + Send + Sync>;

/// An answer of ARM, as it leaves.
#[derive(Debug, Clone)]
pub struct Answered {
    /// HTTP method of the request.
    pub method: String,
    /// Path with its query, as received.
    pub target: String,
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<Value>,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    complete: Condvar,
    hook: Mutex<Option<Hook>>,
    answer_hook: Mutex<Option<AnswerHook>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Entry>,
    pending: BTreeSet<usize>,
    file: Option<File>,
}

impl Inner {
    /// Whether the first `count` entries are complete.
    fn is_complete(&self, count: usize) -> bool {
        self.pending.first().is_none_or(|number| *number >= count)
    }
}

impl RequestLog {
    /// A log in memory, and as JSON lines in `file` where one is given.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn new(file: Option<&Path>) -> std::io::Result<Self> {
        let file = file.map(File::create).transpose()?;
        let inner = Mutex::new(Inner {
            file,
            ..Inner::default()
        });
        Ok(Self {
            start: Instant::now(),
            shared: Arc::new(Shared {
                inner,
                ..Shared::default()
            }),
        })
    }

    /// Milliseconds since the sandbox started.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Calls `hook` from now on for every request that has arrived, before it has any effect: it is the moment to kill
    /// whoever sent it.
    pub fn on_arrival(&self, hook: impl Fn(&Arrival) + Send + Sync + 'static) {
        *self.shared.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
    }

    /// Tells that a request has arrived.
    pub(crate) fn arrived(&self, method: &str, target: &str) {
        let hook = self.shared.hook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hook) = hook {
            hook(&Arrival { method, target });
        }
    }

    /// Calls `hook` from now on with every answer of ARM.
    pub fn on_answer(&self, hook: impl Fn(&Answered) + Send + Sync + 'static) {
        *self.shared.answer_hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
    }

    /// Tells what ARM answers.
    pub(crate) fn answered(&self, answer: impl FnOnce() -> Answered) {
        let hook = self
            .shared
            .answer_hook
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(hook) = hook {
            hook(&answer());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry. A full disk loses the line in the file, never the entry in memory.
    pub fn push(&self, entry: Entry) {
        let number = self.open(entry);
        self.close(number, Vec::new());
    }

    /// Adds an entry whose violations are still being looked for. Gives its number for [`RequestLog::close`].
    pub fn open(&self, entry: Entry) -> usize {
        let mut inner = self.lock();
        let number = inner.entries.len();
        inner.entries.push(entry);
        inner.pending.insert(number);
        self.shared.complete.notify_all();
        number
    }

    /// Completes an entry with what was found.
    pub fn close(&self, number: usize, violations: Vec<String>) {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.get_mut(number) {
            entry.violations = violations;
            let line = serde_json::to_string(entry);
            if let (Some(file), Ok(line)) = (&mut inner.file, line) {
                let _ = writeln!(file, "{line}");
            }
        }
        inner.pending.remove(&number);
        self.shared.complete.notify_all();
    }

    /// Waits, no longer than `patience`, until the entries so far, complete or not, satisfy `wanted`. Gives whether they do.
    pub fn wait_until(&self, patience: Duration, wanted: impl Fn(&[Entry]) -> bool) -> bool {
        let waiting = self
            .shared
            .complete
            .wait_timeout_while(self.lock(), patience, |inner| !wanted(&inner.entries));
        let (_guard, waited) = waiting.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// Returns a copy of all entries so far, once all of them are complete.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let inner = self.lock();
        // Not those that come meanwhile: on a busy machine there is always one that isn't complete.
        let count = inner.entries.len();
        let waiting = self
            .shared
            .complete
            .wait_while(inner, |inner| !inner.is_complete(count));
        let inner = waiting.unwrap_or_else(PoisonError::into_inner);
        inner.entries.iter().take(count).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Entry, RequestLog};

    fn entry(target: &str) -> Entry {
        Entry {
            service: "arm".to_owned(),
            method: "GET".to_owned(),
            target: target.to_owned(),
            status: 200,
            ..Entry::default()
        }
    }

    #[test]
    fn readers_wait_for_what_is_still_being_checked() {
        let log = RequestLog::new(None).unwrap();
        log.push(entry("/a"));
        let number = log.open(entry("/b"));
        let other = log.clone();
        let reader = std::thread::spawn(move || other.entries());
        log.close(number, vec!["wrong".to_owned()]);
        let entries = reader.join().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].violations, ["wrong"]);
    }

    #[test]
    fn readers_do_not_wait_for_what_comes_later() {
        let log = RequestLog::new(None).unwrap();
        let first = log.open(entry("/a"));
        assert!(!log.lock().is_complete(1));
        log.open(entry("/b"));
        log.close(first, Vec::new());
        assert!(log.lock().is_complete(1));
        assert!(!log.lock().is_complete(2));
    }

    #[test]
    fn arrivals_are_told_to_the_hook_and_nobody_else() {
        let log = RequestLog::new(None).unwrap();
        log.arrived("GET", "/before");
        let (told, heard) = std::sync::mpsc::channel();
        log.on_arrival(move |arrival| {
            let _ = told.send(format!("{} {}", arrival.method, arrival.target));
        });
        log.arrived("PUT", "/a");
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["PUT /a"]);
        assert!(log.entries().is_empty());
    }

    #[test]
    fn an_entry_is_noticed_before_it_is_complete() {
        let log = RequestLog::new(None).unwrap();
        let other = log.clone();
        let reader =
            std::thread::spawn(move || other.wait_until(Duration::from_secs(60), |entries| entries.len() == 1));
        log.open(entry("/a"));
        assert!(reader.join().unwrap());
        assert!(!log.wait_until(Duration::ZERO, |entries| entries.len() == 2));
    }
}
