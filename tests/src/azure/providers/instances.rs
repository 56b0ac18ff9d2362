//! Backup instances.

use serde_json::{Value, json};

use super::instance_lifecycle::{delete, resume, stop, suspend, undelete};
use super::readiness::{self, UserError};
use super::vault_operations::asynchronous;
use super::{by_hand, guards, validation, vaults};
use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::operations::End;
use crate::azure::path::name_of;
use crate::azure::world::{World, text};

/// Type of an instance, and of one that was deleted softly.
pub(crate) const KIND: &str = "Microsoft.DataProtection/backupVaults/backupInstances";
pub(super) const DELETED: &str = "Microsoft.DataProtection/backupVaults/deletedBackupInstances";
const READ: &str = "Microsoft.DataProtection/backupVaults/backupInstances/read";
const ONE: &str =
    "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/backupInstances",
        READ,
        list,
    ),
    Route::new("GET", ONE, READ, get),
    Route::new(
        "PUT",
        ONE,
        "Microsoft.DataProtection/backupVaults/backupInstances/write",
        put,
    ),
    Route::new(
        "DELETE",
        ONE,
        "Microsoft.DataProtection/backupVaults/backupInstances/delete",
        delete,
    ),
    Route::new(
        "GET",
        "/{*scope}|/providers/Microsoft.DataProtection/backupInstances",
        "Microsoft.DataProtection/backupInstances/read",
        of_source,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/stopProtection",
        "Microsoft.DataProtection/backupVaults/backupInstances/stopProtection/action",
        stop,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/resumeProtection",
        "Microsoft.DataProtection/backupVaults/backupInstances/resumeProtection/action",
        resume,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/suspendBackups",
        "Microsoft.DataProtection/backupVaults/backupInstances/suspendBackups/action",
        suspend,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/resumeBackups",
        "Microsoft.DataProtection/backupVaults/backupInstances/resumeBackups/action",
        resume,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/deletedBackupInstances",
        "Microsoft.DataProtection/backupVaults/deletedBackupInstances/read",
        list_deleted,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/deletedBackupInstances/{i}|/undelete",
        "Microsoft.DataProtection/backupVaults/deletedBackupInstances/undelete/action",
        undelete,
    ),
];

pub(super) fn vault_id(world: &World, call: &Call) -> Result<String, Answer> {
    Ok(text(vaults::find(world, call)?, "/id").to_owned())
}

fn id(world: &World, call: &Call) -> Result<String, Answer> {
    Ok(format!("{}/backupInstances/{}", vault_id(world, call)?, call.get("i")))
}

fn gone(call: &Call) -> Answer {
    let message = format!("The backup instance '{}' was not found.", call.get("i"));
    Answer::error(404, "ResourceNotFound", &message)
}

