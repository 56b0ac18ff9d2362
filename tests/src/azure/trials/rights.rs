//! Who may do what.

use serde_json::{Value, json};

use super::bodies::{account, account_body, assignment, assignment_body, cluster, vault, vault_body};
use super::stage::{Stage, id};
use crate::azure::ids;
use crate::azure::personas::persona;

const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";

#[test]
fn a_refusal_names_caller_action_and_scope() {
    let stage = Stage::new(&[]);
    let answer = stage.call("reader", "PUT", &vault(""), vault_body());
    assert_eq!((answer.status, answer.code()), (403, "AuthorizationFailed"));
    let body = answer.body.unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("perform action 'Microsoft.DataProtection/backupVaults/write' over scope '/subscriptions/")
    );
    assert!(message.contains(&persona("reader").object_id) && message.contains(&id(&vault(""))));
}

#[test]
fn contributors_write_but_assign_no_roles_and_owners_of_roles_the_other_way_round() {
    let stage = Stage::new(&[]);
    let group = ids::group_id(ids::SNAPSHOT_GROUP);
    let name = assignment(&group, &ids::named("a"));
    let body = assignment_body(&ids::named("somebody"), READER);
    assert_eq!(
        stage.call("contributor", "PUT", &name, body.clone()).code(),
        "AuthorizationFailed"
    );
    assert_eq!(stage.call("owner", "PUT", &name, body.clone()).status, 201);
    assert_eq!(
        stage.call("owner", "PUT", &vault(""), vault_body()).code(),
        "AuthorizationFailed"
    );
    let elsewhere = assignment(&group, &ids::named("b"));
    assert_eq!(
        stage.call("owner-storage-only", "PUT", &elsewhere, body).code(),
        "AuthorizationFailed"
    );
}

#[test]
fn groups_only_means_no_lists_at_the_subscription_and_no_strange_groups() {
    let stage = Stage::new(&[]);
    let list = format!(
        "{}/providers/Microsoft.ContainerService/managedClusters?api-version=2026-05-01",
        ids::subscription_id()
    );
    assert_eq!(
        stage.call("platform", "GET", &list, Value::Null).code(),
        "AuthorizationFailed"
    );
    assert_eq!(stage.call("reader", "GET", &list, Value::Null).status, 200);
    let groups = format!("{}/resourcegroups?api-version=2024-07-01", ids::subscription_id());
    let seen = stage.call("platform", "GET", &groups, Value::Null).body.unwrap();
    assert_eq!(seen["value"].as_array().unwrap().len(), 4);
    let subscriptions = |who: &str| {
        stage
            .call(who, "GET", "/subscriptions?api-version=2022-12-01", Value::Null)
            .body
            .unwrap()
    };
    assert_eq!(subscriptions("platform")["value"].as_array().unwrap().len(), 1);
    assert_eq!(subscriptions("stranger")["value"].as_array().unwrap().len(), 0);
}

#[test]
fn a_new_role_is_listed_at_once_and_in_force_later() {
    let stage = Stage::new(&[]);
    let stranger = persona("stranger").object_id;
    let name = assignment(&ids::group_id(ids::CLUSTER_GROUP), &ids::named("late"));
    stage.make("PUT", &name, assignment_body(&stranger, CONTRIBUTOR));
    let filter = format!("$filter=principalId%20eq%20'{stranger}'");
    let list = stage.read(&format!(
        "{}&{filter}",
        assignment(&ids::cluster_id(), "").replace("roleAssignments/?", "roleAssignments?")
    ));
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    assert_eq!(stage.call("stranger", "GET", &cluster(), Value::Null).status, 403);
    stage.skip(121.0);
    assert_eq!(stage.call("stranger", "GET", &cluster(), Value::Null).status, 200);
}

#[test]
fn names_triples_and_fresh_principals_have_their_own_errors() {
    let stage = Stage::new(&[]);
    let group = ids::group_id(ids::SNAPSHOT_GROUP);
    let body = assignment_body(&ids::named("somebody"), READER);
    let first = assignment(&group, &ids::named("first"));
    assert_eq!(stage.call("owner", "PUT", &first, body.clone()).status, 201);
    assert_eq!(stage.call("owner", "PUT", &first, body.clone()).status, 200);
    let other = assignment_body(&ids::named("somebody"), CONTRIBUTOR);
    assert_eq!(
        stage.call("owner", "PUT", &first, other).code(),
        "RoleAssignmentUpdateNotPermitted"
    );
    let second = assignment(&group, &ids::named("second"));
    assert_eq!(stage.call("owner", "PUT", &second, body).code(), "RoleAssignmentExists");
    stage.make("PUT", &vault(""), vault_body());
    let principal = stage.read(&vault(""))["identity"]["principalId"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut untyped = assignment_body(&principal, READER);
    untyped["properties"].as_object_mut().unwrap().remove("principalType");
    assert_eq!(
        stage.call("owner", "PUT", &second, untyped.clone()).code(),
        "PrincipalNotFound"
    );
    assert_eq!(
        stage
            .call("owner", "PUT", &second, assignment_body(&principal, READER))
            .status,
        201
    );
    stage.skip(61.0);
    let third = assignment(&ids::cluster_id(), &ids::named("third"));
    assert_eq!(stage.call("owner", "PUT", &third, untyped).status, 201);
}

#[test]
fn callers_can_ask_what_they_may() {
    let stage = Stage::new(&[]);
    let ask = |who: &str, scope: &str| {
        let target = format!("{scope}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01");
        stage.call(who, "GET", &target, Value::Null).body.unwrap()["value"].clone()
    };
    assert_eq!(ask("stranger", &ids::group_id(ids::CLUSTER_GROUP)), json!([]));
    assert_eq!(ask("platform", &ids::cluster_id())[0]["actions"], json!(["*"]));
    assert_eq!(ask("owner", &ids::cluster_id()).as_array().unwrap().len(), 2);
}

#[test]
fn a_role_goes_with_the_resource_that_it_lies_on() {
    let stage = Stage::new(&[]);
    stage.make("PUT", &account(""), account_body());
    let before = stage.azure.role_assignments().len();
    stage.azure.assign("stranger", "Reader", &id(&account(""))).unwrap();
    assert_eq!(stage.azure.role_assignments().len(), before + 1);
    stage.azure.remove(&id(&account("")));
    assert_eq!(stage.azure.role_assignments().len(), before);
}
