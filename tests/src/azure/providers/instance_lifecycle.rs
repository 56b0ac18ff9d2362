//! What becomes of a backup instance: stopped, suspended, resumed, deleted, undeleted.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::instances::{DELETED, KIND, find, settle, vault_id};
use super::vault_operations::asynchronous;
use super::{guards, readiness};
use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::Call;
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::path::name_of;
use crate::azure::world::{World, text};

pub(super) fn stop(world: &mut World, call: &Call) -> Outcome {
    let vault = vault_id(world, call)?;
    guards::permitted(world, call, &vault, ("dppDisableStopProtectionRequests", &call.body))?;
    pause(world, call, "stopProtection", "ProtectionStopped")
}

pub(super) fn suspend(world: &mut World, call: &Call) -> Outcome {
    let vault = vault_id(world, call)?;
    guards::permitted(world, call, &vault, ("dppDisableSuspendBackupsRequests", &call.body))?;
    pause(world, call, "suspendBackups", "BackupsSuspended")
}

/// The state becomes another at the end of the operation: recorded at the first look after it. What Azure says to a request in
/// another state than `ProtectionConfigured` was not recorded and is not documented; it is taken here.
fn pause(world: &mut World, call: &Call, operation: &str, state: &'static str) -> Outcome {
    let (vault, id) = (vault_id(world, call)?, find(world, call)?);
    let (key, seconds) = (id.clone(), world.settings.durations.instance_create);
    let operation = world.start(&id, operation, None, seconds, move |world, _| {
        if let Some(body) = world.get_mut(&key) {
            body["properties"]["currentProtectionState"] = json!(state);
            body["properties"]["protectionStatus"] = json!({ "status": state });
        }
        End::default()
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

/// Recorded: of a protected instance it is answered with 200 at once; of a stopped or suspended one it is an operation, and at the
/// first look after its end the instance is protected. Of one whose source another instance protects it is refused.
pub(super) fn resume(world: &mut World, call: &Call) -> Outcome {
    let (vault, id) = (vault_id(world, call)?, find(world, call)?);
    let properties = world
        .get(&id)
        .map(|body| body["properties"].clone())
        .unwrap_or(Value::Null);
    if text(&properties, "/currentProtectionState") == "ProtectionConfigured" {
        return Ok(Answer::empty(200));
    }
    sole(world, &properties, &id)?;
    let (key, seconds) = (id.clone(), world.settings.durations.instance_create);
    let operation = world.start(&id, "resumeProtection", None, seconds, move |world, _| {
        settle(world, &key, Ok(()));
        End::default()
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

/// Recorded (test_dataprotection_backup_instance_softdelete, 2025-11-04).
fn sole(world: &World, properties: &Value, id: &str) -> Result<(), Answer> {
    let source = readiness::source(properties);
    let other = world.list("/", KIND).into_iter().find(|known| {
        readiness::source(&known["properties"]).eq_ignore_ascii_case(source)
            && !text(known, "/id").eq_ignore_ascii_case(id)
    });
    let Some(other) = other else { return Ok(()) };
    let (place, state) = (text(other, "/id"), text(other, "/properties/currentProtectionState"));
    let vault = place.split("/backupInstances/").next().unwrap_or_default();
    let message = format!(
        "Datasource is already associated with the backup instance {} in the Backup vault {vault} with the protection status as {state}.",
        name_of(place)
    );
    Err(Answer::error(
        400,
        "UserErrorDppDatasourceAlreadyHasBackupInstance",
        &message,
    ))
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

/// Deletes softly, unless the vault's soft delete is off.
pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    let vault = vault_id(world, call)?;
    let Ok(id) = find(world, call) else {
        return Ok(Answer::empty(204));
    };
    guards::deletable(world, &vault, &id)?;
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
            soft_delete(&mut body, days);
            world.put(body, 0.0);
        }
        End::default()
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

/// Makes an instance a deleted one, with the members that were recorded.
pub(crate) fn soft_delete(body: &mut Value, days: Option<f64>) {
    let kept = SignedDuration::from_secs_f64(days.unwrap_or(14.0) * 86400.0);
    let (now, id) = (
        Timestamp::now(),
        text(body, "/id").replace("/backupInstances/", "/deletedBackupInstances/"),
    );
    body["id"] = json!(id);
    body["type"] = json!(DELETED);
    let properties = &mut body["properties"];
    properties["currentProtectionState"] = json!("SoftDeleted");
    properties["protectionStatus"] = json!({ "status": "SoftDeleted" });
    properties["objectType"] = json!("DeletedBackupInstance");
    properties["deletionInfo"] = json!({
        "deletionTime": now.to_string(), "billingEndDate": now.to_string(),
        "scheduledPurgeTime": now.saturating_add(kept).unwrap_or(now).to_string(), "deleteActivityID": ids::fresh(),
    });
}

/// Recorded of a disk: 200 at once, or 404 where nothing is deleted. The definitions also have 202, which is harder for a client.
pub(super) fn undelete(world: &mut World, call: &Call) -> Outcome {
    let vault = vault_id(world, call)?;
    let id = format!("{vault}/deletedBackupInstances/{}", call.get("i"));
    let message = "Azure resource does not exist. Please make sure required resources exist. If the issue persists, contact Microsoft support.";
    let missing = || Answer::error(404, "UserErrorGenericResourceNotFound", message);
    world.get(&id).ok_or_else(missing)?;
    let seconds = world.settings.durations.instance_create;
    let operation = world.start(&id.clone(), "undelete", None, seconds, move |world, _| {
        if let Some(mut body) = world.get(&id).cloned() {
            world.remove(&id);
            body["id"] = json!(id.replace("/deletedBackupInstances/", "/backupInstances/"));
            body["type"] = json!(KIND);
            let properties = &mut body["properties"];
            properties["currentProtectionState"] = json!("ProtectionStopped");
            properties["protectionStatus"] = json!({ "status": "ProtectionStopped" });
            properties["objectType"] = json!("BackupInstance");
            if let Some(properties) = properties.as_object_mut() {
                properties.remove("deletionInfo");
            }
            world.put(body, 0.0);
        }
        End::default()
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}
