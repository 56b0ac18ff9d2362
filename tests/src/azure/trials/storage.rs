//! Storage accounts, containers, and the data plane's view of them.

use serde_json::{Value, json};

use super::bodies::{account, account_body, extension};
use super::stage::{Stage, id};
use crate::azure::ids;
use crate::planes::Cloud;

fn container() -> String {
    account("/blobServices/default/containers/aks-backups")
}

#[test]
fn a_container_has_to_wait_for_its_account() {
    let stage = Stage::new(&[]);
    stage.make("PUT", &account(""), account_body());
    let early = stage.call("everything", "PUT", &container(), json!({}));
    assert_eq!((early.status, early.code()), (409, "StorageAccountIsNotProvisioned"));
    assert_eq!(
        stage.call("everything", "PUT", &account(""), account_body()).code(),
        "StorageAccountBeingCreated"
    );
    stage.skip(20.0);
    assert_eq!(stage.make("PUT", &container(), json!({})).status, 201);
    assert_eq!(stage.make("PUT", &container(), json!({})).status, 200);
    assert_eq!(stage.make("PUT", &account(""), account_body()).status, 200);
}

#[test]
fn names_are_unique_in_the_whole_cloud() {
    let stage = Stage::new(&[]);
    let taken = account("").replace("contosoaks", "contosobackups");
    assert_eq!(
        stage.call("everything", "PUT", &taken, account_body()).code(),
        "StorageAccountAlreadyTaken"
    );
    let check = format!(
        "{}/providers/Microsoft.Storage/checkNameAvailability?api-version=2023-05-01",
        ids::subscription_id()
    );
    let ask = |name: &str| {
        let body = json!({ "name": name, "type": "Microsoft.Storage/storageAccounts" });
        stage.make("POST", &check, body).body.unwrap()["reason"].clone()
    };
    assert_eq!(ask("contosobackups"), "AlreadyExists");
    assert_eq!(ask("Contoso-Backups"), "AccountNameInvalid");
    assert_eq!(ask("contosoaks"), Value::Null);
    assert_eq!(
        stage.call("platform", "POST", &check, json!({})).code(),
        "AuthorizationFailed"
    );
}

/// The code with which the data plane refuses the extension's identity; empty if it lets it in.
fn touch(stage: &Stage, name: &str) -> String {
    let principal = stage.read(&extension())["properties"]["aksAssignedIdentity"]["principalId"]
        .as_str()
        .unwrap()
        .to_owned();
    let refusal = stage
        .azure
        .touch_container(&principal, "contosoaks", name)
        .err()
        .unwrap_or_default();
    refusal
        .split("desc = ")
        .nth(1)
        .unwrap_or_default()
        .split(':')
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_data_plane_asks_for_network_then_role_then_container() {
    let stage = Stage::prepared(&[]);
    assert_eq!(touch(&stage, "aks-backups"), "");
    assert_eq!(touch(&stage, "nothing-here"), "ContainerNotFound");
    let (principal, role, scope) = stage.roles().swap_remove(0);
    assert_eq!(stage.azure.unassign(&principal, role, &scope), 1);
    assert_eq!(touch(&stage, "aks-backups"), "AuthorizationPermissionMismatch");
    stage.azure.assign(&principal, role, &id(&container())).unwrap();
    assert_eq!(touch(&stage, "aks-backups"), "");
    stage.azure.set("storage_default_action=Deny").unwrap();
    assert_eq!(touch(&stage, "aks-backups"), "AuthorizationFailure");
}

#[test]
fn ownership_of_the_account_is_no_right_on_its_data() {
    let stage = Stage::prepared(&[]);
    let (principal, role, scope) = stage.roles().swap_remove(0);
    stage.azure.unassign(&principal, role, &scope);
    stage.azure.assign(&principal, "Owner", &scope).unwrap();
    assert_eq!(touch(&stage, "aks-backups"), "AuthorizationPermissionMismatch");
}
