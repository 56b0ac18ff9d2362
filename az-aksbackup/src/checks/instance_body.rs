//! The body of a backup instance.

use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::Target;
use serde_json::{Map, Value, json};

use crate::arm::backups::DATASOURCE_TYPE;
use crate::checks::drift;
use crate::target_ids;

/// The `properties` of the target's backup instance. Azure Backup refuses a cluster without `dataSourceSetInfo`, although
/// its definition calls that optional.
pub(crate) fn properties(target: &Target) -> Value {
    let mut properties = json!({
        "objectType": "BackupInstance",
        "friendlyName": target.instance.friendly_name,
        "dataSourceInfo": datasource(&target.cluster, target, "Datasource"),
        "dataSourceSetInfo": datasource(&target.cluster, target, "DatasourceSet"),
        "policyInfo": {
            "policyId": target_ids::policy(target).as_str(),
            "policyParameters": {
                "dataStoreParametersList": [{
                    "objectType": "AzureOperationalStoreParameters",
                    "dataStoreType": "OperationalStore",
                    "resourceGroupId": target_ids::snapshot_group(target).as_str(),
                }],
                "backupDatasourceParametersList": [parameters(target)],
            },
        },
    });
    identify(&mut properties, target);
    properties
}

/// Names the identity that the vault protects with, where it isn't its own: as in recorded instances of disks
/// (test_dataprotection_backup_instance_uami_create_update).
fn identify(properties: &mut Value, target: &Target) {
    if let Some(identity) = &target.vault.identity {
        properties["identityDetails"] = json!({
            "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": identity.as_str(),
        });
    }
}

/// Returns a cluster as Azure Backup names it.
pub(crate) fn datasource(cluster: &ResourceId, target: &Target, kind: &str) -> Value {
    json!({
        "objectType": kind,
        "datasourceType": DATASOURCE_TYPE,
        "resourceID": cluster.as_str(),
        "resourceName": cluster.name(),
        "resourceType": DATASOURCE_TYPE,
        "resourceUri": cluster.as_str(),
        "resourceLocation": target.region.as_str(),
    })
}

/// Members of an instance that only Azure writes.
const READ_ONLY: [&str; 4] = [
    "currentProtectionState",
    "protectionStatus",
    "protectionErrorDetails",
    "provisioningState",
];

/// Returns the body that changes a live instance, as Azure has just given it, to what the target says. A PUT replaces the whole
/// instance, so everything else that Azure gave is sent back, without what only Azure writes and without nulls, as az does it.
pub(crate) fn updated(live: &Value, target: &Target) -> Value {
    let mut body = returned(live);
    let properties = &mut body["properties"];
    properties["friendlyName"] = json!(target.instance.friendly_name);
    for (member, kind) in [("dataSourceInfo", "Datasource"), ("dataSourceSetInfo", "DatasourceSet")] {
        if !properties[member].is_object() {
            properties[member] = datasource(&target.cluster, target, kind);
        }
    }
    identify(properties, target);
    let policy = &mut properties["policyInfo"];
    policy["policyId"] = json!(target_ids::policy(target).as_str());
    let lists = &mut policy["policyParameters"]["backupDatasourceParametersList"];
    let mut own = match lists.get_mut(0).map(Value::take) {
        Some(Value::Object(own)) => own,
        _ => Map::new(),
    };
    own.retain(|name, _| drift::lists(&target.instance).iter().all(|list| list.key != name));
    if let Value::Object(wanted) = parameters(target) {
        own.extend(wanted);
    }
    *lists = json!([own]);
    body
}

/// Returns a live instance as it can be sent back: without what only Azure writes, and without nulls.
pub(crate) fn returned(live: &Value) -> Value {
    let mut properties = live["properties"].clone();
    drop_nulls(&mut properties);
    if let Some(members) = properties.as_object_mut() {
        members.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    }
    if let Some(policy) = properties.get_mut("policyInfo").and_then(Value::as_object_mut) {
        policy.remove("policyVersion");
    }
    let mut body = json!({ "properties": properties });
    if let Some(tags) = live.get("tags").filter(|tags| tags.is_object()) {
        body["tags"] = tags.clone();
    }
    body
}

/// Removes every null, and what is empty without it: `resourceProperties` comes back as an object whose only member is null, and
/// isn't one that could be sent.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => members.retain(|_, own| {
            let was_empty = own.as_object().is_some_and(Map::is_empty);
            drop_nulls(own);
            !own.is_null() && (was_empty || !own.as_object().is_some_and(Map::is_empty))
        }),
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the members of `sent` that a live instance doesn't have so, by their place, such as `properties.friendlyName`.
pub(crate) fn not_taken(sent: &Value, live: &Value) -> Vec<String> {
    let mut all = Vec::new();
    compare("", sent, live, &mut all);
    all
}

fn compare(place: &str, sent: &Value, live: &Value, all: &mut Vec<String>) {
    match (sent, live) {
        (Value::Object(sent), Value::Object(live)) => {
            for (name, sent) in sent {
                let place = format!("{place}.{name}");
                compare(
                    place.trim_start_matches('.'),
                    sent,
                    live.get(name).unwrap_or(&Value::Null),
                    all,
                );
            }
        }
        // Azure gives lists back in an order of its own.
        (Value::Array(sent), Value::Array(live)) if sent.len() == live.len() => {
            let has = |item: &Value| live.iter().any(|own| not_taken(item, own).is_empty());
            if !sent.iter().all(has) {
                all.push(place.to_owned());
            }
        }
        (Value::String(sent), Value::String(live)) if same(sent, live) => {}
        (sent, live) if sent == live => {}
        _ => all.push(place.to_owned()),
    }
}

