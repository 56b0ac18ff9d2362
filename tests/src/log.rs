//! The request log: every request that the sandbox answered, in order, for tests and for the bench.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// One request and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Milliseconds since the sandbox started, when the request arrived.
    pub arrived_ms: u64,
    /// Milliseconds since the sandbox started, when the answer was ready.
    pub answered_ms: u64,
    /// `arm`, `entra`, `storage` or `kubernetes`.
    pub service: String,
    /// Name of the persona that the token stands for; empty where none was needed or known.
    pub persona: String,
    /// HTTP method.
    pub method: String,
    /// Path with its query, as received.
    pub target: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Whether the request asked for a change of the world.
    pub write: bool,
    /// Violations of Microsoft's schema in request or answer, each with its JSON pointer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
}

/// The log; clones share one list.
#[derive(Debug, Clone)]
pub struct RequestLog {
    start: Instant,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: Vec<Entry>,
    file: Option<File>,
}

impl RequestLog {
    /// A log in memory, and as JSON lines in `file` where one is given.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn new(file: Option<&Path>) -> std::io::Result<Self> {
        let file = file.map(File::create).transpose()?;
        Ok(Self {
            start: Instant::now(),
            inner: Arc::new(Mutex::new(Inner {
                entries: Vec::new(),
                file,
            })),
        })
    }

    /// Milliseconds since the sandbox started.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Adds an entry. A full disk loses the line in the file, never the entry in memory.
    pub fn push(&self, entry: Entry) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(file), Ok(line)) = (&mut inner.file, serde_json::to_string(&entry)) {
            let _ = writeln!(file, "{line}");
        }
        inner.entries.push(entry);
    }

    /// A copy of all entries so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entries
            .clone()
    }
}
