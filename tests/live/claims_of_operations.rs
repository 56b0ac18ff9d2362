//! Claims behind the commands that operate a set-up: `list`, `suspend`, `stop`, `resume`, `undelete`, and the settings of a vault.

use serde_json::Value;

use crate::claims::Finding;
use crate::door::Reading;
use crate::seen::{Seen, items, text};

/// Every protection state that a command knows the way back from.
const STATES: [&str; 12] = [
    "BackupSchedulesSuspended",
    "BackupsSuspended",
    "ConfiguringProtection",
    "ConfiguringProtectionFailed",
    "Invalid",
    "NotProtected",
    "ProtectionConfigured",
    "ProtectionError",
    "ProtectionStopped",
    "RetentionSchedulesSuspended",
    "SoftDeleted",
    "UpdatingProtection",
];

fn rows(reading: &Reading) -> Option<&Vec<Value>> {
    reading.body()?["data"].as_array()
}

/// `list`, and the check for other clusters in a container, ask for these members.
pub(crate) fn graph_extensions(seen: &Seen) -> Finding {
    let Some(rows) = rows(&seen.graph[0]) else {
        return Finding::unread("Azure Resource Graph", &seen.graph[0]);
    };
    let own = |row: &&Value| {
        let kind = text(row, "/properties/ExtensionType");
        kind.eq_ignore_ascii_case("microsoft.dataprotection.kubernetes")
    };
    if rows.is_empty() || seen.extension().is_none() {
        return Finding::not_observable("Azure Resource Graph has no extension of the cluster");
    }
    let Some(row) = rows.iter().find(own) else {
        return Finding::differs("no row has the extension's type in ExtensionType")
            .with("rows", &Value::from(rows.clone()));
    };
    let has =
        row["properties"]["ConfigurationSettings"].is_object() && row["properties"]["ProvisioningState"].is_string();
    Finding::of(has, "the row of the Azure Backup extension was read").with("properties", &row["properties"])
}

/// `list` takes the state of protection from here.
pub(crate) fn graph_instances(seen: &Seen) -> Finding {
    let Some(rows) = rows(&seen.graph[1]) else {
        return Finding::unread("Azure Resource Graph", &seen.graph[1]);
    };
    let Some(row) = rows.first() else {
        return Finding::not_observable("Azure Resource Graph has no backup instance of the cluster");
    };
    let state = &row["properties"]["currentProtectionState"];
    Finding::of(state.is_string(), "the row of the backup instance was read").with("currentProtectionState", state)
}

/// `status`, `suspend`, `stop`, `resume` and `undelete` decide by this state.
pub(crate) fn protection_state(seen: &Seen) -> Finding {
    let Some(instance) = seen.instance.body() else {
        return Finding::unread("the backup instance", &seen.instance);
    };
    let state = &instance["properties"]["currentProtectionState"];
    let known = state.as_str().is_some_and(|state| STATES.contains(&state));
    Finding::of(known, "the state was read").with("currentProtectionState", state)
}

/// `undelete` and `teardown` print until when a soft-deleted instance can be recovered.
pub(crate) fn deleted_instances(seen: &Seen) -> Finding {
    let Some(all) = items(&seen.deleted) else {
        return Finding::unread("the vault's soft-deleted backup instances", &seen.deleted);
    };
    if all.is_empty() {
        return Finding::not_observable("the vault has no soft-deleted backup instance");
    }
    let dated = |one: &&Value| !text(one, "/properties/deletionInfo/scheduledPurgeTime").is_empty();
    let count = all.iter().filter(dated).count();
    let info = &all[0]["properties"]["deletionInfo"];
    Finding::of(count == all.len(), format!("{count} of {} have one", all.len())).with("deletionInfo", info)
}

/// `init` and `prepare` compare the alerts of a vault.
pub(crate) fn vault_alerts(seen: &Seen) -> Finding {
    let Some(vault) = seen.vault.body() else {
        return Finding::unread("the vault", &seen.vault);
    };
    let own = &vault["properties"]["monitoringSettings"]["azureMonitorAlertSettings"]["alertsForAllJobFailures"];
    Finding::of(own.is_string(), "the vault was read").with("alertsForAllJobFailures", own)
}
