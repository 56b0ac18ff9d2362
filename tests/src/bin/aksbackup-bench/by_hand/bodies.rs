//! The bodies that az's extensions for backup and for cluster extensions would send for the guide's flags.

use aksbackup_tests::azure::ids;
use serde_json::{Value, json};

/// Step 3.1.
pub(super) fn vault() -> Value {
    json!({
        "location": ids::LOCATION, "identity": { "type": "SystemAssigned" },
        "properties": { "storageSettings": [{ "type": "LocallyRedundant", "datastoreType": "VaultStore" }] },
    })
}

/// Step 3.2: the guide's file, without the members that Azure alone writes.
pub(super) fn policy() -> Value {
    let store = json!({ "dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase" });
    json!({ "properties": {
        "datasourceTypes": ["Microsoft.ContainerService/managedClusters"], "objectType": "BackupPolicy",
        "policyRules": [
            {
                "name": "BackupDaily", "objectType": "AzureBackupRule", "dataStore": store,
                "backupParameters": { "backupType": "Incremental", "objectType": "AzureBackupParams" },
                "trigger": {
                    "objectType": "ScheduleBasedTriggerContext",
                    "schedule": { "repeatingTimeIntervals": ["R/2024-01-01T06:00:00+00:00/P1D"], "timeZone": "UTC" },
                    "taggingCriteria": [{ "isDefault": true, "taggingPriority": 99, "tagInfo": { "tagName": "Default" } }],
                },
            },
            {
                "name": "Default", "objectType": "AzureRetentionRule", "isDefault": true,
                "lifecycles": [{
                    "deleteAfter": { "duration": "P7D", "objectType": "AbsoluteDeleteOption" },
                    "sourceDataStore": store, "targetDataStoreCopySettings": [],
                }],
            },
        ],
    } })
}

/// Step 4.1, with the keys that go over the wire.
pub(super) fn extension() -> Value {
    let settings = json!({
        "configuration.backupStorageLocation.bucket": "aks-backups",
        "configuration.backupStorageLocation.config.resourceGroup": "rg-backup",
        "configuration.backupStorageLocation.config.subscriptionId": ids::SUBSCRIPTION,
        "configuration.backupStorageLocation.config.storageAccount": "stguide",
        "configuration.backupStorageLocation.config.useAAD": "true",
        "configuration.backupStorageLocation.config.storageAccountURI": "https://stguide.blob.core.windows.net/",
        "credentials.tenantId": ids::TENANT,
    });
    json!({
        "identity": { "type": "SystemAssigned" },
        "properties": {
            "extensionType": "microsoft.dataprotection.kubernetes", "autoUpgradeMinorVersion": true, "releaseTrain": "stable",
            "scope": { "cluster": { "releaseNamespace": "dataprotection-microsoft" } }, "configurationSettings": settings,
        },
    })
}

/// Step 11.1.
pub(super) fn instance(vault: &str) -> Value {
    let cluster = ids::cluster_id();
    let source = |kind: &str| {
        json!({
            "resourceID": cluster, "resourceUri": cluster, "resourceName": ids::CLUSTER, "resourceLocation": ids::LOCATION,
            "resourceType": "Microsoft.ContainerService/managedclusters",
            "datasourceType": "Microsoft.ContainerService/managedClusters", "objectType": kind,
        })
    };
    json!({ "properties": {
        "objectType": "BackupInstance", "friendlyName": "aks-demo/aks-backup-instance",
        "dataSourceInfo": source("Datasource"), "dataSourceSetInfo": source("DatasourceSet"),
        "policyInfo": {
            "policyId": format!("{vault}/backupPolicies/policy-aks"),
            "policyParameters": {
                "dataStoreParametersList": [{
                    "objectType": "AzureOperationalStoreParameters", "dataStoreType": "OperationalStore",
                    "resourceGroupId": ids::group_id(ids::SNAPSHOT_GROUP),
                }],
                "backupDatasourceParametersList": [{
                    "objectType": "KubernetesClusterBackupDatasourceParameters", "snapshotVolumes": true,
                    "includeClusterScopeResources": true,
                }],
            },
        },
    } })
}
