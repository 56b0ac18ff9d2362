//! Claims that Resource Manager's answers show.

use serde_json::{Value, json};

use crate::claims::Finding;
use crate::seen::{Seen, items, text};

/// Azure's code for a backup that asked for account keys.
const KEYS_REFUSED: &str = "StorageAccountKeyAccessDisallowed";

/// A protected instance on an account without keys proves it together with a backup that finished.
pub(crate) fn keyless_backup(seen: &Seen) -> Finding {
    let Some(instance) = seen.instance.body() else {
        return Finding::unread("the backup instance", &seen.instance);
    };
    let Some(account) = seen.account.body() else {
        return Finding::unread("the extension's storage account", &seen.account);
    };
    let keys = &account["properties"]["allowSharedKeyAccess"];
    let state = text(instance, "/properties/currentProtectionState");
    let job = newest_job(seen, text(instance, "/id"));
    let status = job.map_or("", |job| text(job, "/properties/status"));
    let own = job.map_or(Value::Null, |job| job["properties"]["errorDetails"].clone());
    let finding = if *keys != json!(false) {
        Finding::not_observable("the storage account allows account keys, so that a backup proves nothing")
    } else if [&instance["properties"], &own]
        .iter()
        .any(|one| one.to_string().contains(KEYS_REFUSED))
    {
        Finding::differs("Azure asks for account keys")
    } else if state == "ProtectionConfigured" && status == "Completed" {
        Finding::confirmed("the cluster is protected and its newest backup is complete, without account keys")
    } else {
        Finding::not_observable(format!(
            "the instance is {state}, its newest backup is {}",
            or_none(status)
        ))
    };
    finding
        .with("storage account: allowSharedKeyAccess", keys)
        .with("instance: currentProtectionState", &json!(state))
        .with(
            "instance: protectionErrorDetails",
            &instance["properties"]["protectionErrorDetails"],
        )
        .with("newest backup: status", &json!(status))
        .with("newest backup: errorDetails", &own)
}

fn or_none(status: &str) -> &str {
    if status.is_empty() { "not there" } else { status }
}

fn newest_job<'a>(seen: &'a Seen, instance: &str) -> Option<&'a Value> {
    let own = items(&seen.jobs)?.iter().filter(|job| {
        text(job, "/properties/backupInstanceId").eq_ignore_ascii_case(instance)
            && text(job, "/properties/operationCategory").eq_ignore_ascii_case("Backup")
    });
    own.max_by_key(|job| text(job, "/properties/startTime"))
}

pub(crate) fn subscription_permissions(seen: &Seen) -> Finding {
    let (Some(status), list) = (seen.permissions.status(), items(&seen.permissions)) else {
        return Finding::unread("the permissions", &seen.permissions);
    };
    let words = seen.permissions.words();
    match list {
        // Whoever can read the cluster has a permission: an empty list is no list of them.
        Some(list) if list.is_empty() => Finding::not_observable("Azure answers with an empty list"),
        None if seen.permissions.code() == "SubscriptionNotFound" => {
            Finding::unread("the permissions", &seen.permissions)
        }
        Some(list) => Finding::confirmed(format!("Azure lists {} entries for the signed-in account", list.len())),
        None if status == 429 || status >= 500 || status == 401 => {
            Finding::unread("the permissions", &seen.permissions)
        }
        None => Finding::differs(format!("Azure does not list them to the signed-in account: {words}")),
    }
    .with("status", &json!(status))
    .with("code", &json!(seen.permissions.code()))
}

pub(crate) fn identity_reported(seen: &Seen) -> Finding {
    let Some(extension) = seen.extension() else {
        return no_extension(seen);
    };
    // The versions before have no such members, so that their absence proves nothing.
    if seen.extensions.version() < "2025-03-01" {
        let version = seen.extensions.version();
        return Finding::not_observable(format!("the region only has api-version {version} of extensions"));
    }
    let identity = &extension["properties"]["aksAssignedIdentity"];
    let has = |name: &str| identity[name].as_str().is_some_and(|value| !value.is_empty());
    let all = has("clientId") && has("resourceId");
    let says = if all {
        "both are reported"
    } else {
        "only a part of them is reported"
    };
    Finding::of(all, says).with("properties.aksAssignedIdentity", identity)
}

fn no_extension(seen: &Seen) -> Finding {
    match items(&seen.extensions) {
        Some(_) => Finding::not_observable("the cluster has no Azure Backup extension"),
        None => Finding::unread("the extensions", &seen.extensions),
    }
}

pub(crate) fn identity_name(seen: &Seen) -> Finding {
    let Some(extension) = seen.extension() else {
        return no_extension(seen);
    };
    let principal = text(extension, "/properties/aksAssignedIdentity/principalId");
    let Some(all) = items(&seen.identities) else {
        return Finding::unread("the identities of the node resource group", &seen.identities);
    };
    let own = |one: &&Value| text(one, "/properties/principalId").eq_ignore_ascii_case(principal);
    let complete = seen.identities.body().is_none_or(|body| body["nextLink"].is_null());
    match all.iter().find(own) {
        Some(one) => {
            let name = text(one, "/name");
            let says = format!("the extension's identity is named {name}, in the node resource group");
            Finding::of(name.starts_with("ext-"), says).with("id", &one["id"])
        }
        None if complete && !principal.is_empty() => {
            let says = format!(
                "none of the {} identities of the node resource group is the extension's",
                all.len()
            );
            Finding::differs(says).with("principal", &json!(principal))
        }
        None => Finding::not_observable("only a part of the identities was read"),
    }
}

pub(crate) fn cluster_etag(seen: &Seen) -> Finding {
    let Some(cluster) = seen.cluster.body() else {
        return Finding::unread("the cluster", &seen.cluster);
    };
    let has = cluster["eTag"].is_string() || cluster["etag"].is_string();
    let members: Vec<&String> = cluster.as_object().map(|all| all.keys().collect()).unwrap_or_default();
    Finding::of(has, if has { "it has one" } else { "it has none" })
        .with("members of the cluster", &json!(members))
        .with("api-version", &json!(seen.cluster.version()))
}

pub(crate) fn policy_version(seen: &Seen) -> Finding {
    let Some(instance) = seen.instance.body() else {
        return Finding::unread("the backup instance", &seen.instance);
    };
    let version = &instance["properties"]["policyInfo"]["policyVersion"];
    let (has, says) = match version.as_str() {
        Some("") => (true, "it has the member, which is empty"),
        Some(_) => (true, "it has the member, with a version"),
        None => (false, "it does not have the member"),
    };
    Finding::of(has, says).with("properties.policyInfo.policyVersion", version)
}
