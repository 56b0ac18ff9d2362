//! The checker against the definitions themselves.

use std::io::{self, Write as _};
use std::time::Instant;

use serde_json::{Value, json};

use super::{Checker, Coverage, OFF, VARIABLE, definitions};

const GROUP: &str = "/subscriptions/c267c0e7-0a73-4789-9e17-d26aeb0904e5/resourceGroups/rg1/providers";

/// The checker; without the definitions, which are not part of the project, these tests are off, loudly.
fn checker() -> Option<Checker> {
    let checker = definitions().unwrap();
    if checker.is_none() {
        let _ = writeln!(io::stderr(), "SKIPPED: {OFF}. Set {VARIABLE} to their folder.");
    }
    checker
}

#[test]
fn loading_and_checking_are_fast() {
    let start = Instant::now();
    let Some(checker) = checker() else { return };
    let loaded = start.elapsed();
    let target = format!("{GROUP}/Microsoft.ContainerService/managedClusters/c1?api-version=2026-05-01");
    let body = json!({ "location": "westeurope", "properties": { "oidcIssuerProfile": { "enabled": true } } });
    let first = Instant::now();
    assert_eq!(checker.request("PUT", &target, Some(&body)), [""; 0]);
    let first = first.elapsed();
    let start = Instant::now();
    for _ in 0..100 {
        assert!(checker.request("PUT", &target, Some(&body)).is_empty());
    }
    let each = start.elapsed() / 100;
    eprintln!("load {loaded:?}, first check {first:?}, each further {each:?}");
    assert!(loaded.as_secs() < 5 && first.as_secs() < 5 && each.as_millis() < 50);
}

fn group(path: &str) -> String {
    format!("{GROUP}/{path}")
}

fn vault(path: &str) -> String {
    group(&format!("Microsoft.DataProtection/backupVaults/v1{path}"))
}

fn instance() -> Value {
    let cluster = group("Microsoft.ContainerService/managedClusters/c1");
    json!({
        "objectType": "BackupInstance", "friendlyName": "c1",
        "dataSourceInfo": { "objectType": "Datasource", "resourceID": cluster },
        "policyInfo": {
            "policyId": vault("/backupPolicies/p1"),
            "policyParameters": { "backupDatasourceParametersList": [{
                "objectType": "KubernetesClusterBackupDatasourceParameters", "snapshotVolumes": true,
                "includeClusterScopeResources": true,
            }] },
        },
    })
}

/// The one message of a check begins so.
fn begins(problems: &[String], start: &str) {
    assert!(
        problems.len() == 1 && problems[0].starts_with(start),
        "expected {start}: {problems:#?}"
    );
}

/// What only 2026-06-01 knows is let through there, refused before, and no more than that is let through.
#[test]
fn a_newer_instance_is_judged_by_its_own_body_wherever_it_occurs() {
    let Some(checker) = checker() else { return };
    let list = "/policyInfo/policyParameters/backupDatasourceParametersList/0";
    let mut instance = instance();
    *instance.pointer_mut(list).unwrap() = json!({
        "objectType": "AdlsBlobBackupDatasourceParametersForAutoProtection",
        "autoProtectionSettings": { "objectType": "BlobBackupRuleBasedAutoProtectionSettings", "enabled": true },
    });
    let validate = |version: &str, instance: &Value| {
        let target = vault(&format!("/validateForBackup?api-version={version}"));
        checker.request("POST", &target, Some(&json!({ "backupInstance": instance })))
    };
    assert_eq!(validate("2026-06-01", &instance), [""; 0]);
    begins(
        &validate("2025-07-01", &instance),
        &format!("request /backupInstance{list}/objectType: "),
    );
    let put = vault("/backupInstances/b1?api-version=2026-06-01");
    assert_eq!(
        checker.request("PUT", &put, Some(&json!({ "properties": instance }))),
        [""; 0]
    );
    instance.pointer_mut(list).unwrap()["invented"] = json!(1);
    begins(
        &validate("2026-06-01", &instance),
        &format!("request /backupInstance{list}: Additional properties"),
    );
    let page = json!({ "value": [{ "properties": instance }] });
    let problems = checker.response(
        "GET",
        &vault("/backupInstances?api-version=2026-06-01"),
        200,
        Some(&page),
    );
    begins(
        &problems,
        &format!("response 200 /value/0/properties{list}: Additional properties"),
    );
}

#[test]
fn a_newer_answer_may_spell_its_type_freely_and_hold_nulls() {
    let Some(checker) = checker() else { return };
    let target = group("Microsoft.ContainerService/managedClusters/c1?api-version=2026-05-01");
    let answer = |kind: &str| {
        let body = json!({ "type": kind, "location": "westeurope", "properties": { "fqdn": null } });
        checker.response("GET", &target, 200, Some(&body))
    };
    assert_eq!(answer("Microsoft.ContainerService/ManagedClusters"), [""; 0]);
    begins(&answer("Microsoft.ContainerService/clusters"), "response 200 /type: ");
    let body = json!({ "location": "westeurope", "properties": { "dnsPrefix": null } });
    begins(
        &checker.request("PUT", &target, Some(&body)),
        "request /properties/dnsPrefix: ",
    );
}

