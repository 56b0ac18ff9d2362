//! The extension and its identity.

use serde_json::{Value, json};

use super::bodies::{extension, extension_body};
use super::stage::{Stage, header};
use crate::azure::ids;

fn principal(stage: &Stage) -> Value {
    stage.read(&extension())["properties"]["aksAssignedIdentity"]["principalId"].clone()
}

#[test]
fn the_identity_is_known_once_the_install_succeeded() {
    let stage = Stage::new(&[]);
    let answer = stage.make("PUT", &extension(), extension_body());
    assert_eq!(answer.status, 201);
    assert!(header(&answer, "Location").starts_with("https://westeurope.rp.kubernetesconfiguration.azure.com/"));
    let body = stage.read(&extension());
    assert!(body["properties"]["aksAssignedIdentity"].is_null());
    assert_eq!(body["properties"]["provisioningState"], "Creating");
    assert!(stage.told.released.lock().unwrap().is_empty());
    assert_eq!(stage.verdict(&answer), "");
    assert!(principal(&stage).is_string());
    let released = stage.told.released.lock().unwrap();
    assert_eq!(
        released[0].settings["configuration.backupStorageLocation.bucket"],
        "aks-backups"
    );
    assert!(!released[0].client_id.is_empty());
}

#[test]
fn it_lies_in_the_node_group_beside_others() {
    let stage = Stage::prepared(&[]);
    let group = ids::group_id(ids::NODE_GROUP);
    let list = stage.read(&format!(
        "{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities?api-version=2024-11-30"
    ));
    let all = list["value"].as_array().unwrap();
    assert!(all.len() > 1);
    assert_eq!(
        all.iter()
            .filter(|identity| identity["properties"]["principalId"] == principal(&stage))
            .count(),
        1
    );
    assert!(all[0]["id"].as_str().unwrap().contains("/resourcegroups/"));
}

#[test]
fn each_install_after_a_delete_has_a_new_identity() {
    let stage = Stage::prepared(&[]);
    let first = principal(&stage);
    let answer = stage.make("DELETE", &extension(), Value::Null);
    assert_eq!(stage.verdict(&answer), "");
    assert_eq!(stage.call("everything", "GET", &extension(), Value::Null).status, 404);
    assert_eq!(*stage.told.uninstalled.lock().unwrap(), 1);
    stage.make("PUT", &extension(), extension_body());
    stage.skip(240.0);
    assert_ne!(principal(&stage), first);
}

#[test]
fn a_failed_install_says_why_and_installs_nothing() {
    let stage = Stage::new(&["extension_failures=1"]);
    let answer = stage.make("PUT", &extension(), extension_body());
    assert_eq!(stage.verdict(&answer), "ExtensionOperationFailed");
    let body = stage.read(&extension());
    assert_eq!(body["properties"]["provisioningState"], "Failed");
    assert!(
        body["properties"]["errorInfo"]["message"]
            .as_str()
            .unwrap()
            .contains("geneva-service")
    );
    assert!(stage.told.released.lock().unwrap().is_empty());
}

#[test]
fn a_patch_merges_the_settings_that_it_names() {
    let stage = Stage::prepared(&[]);
    let patch = json!({ "properties": { "configurationSettings": { "resources.limits.memory": "1Gi" } } });
    assert_eq!(stage.make("PATCH", &extension(), patch).status, 202);
    stage.skip(240.0);
    let settings = stage.read(&extension())["properties"]["configurationSettings"].clone();
    assert_eq!(settings["resources.limits.memory"], "1Gi");
    assert_eq!(settings["configuration.backupStorageLocation.bucket"], "aks-backups");
}

#[test]
fn older_versions_do_not_name_the_client() {
    let stage = Stage::prepared(&[]);
    let old = stage.read(&extension().replace("2025-03-01", "2023-05-01"));
    assert!(old["properties"]["aksAssignedIdentity"]["clientId"].is_null());
    assert!(stage.read(&extension())["properties"]["aksAssignedIdentity"]["clientId"].is_string());
}
