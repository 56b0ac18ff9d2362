//! Claims that policies, backup instances and recovery points show.

use serde_json::{Value, json};

use crate::claims::Finding;
use crate::seen::{Seen, items, text};

/// Without a date of its own, only name and rules of a policy tell who created it: `protect --remove-unused-policies` and `teardown`.
pub(crate) fn policy_created_at(seen: &Seen) -> Finding {
    let Some(policy) = seen.policy.body() else {
        return Finding::unread("the policy", &seen.policy);
    };
    let created = &policy["systemData"]["createdAt"];
    let says = match created.is_null() {
        true => "it has none",
        false => "it has one",
    };
    Finding::of(created.is_null(), says).with("systemData", &policy["systemData"])
}

/// A policy is compared with exactly what was sent.
pub(crate) fn policy_members(seen: &Seen) -> Finding {
    let Some(policy) = seen.policy.body() else {
        return Finding::unread("the policy", &seen.policy);
    };
    let rules = policy["properties"]["policyRules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let is_retention = |rule: &&Value| text(rule, "/objectType") == "AzureRetentionRule";
    let further: Vec<&Value> = rules
        .iter()
        .filter(is_retention)
        .filter(|rule| rule["isDefault"] != json!(true))
        .collect();
    if further.is_empty() {
        return Finding::not_observable("the policy has only the default retention rule");
    }
    let has = |rule: &&Value| rule["isDefault"].is_boolean() && rule["lifecycles"].is_array();
    let lacking: Vec<&str> = further
        .iter()
        .filter(|rule| !has(rule))
        .map(|rule| text(rule, "/name"))
        .collect();
    match lacking.is_empty() {
        true => Finding::confirmed(format!(
            "the policy has {} such rules, each with both members",
            further.len()
        )),
        false => Finding::differs(format!("these rules lack one of the members: {}", lacking.join(", "))),
    }
    .with("rules", &json!(further))
}

/// `list`, `protect` and `verify` find the vault in these IDs.
pub(crate) fn instance_list(seen: &Seen) -> Finding {
    let Some(all) = items(&seen.instances) else {
        return Finding::unread("the cluster's backup instances", &seen.instances);
    };
    if all.is_empty() {
        return Finding::not_observable("the cluster has no backup instance");
    }
    let in_vault = |one: &&Value| text(one, "/id").to_ascii_lowercase().contains("/backupvaults/");
    let ids: Vec<&str> = all.iter().map(|one| text(one, "/id")).collect();
    let count = all.iter().filter(in_vault).count();
    Finding::of(count == all.len(), format!("{count} of {} have such an ID", all.len())).with("ids", &json!(ids))
}

/// `points` and `restore` read these members.
pub(crate) fn point_members(seen: &Seen) -> Finding {
    let Some(all) = items(&seen.points) else {
        return Finding::unread("the recovery points", &seen.points);
    };
    let Some(first) = all.first() else {
        return Finding::not_observable("there are no recovery points");
    };
    let has = |one: &&Value| {
        let own = &one["properties"];
        let stores = own["recoveryPointDataStoresDetails"].as_array();
        own["recoveryPointTime"].is_string() && stores.is_some_and(|all| !all.is_empty())
    };
    let count = all.iter().filter(has).count();
    Finding::of(count == all.len(), format!("{count} of {} have both", all.len())).with("first", &first["properties"])
}

/// `restore` takes a state for unknown unless it is Partial.
pub(crate) fn point_state(seen: &Seen) -> Finding {
    let Some(all) = items(&seen.points) else {
        return Finding::unread("the recovery points", &seen.points);
    };
    let states: Vec<&Value> = all
        .iter()
        .map(|one| &one["properties"]["recoveryPointState"])
        .filter(|state| **state != json!("Partial"))
        .collect();
    if states.is_empty() {
        return Finding::not_observable("there are no complete recovery points");
    }
    let none = states.iter().filter(|state| state.is_null()).count();
    Finding::of(none == states.len(), format!("{none} of {} have none", states.len())).with("states", &json!(states))
}