#[test]
fn errors_have_arms_shape_whatever_was_asked() {
    let Some(checker) = checker() else { return };
    let good = json!({ "error": { "code": "NoRegisteredProviderFound", "message": "m" } });
    for target in [
        vault("?api-version=2024-04-01"),
        vault("?api-version=1999-01-01"),
        "/nowhere".to_owned(),
    ] {
        assert_eq!(checker.response("GET", &target, 400, Some(&good)), [""; 0]);
        let flat = json!({ "code": "x", "message": "m" });
        assert!(!checker.response("GET", &target, 400, Some(&flat)).is_empty());
        begins(&checker.response("GET", &target, 503, None), "response 503 body: ");
        let silent = json!({ "error": { "code": "x", "message": "" } });
        begins(
            &checker.response("GET", &target, 409, Some(&silent)),
            "response 409 /error/message: ",
        );
    }
    let head = "/subscriptions/s/resourceGroups/g?api-version=2024-07-01";
    assert_eq!(checker.response("HEAD", head, 404, None), [""; 0]);
}

#[test]
fn parameters_of_path_and_query_are_judged() {
    let Some(checker) = checker() else { return };
    let get = |target: &str| checker.request("GET", target, None);
    begins(&get(&vault("")), "request query api-version: ");
    begins(
        &get(&vault("?api-version=2025-09-01")),
        "request query api-version: BackupVaults_Get is not defined",
    );
    begins(
        &get(&vault("/backupJobs?api-version=2024-04-01&invented=1")),
        "request query invented: ",
    );
    assert_eq!(
        get(&vault("/operationStatus/o?api-version=2024-04-01&t=1&c=2")),
        [""; 0]
    );
    begins(
        &get("/subscriptions/s/invented?api-version=2024-04-01"),
        "request path: no operation",
    );
    begins(
        &checker.request("PATCH", &vault("/backupJobs/j?api-version=2024-04-01"), None),
        "request path: no operation",
    );
    let binding = "Microsoft.ContainerService/managedClusters/c1/trustedAccessRoleBindings";
    let long = group(&format!("{binding}/{}?api-version=2026-05-01", "b".repeat(25)));
    begins(&get(&long), "request path {trustedAccessRoleBindingName}: ");
    begins(
        &get(&vault("?api-version=2024-04-01").replace("c267c0e7-", "")),
        "request path {subscriptionId}: ",
    );
    begins(
        &checker.request("GET", &vault("?api-version=2024-04-01"), Some(&json!({}))),
        "request body: ",
    );
    begins(
        &checker.request("PUT", &vault("?api-version=2024-04-01"), None),
        "request body: is missing",
    );
}

#[test]
fn what_is_not_published_is_judged_too() {
    let Some(checker) = checker() else { return };
    let operation =
        "/subscriptions/s/providers/Microsoft.ContainerService/locations/l/operations/o?api-version=2016-03-30";
    assert_eq!(
        checker.response("GET", operation, 200, Some(&json!({ "status": "InProgress" }))),
        [""; 0]
    );
    begins(
        &checker.response("GET", operation, 200, Some(&json!({ "name": "o" }))),
        "response 200 body: ",
    );
    let locks = "/subscriptions/s/providers/Microsoft.Authorization/locks/l?api-version=2020-05-01";
    let lock = |level: &str| checker.request("PUT", locks, Some(&json!({ "properties": { "level": level } })));
    assert_eq!(lock("CanNotDelete"), [""; 0]);
    begins(&lock("Never"), "request /properties/level: ");
    let permissions = "/subscriptions/s/providers/Microsoft.Authorization/permissions?api-version=2022-04-01";
    let answer = json!({ "value": [{ "actions": ["*"], "denied": [] }] });
    begins(
        &checker.response("GET", permissions, 200, Some(&answer)),
        "response 200 /value/0: ",
    );
}

#[test]
fn coverage_is_known() {
    use Coverage::{Bicep, Older, Strict, Unpublished};
    let Some(checker) = checker() else { return };
    let locations = |path: &str| group(&format!("Microsoft.DataProtection/locations/l/{path}"));
    let (cluster, backup) = (
        group("Microsoft.ContainerService/managedClusters/c"),
        vault("/backupInstances/b/backup"),
    );
    let (validate, subscription) = (vault("/validateForBackup"), "/subscriptions/s".to_owned());
    let rows = [
        ("PUT", &cluster, "2024-09-01", Some(Strict)),
        ("PUT", &cluster, "2026-05-01", Some(Bicep)),
        ("PUT", &cluster, "2026-04-01", None),
        ("POST", &validate, "2025-07-01", Some(Strict)),
        ("POST", &validate, "2026-06-01", Some(Bicep)),
        ("POST", &validate, "2025-09-01", None),
        ("POST", &backup, "2024-04-01", Some(Strict)),
        ("POST", &backup, "2026-06-01", Some(Older)),
        ("GET", &locations("deletedVaults/d"), "2026-06-01", Some(Bicep)),
        ("GET", &locations("deletedVaults/d"), "2025-07-01", None),
        (
            "POST",
            &locations("checkNameAvailability"),
            "2026-06-01",
            Some(Unpublished),
        ),
        ("POST", &locations("checkNameAvailability"), "2025-09-01", None),
        ("GET", &subscription, "2022-12-01", Some(Strict)),
        ("GET", &subscription, "2025-04-01", None),
    ];
    for (method, path, version, expected) in rows {
        let target = format!("{path}?api-version={version}");
        let basis = checker.basis(method, &target);
        assert_eq!(basis.map(|basis| basis.coverage), expected, "{method} {target}");
    }
}
