//! Every request that people sent to the API server, from its own audit log.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::people::BED;

/// One request, as the API server itself recorded it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// When it arrived.
    pub at: Timestamp,
    /// Who sent it.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Path and query.
    pub uri: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Whether it would change something that stays: no read, no dry run, no question about rights or tokens.
    pub write: bool,
    /// What the client calls itself.
    pub user_agent: String,
    /// What was sent with a write, null otherwise.
    pub body: Value,
}

impl Request {
    /// The HTTP method, as far as the verb tells.
    #[must_use]
    pub fn method(&self) -> &'static str {
        match self.verb.as_str() {
            "create" => "POST",
            "update" => "PUT",
            "patch" => "PATCH",
            "delete" | "deletecollection" => "DELETE",
            _ => "GET",
        }
    }
}

/// Requests of the bed's own hands and of the control plane are left out; the bodies of writes are kept.
pub(crate) fn policy(own: &[&str]) -> Value {
    let mut own = own.to_vec();
    own.extend([
        BED,
        "system:kube-controller-manager",
        "system:apiserver",
        "system:anonymous",
    ]);
    json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "None", "users": own },
            { "level": "Request", "verbs": ["create", "update", "patch", "delete", "deletecollection"] },
            { "level": "Metadata" },
        ],
    })
}

/// The requests that were answered so far, in order; a watch counts when it has begun.
pub(crate) fn requests(log: &Path) -> Vec<Request> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter_map(|event| request(&event)).collect()
}

fn request(event: &Value) -> Option<Request> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (verb, uri) = (text(&event["verb"]), text(&event["requestURI"]));
    let begins = event["stage"] == "ResponseStarted";
    if begins != (verb == "watch") {
        return None;
    }
    let group = &event["objectRef"]["apiGroup"];
    let question = group == "authorization.k8s.io" || group == "authentication.k8s.io";
    let token = event["objectRef"]["subresource"] == "token";
    let reading = matches!(verb.as_str(), "get" | "list" | "watch");
    Some(Request {
        at: event["requestReceivedTimestamp"].as_str()?.parse().ok()?,
        user: text(&event["user"]["username"]),
        status: event["responseStatus"]["code"]
            .as_u64()
            .and_then(|code| code.try_into().ok())?,
        write: !(reading || question || token || uri.contains("dryRun=All")),
        user_agent: text(&event["userAgent"]),
        body: event["requestObject"].clone(),
        verb,
        uri,
    })
}
