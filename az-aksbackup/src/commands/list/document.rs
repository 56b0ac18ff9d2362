//! The document of `list`.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::process::document;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Listed, Scope, Source, name_of};
use crate::arm::backups::Instance;
use crate::checks::view::Seen;

/// Returns the document.
pub(super) fn of(
    scope: &Scope,
    source: &Source,
    now: Timestamp,
    listed: &[Listed],
    unread: &[Failure],
    exit: Exit,
) -> String {
    let clusters: Vec<Value> = listed.iter().map(|own| cluster(scope, own)).collect();
    let subscriptions: Vec<Value> = scope
        .subscriptions
        .iter()
        .map(|own| json!({ "id": own.subscription_id, "name": own.display_name }))
        .collect();
    let (source, fallback) = match source {
        Source::Graph => ("resource-graph", None),
        Source::Manager(failure) => ("resource-manager", Some(failure)),
    };
    document(json!({
        "command": "list", "exit": exit, "read_at": now, "source": source, "fallback": fallback,
        "subscriptions": subscriptions, "clusters": clusters, "unread": unread,
    }))
}

/// Returns the object of a cluster.
pub(super) fn cluster(scope: &Scope, own: &Listed) -> Value {
    let overview = &own.overview;
    let instance = overview.instance.here();
    let is_read = matches!(overview.instance, Seen::Here(_) | Seen::Absent);
    let vault = instance.and_then(Instance::vault);
    let policy = instance.map(|own| own.properties.policy_info.policy_id.as_str());
    let policy = policy.filter(|id| !id.is_empty());
    let last = overview.last.here().map(|job| {
        json!({
            "job": job.id, "status": job.properties.status,
            "started_at": job.properties.start_time, "ended_at": job.properties.end_time,
        })
    });
    let findings: Vec<Value> = own
        .findings
        .iter()
        .map(|finding| json!({ "severity": finding.verdict, "says": finding.says }))
        .collect();
    let subscription = overview.id.subscription();
    json!({
        "id": overview.id,
        "name": overview.id.name(),
        "resource_group": overview.id.resource_group(),
        "subscription": { "id": subscription, "name": name_of(scope, &subscription) },
        "region": overview.region,
        "kubernetes_version": overview.version,
        "power_state": overview.power,
        "protected": is_read.then(|| !overview.is_unprotected()),
        "protection_state": instance.map(|own| own.protection()),
        "instance": instance.map(|own| &own.id),
        "vault": vault,
        "vault_name": vault.as_ref().map(ResourceId::name),
        "policy": policy,
        "policy_name": policy.and_then(|id| id.rsplit('/').next()),
        "extension_state": overview.extension.here().map(|own| own.provisioning_state()),
        "last_backup": last,
        "findings": findings,
    })
}
