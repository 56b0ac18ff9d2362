//! The body of a backup instance.

use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::Target;
use serde_json::{Value, json};

use crate::arm::backups::DATASOURCE_TYPE;
use crate::target_ids;

/// The `properties` of the target's backup instance. Azure Backup refuses a cluster without `dataSourceSetInfo`, although
/// its definition calls that optional.
pub(crate) fn properties(target: &Target) -> Value {
    json!({
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
    })
}

fn datasource(cluster: &ResourceId, target: &Target, kind: &str) -> Value {
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

fn parameters(target: &Target) -> Value {
    let own = &target.instance;
    let mut parameters = json!({
        "objectType": "KubernetesClusterBackupDatasourceParameters",
        "snapshotVolumes": own.snapshot_volumes,
        "includeClusterScopeResources": own.include_cluster_scope_resources,
    });
    if !own.included_namespaces.is_empty() {
        parameters["includedNamespaces"] = json!(own.included_namespaces);
    }
    if !own.excluded_namespaces.is_empty() {
        parameters["excludedNamespaces"] = json!(own.excluded_namespaces);
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
}
