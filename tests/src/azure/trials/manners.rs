//! ARM's own manners: versions, groups, registration, locks, pages, long-running operations, throttling.

use serde_json::{Value, json};

use super::bodies::{account, account_body, cluster, extension, vault, vault_body};
use super::stage::{Stage, header};
use crate::azure::ids;

#[test]
fn a_missing_group_and_an_unknown_version_are_named() {
    let stage = Stage::new(&["no_snapshot_group=true"]);
    let group = format!("{}?api-version=2024-07-01", ids::group_id(ids::SNAPSHOT_GROUP));
    assert_eq!(
        stage.call("everything", "GET", &group, Value::Null).code(),
        "ResourceGroupNotFound"
    );
    assert_eq!(stage.call("everything", "HEAD", &group, Value::Null).status, 404);
    assert_eq!(
        stage.make("PUT", &group, json!({ "location": "westeurope" })).status,
        201
    );
    assert_eq!(stage.call("everything", "HEAD", &group, Value::Null).status, 204);
    let moved = stage.call("everything", "PUT", &group, json!({ "location": "northeurope" }));
    assert_eq!((moved.status, moved.code()), (409, "InvalidResourceGroupLocation"));
    let old = cluster().replace("2026-05-01", "2016-01-01");
    assert_eq!(
        stage.call("everything", "GET", &old, Value::Null).code(),
        "NoRegisteredProviderFound"
    );
}

#[test]
fn a_provider_has_to_be_registered_first() {
    let stage = Stage::new(&["providers_registered=false"]);
    let answer = stage.call("everything", "PUT", &vault(""), vault_body());
    assert_eq!((answer.status, answer.code()), (409, "MissingSubscriptionRegistration"));
    let provider = |tail: &str| {
        format!(
            "{}/providers/Microsoft.DataProtection{tail}?api-version=2024-07-01",
            ids::subscription_id()
        )
    };
    assert_eq!(
        stage
            .call("platform", "POST", &provider("/register"), Value::Null)
            .code(),
        "AuthorizationFailed"
    );
    assert_eq!(
        stage.make("POST", &provider("/register"), Value::Null).body.unwrap()["registrationState"],
        "Registering"
    );
    stage.skip(100.0);
    assert_eq!(
        stage.call("platform", "GET", &provider(""), Value::Null).body.unwrap()["registrationState"],
        "Registered"
    );
    assert_eq!(stage.call("everything", "PUT", &vault(""), vault_body()).status, 201);
}

#[test]
fn a_read_only_lock_stops_writes_and_every_lock_stops_deletes() {
    let stage = Stage::prepared(&[]);
    let lock = |name: &str| {
        let group = ids::group_id(ids::BACKUP_GROUP);
        format!("{group}/providers/Microsoft.Authorization/locks/{name}?api-version=2020-05-01")
    };
    stage.make(
        "PUT",
        &lock("keep"),
        json!({ "properties": { "level": "CanNotDelete" } }),
    );
    assert_eq!(
        stage.call("everything", "DELETE", &vault(""), Value::Null).code(),
        "ScopeLocked"
    );
    assert!(stage.call("everything", "PUT", &vault(""), vault_body()).status < 300);
    stage.make("PUT", &lock("freeze"), json!({ "properties": { "level": "ReadOnly" } }));
    assert_eq!(
        stage.call("everything", "PUT", &vault(""), vault_body()).code(),
        "ScopeLocked"
    );
    assert_eq!(stage.call("everything", "GET", &vault(""), Value::Null).status, 200);
}

#[test]
fn a_locked_node_group_denies_writes_even_to_owners() {
    let stage = Stage::prepared(&["locked_node_group=true"]);
    let identity = stage.read(&extension())["properties"]["aksAssignedIdentity"]["resourceId"].clone();
    let target = format!(
        "{}/federatedIdentityCredentials/first?api-version=2024-11-30",
        identity.as_str().unwrap()
    );
    let answer = stage.call("everything", "PUT", &target, json!({}));
    assert_eq!(
        (answer.status, answer.code()),
        (403, "DenyAssignmentAuthorizationFailed")
    );
    assert_eq!(stage.call("everything", "GET", &target, Value::Null).code(), "NotFound");
}

#[test]
fn pages_lead_through_the_whole_list() {
    let stage = Stage::prepared(&["page_size=1"]);
    let group = ids::group_id(ids::NODE_GROUP);
    let mut next = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities?api-version=2024-11-30");
    let mut names = Vec::new();
    while !next.is_empty() {
        let page = stage.read(&next);
        names.push(page["value"][0]["name"].as_str().unwrap().to_owned());
        next = page["nextLink"].as_str().unwrap_or_default().to_owned();
    }
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[test]
fn a_vaults_operation_has_a_long_signed_address_and_a_placeholder_end() {
    let stage = Stage::new(&[]);
    let answer = stage.make("PUT", &vault(""), vault_body());
    let address = header(&answer, "Azure-AsyncOperation");
    assert!(address.len() > 4096, "{}", address.len());
    let body = stage.read(&address);
    assert_eq!(
        (&body["status"], &body["endTime"]),
        (&json!("Inprogress"), &json!("0001-01-01T00:00:00Z"))
    );
    let forged = address.replace("&s=", "&s=0");
    assert_eq!(stage.call("everything", "GET", &forged, Value::Null).status, 403);
    stage.skip(3.0);
    assert_eq!(stage.read(&address)["status"], "Succeeded");
    assert_eq!(stage.read(&vault(""))["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn a_storage_account_is_polled_at_its_location_with_retry_after() {
    let stage = Stage::new(&[]);
    let answer = stage.make("PUT", &account(""), account_body());
    assert_eq!((answer.status, header(&answer, "Retry-After").as_str()), (202, "17"));
    assert!(header(&answer, "Azure-AsyncOperation").is_empty() && header(&answer, "retry-after-ms").is_empty());
    let location = header(&answer, "Location");
    assert_eq!(stage.make("GET", &location, Value::Null).status, 202);
    stage.skip(20.0);
    let done = stage.make("GET", &location, Value::Null);
    assert_eq!((done.status, &done.body.unwrap()["name"]), (200, &json!("contosoaks")));
}

#[test]
fn arms_buckets_run_dry_and_fill_again() {
    let stage = Stage::new(&["arm_throttling=true"]);
    // A resource group: AKS limits the reads of a cluster, for all principals together.
    let group = format!("{}?api-version=2021-04-01", ids::group_id(ids::CLUSTER_GROUP));
    // It fills again meanwhile: on a busy machine that takes more than it holds.
    let ask = |_| stage.call("reader", "GET", &group, Value::Null).status;
    assert!((0..5_000).map(ask).any(|status| status == 429));
    assert_eq!(stage.call("owner", "GET", &group, Value::Null).status, 200);
    stage.skip(1.0);
    assert_eq!(stage.call("reader", "GET", &group, Value::Null).status, 200);
}

#[test]
fn scaled_waits_go_out_in_milliseconds_too() {
    let stage = Stage::new(&["time_scale=0.01"]);
    let answer = stage.make("PUT", &account(""), account_body());
    assert_eq!(
        (
            header(&answer, "Retry-After").as_str(),
            header(&answer, "retry-after-ms").as_str()
        ),
        ("1", "170")
    );
}
