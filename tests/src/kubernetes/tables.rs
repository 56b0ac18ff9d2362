//! Lists as tables, in the columns that the API server itself prints.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::resources::Resource;
use super::server::Request;

/// How a caller wants its tables, `None` for one who did not ask for any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    whole: bool,
}

impl Table {
    pub(crate) fn asked(request: &Request) -> Option<Self> {
        let first = request.header("accept").split(',').next().unwrap_or_default();
        let whole = request.query.get("includeObject") == Some("Object");
        first.contains("as=Table").then_some(Self { whole })
    }

    /// `objects` as a table with the resource version `revision`.
    pub(crate) fn render(self, resource: &Resource, objects: &[Arc<Value>], revision: &str) -> Value {
        let columns: Vec<Value> = columns(resource)
            .iter()
            .map(|name| {
                let format = if *name == "Name" { "name" } else { "" };
                json!({ "name": name, "type": "string", "format": format, "description": "", "priority": 0 })
            })
            .collect();
        let rows: Vec<Value> = objects.iter().map(|object| self.row(resource, object)).collect();
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": { "resourceVersion": revision },
            "columnDefinitions": columns, "rows": rows,
        })
    }

    fn row(self, resource: &Resource, object: &Value) -> Value {
        let cells: Vec<String> = columns(resource).iter().map(|column| cell(object, column)).collect();
        let metadata =
            json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] });
        json!({ "cells": cells, "object": if self.whole { object } else { &metadata } })
    }
}

fn columns(resource: &Resource) -> &'static [&'static str] {
    match resource.plural {
        "pods" => &["Name", "Ready", "Status", "Restarts", "Age"],
        "deployments" => &["Name", "Ready", "Up-to-date", "Available", "Age"],
        "replicasets" => &["Name", "Desired", "Current", "Ready", "Age"],
        "backupstoragelocations" => &["Name", "Phase", "Last Validated", "Age", "Default"],
        "serviceaccounts" => &["Name", "Secrets", "Age"],
        "namespaces" => &["Name", "Status", "Age"],
        "nodes" => &["Name", "Status", "Roles", "Age", "Version"],
        "events" => &["Last Seen", "Type", "Reason", "Object", "Message"],
        "mutatingwebhookconfigurations" => &["Name", "Webhooks", "Age"],
        _ => &["Name", "Age"],
    }
}

fn cell(object: &Value, column: &str) -> String {
    let (spec, status) = (&object["spec"], &object["status"]);
    let count = |value: &Value| value.as_i64().unwrap_or(0).to_string();
    let kind = object["kind"].as_str().unwrap_or_default();
    match (kind, column) {
        (_, "Name") => text(&object["metadata"]["name"]),
        (_, "Age") => age(&object["metadata"]["creationTimestamp"]),
        ("Pod", _) => pod(object, column),
        ("Deployment", "Ready") => format!("{}/{}", count(&status["readyReplicas"]), count(&spec["replicas"])),
        ("Deployment", "Up-to-date") => count(&status["updatedReplicas"]),
        ("Deployment", "Available") => count(&status["availableReplicas"]),
        ("ReplicaSet", "Desired") => count(&spec["replicas"]),
        ("ReplicaSet", "Current") => count(&status["replicas"]),
        ("ReplicaSet", "Ready") => count(&status["readyReplicas"]),
        (_, "Phase") => text(&status["phase"]),
        (_, "Last Validated") => age(&status["lastValidationTime"]),
        (_, "Default") => spec["default"].as_bool().unwrap_or(false).to_string(),
        ("Namespace", "Status") => text(&status["phase"]),
        ("Node", "Status") => "Ready".to_owned(),
        ("Node", "Version") => text(&status["nodeInfo"]["kubeletVersion"]),
        (_, "Roles") => "<none>".to_owned(),
        (_, "Secrets") => "0".to_owned(),
        (_, "Webhooks") => object["webhooks"].as_array().map_or(0, Vec::len).to_string(),
        ("Event", "Last Seen") => age(&object["lastTimestamp"]),
        ("Event", "Object") => {
            let involved = &object["involvedObject"];
            format!("{}/{}", text(&involved["kind"]).to_lowercase(), text(&involved["name"]))
        }
        ("Event", _) => text(&object[column.to_lowercase().as_str()]),
        _ => String::new(),
    }
}

fn pod(object: &Value, column: &str) -> String {
    let statuses = object["status"]["containerStatuses"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    match column {
        "Ready" => {
            let ready = statuses.iter().filter(|status| status["ready"] == true).count();
            format!(
                "{ready}/{}",
                object["spec"]["containers"].as_array().map_or(0, Vec::len)
            )
        }
        "Restarts" => statuses
            .iter()
            .filter_map(|status| status["restartCount"].as_i64())
            .sum::<i64>()
            .to_string(),
        _ if !object["metadata"]["deletionTimestamp"].is_null() => "Terminating".to_owned(),
        _ => {
            let waiting = statuses
                .iter()
                .find_map(|status| status["state"]["waiting"]["reason"].as_str());
            waiting.map_or_else(|| text(&object["status"]["phase"]), str::to_owned)
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// How long ago a time was, in the two largest units that still mean something.
fn age(time: &Value) -> String {
    match time.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(time) => span(Timestamp::now().duration_since(time)),
        None => "<unknown>".to_owned(),
    }
}

fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => format!("{minutes}m{}s", seconds % 60),
        600..10800 => format!("{minutes}m"),
        10800..28800 => format!("{hours}h{}m", minutes % 60),
        28800..172_800 => format!("{hours}h"),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_short_as_kubectl_prints_them() {
        let printed = |seconds| span(SignedDuration::from_secs(seconds));
        let all = [
            printed(5),
            printed(125),
            printed(3600),
            printed(11000),
            printed(100_000),
            printed(900_000),
        ];
        assert_eq!(all, ["5s", "2m5s", "60m", "3h3m", "27h", "10d"]);
    }
}
