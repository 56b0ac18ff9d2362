//! The content of a policy file: it is compared with what Azure has, and another content is another policy.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage};
use serde_json::json;

/// Fails before: the name of a policy of a file stayed, so that other rules in the file were never used.
#[test]
fn another_content_of_a_policy_file_becomes_another_policy() {
    let stage = Stage::new().unwrap();
    let file = stage.folder().join("own.json");
    let policy = |days: &str| {
        json!({ "objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.ContainerService/managedClusters"], "policyRules": [
            { "name": "Default", "objectType": "AzureRetentionRule", "isDefault": true, "lifecycles": [{
                "deleteAfter": { "objectType": "AbsoluteDeleteOption", "duration": days },
                "sourceDataStore": { "objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore" },
                "targetDataStoreCopySettings": [] }] },
            { "name": "BackupDaily", "objectType": "AzureBackupRule",
                "backupParameters": { "objectType": "AzureBackupParams", "backupType": "Incremental" },
                "dataStore": { "objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore" },
                "trigger": { "objectType": "ScheduleBasedTriggerContext",
                    "schedule": { "repeatingTimeIntervals": ["R/2024-01-01T06:00:00+00:00/P1D"], "timeZone": "UTC" },
                    "taggingCriteria": [{ "isDefault": true, "taggingPriority": 99, "tagInfo": { "tagName": "Default" } }] } }] })
    };
    let with_file = ["--policy-file", file.to_str().unwrap()];
    std::fs::write(&file, policy("P30D").to_string()).unwrap();
    stage.az("platform", &[&INIT[..], &with_file].concat()).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    let first = stage.value("/target/policy/name");
    stage
        .az("platform", &[&["init", "--yes"][..], &with_file].concat())
        .ok();
    assert_eq!(
        stage.value("/target/policy/name"),
        first,
        "the same content has the same name"
    );
    std::fs::write(&file, policy("P60D").to_string()).unwrap();
    stage
        .az("platform", &[&["init", "--yes"][..], &with_file].concat())
        .ok();
    assert_ne!(stage.value("/target/policy/name"), first);
    stage.az("platform", &["prepare", "--yes"]).ok();
    let id = stage.value("/cloud/vault/policy");
    let body = stage.sandbox.resource(&id).unwrap();
    assert_eq!(
        body["properties"]["policyRules"][0]["lifecycles"][0]["deleteAfter"]["duration"],
        "P60D"
    );
    // Fails before: verify said that a policy of a file is there, and compared nothing.
    stage
        .az("platform", &["verify"])
        .says("exists, with the rules in its file");
    let kept = "/properties/policyRules/0/lifecycles/0/deleteAfter/duration";
    assert!(stage.sandbox.azure().change(&id, kept, json!("P7D")));
    stage
        .az("platform", &["verify"])
        .ends(Exit::Pending.code())
        .says("has rules that differ from own.json")
        .says("can't be changed): az aksbackup prepare");
    stage.az("platform", &["init", "--yes", "--policy", "aks-own-2"]).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage
        .az("platform", &["verify"])
        .says("exists, with the rules in its file");
    std::fs::remove_file(&file).unwrap();
    stage
        .az("platform", &["verify"])
        .says("its rules couldn't be compared: cannot read policy file");
}
