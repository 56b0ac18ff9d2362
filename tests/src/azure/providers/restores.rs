//! Recovery points, and restores from them. Recorded: one restore of a cluster (test_dataprotection_backup_and_restore_aks, 26 Jun 2024).
//! What a restore does in the cluster is not simulated.

use serde_json::{Value, json};

use super::jobs::{self, POINT};
use super::readiness::{self, UserError};
use super::vault_operations::asynchronous;
use super::{instances, vaults};
use crate::azure::answer::{Answer, Outcome, missing};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::world::{World, stamp, text};

const READ: &str = "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/read";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/recoveryPoints",
        READ,
        points,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/recoveryPoints/{p}",
        READ,
        point,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/validateRestore",
        "Microsoft.DataProtection/backupVaults/backupInstances/validateRestore/action",
        validate,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/restore",
        "Microsoft.DataProtection/backupVaults/backupInstances/restore/action",
        restore,
    ),
];

fn points(world: &mut World, call: &Call) -> Outcome {
    let instance = instances::find(world, call)?;
    let items = world.list(&instance, POINT).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn point(world: &mut World, call: &Call) -> Outcome {
    let instance = instances::find(world, call)?;
    find(world, &instance, call.get("p")).map(Answer::ok)
}

fn find(world: &World, instance: &str, point: &str) -> Result<Value, Answer> {
    // Recorded for another resource that doesn't exist.
    let message = "Azure resource does not exist. Please make sure required resources exist. If the issue persists, contact Microsoft support.";
    let found = world.get(&format!("{instance}/recoveryPoints/{point}")).cloned();
    found.ok_or_else(|| Answer::error(404, "UserErrorGenericResourceNotFound", message))
}

/// What a good recovery point was recorded with: Azure names neither its state nor its expiry.
pub(super) fn new(instance: &str, policy: &str) -> Value {
    let name = ids::fresh().replace('-', "");
    json!({
        "id": format!("{instance}/recoveryPoints/{name}"), "name": name, "type": POINT,
        "properties": {
            "objectType": "AzureBackupDiscreteRecoveryPoint", "recoveryPointId": name, "recoveryPointTime": stamp(),
            "recoveryPointType": "Incremental", "recoveryPointState": null, "friendlyName": name, "expiryTime": null,
            "retentionTagName": "default", "retentionTagVersion": "638549851148186422", "policyName": policy,
            "policyVersion": null,
            "recoveryPointDataStoresDetails": [{
                "id": ids::fresh(), "type": "OperationalStore", "creationTime": stamp(), "expiryTime": null, "metaData": null,
                "visible": true, "state": "COMMITTED", "rehydrationExpiryTime": null, "rehydrationStatus": null,
            }],
        },
    })
}

/// Makes every recovery point one that can't be restored, as the settings say.
pub(crate) fn befall(world: &mut World) {
    let fate = world.settings.protection.point_fate.clone();
    for mut point in world.list("/", POINT).into_iter().cloned().collect::<Vec<_>>() {
        let properties = &mut point["properties"];
        match fate.as_str() {
            "partial" => properties["recoveryPointState"] = json!("Partial"),
            "expired" => properties["expiryTime"] = json!("2020-01-01T00:00:00Z"),
            "vault" => properties["recoveryPointDataStoresDetails"][0]["type"] = json!("VaultStore"),
            _ => {}
        }
        world.put(point, 0.0);
    }
}

/// The recovery point of a request, which must be complete.
fn requested(world: &World, instance: &str, request: &Value) -> Result<Value, Answer> {
    let criteria = &request["restoreTargetInfo"]["restoreCriteria"][0];
    if !criteria["includeClusterScopeResources"].is_boolean() {
        return Err(missing("restoreTargetInfo.restoreCriteria"));
    }
    if readiness::target(&request["restoreTargetInfo"]).is_empty() {
        return Err(missing("restoreTargetInfo.datasourceInfo"));
    }
    find(world, instance, text(request, "/recoveryPointId"))
}

fn validate(world: &mut World, call: &Call) -> Outcome {
    let vault = text(vaults::find(world, call)?, "/id").to_owned();
    let instance = instances::find(world, call)?;
    let request = &call.body["restoreRequestObject"];
    if !request.is_object() {
        return Err(missing("restoreRequestObject"));
    }
    requested(world, &instance, request)?;
    let (key, seconds) = (
        (vault.clone(), instance.clone()),
        world.settings.durations.restore_validation,
    );
    let operation = world.start(&instance, "validateRestore", None, seconds, move |world, view| {
        let (vault, instance) = &key;
        let properties = world
            .get(instance)
            .map_or(Value::Null, |body| body["properties"].clone());
        let verdict = match world.settings.protection.restore_refusal.as_str() {
            "" => readiness::check(world, view, vault, &properties),
            _ => Err(refusal()),
        };
        End {
            error: verdict.err().map(|error| error.error()),
            ..End::default()
        }
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

/// <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-backup-troubleshoot>.
fn refusal() -> UserError {
    UserError::new(
        "UserErrorSourceandTargetClusterCRDVersionMismatch",
        "The source and the target cluster have different versions of a custom resource definition.",
        "Use clusters with the same or newer Kubernetes version and retry.",
    )
}

fn restore(world: &mut World, call: &Call) -> Outcome {
    let vault = text(vaults::find(world, call)?, "/id").to_owned();
    let instance = instances::find(world, call)?;
    let point = requested(world, &instance, &call.body)?;
    let body = world.get(&instance).cloned().unwrap_or(Value::Null);
    let policy = world
        .get(text(&body, "/properties/policyInfo/policyId"))
        .cloned()
        .unwrap_or(Value::Null);
    let mut job = jobs::new(world, &vault, &body, &policy);
    let properties = &mut job["properties"];
    properties["operationCategory"] = json!("Restore");
    properties["operation"] = json!("Restore");
    // Recorded with `sourceDataStoreType`, which no definition of a job has, so that it stays null here.
    properties["extendedInfo"] = details(&point, readiness::target(&call.body["restoreTargetInfo"]));
    let key = text(&job, "/id").to_owned();
    world.put(job, 0.0);
    run(world, &vault, &instance, &key);
    let seconds = world.settings.durations.restore_trigger;
    let operation = world.start(&instance, "restore", None, seconds, move |_, _| {
        let properties = json!({ "objectType": "OperationJobExtendedInfo", "jobId": key });
        End {
            properties: Some(properties),
            ..End::default()
        }
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

fn details(point: &Value, target: &str) -> Value {
    json!({
        "backupInstanceState": null, "dataTransferredInBytes": null, "targetRecoverPoint": null,
        "sourceRecoverPoint": {
            "recoveryPointID": point["name"], "recoveryPointTime": point["properties"]["recoveryPointTime"],
        },
        "recoveryDestination": target, "warningDetails": null, "additionalDetails": null,
        "subTasks": [{
            "taskId": 1, "taskName": "Trigger Restore", "taskStatus": "InProgress", "taskProgress": null,
            "additionalDetails": null,
        }],
    })
}

/// Lets the job end: it fails where the prerequisites went away, or where the settings say so.
fn run(world: &mut World, vault: &str, instance: &str, job: &str) {
    let (vault, instance, job) = (vault.to_owned(), instance.to_owned(), job.to_owned());
    let seconds = world.settings.durations.restore_job;
    world.after(seconds, move |world, view| {
        let properties = world.get(&instance).map_or(Value::Null, |body| body["properties"].clone());
        let left = &mut world.settings.protection.restore_failures;
        let fails = *left > 0;
        *left = left.saturating_sub(1);
        let verdict = match fails {
            true => Err(UserError::new(
                "UserErrorBackupPluginPodRestartedDuringRestore",
                "The backup plug-in's pod was restarted during the restore.",
                "Raise resources.limits.memory of the backup extension and retry.",
            )),
            false => readiness::check(world, view, &vault, &properties),
        };
        let left = &mut world.settings.protection.restore_warnings;
        let warns = verdict.is_ok() && *left > 0;
        *left -= u32::from(warns);
        let warning = warns.then(|| {
            json!([{
                "resourceName": "persistentvolumeclaim/data",
                "warning": { "code": "KubernetesBackupGenericWarning", "message": "The volume claim was not restored: it exists." },
            }])
        });
        if let Some(body) = world.get_mut(&job) {
            let task = &mut body["properties"]["extendedInfo"]["subTasks"][0];
            task["additionalDetails"] = json!({
                "DataTransferredInBytes": "0", "TaskId": ids::named(&job),
                "DatasourceType": "Microsoft.ContainerService/managedClusters",
            });
        }
        jobs::end(world, &job, (seconds, warning), &verdict);
    });
}
