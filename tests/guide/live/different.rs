//! Every claim that is read can come out as different.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::{RecordedAnswer, Replay, ids};
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

use super::{backed_up, report, run, verdict, with_verdict};

const NAMESPACE: &str = "dataprotection-microsoft";
const CONTROLLER: &str = "dataprotection-microsoft-controller";

fn extension() -> String {
    format!(
        "{}/providers/Microsoft.KubernetesConfiguration/extensions/azure-aks-backup",
        ids::cluster_id()
    )
}

fn instance(stage: &Stage) -> String {
    format!(
        "{}/providers/Microsoft.DataProtection/backupVaults/{}/backupInstances/{}",
        ids::group_id(ids::BACKUP_GROUP),
        stage.value("/target/vault/name"),
        stage.value("/target/instance/name")
    )
}

fn alter(stage: &Stage, change: impl FnOnce(&mut Value)) {
    stage
        .sandbox
        .kubernetes()
        .alter("Deployment", NAMESPACE, CONTROLLER, change);
}

/// Answers reads of `path` with `status` and `body`.
fn answer(stage: &Stage, path: &str, status: u16, body: &Value) {
    stage.sandbox.azure().replay(Replay {
        method: "GET".to_owned(),
        path: path.to_owned(),
        answers: vec![RecordedAnswer {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }],
        after: None,
        done: false,
    });
}

/// The resource at `id` as Azure answers it, changed.
fn changed(stage: &Stage, id: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut body = stage.sandbox.resource(id).unwrap();
    change(&mut body);
    body
}

fn only(stage: &Stage, claim: &str) {
    run(stage, "reader", "cluster-admin").ends(Exit::Pending.code());
    assert_eq!(with_verdict(stage, "differs"), [claim], "{:#}", report(stage));
}

#[test]
fn azure_asks_for_account_keys() {
    let stage = backed_up();
    let id = instance(&stage);
    let body = changed(&stage, &id, |body| {
        body["properties"]["currentProtectionState"] = json!("ProtectionError");
        body["properties"]["protectionErrorDetails"] = json!({ "code": "UserErrorStorageAccountKeyAccessDisallowed" });
    });
    answer(&stage, &id, 200, &body);
    only(&stage, "keyless-backup");
}

#[test]
fn the_permissions_of_a_subscription_are_not_listed() {
    let stage = backed_up();
    let path = format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/permissions",
        ids::SUBSCRIPTION
    );
    let refusal = json!({ "error": { "code": "AuthorizationFailed", "message": "no" } });
    answer(&stage, &path, 403, &refusal);
    only(&stage, "subscription-permissions");
}

#[test]
fn the_extension_does_not_report_its_identity_whose_name_is_another() {
    let stage = backed_up();
    stage.sandbox.set("extension_names_identity=false").unwrap();
    let body = changed(&stage, &extension(), |body| {
        let identity = body["properties"]["aksAssignedIdentity"].as_object_mut().unwrap();
        identity.retain(|name, _| ["principalId", "tenantId", "type"].contains(&name.as_str()));
    });
    answer(
        &stage,
        "/providers/Microsoft.KubernetesConfiguration/extensions",
        200,
        &json!({ "value": [body] }),
    );
    only(&stage, "identity-reported");
}

#[test]
fn the_extension_s_identity_has_another_name() {
    let stage = backed_up();
    let principal = stage.value("/cloud/identity/principal_id");
    let path = "/providers/Microsoft.ManagedIdentity/userAssignedIdentities";
    let body = json!({ "value": [{ "id": "/x/backup-identity", "name": "backup-identity", "properties": { "principalId": principal } }] });
    answer(&stage, path, 200, &body);
    only(&stage, "identity-name");
}

#[test]
fn a_cluster_has_no_etag_and_an_instance_no_version_of_its_policy() {
    let stage = backed_up();
    let id = instance(&stage);
    let body = changed(&stage, &id, |body| {
        body["properties"]["policyInfo"]
            .as_object_mut()
            .unwrap()
            .remove("policyVersion");
    });
    answer(&stage, &id, 200, &body);
    only(&stage, "policy-version");
    stage.sandbox.azure().change(&ids::cluster_id(), "/eTag", Value::Null);
    run(&stage, "reader", "cluster-admin").ends(Exit::Pending.code());
    assert_eq!(verdict(&stage, "cluster-etag"), "differs");
}

#[test]
fn service_accounts_and_the_chart_are_others() {
    let stage = backed_up();
    alter(&stage, |deployment| {
        let spec = &mut deployment["spec"]["template"]["spec"];
        spec["serviceAccountName"] = json!("velero");
        spec["containers"][0]["env"] = json!([{ "name": "AZURE_CLIENT_ID", "value": "x" }]);
    });
    run(&stage, "reader", "cluster-admin").ends(Exit::Pending.code());
    assert_eq!(
        with_verdict(&stage, "differs"),
        ["service-account-names", "chart-sets-client-id"],
        "{:#}",
        report(&stage)
    );
}

#[test]
fn the_api_server_advertises_another_issuer() {
    let stage = backed_up();
    let issuer = "/properties/oidcIssuerProfile/issuerURL";
    let own = stage.sandbox.resource(&ids::cluster_id()).unwrap();
    let without_slash = own
        .pointer(issuer)
        .unwrap()
        .as_str()
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    stage
        .sandbox
        .azure()
        .change(&ids::cluster_id(), issuer, json!(without_slash));
    only(&stage, "issuer-bytes");
}

