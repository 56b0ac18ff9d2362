//! Several clusters in two subscriptions, in different states, as other people have left them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::azure::{Azure, ids};

const CLUSTERS: &str = "Microsoft.ContainerService/managedClusters";
const VAULTS: &str = "Microsoft.DataProtection/backupVaults";
const EXTENSIONS: &str = "Microsoft.KubernetesConfiguration/extensions";

/// A cluster of the fleet, and how it is protected.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// Its subscription.
    pub subscription: &'a str,
    /// Its resource group.
    pub group: &'a str,
    /// Its name.
    pub name: &'a str,
    /// `Running` or `Stopped`.
    pub power: &'a str,
    /// Azure's word for its protection; empty where nothing protects it.
    pub state: &'a str,
    /// State of the extension; empty where there is none.
    pub extension: &'a str,
    /// Status of its last backup, and how many hours ago it ended; empty where there was none.
    pub last: (&'a str, i64),
}

impl Default for Member<'_> {
    fn default() -> Self {
        Self {
            subscription: ids::SUBSCRIPTION,
            group: ids::CLUSTER_GROUP,
            name: "aks-good",
            power: "Running",
            state: "ProtectionConfigured",
            extension: "Succeeded",
            last: ("Completed", 1),
        }
    }
}

/// One cluster of each kind, next to the one that every world has, which nothing protects.
#[must_use]
pub fn assorted() -> Vec<Member<'static>> {
    let other = ids::OTHER_SUBSCRIPTION;
    let member = Member::default;
    vec![
        member(),
        Member {
            name: "aks-suspended",
            state: "BackupsSuspended",
            ..member()
        },
        Member {
            group: "rg-apps",
            name: "aks-failed",
            last: ("Failed", 2),
            ..member()
        },
        Member {
            group: "rg-apps",
            name: "aks-late",
            last: ("Completed", 240),
            ..member()
        },
        Member {
            group: "rg-apps",
            name: "aks-stopped",
            power: "Stopped",
            extension: "Failed",
            ..member()
        },
        Member {
            subscription: other,
            group: "rg-other",
            name: "aks-other",
            ..member()
        },
        Member {
            subscription: other,
            group: "rg-other",
            name: "aks-bare",
            state: "",
            extension: "",
            last: ("", 0),
            ..member()
        },
    ]
}

fn group_of(subscription: &str, group: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}")
}

/// The vault of the fleet. It is in the first subscription, also for the clusters of the second one.
#[must_use]
pub fn vault() -> String {
    format!("{}/providers/{VAULTS}/bv-fleet", ids::group_id(ids::BACKUP_GROUP))
}

/// Puts the clusters into the world, each with its extension, instance, and backups: the last one, an older one that completed, and one
/// that runs.
pub fn place(azure: &Azure, members: &[Member<'_>]) {
    azure.place(json!({
        "id": vault(), "name": "bv-fleet", "type": VAULTS, "location": ids::LOCATION,
        "properties": {
            "provisioningState": "Succeeded",
            "storageSettings": [{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }],
        },
    }));
    let model = azure.resource(&ids::cluster_id()).unwrap_or_default();
    for member in members {
        let group = group_of(member.subscription, member.group);
        if azure.resource(&group).is_none() {
            azure.place(json!({
                "id": group, "name": member.group, "type": "Microsoft.Resources/resourceGroups",
                "location": ids::LOCATION, "properties": { "provisioningState": "Succeeded" },
            }));
        }
        let cluster = format!("{group}/providers/{CLUSTERS}/{}", member.name);
        let mut body = model.clone();
        body["id"] = json!(cluster);
        body["name"] = json!(member.name);
        body["properties"]["powerState"] = json!({ "code": member.power });
        azure.place(body);
        if !member.extension.is_empty() {
            azure.place(extension(&cluster, member.extension));
        }
        if !member.state.is_empty() {
            azure.place(instance(member, &cluster));
        }
        if !member.last.0.is_empty() {
            for (number, (status, hours)) in [("Completed", 300), member.last, ("InProgress", 0)]
                .into_iter()
                .enumerate()
            {
                azure.place(job(member, &cluster, number, status, hours));
            }
        }
    }
}

fn extension(cluster: &str, state: &str) -> Value {
    json!({
        "id": format!("{cluster}/providers/{EXTENSIONS}/azure-aks-backup"), "name": "azure-aks-backup", "type": EXTENSIONS,
        "properties": {
            "extensionType": "microsoft.dataprotection.kubernetes", "autoUpgradeMinorVersion": true,
            "releaseTrain": "stable", "currentVersion": "0.0.3100-1201",
            "scope": { "cluster": { "releaseNamespace": "dataprotection-microsoft" } },
            "configurationSettings": {}, "configurationProtectedSettings": {}, "provisioningState": state,
            "statuses": [], "isSystemExtension": false,
        },
    })
}

fn instance(member: &Member<'_>, cluster: &str) -> Value {
    let source = |kind: &str| {
        json!({
            "objectType": kind, "resourceID": cluster, "resourceName": member.name, "resourceType": CLUSTERS,
            "resourceLocation": ids::LOCATION, "datasourceType": CLUSTERS, "resourceUri": "",
        })
    };
    let name = format!("{}-instance", member.name);
    json!({
        "id": format!("{}/backupInstances/{name}", vault()), "name": name,
        "type": "Microsoft.DataProtection/backupVaults/backupInstances",
        "properties": {
            "objectType": "BackupInstance", "friendlyName": member.name, "provisioningState": "Succeeded",
            "currentProtectionState": member.state, "protectionStatus": { "status": "ProtectionConfigured" },
            "dataSourceInfo": source("Datasource"), "dataSourceSetInfo": source("DatasourceSet"),
            "policyInfo": { "policyId": format!("{}/backupPolicies/aks-daily", vault()) },
        },
    })
}

fn job(member: &Member<'_>, cluster: &str, number: usize, status: &str, hours: i64) -> Value {
    let end = Timestamp::now() - SignedDuration::from_hours(hours);
    let name = ids::named(&format!("{cluster}/{number}"));
    let mut properties = json!({
        "activityID": name, "subscriptionId": ids::SUBSCRIPTION, "vaultName": "bv-fleet",
        "sourceResourceGroup": member.group, "backupInstanceFriendlyName": member.name, "dataSourceName": member.name,
        "dataSourceSetName": member.name, "dataSourceLocation": ids::LOCATION,
        // Jobs have been recorded with a slash at the end.
        "dataSourceId": format!("{cluster}/"),
        "backupInstanceId": format!("{}/backupInstances/{}-instance", vault(), member.name),
        "dataSourceType": CLUSTERS, "progressEnabled": false, "sourceSubscriptionID": member.subscription,
        "startTime": (end - SignedDuration::from_mins(3)).to_string(), "operationCategory": "Backup",
        "operation": "Backup", "status": status, "isUserTriggered": false, "supportedActions": [""],
        "duration": "PT3M", "policyId": format!("{}/backupPolicies/aks-daily", vault()), "policyName": "aks-daily",
    });
    if status != "InProgress" {
        properties["endTime"] = json!(end.to_string());
    }
    json!({
        "id": format!("{}/backupJobs/{name}", vault()), "name": name,
        "type": "Microsoft.DataProtection/backupVaults/backupJobs", "properties": properties,
    })
}
