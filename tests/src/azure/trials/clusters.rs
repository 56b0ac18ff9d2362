//! The PUT of the whole cluster.

use serde_json::{Value, json};

use super::bodies::{binding, binding_body, cluster, vault, vault_body};
use super::stage::{Stage, header};
use crate::azure::ids;
use crate::azure::providers::cluster_body::issuer;

/// What a careful client sends: everything that it read, with both features on.
fn switched_on(stage: &Stage) -> Value {
    let mut body = stage.read(&cluster());
    body["properties"]["oidcIssuerProfile"] = json!({ "enabled": true });
    body["properties"]["securityProfile"] = json!({ "workloadIdentity": { "enabled": true } });
    body
}

#[test]
fn one_put_switches_both_on_and_tells_the_cluster_only_at_the_end() {
    let stage = Stage::new(&[]);
    let answer = stage.make("PUT", &cluster(), switched_on(&stage));
    let body = answer.body.clone().unwrap();
    assert_eq!(body["properties"]["provisioningState"], "Updating");
    assert_eq!(body["properties"]["oidcIssuerProfile"]["issuerURL"], issuer());
    assert!(issuer().ends_with('/'));
    assert_eq!(*stage.told.issuer.lock().unwrap(), None);
    assert_eq!(stage.verdict(&answer), "");
    assert_eq!(*stage.told.issuer.lock().unwrap(), Some(issuer()));
    assert!(*stage.told.workload_identity.lock().unwrap());
    assert_eq!(stage.read(&cluster())["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn the_operation_lies_at_the_subscription_and_is_not_for_those_with_groups_only() {
    let stage = Stage::new(&[]);
    let answer = stage.call("platform", "PUT", &cluster(), switched_on(&stage));
    let address = header(&answer, "Azure-AsyncOperation");
    assert!(address.contains("/locations/westeurope/operations/") && header(&answer, "Location").is_empty());
    assert_eq!(
        stage.call("platform", "GET", &address, Value::Null).code(),
        "AuthorizationFailed"
    );
    assert_eq!(stage.call("contributor", "GET", &address, Value::Null).status, 200);
}

#[test]
fn an_etag_that_moved_stops_the_write() {
    let stage = Stage::new(&["etag_moves=1"]);
    let body = switched_on(&stage);
    let old = body["eTag"].as_str().unwrap().to_owned();
    let answer = stage.call_with("everything", "PUT", &cluster(), body.clone(), &[("if-match", &old)]);
    assert_eq!((answer.status, answer.code()), (412, "PreConditionFailed"));
    let new = stage.read(&cluster())["eTag"].as_str().unwrap().to_owned();
    let answer = stage.call_with("everything", "PUT", &cluster(), body, &[("if-match", &new)]);
    assert_eq!(answer.status, 200);
}

#[test]
fn what_is_left_out_is_reset_and_what_is_sent_survives() {
    let stage = Stage::new(&[]);
    let mut body = switched_on(&stage);
    body["properties"]["aFutureField"] = json!({ "kept": true });
    body["properties"].as_object_mut().unwrap().remove("autoUpgradeProfile");
    stage.make("PUT", &cluster(), body);
    stage.skip(200.0);
    let body = stage.read(&cluster());
    assert_eq!(body["properties"]["aFutureField"]["kept"], true);
    assert!(body["properties"]["autoUpgradeProfile"].is_null());
    assert_eq!(body["identity"]["type"], "SystemAssigned");
}

#[test]
fn an_old_version_hides_newer_blocks_and_a_put_with_it_loses_them() {
    let stage = Stage::new(&[]);
    let old = cluster().replace("2026-05-01", "2024-09-01");
    let body = stage.read(&old);
    assert!(body["properties"]["nodeProvisioningProfile"].is_null());
    assert!(stage.read(&cluster())["properties"]["nodeProvisioningProfile"].is_object());
    stage.make("PUT", &old, body);
    assert!(stage.read(&cluster())["properties"]["nodeProvisioningProfile"].is_null());
}

#[test]
fn fixed_members_and_the_issuers_end_are_refused() {
    let stage = Stage::new(&["issuer_on=true"]);
    let mut body = stage.read(&cluster());
    body["properties"]["dnsPrefix"] = json!("other");
    let answer = stage.call("everything", "PUT", &cluster(), body);
    assert_eq!(answer.code(), "PropertyChangeNotAllowed");
    let mut body = stage.read(&cluster());
    body["properties"]["oidcIssuerProfile"] = json!({ "enabled": false });
    assert_eq!(stage.call("everything", "PUT", &cluster(), body).status, 400);
}

#[test]
fn cluster_operations_exclude_each_other() {
    let stage = Stage::new(&[]);
    stage.make("PUT", &vault(""), vault_body());
    let body = switched_on(&stage);
    let answer = stage.make("PUT", &cluster(), body.clone());
    assert_eq!(
        stage.call("everything", "PUT", &cluster(), body).code(),
        "OperationNotAllowed"
    );
    assert_eq!(
        stage.call("everything", "PUT", &binding(), binding_body()).code(),
        "OperationNotAllowed"
    );
    assert_eq!(stage.verdict(&answer), "");
    assert_eq!(stage.call("everything", "PUT", &binding(), binding_body()).status, 201);
}

#[test]
fn a_stopped_cluster_and_one_with_a_service_principal_take_no_extension() {
    for switch in ["cluster_stopped=true", "service_principal=true"] {
        let stage = Stage::new(&[switch]);
        let answer = stage.call(
            "everything",
            "PUT",
            &super::bodies::extension(),
            super::bodies::extension_body(),
        );
        assert!(answer.status >= 400, "{switch}");
    }
}

#[test]
fn ids_come_back_in_the_providers_own_spelling() {
    let stage = Stage::new(&[]);
    let body = stage.read(&cluster().to_uppercase().replace("API-VERSION", "api-version"));
    assert!(body["id"].as_str().unwrap().contains("/resourcegroups/rg-aks/"));
    assert_eq!(body["type"], "Microsoft.ContainerService/ManagedClusters");
    assert_eq!(body["name"], ids::CLUSTER);
}
