//! Ad-hoc backups and jobs.

use serde_json::{Value, json};

use super::readiness::{self, UserError};
use super::vault_operations::asynchronous;
use super::{instances, restores, vaults};
use crate::azure::answer::{Answer, Outcome, missing};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::path::name_of;
use crate::azure::world::{World, stamp, text};

const KIND: &str = "Microsoft.DataProtection/backupVaults/backupJobs";
pub(super) const POINT: &str = "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupInstances/{i}|/backup",
        "Microsoft.DataProtection/backupVaults/backupInstances/backup/action",
        backup,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/backupJobs",
        "Microsoft.DataProtection/backupVaults/backupJobs/read",
        list,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}/backupJobs/{j}",
        "Microsoft.DataProtection/backupVaults/backupJobs/read",
        get,
    ),
];

fn list(world: &mut World, call: &Call) -> Outcome {
    let vault = text(vaults::find(world, call)?, "/id").to_owned();
    let items = world.list(&vault, KIND).into_iter().cloned().map(in_list).collect();
    Ok(call.page(world, items))
}

/// In every list of jobs that was recorded, the details of each job were `null`; only the job itself has them.
fn in_list(mut job: Value) -> Value {
    if let Some(properties) = job["properties"].as_object_mut() {
        properties.insert("extendedInfo".to_owned(), Value::Null);
    }
    job
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let id = format!(
        "{}/backupJobs/{}",
        text(vaults::find(world, call)?, "/id"),
        call.get("j")
    );
    let missing = || {
        Answer::error(
            404,
            "ResourceNotFound",
            &format!("The job '{}' was not found.", call.get("j")),
        )
    };
    world.get(&id).cloned().map(Answer::ok).ok_or_else(missing)
}

