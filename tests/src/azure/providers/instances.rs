//! Backup instances.

use serde_json::{Value, json};

use super::readiness::{self, UserError};
use super::vault_operations::asynchronous;
use super::{by_hand, validation, vaults};
use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::operations::End;
use crate::azure::path::name_of;
use crate::azure::world::{World, text};

/// Type of an instance, and of one that was deleted softly.
pub(crate) const KIND: &str = "Microsoft.DataProtection/backupVaults/backupInstances";
pub(crate) const DELETED: &str = "Microsoft.DataProtection/backupVaults/deletedBackupInstances";
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

fn vault_id(world: &World, call: &Call) -> Result<String, Answer> {
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
    keeps_snapshot_group(old.as_ref(), sent)?;
    let created = old.is_none();
    let state = if created {
        "ConfiguringProtection"
    } else {
        "UpdatingProtection"
    };
    let body = new(call, &id, state);
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
        properties.retain(|name, value| !value.is_null() && name != "validationType");
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

fn settle(world: &mut World, id: &str, verdict: Result<(), UserError>) {
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

fn stop(world: &mut World, call: &Call) -> Outcome {
    let (vault, id) = (vault_id(world, call)?, find(world, call)?);
    let (key, seconds) = (id.clone(), world.settings.durations.instance_create);
    let operation = world.start(&id, "stopProtection", None, seconds, move |world, _| {
        if let Some(body) = world.get_mut(&key) {
            body["properties"]["currentProtectionState"] = json!("ProtectionStopped");
            body["properties"]["protectionStatus"] = json!({ "status": "ProtectionStopped" });
        }
        End::default()
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

fn resume(world: &mut World, call: &Call) -> Outcome {
    let (vault, id) = (vault_id(world, call)?, find(world, call)?);
    if let Some(body) = world.get_mut(&id) {
        body["properties"]["currentProtectionState"] = json!("ConfiguringProtection");
    }
    let operation = configure(world, &vault, &id);
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

/// Backups are deleted by the extension in the cluster, which has to run:
/// <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-backup-troubleshoot>.
fn undeletable(world: &World, instance: &str) -> Option<End> {
    let cluster = world
        .get(instance)
        .map(|body| readiness::source(&body["properties"]).to_owned())?;
    let runs = world.text(&cluster, "/properties/powerState/code") != "Stopped";
    let extensions = world.list(&cluster, super::extensions::KIND);
    let installed = extensions
        .iter()
        .any(|own| text(own, "/properties/provisioningState") == "Succeeded");
    let message = "The backup data could not be deleted: the cluster or its extension is not in a running state.";
    (!(runs && installed)).then(|| End {
        error: Some(json!({ "code": "BackupPluginDeleteBackupOperationFailed", "message": message })),
        ..End::default()
    })
}

/// When a deletion began and when it will be final, as recorded.
fn deletion(days: f64) -> Value {
    let now = jiff::Timestamp::now();
    let hours = jiff::SignedDuration::from_secs_f64(days * 86400.0);
    let purge = now.checked_add(hours).unwrap_or(now);
    json!({
        "deletionTime": format!("{now:.7}"), "billingEndDate": format!("{purge:.7}"),
        "scheduledPurgeTime": format!("{purge:.7}"), "deleteActivityID": crate::azure::ids::fresh(),
    })
}

/// Deletes softly, unless the vault's soft delete is off.
fn delete(world: &mut World, call: &Call) -> Outcome {
    let vault = vault_id(world, call)?;
    let Ok(id) = find(world, call) else {
        return Ok(Answer::empty(204));
    };
    let soft = world.text(&vault, "/properties/securitySettings/softDeleteSettings/state") != "Off";
    let (key, seconds) = (id.clone(), world.settings.durations.instance_create);
    let days = world.get(&vault).and_then(|vault| {
        vault
            .pointer("/properties/securitySettings/softDeleteSettings/retentionDurationInDays")?
            .as_f64()
    });
    let operation = world.start(&id, "deleteBackupInstance", None, seconds, move |world, _| {
        if let Some(end) = undeletable(world, &key) {
            return end;
        }
        let body = world.get(&key).cloned();
        world.remove(&key);
        if let Some(mut body) = body.filter(|_| soft) {
            body["id"] = json!(key.replace("/backupInstances/", "/deletedBackupInstances/"));
            body["type"] = json!(DELETED);
            body["properties"]["currentProtectionState"] = json!("SoftDeleted");
            body["properties"]["protectionStatus"] = json!({ "status": "SoftDeleted" });
            body["properties"]["deletionInfo"] = deletion(days.unwrap_or(14.0));
            world.put(body, 0.0);
        }
        End::default()
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

fn undelete(world: &mut World, call: &Call) -> Outcome {
    let vault = vault_id(world, call)?;
    let id = format!("{vault}/deletedBackupInstances/{}", call.get("i"));
    world.get(&id).ok_or_else(|| gone(call))?;
    let seconds = world.settings.durations.instance_create;
    let operation = world.start(&id.clone(), "undelete", None, seconds, move |world, _| {
        if let Some(mut body) = world.get(&id).cloned() {
            world.remove(&id);
            body["id"] = json!(id.replace("/deletedBackupInstances/", "/backupInstances/"));
            body["type"] = json!(KIND);
            body["properties"]["currentProtectionState"] = json!("ProtectionStopped");
            body["properties"]["protectionStatus"] = json!({ "status": "ProtectionStopped" });
            if let Some(properties) = body["properties"].as_object_mut() {
                properties.remove("deletionInfo");
            }
            world.put(body, 0.0);
        }
        End::default()
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}