#[test]
fn an_upgrade_of_the_extension_keeps_the_labels_or_removes_them() {
    let stage = backed_up();
    // Times of writes have whole seconds: those of the configuration were earlier.
    alter(&stage, |deployment| {
        let writes = deployment["metadata"]["managedFields"].as_array_mut().unwrap();
        writes
            .iter_mut()
            .for_each(|own| own["time"] = json!("2020-01-01T00:00:00Z"));
    });
    stage.sandbox.cluster().helm_upgrade("0.0.9999").unwrap();
    run(&stage, "reader", "cluster-admin").ok();
    assert_eq!(
        verdict(&stage, "labels-survive-upgrade"),
        "confirmed",
        "{:#}",
        report(&stage)
    );
    stage.sandbox.cluster().helm_upgrade_drops_label(CONTROLLER).unwrap();
    only(&stage, "labels-survive-upgrade");
}

#[test]
fn velero_uses_its_token_or_another_credential() {
    let stage = backed_up();
    let body = changed(&stage, &ids::cluster_id(), |body| {
        body["properties"]["networkProfile"]["podLinkLocalAccess"] = json!("None");
    });
    answer(&stage, &ids::cluster_id(), 200, &body);
    run(&stage, "reader", "cluster-admin").ok();
    assert_eq!(
        verdict(&stage, "velero-credentials"),
        "confirmed",
        "{:#}",
        report(&stage)
    );
    stage.sandbox.kubernetes().set_velero_hangs(true);
    let message = "rpc error: ListKeys: the client does not have authorization";
    let location = |object: &mut Value| {
        object["status"] =
            json!({ "phase": "Unavailable", "message": message, "lastValidationTime": "2099-01-01T00:00:00Z" });
    };
    stage
        .sandbox
        .kubernetes()
        .alter("BackupStorageLocation", NAMESPACE, "default", location);
    only(&stage, "velero-credentials");
    let message = "AuthorizationPermissionMismatch";
    let location = |object: &mut Value| object["status"]["message"] = json!(message);
    stage
        .sandbox
        .kubernetes()
        .alter("BackupStorageLocation", NAMESPACE, "default", location);
    run(&stage, "reader", "cluster-admin").ok();
    assert_eq!(verdict(&stage, "velero-credentials"), "not observable here");
}

#[test]
fn an_older_api_version_proves_nothing_about_members_that_it_does_not_have() {
    let stage = backed_up();
    let kind = "microsoft.kubernetesconfiguration/extensions";
    let withdrawn = format!("withdrawn_api_versions={kind}@2025-03-01,{kind}@2024-11-01");
    stage.sandbox.set(&withdrawn).unwrap();
    run(&stage, "reader", "cluster-admin").ok();
    assert_eq!(
        verdict(&stage, "identity-reported"),
        "not observable here",
        "{:#}",
        report(&stage)
    );
    assert_eq!(verdict(&stage, "identity-name"), "confirmed");
}

#[test]
fn a_list_that_is_refused_is_not_an_empty_one() {
    let stage = backed_up();
    let refusal = json!({ "error": { "code": "AuthorizationFailed", "message": "no" } });
    answer(
        &stage,
        "/providers/Microsoft.DataProtection/backupInstances",
        403,
        &refusal,
    );
    run(&stage, "reader", "cluster-admin").ok();
    let report = report(&stage);
    let claims = report["claims"].as_array().unwrap();
    let own = claims.iter().find(|claim| claim["id"] == "keyless-backup").unwrap();
    assert!(
        own["says"].as_str().unwrap().contains("could not be read: HTTP 403"),
        "{own:#}"
    );
}

fn policy(stage: &Stage) -> String {
    stage.value("/cloud/vault/policy")
}

#[test]
fn a_policy_has_a_creation_date_and_rules_without_their_members() {
    let stage = backed_up();
    let dated = changed(&stage, &policy(&stage), |body| {
        body["systemData"] = json!({ "createdAt": "2026-01-01T00:00:00Z" });
    });
    answer(&stage, &policy(&stage), 200, &dated);
    only(&stage, "policy-created-at");
    let stage = backed_up();
    let lacking = changed(&stage, &policy(&stage), |body| {
        let rules = body["properties"]["policyRules"].as_array_mut().unwrap();
        rules.push(json!({ "name": "Weekly", "objectType": "AzureRetentionRule", "lifecycles": [] }));
    });
    answer(&stage, &policy(&stage), 200, &lacking);
    only(&stage, "policy-members");
}

#[test]
fn a_recovery_point_has_a_state_and_no_data_stores() {
    let point = |properties: Value| json!({ "value": [{ "name": "p", "properties": properties }] });
    let stores = json!([{ "type": "OperationalStore" }]);
    let time = "2026-01-01T06:00:00Z";
    for (claim, properties) in [
        (
            "point-state",
            json!({ "recoveryPointTime": time, "recoveryPointState": "Completed", "recoveryPointDataStoresDetails": stores }),
        ),
        (
            "point-members",
            json!({ "recoveryPointTime": time, "recoveryPointState": null }),
        ),
    ] {
        let stage = backed_up();
        answer(
            &stage,
            &format!("{}/recoveryPoints", instance(&stage)),
            200,
            &point(properties),
        );
        only(&stage, claim);
    }
}

#[test]
fn the_list_of_a_cluster_s_instances_has_ids_of_its_own() {
    let stage = backed_up();
    let path = "/providers/Microsoft.DataProtection/backupInstances";
    let id = format!("{}{path}/aks", ids::cluster_id());
    let own = changed(&stage, &instance(&stage), |_| ());
    let body = changed(&stage, &instance(&stage), |body| body["id"] = json!(id));
    answer(
        &stage,
        &format!("{}{path}", ids::cluster_id()),
        200,
        &json!({ "value": [own, body] }),
    );
    run(&stage, "reader", "cluster-admin").ends(Exit::Pending.code());
    assert_eq!(verdict(&stage, "instance-list"), "differs");
}
