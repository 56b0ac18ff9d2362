//! The sandbox's own endpoints below `/_sandbox/`, for shell scripts.

use serde_json::json;

use super::answer::Answer;
use super::engine::Azure;
use super::path::Target;
use crate::log::RequestLog;

/// Answers a request below `/_sandbox/`:
/// `GET requests`, `GET resource?id=ID`, `GET resources?type=TYPE`, `GET assignments`, `GET settings`,
/// `POST set` (body `KEY=VALUE`), `POST skip` (body: model seconds), and
/// `POST assign` or `unassign` (form body: principal, role, scope).
pub(crate) fn answer(azure: &Azure, log: &RequestLog, method: &str, target: &Target, body: &str) -> Answer {
    let path = target.path();
    match (method, path.trim_start_matches("/_sandbox/")) {
        ("GET", "requests") => Answer::ok(json!(log.entries())),
        ("GET", "settings") => Answer::ok(json!(azure.lock().settings)),
        ("GET", "assignments") => Answer::ok(json!(azure.role_assignments())),
        ("GET", "resources") => Answer::ok(json!(azure.resources(target.query("type").unwrap_or_default()))),
        ("GET", "resource") => {
            let body = azure.resource(target.query("id").unwrap_or_default());
            body.map_or_else(
                || Answer::error(404, "NotFound", "The model holds no such resource."),
                Answer::ok,
            )
        }
        ("POST", "set") => told(azure.set(body.trim())),
        ("POST", "skip") => told(
            body.trim()
                .parse()
                .map(|seconds| azure.skip(seconds))
                .map_err(|_| "not a number".to_owned()),
        ),
        ("POST", "assign") => {
            let (principal, role, scope) = assignment(body);
            told(azure.assign(&principal, &role, &scope))
        }
        ("POST", "unassign") => {
            let (principal, role, scope) = assignment(body);
            Answer::ok(json!({ "removed": azure.unassign(&principal, &role, &scope) }))
        }
        _ => Answer::error(404, "NotFound", "The sandbox has no such endpoint."),
    }
}

fn told(outcome: Result<(), String>) -> Answer {
    outcome.map_or_else(
        |message| Answer::error(400, "BadRequest", &message),
        |()| Answer::ok(json!({})),
    )
}

fn assignment(body: &str) -> (String, String, String) {
    let mut all = (String::new(), String::new(), String::new());
    for (key, value) in url::form_urlencoded::parse(body.trim().as_bytes()) {
        match key.as_ref() {
            "principal" => all.0 = value.into_owned(),
            "role" => all.1 = value.into_owned(),
            "scope" => all.2 = value.into_owned(),
            _ => {}
        }
    }
    all
}
