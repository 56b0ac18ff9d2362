//! Addresses and bodies that the trials send.

use serde_json::{Value, json};

use super::stage::id;
use crate::azure::ids;

pub(crate) fn cluster() -> String {
    format!("{}?api-version=2026-05-01", ids::cluster_id())
}

pub(crate) fn account(below: &str) -> String {
    let group = ids::group_id(ids::BACKUP_GROUP);
    format!("{group}/providers/Microsoft.Storage/storageAccounts/contosoaks{below}?api-version=2023-05-01")
}

pub(crate) fn vault(below: &str) -> String {
    let group = ids::group_id(ids::BACKUP_GROUP);
    format!("{group}/providers/Microsoft.DataProtection/backupVaults/vault{below}?api-version=2024-04-01")
}

pub(crate) fn extension() -> String {
    let cluster = ids::cluster_id();
    format!("{cluster}/providers/Microsoft.KubernetesConfiguration/extensions/azure-aks-backup?api-version=2025-03-01")
}

pub(crate) fn binding() -> String {
    format!(
        "{}/trustedAccessRoleBindings/backup?api-version=2026-05-01",
        ids::cluster_id()
    )
}

pub(crate) fn assignment(scope: &str, name: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}?api-version=2022-04-01")
}

pub(crate) fn assignment_body(principal: &str, role: &str) -> Value {
    let role = format!(
        "{}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        ids::subscription_id()
    );
    json!({ "properties": { "roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal" } })
}

pub(crate) fn account_body() -> Value {
    json!({ "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" }, "properties": {} })
}

pub(crate) fn vault_body() -> Value {
    json!({
        "location": "westeurope", "identity": { "type": "SystemAssigned" },
        "properties": { "storageSettings": [{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }] },
    })
}

pub(crate) fn extension_body() -> Value {
    json!({ "properties": {
        "extensionType": "microsoft.dataprotection.kubernetes",
        "configurationSettings": {
            "configuration.backupStorageLocation.bucket": "aks-backups",
            "configuration.backupStorageLocation.config.storageAccount": "contosoaks",
        },
    } })
}

pub(crate) fn binding_body() -> Value {
    let roles = ["Microsoft.DataProtection/backupVaults/backup-operator"];
    json!({ "properties": { "sourceResourceId": id(&vault("")), "roles": roles } })
}

pub(crate) fn policy_body() -> Value {
    json!({ "properties": {
        "objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.ContainerService/managedClusters"],
        "policyRules": [
            { "name": "BackupDaily", "objectType": "AzureBackupRule", "trigger": {
                "objectType": "ScheduleBasedTriggerContext",
                "schedule": { "repeatingTimeIntervals": ["R/2024-01-01T06:00:00+00:00/P1D"] },
            } },
            { "name": "Default", "objectType": "AzureRetentionRule", "isDefault": true, "lifecycles": [] },
        ],
    } })
}

/// The properties of a backup instance.
pub(crate) fn instance() -> Value {
    let source = |kind: &str| {
        json!({
            "objectType": kind, "resourceID": ids::cluster_id(), "datasourceType": "Microsoft.ContainerService/managedClusters",
        })
    };
    json!({
        "objectType": "BackupInstance", "dataSourceInfo": source("Datasource"), "dataSourceSetInfo": source("DatasourceSet"),
        "policyInfo": {
            "policyId": id(&vault("/backupPolicies/policy-aks")),
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
    })
}
