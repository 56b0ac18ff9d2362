//! Validation, protection and backups.

use serde_json::{Value, json};

use super::bodies::{binding, extension, instance, vault, vault_body};
use super::stage::{Stage, header, id};
use crate::azure::ids;
use crate::planes::StorageLocationStatus;

fn validate(stage: &Stage) -> String {
    let answer = stage.make(
        "POST",
        &vault("/validateForBackup"),
        json!({ "backupInstance": instance() }),
    );
    assert!(header(&answer, "Retry-After").is_empty());
    stage.verdict(&answer)
}

fn protect(stage: &Stage, properties: Value) -> Value {
    let target = vault("/backupInstances/aks-demo-1");
    let answer = stage.make("PUT", &target, json!({ "properties": properties }));
    assert_eq!(
        answer.body.as_ref().unwrap()["properties"]["currentProtectionState"],
        "ConfiguringProtection"
    );
    stage.skip(33.5);
    let address = header(&answer, "Azure-AsyncOperation");
    assert_eq!(stage.read(&address)["status"], "Succeeded");
    assert_eq!(
        stage.read(&target)["properties"]["currentProtectionState"],
        "ConfiguringProtection"
    );
    stage.skip(31.0);
    stage.read(&target)["properties"].clone()
}

#[test]
fn a_prepared_cluster_validates() {
    assert_eq!(validate(&Stage::prepared(&[])), "");
}

#[test]
fn every_missing_role_is_found() {
    let codes: Vec<String> = (0..4)
        .map(|number| {
            let stage = Stage::prepared(&[]);
            let (principal, role, scope) = stage.roles().swap_remove(number);
            assert_eq!(stage.azure.unassign(&principal, role, &scope), 1);
            let message = "AuthorizationPermissionMismatch".to_owned();
            if number == 0 {
                let status = StorageLocationStatus {
                    phase: "Unavailable".to_owned(),
                    message,
                };
                *stage.told.location.lock().unwrap() = Some(status);
            }
            validate(&stage)
        })
        .collect();
    let wanted = [
        "UserErrorExtensionMSIMissingPermissionsOnBackupStorageLocation",
        "KubernetesBackupListExtensionsError",
        "UserErrorMissingRequiredPermissions",
        "UserErrorMissingRequiredPermissions",
    ];
    assert_eq!(codes, wanted);
}

#[test]
fn the_other_prerequisites_have_their_own_codes() {
    let spoil = |spoil: &dyn Fn(&Stage)| {
        let stage = Stage::prepared(&[]);
        spoil(&stage);
        validate(&stage)
    };
    let lock = |stage: &Stage| stage.azure.set("snapshot_group_lock=true").unwrap();
    assert_eq!(spoil(&lock), "UserErrorSnapshotResourceGroupHasLocks");
    let stop = |stage: &Stage| stage.azure.set("cluster_stopped=true").unwrap();
    assert_eq!(spoil(&stop), "UserErrorKubernetesBackupClusterIsStopped");
    let unbind = |stage: &Stage| stage.azure.remove(&id(&binding()));
    assert_eq!(spoil(&unbind), "UserErrorKubernetesBackupExtensionUnhealthy");
    let unwell = |stage: &Stage| *stage.told.healthy.lock().unwrap() = false;
    assert_eq!(spoil(&unwell), "UserErrorKubernetesBackupExtensionUnhealthy");
    let uninstall = |stage: &Stage| stage.azure.remove(&id(&extension()));
    assert_eq!(spoil(&uninstall), "UserErrorKubernetesBackupExtensionNotFoundError");
    let nowhere = |stage: &Stage| *stage.told.location.lock().unwrap() = None;
    assert_eq!(spoil(&nowhere), "UserErrorNoDefaultBackupStorageLocationFound");
    let unready = |stage: &Stage| {
        let status = StorageLocationStatus {
            phase: "Unavailable".to_owned(),
            message: "not yet".to_owned(),
        };
        *stage.told.location.lock().unwrap() = Some(status);
    };
    assert_eq!(spoil(&unready), "UserErrorBackupStorageLocationNotReady");
}

#[test]
fn protection_is_configured_some_time_after_its_operation() {
    let stage = Stage::prepared(&[]);
    let properties = protect(&stage, instance());
    assert_eq!(properties["currentProtectionState"], "ProtectionConfigured");
    let routing = format!(
        "{}/providers/Microsoft.DataProtection/backupInstances?api-version=2024-04-01",
        ids::cluster_id()
    );
    assert_eq!(stage.read(&routing)["value"].as_array().unwrap().len(), 1);
    let again = stage.call(
        "everything",
        "POST",
        &vault("/validateForBackup"),
        json!({ "backupInstance": instance() }),
    );
    assert_eq!(
        (again.status, again.code()),
        (400, "UserErrorDppDatasourceAlreadyProtected")
    );
    let other = stage.call(
        "everything",
        "PUT",
        &vault("/backupInstances/other"),
        json!({ "properties": instance() }),
    );
    assert_eq!(other.code(), "UserErrorDppDatasourceAlreadyProtected");
}

#[test]
fn without_the_set_of_the_source_protection_fails_late() {
    let stage = Stage::prepared(&[]);
    let mut properties = instance();
    properties.as_object_mut().unwrap().remove("dataSourceSetInfo");
    let properties = protect(&stage, properties);
    assert_eq!(properties["currentProtectionState"], "ProtectionError");
    assert_eq!(
        properties["protectionErrorDetails"]["code"],
        "ScenarioPluginInvalidWorkflowDataRequest"
    );
}