fn backup(world: &mut World, call: &Call) -> Outcome {
    let vault = text(vaults::find(world, call)?, "/id").to_owned();
    let instance = instances::find(world, call)?;
    let rule = call.text("/backupRuleOptions/ruleName").to_owned();
    if rule.is_empty() || !call.body["backupRuleOptions"]["triggerOption"].is_object() {
        return Err(missing("backupRuleOptions.triggerOption"));
    }
    let body = world.get(&instance).cloned().unwrap_or(Value::Null);
    if text(&body, "/properties/currentProtectionState") != "ProtectionConfigured" {
        let message = "The operation is not allowed: protection of the backup instance is not configured.";
        return Err(Answer::error(400, "UserErrorBackupInstanceNotProtected", message));
    }
    let policy = world
        .get(text(&body, "/properties/policyInfo/policyId"))
        .cloned()
        .unwrap_or(Value::Null);
    let rules = policy["properties"]["policyRules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let known = rules
        .iter()
        .any(|known| text(known, "/objectType") == "AzureBackupRule" && text(known, "/name") == rule);
    if !known {
        let message = format!("The policy has no backup rule '{rule}'.");
        return Err(Answer::error(400, "BMSUserErrorPolicyRuleNotFound", &message));
    }
    let job = new(world, &vault, &body, &policy);
    let (key, seconds) = (text(&job, "/id").to_owned(), world.settings.durations.backup_trigger);
    world.put(job, 0.0);
    run(world, &vault, &instance, &key);
    let operation = world.start(&instance, "backup", None, seconds, move |_, _| {
        let properties = json!({ "objectType": "OperationJobExtendedInfo", "jobId": key });
        End {
            properties: Some(properties),
            ..End::default()
        }
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

/// The job of a backup that begins.
pub(super) fn new(world: &World, vault: &str, instance: &Value, policy: &Value) -> Value {
    let (name, activity) = (ids::fresh(), ids::fresh());
    let properties = &instance["properties"];
    let source = readiness::source(properties);
    let vault_spelt = vault.replace("/backupVaults/", "/Backupvaults/");
    let mut job = json!({
        "id": format!("{vault_spelt}/backupJobs/{name}"), "name": name, "type": KIND.replace("backupVaults", "Backupvaults"),
        "properties": {
            "activityID": activity, "subscriptionId": ids::SUBSCRIPTION, "backupInstanceId": instance["id"],
            "policyId": policy["id"], "dataSourceId": source, "vaultName": name_of(vault),
            "backupInstanceFriendlyName": name_of(source), "policyName": policy["name"],
            "sourceResourceGroup": source.split('/').nth(4).unwrap_or_default(), "dataSourceSetName": name_of(source),
            "dataSourceName": name_of(source), "progressEnabled": false, "sourceSubscriptionID": ids::SUBSCRIPTION,
            "startTime": stamp(), "dataSourceType": "Microsoft.ContainerService/managedClusters",
            "operationCategory": "Backup", "operation": "Backup", "status": "InProgress", "isUserTriggered": true,
            "supportedActions": [""], "duration": "PT0S", "dataSourceLocation": world.text(source, "/location"),
            "etag": format!("W/\"datetime'{}'\"", stamp()), "extendedInfo": details(&activity),
        },
    });
    for name in UNSET {
        job["properties"][name] = Value::Null;
    }
    job
}

/// What Azure says is `null` in a job that is no restore.
const UNSET: [&str; 8] = [
    "errorDetails",
    "sourceDataStoreName",
    "sourceDataStoreType",
    "destinationDataStoreName",
    "restoreType",
    "rehydrationPriority",
    "progressUrl",
    "isCrossRegionRestore",
];

fn details(activity: &str) -> Value {
    json!({
        "backupInstanceState": null, "dataTransferredInBytes": null, "targetRecoverPoint": null, "sourceRecoverPoint": null,
        "recoveryDestination": null, "warningDetails": null, "additionalDetails": { "RetentionTag": "default" },
        "subTasks": [{
            "taskId": 1, "taskName": "Trigger Backup", "taskStatus": "InProgress", "taskProgress": null,
            "additionalDetails": {
                "OriginalDatasourceSizeInBytes": "1", "TaskId": activity,
                "DatasourceType": "Microsoft.ContainerService/managedClusters",
            },
        }],
    })
}

/// Lets the job end: it fails where the prerequisites went away, or where the settings say so.
fn run(world: &mut World, vault: &str, instance: &str, job: &str) {
    let (vault, instance, job) = (vault.to_owned(), instance.to_owned(), job.to_owned());
    let seconds = world.settings.durations.backup_job;
    world.after(seconds, move |world, view| {
        let properties = world
            .get(&instance)
            .map_or(Value::Null, |body| body["properties"].clone());
        let verdict = if world.settings.job_failures > 0 {
            world.settings.job_failures -= 1;
            let message = "The backup plug-in's pod was restarted during the backup.";
            let action = "Raise resources.limits.memory of the backup extension and retry.";
            Err(UserError::new(
                "UserErrorBackupPluginPodRestartedDuringBackup",
                message,
                action,
            ))
        } else {
            readiness::check(world, view, &vault, &properties)
        };
        finish(world, &instance, &job, seconds, verdict);
    });
}

fn finish(world: &mut World, instance: &str, job: &str, seconds: f64, verdict: Result<(), UserError>) {
    let warned = verdict.is_ok() && world.settings.job_warnings > 0;
    world.settings.job_warnings -= u32::from(warned);
    let warning = warned.then(|| {
        json!([{
            "resourceName": "persistentvolumeclaim/data",
            "warning": { "code": "KubernetesBackupGenericWarning", "message": "The volume was not in the backup." },
        }])
    });
    end(world, job, (seconds, warning), &verdict);
    if verdict.is_ok() {
        let policy = world.text(instance, "/properties/policyInfo/policyId");
        let point = restores::new(instance, name_of(&policy));
        world.put(point, 0.0);
    }
}

/// Ends a job as its verdict is, with the warnings where it has some.
pub(super) fn end(
    world: &mut World,
    job: &str,
    (seconds, warnings): (f64, Option<Value>),
    verdict: &Result<(), UserError>,
) {
    let status = match (verdict, &warnings) {
        (Ok(()), Some(_)) => "CompletedWithWarnings",
        (Ok(()), None) => "Completed",
        (Err(_), _) => "Failed",
    };
    let Some(body) = world.get_mut(job) else { return };
    let properties = &mut body["properties"];
    properties["status"] = json!(status);
    properties["endTime"] = json!(stamp());
    properties["duration"] = json!(format!("PT{}M{}S", (seconds / 60.0).floor(), (seconds % 60.0).floor()));
    properties["extendedInfo"]["subTasks"][0]["taskStatus"] = json!(status);
    if let Some(warnings) = warnings {
        properties["extendedInfo"]["warningDetails"] = warnings;
    }
    properties["errorDetails"] = verdict
        .as_ref()
        .err()
        .map_or(Value::Null, |error| json!([error.body()]));
}
