//! `validateForBackup`.

use serde_json::Value;

use super::readiness::{self, UserError};
use super::vault_operations::asynchronous;
use super::{instances, vaults};
use crate::azure::answer::{Answer, Outcome, missing};
use crate::azure::call::{Call, Route};
use crate::azure::operations::End;
use crate::azure::world::{World, text};

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "POST",
    "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/validateForBackup",
    "Microsoft.DataProtection/backupVaults/validateForBackup/action",
    validate,
)];

fn validate(world: &mut World, call: &Call) -> Outcome {
    let vault = text(vaults::find(world, call)?, "/id").to_owned();
    let instance = call.body["backupInstance"].clone();
    if instance.is_null() {
        return Err(missing("backupInstance"));
    }
    check(world, &instance)?;
    unprotected(world, &instance, "")?;
    let (key, seconds) = (vault.clone(), world.settings.durations.validation);
    let operation = world.start(&vault, "validateForBackup", None, seconds, move |world, view| {
        let verdict = readiness::check(world, view, &key, &instance);
        End {
            error: verdict.err().map(|error| error.error()),
            ..End::default()
        }
    });
    Ok(asynchronous(world, call, &vault, &operation, Answer::empty(202)))
}

/// What every request with an instance in it must hold.
pub(crate) fn check(world: &World, instance: &Value) -> Result<(), Answer> {
    let invalid = |message: &str| Err(Answer::error(400, "BMSUserErrorInvalidInput", message));
    if text(instance, "/objectType") != "BackupInstance" {
        return invalid("The objectType of the backup instance must be 'BackupInstance'.");
    }
    if readiness::source(instance).is_empty() {
        return invalid("dataSourceInfo.resourceID is required.");
    }
    if world.get(readiness::source(instance)).is_none() {
        let message = format!("The data source '{}' was not found.", readiness::source(instance));
        return Err(Answer::error(400, "UserErrorDppDatasourceNotFound", &message));
    }
    if world.get(text(instance, "/policyInfo/policyId")).is_none() {
        let message = format!(
            "The backup policy '{}' was not found.",
            text(instance, "/policyInfo/policyId")
        );
        return Err(Answer::error(400, "BMSUserErrorBackupPolicyNotFound", &message));
    }
    if readiness::snapshot_group(instance).is_empty() {
        return invalid(
            "policyParameters.dataStoreParametersList needs AzureOperationalStoreParameters with a resourceGroupId.",
        );
    }
    let parameters = &instance["policyInfo"]["policyParameters"]["backupDatasourceParametersList"][0];
    let complete =
        parameters["snapshotVolumes"].is_boolean() && parameters["includeClusterScopeResources"].is_boolean();
    if text(parameters, "/objectType") != "KubernetesClusterBackupDatasourceParameters" || !complete {
        return invalid("backupDatasourceParametersList needs complete KubernetesClusterBackupDatasourceParameters.");
    }
    Ok(())
}

/// Refuses a cluster that an instance other than `own` protects.
pub(crate) fn unprotected(world: &World, instance: &Value, own: &str) -> Result<(), Answer> {
    let source = readiness::source(instance);
    let mut all = world.list("/", instances::KIND).into_iter();
    let other = all.find(|known| {
        readiness::source(&known["properties"]).eq_ignore_ascii_case(source)
            && !text(known, "/id").eq_ignore_ascii_case(own)
    });
    let Some(other) = other else { return Ok(()) };
    let message = format!(
        "The datasource is already protected by the backup instance '{}'.",
        text(other, "/id")
    );
    let action = "Delete the existing backup instance or choose another datasource.";
    let error = UserError::new("UserErrorDppDatasourceAlreadyProtected", message, action);
    Err(Answer::new(400, serde_json::json!({ "error": error.error() })))
}
