//! Vaults, policies and instances as other hands have left them.

use serde_json::{Value, json};

use super::readiness::UserError;
use super::{instance_lifecycle, instances, policies, vaults};
use crate::azure::ids;
use crate::azure::world::{World, text};

/// A vault without an identity, with settings that no client chose, and a policy that keeps weekly backups.
pub(crate) fn vault(world: &mut World) {
    let vault = format!(
        "{}/providers/{}/bv-by-hand",
        ids::group_id(ids::BACKUP_GROUP),
        vaults::KIND
    );
    world.put(
        json!({
            "id": vault, "name": "bv-by-hand", "type": vaults::KIND, "location": ids::LOCATION,
            "tags": { "owner": "contoso" },
            "properties": {
                "provisioningState": "Succeeded", "secureScore": "Adequate",
                "storageSettings": [{ "datastoreType": "VaultStore", "type": "ZoneRedundant" }],
                "securitySettings": {
                    "softDeleteSettings": { "state": "Off" }, "immutabilitySettings": { "state": "Unlocked" },
                },
                "featureSettings": { "crossSubscriptionRestoreSettings": { "state": "Enabled" } },
            },
        }),
        0.0,
    );
    let store = json!({ "objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore" });
    let rule = json!({
        "name": "BackupWeekly", "objectType": "AzureBackupRule", "dataStore": store,
        "backupParameters": { "objectType": "AzureBackupParams", "backupType": "Incremental" },
        "trigger": {
            "objectType": "ScheduleBasedTriggerContext",
            "schedule": { "repeatingTimeIntervals": ["R/2024-01-01T06:00:00+00:00/P1W"], "timeZone": "UTC" },
            "taggingCriteria": [
                { "isDefault": true, "taggingPriority": 99, "tagInfo": { "id": "Default_", "tagName": "Default" } },
            ],
        },
    });
    let keep = json!({
        "name": "Default", "objectType": "AzureRetentionRule", "isDefault": true,
        "lifecycles": [{
            "deleteAfter": { "objectType": "AbsoluteDeleteOption", "duration": "P30D" }, "sourceDataStore": store,
            "targetDataStoreCopySettings": [],
        }],
    });
    world.put(
        json!({
            "id": format!("{vault}/backupPolicies/by-hand"), "name": "by-hand", "type": policies::KIND,
            "properties": {
                "objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.ContainerService/managedClusters"],
                "policyRules": [rule, keep],
            },
        }),
        0.0,
    );
}

/// The error of a protection that is one of those that the settings let fail.
pub(crate) fn misfortune(world: &mut World) -> Option<UserError> {
    let left = &mut world.settings.protection.protection_errors;
    let strikes = *left > 0;
    *left = left.saturating_sub(1);
    strikes.then(|| {
        UserError::new(
            "KubernetesBackupCustomResourcesTrackingTimeOutError",
            "The backup agent in the AKS cluster did not answer in time.",
            "Check the pods in the dataprotection-microsoft namespace and retry the operation.",
        )
    })
}

/// Puts every instance into the state of the settings.
pub(crate) fn instances(world: &mut World) {
    let state = world.settings.protection.instance_state.clone();
    let all: Vec<Value> = world.list("/", instances::KIND).into_iter().cloned().collect();
    for mut body in all.into_iter().filter(|_| !state.is_empty()) {
        let id = text(&body, "/id").to_owned();
        body["properties"]["currentProtectionState"] = json!(state);
        if state == "SoftDeleted" {
            world.remove(&id);
            instance_lifecycle::soft_delete(&mut body, None);
        }
        world.put(body, 0.0);
    }
}