fn parameters(target: &Target) -> Value {
    let own = &target.instance;
    let mut parameters = json!({
        "objectType": "KubernetesClusterBackupDatasourceParameters",
        "snapshotVolumes": own.snapshot_volumes,
        "includeClusterScopeResources": own.include_cluster_scope_resources,
    });
    for list in drift::lists(own).into_iter().filter(|list| !list.items.is_empty()) {
        parameters[list.key] = json!(list.items);
    }
    if !own.backup_hooks.is_empty() {
        let hooks = own.backup_hooks.iter().filter_map(|hook| hook.as_str().split_once('/'));
        let hooks = hooks.map(|(namespace, name)| json!({ "namespace": namespace, "name": name }));
        parameters["backupHookReferences"] = hooks.collect();
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn cluster_and_set_policy_and_snapshot_group_are_named() {
        let mut target = example();
        target.instance.excluded_namespaces = vec!["scratch".parse().unwrap()];
        let body = properties(&target);
        assert_eq!(body["dataSourceSetInfo"]["objectType"], "DatasourceSet");
        assert_eq!(body["dataSourceInfo"]["resourceID"], target.cluster.as_str());
        let parameters = &body["policyInfo"]["policyParameters"];
        assert!(
            parameters["dataStoreParametersList"][0]["resourceGroupId"]
                .as_str()
                .unwrap()
                .ends_with("/rg-snapshots")
        );
        assert_eq!(
            parameters["backupDatasourceParametersList"][0]["excludedNamespaces"],
            json!(["scratch"])
        );
        assert!(
            parameters["backupDatasourceParametersList"][0]
                .get("includedNamespaces")
                .is_none()
        );
    }

    fn live() -> Value {
        json!({ "id": "/x", "name": "aks", "tags": { "team": "shop" }, "properties": {
            "objectType": "BackupInstance", "friendlyName": "portal",
            "dataSourceInfo": { "resourceID": "/c", "resourceProperties": { "objectType": null } },
            "identityDetails": { "useSystemAssignedIdentity": true },
            "currentProtectionState": "ProtectionConfigured", "provisioningState": "Succeeded",
            "protectionStatus": { "status": "ProtectionConfigured" },
            "policyInfo": { "policyId": "/old", "policyVersion": "", "policyParameters": {
                "dataStoreParametersList": [{ "resourceGroupId": "/g" }],
                "backupDatasourceParametersList": [{
                    "objectType": "KubernetesClusterBackupDatasourceParameters", "labelSelectors": ["app=web"],
                    "snapshotVolumes": false, "includeClusterScopeResources": true, "includedNamespaces": ["shop", "web"],
                    "somethingNew": "kept", "excludedNamespaces": null }] } } } })
    }

    #[test]
    fn a_change_sends_everything_back_but_what_only_azure_writes() {
        let mut target = example();
        target.instance.included_namespaces = vec!["shop".parse().unwrap()];
        target.instance.backup_hooks = vec!["shop/quiesce".parse().unwrap()];
        let body = updated(&live(), &target);
        let properties = &body["properties"];
        assert_eq!(body["tags"]["team"], "shop");
        assert_eq!(properties["identityDetails"]["useSystemAssignedIdentity"], true);
        assert_eq!(properties["dataSourceInfo"], json!({ "resourceID": "/c" }));
        for gone in READ_ONLY {
            assert!(properties.get(gone).is_none(), "{gone}");
        }
        let policy = &properties["policyInfo"];
        assert_eq!(policy["policyId"], target_ids::policy(&target).as_str());
        assert!(policy.get("policyVersion").is_none());
        assert_eq!(
            policy["policyParameters"]["backupDatasourceParametersList"],
            json!([{
                "objectType": "KubernetesClusterBackupDatasourceParameters", "snapshotVolumes": true,
                "includeClusterScopeResources": true, "includedNamespaces": ["shop"], "somethingNew": "kept",
                "backupHookReferences": [{ "namespace": "shop", "name": "quiesce" }] }])
        );
    }

    #[test]
    fn what_azure_did_not_take_is_named_by_its_place() {
        let sent = updated(&live(), &example());
        let mut own = sent.clone();
        own["properties"]["provisioningState"] = json!("Succeeded");
        own["properties"]["policyInfo"]["policyId"] = json!(target_ids::policy(&example()).as_str().to_uppercase());
        assert_eq!(not_taken(&sent, &own), Vec::<String>::new());
        own["properties"]["friendlyName"] = json!("portal");
        let parameters = &mut own["properties"]["policyInfo"]["policyParameters"]["backupDatasourceParametersList"][0];
        parameters["snapshotVolumes"] = json!(false);
        let list = "properties.policyInfo.policyParameters.backupDatasourceParametersList";
        assert_eq!(not_taken(&sent, &own), ["properties.friendlyName", list]);
    }
}
