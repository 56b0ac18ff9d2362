//! Backup policies of a vault.

use serde_json::{Value, json};

use super::vaults;
use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::world::{World, text};

/// Type of a policy.
pub(crate) const KIND: &str = "Microsoft.DataProtection/backupVaults/backupPolicies";
const ONE: &str =
    "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupPolicies/{p}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/backupPolicies",
        "Microsoft.DataProtection/backupVaults/backupPolicies/read",
        list,
    ),
    Route::new(
        "GET",
        ONE,
        "Microsoft.DataProtection/backupVaults/backupPolicies/read",
        get,
    ),
    Route::new(
        "PUT",
        ONE,
        "Microsoft.DataProtection/backupVaults/backupPolicies/write",
        put,
    ),
    Route::new(
        "DELETE",
        ONE,
        "Microsoft.DataProtection/backupVaults/backupPolicies/delete",
        delete,
    ),
];

fn id(world: &World, call: &Call) -> Result<String, Answer> {
    Ok(format!(
        "{}/backupPolicies/{}",
        text(vaults::find(world, call)?, "/id"),
        call.get("p")
    ))
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let vault = text(vaults::find(world, call)?, "/id").to_owned();
    let items = world.list(&vault, KIND).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let id = id(world, call)?;
    let missing = || {
        let message = format!(
            "The resource of type 'Backup Policy' with identifier '{}' does not exist.",
            call.get("p")
        );
        Answer::error(404, "BMSUserErrorBackupPolicyNotFound", &message)
    };
    world.get(&id).cloned().map(Answer::ok).ok_or_else(missing)
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let id = id(world, call)?;
    check(&call.body["properties"])?;
    let mut properties = call.body["properties"].clone();
    clean(&mut properties);
    let in_use = is_used(world, &id);
    if in_use && world.get(&id).is_some_and(|old| old["properties"] != properties) {
        let message = "Updating a backup policy is not supported for this datasource type.";
        return Err(Answer::error(400, "UserErrorPolicyUpdateNotSupported", message));
    }
    let body = json!({ "id": id, "name": call.get("p"), "type": KIND, "properties": properties });
    world.put(body.clone(), 0.0);
    Ok(Answer::ok(body))
}

/// Whether an instance uses the policy. A soft-deleted one can be undeleted, and needs it then.
fn is_used(world: &World, id: &str) -> bool {
    let used = world.list("/", "Microsoft.DataProtection/backupVaults/backupInstances");
    let deleted = world.list("/", "Microsoft.DataProtection/backupVaults/deletedBackupInstances");
    used.into_iter()
        .chain(deleted)
        .any(|instance| text(instance, "/properties/policyInfo/policyId").eq_ignore_ascii_case(id))
}

fn invalid(message: &str) -> Answer {
    Answer::error(400, "BMSUserErrorInvalidInput", message)
}

fn check(properties: &Value) -> Result<(), Answer> {
    if text(properties, "/objectType") != "BackupPolicy" {
        return Err(invalid("The policy's objectType must be 'BackupPolicy'."));
    }
    let kinds = properties["datasourceTypes"].as_array().cloned().unwrap_or_default();
    if !kinds
        .iter()
        .any(|kind| kind == "Microsoft.ContainerService/managedClusters")
    {
        return Err(invalid(
            "The policy's datasourceTypes must name 'Microsoft.ContainerService/managedClusters'.",
        ));
    }
    let rules = properties["policyRules"].as_array().cloned().unwrap_or_default();
    let of = |kind: &str| {
        rules
            .iter()
            .filter(|rule| text(rule, "/objectType") == kind)
            .collect::<Vec<_>>()
    };
    if of("AzureBackupRule").is_empty() || of("AzureRetentionRule").is_empty() {
        return Err(invalid(
            "The policy needs an AzureBackupRule and an AzureRetentionRule.",
        ));
    }
    for rule in of("AzureBackupRule") {
        let schedules = rule
            .pointer("/trigger/schedule/repeatingTimeIntervals")
            .and_then(Value::as_array);
        for interval in schedules.into_iter().flatten().filter_map(Value::as_str) {
            interval_fits(interval)?;
        }
    }
    Ok(())
}

/// `R/2024-01-01T06:00:00+00:00/P1D`, with one of the periods that AKS takes.
fn interval_fits(interval: &str) -> Result<(), Answer> {
    let parts: Vec<&str> = interval.split('/').collect();
    let [_, start, period] = parts.as_slice() else {
        return Err(invalid(&format!(
            "The repeating time interval '{interval}' is invalid."
        )));
    };
    let extended = start.len() >= 16 && start.as_bytes()[4] == b'-' && start.as_bytes()[13] == b':';
    let known = ["PT4H", "PT6H", "PT8H", "PT12H", "P1D", "P1W"].contains(period);
    if parts[0] == "R" && extended && known {
        return Ok(());
    }
    Err(invalid(&format!(
        "The repeating time interval '{interval}' is invalid."
    )))
}

/// Members that only the service writes are ignored.
fn clean(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.contains_key("tagName") {
                let tag = text(&Value::Object(object.clone()), "/tagName").to_owned();
                object.insert("id".to_owned(), json!(format!("{tag}_")));
                object.remove("eTag");
            }
            object.retain(|_, member| !member.is_null());
            object.values_mut().for_each(clean);
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        _ => {}
    }
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = id(world, call)?;
    let there = world.get(&id).is_some();
    if there && is_used(world, &id) {
        // hashicorp/terraform-provider-azurerm#20774
        let message = "Cannot delete the backup policy as one or more backup instances have been configured for protection with this \
                       policy.";
        return Err(Answer::error(400, "UserErrorDppPolicyObjectInUse", message));
    }
    world.remove(&id);
    Ok(Answer::empty(if there { 200 } else { 204 }))
}

#[cfg(test)]
mod tests {
    use super::interval_fits;

    #[test]
    fn compact_times_and_odd_periods_are_refused() {
        assert!(interval_fits("R/2024-01-01T06:00:00+00:00/P1D").is_ok());
        assert!(interval_fits("R/20240101T060000Z/P1D").is_err());
        assert!(interval_fits("R/2024-01-01T06:00:00+00:00/PT5H").is_err());
        assert!(interval_fits("2024-01-01T06:00:00+00:00/P1D").is_err());
    }
}