#[test]
fn a_backup_runs_as_a_job_that_its_operation_names() {
    let stage = Stage::prepared(&[]);
    let backup = vault("/backupInstances/aks-demo-1/backup");
    let rule = |name: &str| json!({ "backupRuleOptions": { "ruleName": name, "triggerOption": {} } });
    protect(&stage, instance());
    assert_eq!(
        stage.call("everything", "POST", &backup, rule("Nightly")).code(),
        "BMSUserErrorPolicyRuleNotFound"
    );
    let answer = stage.make("POST", &backup, rule("BackupDaily"));
    stage.skip(31.0);
    let operation = stage.read(&header(&answer, "Azure-AsyncOperation"));
    let job = format!(
        "{}?api-version=2024-04-01",
        operation["properties"]["jobId"].as_str().unwrap()
    );
    assert_eq!(stage.read(&job)["properties"]["status"], "InProgress");
    stage.skip(165.0);
    assert_eq!(stage.read(&job)["properties"]["status"], "Completed");
    let points = stage.read(&vault("/backupInstances/aks-demo-1/recoveryPoints"));
    assert_eq!(points["value"].as_array().unwrap().len(), 1);
}

#[test]
fn a_job_fails_where_its_ground_is_taken_away() {
    let stage = Stage::prepared(&[]);
    protect(&stage, instance());
    let body = json!({ "backupRuleOptions": { "ruleName": "BackupDaily", "triggerOption": {} } });
    stage.make("POST", &vault("/backupInstances/aks-demo-1/backup"), body);
    stage.azure.set("cluster_stopped=true").unwrap();
    stage.skip(200.0);
    let job = stage.read(&vault("/backupJobs"))["value"][0]["properties"].clone();
    assert_eq!(job["status"], "Failed");
    assert_eq!(
        job["errorDetails"][0]["code"],
        "UserErrorKubernetesBackupClusterIsStopped"
    );
}

#[test]
fn a_deleted_instance_rests_softly_and_can_come_back() {
    let stage = Stage::prepared(&[]);
    protect(&stage, instance());
    stage.make("DELETE", &vault("/backupInstances/aks-demo-1"), Value::Null);
    stage.skip(40.0);
    let deleted = stage.read(&vault("/deletedBackupInstances"));
    assert_eq!(
        deleted["value"][0]["properties"]["currentProtectionState"],
        "SoftDeleted"
    );
    stage.make(
        "POST",
        &vault("/deletedBackupInstances/aks-demo-1/undelete"),
        Value::Null,
    );
    stage.skip(40.0);
    let back = stage.read(&vault("/backupInstances/aks-demo-1"));
    assert_eq!(back["properties"]["currentProtectionState"], "ProtectionStopped");
    stage.make(
        "POST",
        &vault("/backupInstances/aks-demo-1/resumeProtection"),
        Value::Null,
    );
    stage.skip(40.0);
    stage.skip(40.0);
    let back = stage.read(&vault("/backupInstances/aks-demo-1"));
    assert_eq!(back["properties"]["currentProtectionState"], "ProtectionConfigured");
}

#[test]
fn backups_are_suspended_stopped_and_resumed_as_recorded() {
    let stage = Stage::prepared(&[]);
    protect(&stage, instance());
    let one = vault("/backupInstances/aks-demo-1");
    let ask = |verb: &str| {
        stage.make(
            "POST",
            &vault(&format!("/backupInstances/aks-demo-1/{verb}")),
            Value::Null,
        )
    };
    let state = || stage.read(&one)["properties"]["currentProtectionState"].clone();
    for (verb, reached) in [
        ("suspendBackups", "BackupsSuspended"),
        ("resumeProtection", "ProtectionConfigured"),
        ("suspendBackups", "BackupsSuspended"),
        ("resumeBackups", "ProtectionConfigured"),
        ("stopProtection", "ProtectionStopped"),
        ("resumeProtection", "ProtectionConfigured"),
    ] {
        let (before, answer) = (state(), ask(verb));
        assert_eq!((answer.status, state()), (202, before), "{verb}");
        stage.skip(40.0);
        assert_eq!(
            stage.read(&header(&answer, "Azure-AsyncOperation"))["status"],
            "Succeeded"
        );
        assert_eq!(state(), reached, "{verb}");
    }
    assert_eq!(
        ask("resumeProtection").status,
        200,
        "of a protected one there is nothing to resume"
    );
    let missing = vault("/deletedBackupInstances/aks-demo-1/undelete");
    let answer = stage.call("everything", "POST", &missing, Value::Null);
    assert_eq!(
        (answer.status, answer.code()),
        (404, "UserErrorGenericResourceNotFound")
    );
}

#[test]
fn a_vault_without_identity_can_protect_nothing_until_it_gets_one() {
    let stage = Stage::prepared(&[]);
    let other = vault("").replace("backupVaults/vault", "backupVaults/bare");
    let mut body = vault_body();
    body.as_object_mut().unwrap().remove("identity");
    assert!(stage.make("PUT", &other, body).body.unwrap()["identity"].is_null());
    let patched = stage.make("PATCH", &other, json!({ "identity": { "type": "SystemAssigned" } }));
    assert!(patched.body.unwrap()["identity"]["principalId"].is_string());
}

#[test]
fn newer_versions_force_soft_delete_for_ever() {
    let stage = Stage::new(&[]);
    stage.make("PUT", &vault("").replace("2024-04-01", "2025-09-01"), vault_body());
    let body = stage.read(&vault(""));
    assert_eq!(
        body["properties"]["securitySettings"]["softDeleteSettings"]["state"],
        "AlwaysOn"
    );
}
