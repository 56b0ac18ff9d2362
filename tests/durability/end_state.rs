//! What Azure, the cluster and the state file hold in the end, in a form that two worlds can be compared by.

use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

/// Every kind of resource that a hand-off makes or changes.
const KINDS: [&str; 11] = [
    "Microsoft.ContainerService/managedClusters",
    "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.DataProtection/backupVaults",
    "Microsoft.DataProtection/backupVaults/backupPolicies",
    "Microsoft.DataProtection/backupVaults/backupInstances",
    "Microsoft.DataProtection/backupVaults/backupJobs",
    "Microsoft.KubernetesConfiguration/extensions",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
];

/// Keys whose values say when and how often something was looked at or written, not what it is.
const PASSING: [&str; 10] = [
    // A digest of the client ID among others, which is fresh in every world.
    "aksbackup.io/workload-identity",
    "etag",
    "eTag",
    "systemData",
    "written",
    "at",
    "by",
    "duration",
    "resourceVersion",
    "lastValidationTime",
];

/// Everything, one thing a line, in order.
pub(crate) fn of(stage: &Stage) -> String {
    let mut lines = Vec::new();
    let azure = stage.sandbox.azure();
    for kind in KINDS {
        lines.extend(azure.resources(kind).into_iter().map(|body| line(kind, body)));
    }
    let assignments = stage.sandbox.role_assignments();
    lines.extend(assignments.into_iter().map(|body| line("role assignment", body)));
    lines.extend(cluster(stage));
    lines.sort();
    lines.push(line("state file", file(stage)));
    lines.join("\n")
}

fn line(kind: &str, body: Value) -> String {
    format!("{kind}: {}", lasting(body))
}

/// Annotations, pod templates, rollouts, and what Velero says.
fn cluster(stage: &Stage) -> Vec<String> {
    let of = |kind: &str, shown: fn(&Value) -> Value| {
        let objects = stage.sandbox.kubernetes().objects(kind);
        objects
            .into_iter()
            .map(|own| line(kind, json!({ "name": own["metadata"]["name"], "shown": shown(&own) })))
            .collect::<Vec<_>>()
    };
    let rollouts = stage.sandbox.kubernetes().objects("ReplicaSet");
    let mut owners: Vec<_> = rollouts
        .iter()
        .map(|own| format!("rollout of {}", own["metadata"]["ownerReferences"][0]["name"]))
        .collect();
    owners.extend(of("ServiceAccount", |own| own["metadata"]["annotations"].clone()));
    owners.extend(of("Deployment", |own| {
        json!([own["spec"]["template"]["metadata"], own["status"]["readyReplicas"]])
    }));
    owners.extend(of("BackupStorageLocation", |own| own["status"]["phase"].clone()));
    owners
}

/// The state file's values; what was created is a set.
fn file(stage: &Stage) -> Value {
    let mut state: Value = toml::from_str(&stage.state_text()).unwrap();
    if let Some(created) = state.pointer_mut("/cloud/created").and_then(Value::as_array_mut) {
        created.sort_by_key(|own| own["object"].to_string());
    }
    state
}

/// A value without what differs from world to world: times, fresh ids, ports.
fn lasting(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(key, _)| !PASSING.contains(&key.as_str()));
            let mut kept: Vec<_> = kept.map(|(key, value)| (key, lasting(value))).collect();
            kept.sort_by(|a, b| a.0.cmp(&b.0));
            kept.into_iter().collect()
        }
        Value::Array(items) => items.into_iter().map(lasting).collect(),
        Value::String(text) => lasting_text(&text).into(),
        other => other,
    }
}

fn lasting_text(text: &str) -> String {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return "<time>".to_owned();
    }
    let parts = text.split('/').map(|part| {
        if uuid::Uuid::parse_str(part).is_ok() {
            "<id>"
        } else if part.starts_with("127.0.0.1:") {
            "<host>"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// The lines that only one of two has.
pub(crate) fn difference(one: &str, other: &str) -> String {
    let only = |mark: &str, a: &str, b: &str| {
        let mut rest: Vec<&str> = b.lines().collect();
        let lines = a.lines().filter(|line| match rest.iter().position(|own| own == line) {
            Some(at) => {
                rest.remove(at);
                false
            }
            None => true,
        });
        lines.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    only("-", one, other) + &only("+", other, one)
}