/// The id of the instance in a call's path, or 404.
pub(crate) fn find(world: &World, call: &Call) -> Result<String, Answer> {
    let id = id(world, call)?;
    if world.get(&id).is_some() {
        Ok(id)
    } else {
        Err(gone(call))
    }
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let vault = vault_id(world, call)?;
    let items = world.list(&vault, KIND).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn list_deleted(world: &mut World, call: &Call) -> Outcome {
    let vault = vault_id(world, call)?;
    let items = world.list(&vault, DELETED).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let id = find(world, call)?;
    world.get(&id).cloned().map(Answer::ok).ok_or_else(|| gone(call))
}

/// The instances that protect a resource, in any vault.
fn of_source(world: &mut World, call: &Call) -> Outcome {
    let source = call.get("scope");
    let all = world.list("/", KIND).into_iter();
    let own = all.filter(|known| readiness::source(&known["properties"]).eq_ignore_ascii_case(source));
    let items = own.cloned().collect();
    Ok(call.page(world, items))
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let (vault, id) = (vault_id(world, call)?, id(world, call)?);
    let sent = &call.body["properties"];
    validation::check(world, sent)?;
    validation::unprotected(world, sent, &id)?;
    let old = world.get(&id).cloned();
    let policy = |body: &Value| text(body, "/policyInfo/policyId").to_ascii_lowercase();
    if old
        .as_ref()
        .is_some_and(|old| policy(&old["properties"]) != policy(sent))
    {
        guards::permitted(world, call, &vault, ("dppModifyPolicy", sent))?;
    }
    keeps_snapshot_group(old.as_ref(), sent)?;
    let created = old.is_none();
    let state = if created {
        "ConfiguringProtection"
    } else {
        "UpdatingProtection"
    };
    let body = new(call, &id, state);
    if let Some(old) = old.filter(|old| is_unchanged(old, &body)) {
        return Ok(Answer::ok(old));
    }
    world.put(body.clone(), 0.0);
    let operation = configure(world, &vault, &id);
    let answer = Answer::new(if created { 201 } else { 200 }, body);
    Ok(asynchronous(world, call, &vault, &operation, answer))
}

/// The snapshot resource group of a protected cluster stays what it is.
fn keeps_snapshot_group(old: Option<&Value>, sent: &Value) -> Result<(), Answer> {
    let protected = old.filter(|old| text(old, "/properties/currentProtectionState") == "ProtectionConfigured");
    let group = readiness::snapshot_group(sent);
    if protected.is_none_or(|old| readiness::snapshot_group(&old["properties"]).eq_ignore_ascii_case(group)) {
        return Ok(());
    }
    let message = "The snapshot resource group of a protected cluster cannot be changed.";
    Err(Answer::error(
        400,
        "UserErrorSnapshotResourceGroupCannotBeChanged",
        message,
    ))
}

/// Whether a request changes nothing of a protected cluster. Recorded: it is answered with 200 and the instance as it is, without an
/// operation (test_dataprotection_backup_instance_update_aks_configuration, 3 Dec 2025).
fn is_unchanged(old: &Value, new: &Value) -> bool {
    const PASSING: [&str; 3] = ["currentProtectionState", "protectionStatus", "provisioningState"];
    let asked = |body: &Value| {
        let mut properties = body["properties"].clone();
        if let Some(members) = properties.as_object_mut() {
            members.retain(|name, value| !PASSING.contains(&name.as_str()) && !value.is_null());
        }
        (properties, body["tags"].clone())
    };
    text(old, "/properties/currentProtectionState") == "ProtectionConfigured" && asked(old) == asked(new)
}

/// What Azure says is `null` where the request did not say it.
const UNSET: [&str; 6] = [
    "includedNamespaces",
    "excludedNamespaces",
    "includedResourceTypes",
    "excludedResourceTypes",
    "labelSelectors",
    "backupHookReferences",
];

fn new(call: &Call, id: &str, state: &str) -> Value {
    let mut properties = call.body["properties"].clone();
    if let Some(properties) = properties.as_object_mut() {
        properties.retain(|name, value| {
            !value.is_null() && !matches!(name.as_str(), "validationType" | "resourceGuardOperationRequests")
        });
    }
    for name in ["dataSourceInfo", "dataSourceSetInfo"] {
        if let Some(info) = properties[name].as_object_mut() {
            if let Some(source) = info.remove("resourceId") {
                info.entry("resourceID").or_insert(source);
            }
        } else if let Some(properties) = properties.as_object_mut() {
            properties.remove(name);
        }
    }
    properties["policyInfo"]["policyVersion"] = json!("");
    for parameters in properties["policyInfo"]["policyParameters"]["backupDatasourceParametersList"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        for name in UNSET {
            parameters.entry(name).or_insert(Value::Null);
        }
    }
    properties["currentProtectionState"] = json!(state);
    properties["protectionStatus"] = json!({ "status": "ConfiguringProtection" });
    properties["provisioningState"] = json!("Provisioning");
    let mut body = json!({ "id": id, "name": name_of(id), "type": KIND, "properties": properties });
    if call.body["tags"].is_object() {
        body["tags"] = call.body["tags"].clone();
    }
    body
}

/// The operation succeeds while protection is still being configured; only later it turns out whether it worked.
fn configure(world: &mut World, vault: &str, id: &str) -> String {
    let (vault, id, seconds) = (
        vault.to_owned(),
        id.to_owned(),
        world.settings.durations.instance_create,
    );
    world.start(&id.clone(), "backupInstance", None, seconds, move |world, _| {
        world.set_state(&id, "Succeeded");
        let seconds = world.settings.durations.instance_configure;
        world.after(seconds, move |world, view| {
            let Some(instance) = world.get(&id).map(|body| body["properties"].clone()) else {
                return;
            };
            let verdict = if let Some(error) = by_hand::misfortune(world) {
                Err(error)
            } else if instance["dataSourceSetInfo"].is_object() {
                readiness::check(world, view, &vault, &instance)
            } else {
                let message = "The workflow data request of the scenario plugin is invalid.";
                let action = "Retry the operation. If the issue persists, contact Microsoft support.";
                Err(UserError::new(
                    "ScenarioPluginInvalidWorkflowDataRequest",
                    message,
                    action,
                ))
            };
            settle(world, &id, verdict);
        });
        End::default()
    })
}

pub(super) fn settle(world: &mut World, id: &str, verdict: Result<(), UserError>) {
    let Some(body) = world.get_mut(id) else { return };
    let properties = &mut body["properties"];
    match verdict {
        Ok(()) => {
            properties["currentProtectionState"] = json!("ProtectionConfigured");
            properties["protectionStatus"] = json!({ "status": "ProtectionConfigured" });
            if let Some(properties) = properties.as_object_mut() {
                properties.remove("protectionErrorDetails");
            }
        }
        Err(error) => {
            properties["currentProtectionState"] = json!("ProtectionError");
            properties["protectionStatus"] =
                json!({ "status": "ConfiguringProtectionFailed", "errorDetails": error.body() });
            properties["protectionErrorDetails"] = error.body();
        }
    }
}
