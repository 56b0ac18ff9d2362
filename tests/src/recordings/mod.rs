//! Traffic of the real Azure Resource Manager, recorded by Microsoft's own test suites: a judge of the simulator and of the programs.
//!
//! The recordings are test data that lives outside the project: `arm.jsonl`, one exchange in each line. The recorder removed some
//! headers before it saved (`Retry-After` and others), so that a header that is missing there proves nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

mod operation;
mod shape;

pub use operation::operation;
pub use shape::{Kind, Member, Shape};

/// Names the folder of the recordings. An empty value switches off what needs them.
pub const VARIABLE: &str = "AKSBACKUP_RECORDINGS";

/// What a person reads where there are none.
pub const OFF: &str = "warning: nothing is compared with recordings of Azure";

/// A request to Azure and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Component and test of the recording.
    pub source: String,
    /// The answer's `Date`.
    pub at: String,
    /// HTTP method.
    pub method: String,
    /// Path with its query.
    pub target: String,
    /// HTTP status.
    pub status: u16,
    /// Headers of the answer that are left, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Body of the answer, as it was sent.
    pub text: String,
}

impl Exchange {
    /// Method and path with `{}` for each name.
    #[must_use]
    pub fn operation(&self) -> String {
        operation(&self.method, &self.target)
    }

    /// The body of the answer as JSON; nothing where there is none.
    #[must_use]
    pub fn body(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }
}

#[derive(Deserialize)]
struct Line {
    source: String,
    at: Option<String>,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    uri: String,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: BTreeMap<String, Header>,
    body: Option<String>,
}

/// A header that was sent more than once is a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Header {
    Once(String),
    Often(Vec<String>),
}

impl Header {
    fn joined(self) -> String {
        match self {
            Self::Once(value) => value,
            Self::Often(values) => values.join(", "),
        }
    }
}

/// All exchanges in the order of the traffic; `None` where the variable names no folder and none is next to the clone.
///
/// # Errors
/// The folder that was named has no readable recordings.
pub fn recordings() -> io::Result<Option<Vec<Exchange>>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/recordings");
    let folder = match std::env::var_os(VARIABLE) {
        Some(named) if named.is_empty() => return Ok(None),
        Some(named) => PathBuf::from(named),
        None if beside.is_dir() => beside,
        None => return Ok(None),
    };
    let path = folder.join("arm.jsonl");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    let lines = text.lines().map(|line| exchange(line).map_err(io::Error::other));
    lines.collect::<io::Result<Vec<_>>>().map(Some)
}

fn exchange(line: &str) -> serde_json::Result<Exchange> {
    let line: Line = serde_json::from_str(line)?;
    let uri = &line.request.uri;
    let headers = line.response.headers.into_iter();
    let target = uri.strip_prefix("https://management.azure.com").unwrap_or(uri);
    Ok(Exchange {
        source: line.source,
        at: line.at.unwrap_or_default(),
        method: line.request.method,
        target: target.to_owned(),
        status: line.response.status,
        headers: headers.map(|(name, value)| (name, value.joined())).collect(),
        text: line.response.body.unwrap_or_default(),
    })
}
