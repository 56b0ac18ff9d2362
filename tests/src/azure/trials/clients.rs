//! What only other clients than ours ask for: keys, kubeconfigs, Resource Graph, several tenants.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use super::bodies::{account, account_body};
use super::stage::{Stage, id};
use crate::azure::path::Target;
use crate::azure::{blob, ids, shared_key};

fn query(stage: &Stage, who: &str, query: &str) -> crate::azure::answer::Answer {
    let target = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01";
    let body = json!({ "subscriptions": [ids::SUBSCRIPTION], "query": query, "options": { "$top": 1000, "$skip": 0 } });
    stage.call(who, "POST", target, body)
}

/// The queries of `az dataprotection backup-instance list-from-resourcegraph` and `job list-from-resourcegraph`.
const INSTANCES: &str = "RecoveryServicesResources | where type =~ 'microsoft.dataprotection/backupvaults/backupinstances'\
    | extend vaultName = split(split(id, '/Microsoft.DataProtection/backupVaults/')[1],'/')[0]\
    | extend protectionState = properties.currentProtectionState\
    | extend datasourceId = properties.dataSourceInfo.resourceID \
    | where properties.dataSourceInfo.datasourceType in~ ('Microsoft.ContainerService/managedClusters') \
    | where vaultName in~ ('vault-elsewhere')";
const JOBS: &str = "RecoveryServicesResources | where type =~ 'microsoft.dataprotection/backupvaults/backupjobs'\
    | extend vaultName = properties.vaultName| extend status = properties.status\
    | extend operation = case( tolower(properties.operationCategory) startswith 'backup' and properties.isUserTriggered == \
    'true', strcat('OnDemand',properties.operationCategory), tolower(properties.operationCategory) startswith 'backup' and \
    properties.isUserTriggered == 'false', strcat('Scheduled', properties.operationCategory), type =~ \
    'microsoft.dataprotection/backupVaults/backupJobs', properties.operationCategory, 'Invalid')\
    | extend datasourceId = properties.dataSourceId | where properties.dataSourceType in~ \
    ('Microsoft.ContainerService/managedClusters') | where operation in~ ('OnDemandBackup') \
    | where properties.startTime > datetime(2020-01-01T00:00:00Z)";

#[test]
fn resource_graph_finds_what_the_caller_may_read() {
    let stage = Stage::new(&["protected_elsewhere=true"]);
    let found = query(&stage, "reader", INSTANCES).body.unwrap();
    assert_eq!(
        (&found["totalRecords"], &found["count"]),
        (&json!(1), &json!(1)),
        "{found}"
    );
    assert_eq!(found["data"][0]["protectionState"], "ProtectionConfigured");
    assert_eq!(found["data"][0]["resourceGroup"], "rg-elsewhere");
    assert_eq!(query(&stage, "stranger", INSTANCES).body.unwrap()["count"], 0);
    assert_eq!(query(&stage, "reader", JOBS).body.unwrap()["count"], 0);
    let clusters = "resources | where type =~ 'microsoft.containerservice/managedclusters' | project name, location";
    let found = query(&stage, "platform", clusters).body.unwrap();
    assert_eq!(
        found["data"],
        json!([{ "name": ids::CLUSTER, "location": "westeurope" }])
    );
}

#[test]
fn resource_graph_has_extensions_in_a_table_of_their_own() {
    let stage = Stage::new(&["extension=succeeded"]);
    let of = |rest: &str| {
        format!("kubernetesconfigurationresources | where type =~ 'microsoft.kubernetesconfiguration/extensions'{rest}")
    };
    let found = query(
        &stage,
        "reader",
        &of(" | project id, state = properties.ProvisioningState"),
    );
    assert_eq!(found.body.unwrap()["data"][0]["state"], "Succeeded");
    let found = query(
        &stage,
        "reader",
        &of(" | project id, state = properties.provisioningState"),
    );
    assert_eq!(found.body.unwrap()["data"][0]["state"], Value::Null);
}

#[test]
fn resource_graph_gives_pages_in_order() {
    let stage = Stage::new(&["extension=succeeded"]);
    let list =
        "resources | where type =~ 'microsoft.managedidentity/userassignedidentities' | project id | order by id asc";
    let target = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01";
    let page = |token: &str| {
        let options = json!({ "$top": 1, "$skipToken": token });
        let answer = stage.call("reader", "POST", target, json!({ "query": list, "options": options }));
        answer.body.unwrap()
    };
    let first = page("");
    assert_eq!(
        (&first["count"], &first["resultTruncated"]),
        (&json!(1), &json!("false")),
        "{first}"
    );
    let second = page(first["$skipToken"].as_str().unwrap());
    let id = |page: &Value| page["data"][0]["id"].as_str().unwrap().to_owned();
    assert!(id(&first) < id(&second), "{first} {second}");
}

#[test]
fn resource_graph_throttles_a_user_by_queries() {
    let stage = Stage::new(&[]);
    let ask = |who: &str| query(&stage, who, "resources | project id");
    assert_eq!(ask("reader").header("x-ms-user-quota-remaining"), "14");
    let refused = (0..15)
        .map(|_| ask("reader"))
        .find(|answer| answer.status == 429)
        .unwrap();
    assert_eq!(
        (refused.code(), refused.header("Retry-After")),
        ("RateLimiting", String::new())
    );
    assert!(refused.header("x-ms-user-quota-resets-after").starts_with("00:00:0"));
    assert_eq!(ask("owner").status, 200);
    stage.skip(5.0);
    assert_eq!(ask("reader").status, 200);
}

#[test]
fn resource_graph_refuses_what_it_does_not_understand() {
    let stage = Stage::new(&[]);
    for wrong in ["resources | summarize count() by type", "nothing", ""] {
        let answer = query(&stage, "reader", wrong);
        assert_eq!((answer.status, answer.code()), (400, "BadRequest"), "{wrong}");
        assert_eq!(answer.body.unwrap()["error"]["details"][0]["code"], "InvalidQuery");
    }
}

#[test]
fn a_token_opens_the_subscriptions_of_its_own_tenant_alone() {
    let stage = Stage::new(&[]);
    let seen = |who: &str| -> Vec<String> {
        let list = stage.call(who, "GET", "/subscriptions?api-version=2022-12-01", Value::Null);
        let list = list.body.unwrap();
        let all = list["value"].as_array().unwrap().iter();
        all.map(|own| own["displayName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(seen("everything"), ["Contoso Backup"]);
    assert_eq!(seen("consultant"), ["Contoso Backup", "Contoso Other"]);
    // Of a tenant in which it has nothing.
    assert!(seen("partner").is_empty());
    for below in ["", "/resourceGroups", "/providers/Microsoft.Nothing/things"] {
        let target = format!(
            "/subscriptions/{}{below}?api-version=2022-12-01",
            ids::FOREIGN_SUBSCRIPTION
        );
        let answer = stage.call("everything", "GET", &target, Value::Null);
        assert_eq!(
            (answer.status, answer.code()),
            (401, "InvalidAuthenticationTokenTenant"),
            "{below}"
        );
        let challenge = answer.header("WWW-Authenticate");
        let uri = format!("authorization_uri=\"https://127.0.0.1:1/{}\"", ids::OTHER_TENANT);
        assert!(challenge.contains(&uri), "{challenge}");
    }
}

fn kubeconfig(answer: &crate::azure::answer::Answer) -> Value {
    let value = answer.body.as_ref().unwrap()["kubeconfigs"][0]["value"]
        .as_str()
        .unwrap();
    serde_json::from_slice(&STANDARD.decode(value).unwrap()).unwrap()
}

#[test]
fn each_account_gets_one_context_with_its_own_token() {
    let stage = Stage::new(&[]);
    stage.azure.set_cluster_access("https://127.0.0.1:2", "PEM");
    let target = |list: &str| format!("{}/{list}?api-version=2026-05-01", ids::cluster_id());
    let of = |who: &str| kubeconfig(&stage.call(who, "POST", &target("listClusterUserCredential"), Value::Null));
    let (own, other) = (of("everything"), of("platform"));
    assert_eq!(
        (&own["current-context"], &own["contexts"][1]),
        (&json!("aks-demo"), &Value::Null)
    );
    assert_eq!(own["users"][0]["name"], "clusterUser_rg-aks_aks-demo");
    assert_ne!(own["users"][0]["user"]["token"], other["users"][0]["user"]["token"]);
    let refused = stage.call("reader", "POST", &target("listClusterUserCredential"), Value::Null);
    assert_eq!(refused.code(), "AuthorizationFailed");
    let admin = stage.call("everything", "POST", &target("listClusterAdminCredential"), Value::Null);
    assert_eq!((admin.status, admin.code()), (400, "BadRequest"));
    let mut cluster = stage.azure.resource(&ids::cluster_id()).unwrap();
    cluster["properties"]["disableLocalAccounts"] = json!(false);
    stage.azure.place(cluster);
    let admin = stage.call("everything", "POST", &target("listClusterAdminCredential"), Value::Null);
    assert_eq!(kubeconfig(&admin)["current-context"], "aks-demo-admin");
}

/// Status and code of a container's PUT that is signed with `key`.
fn signed_put(stage: &Stage, key: &str) -> (u16, &'static str) {
    let raw = "/blob/contosoaks/keyed?restype=container";
    let mut headers = BTreeMap::from([("x-ms-version".to_owned(), "2021-12-02".to_owned())]);
    let text = shared_key::to_sign("contosoaks", "PUT", raw, &headers);
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(key).unwrap());
    let signature = STANDARD.encode(hmac::sign(&secret, text.as_bytes()));
    headers.insert("authorization".to_owned(), format!("SharedKey contosoaks:{signature}"));
    let answer = blob::answer(&stage.azure, "PUT", (&Target::parse(raw), raw), &headers);
    (answer.status, answer.code)
}

#[test]
fn keys_are_listed_always_and_open_only_an_account_that_takes_them() {
    let stage = Stage::new(&[]);
    let mut body = account_body();
    body["properties"]["allowSharedKeyAccess"] = json!(false);
    stage.make("PUT", &account(""), body);
    stage.skip(20.0);
    let list = account("/listKeys");
    let keys = stage.make("POST", &list, Value::Null).body.unwrap()["keys"].clone();
    assert_eq!(
        (&keys[0]["keyName"], &keys[1]["permissions"]),
        (&json!("key1"), &json!("FULL"))
    );
    let key = keys[0]["value"].as_str().unwrap();
    assert_eq!(signed_put(&stage, key), (403, "KeyBasedAuthenticationNotPermitted"));
    let mut open = stage.azure.resource(&id(&account(""))).unwrap();
    open["properties"]["allowSharedKeyAccess"] = json!(true);
    stage.azure.place(open);
    assert_eq!(
        signed_put(&stage, &STANDARD.encode([0; 64])),
        (403, "AuthenticationFailed")
    );
    assert_eq!(signed_put(&stage, key).0, 201);
    assert_eq!(signed_put(&stage, key), (409, "ContainerAlreadyExists"));
    assert_eq!(
        stage.call("reader", "POST", &list, Value::Null).code(),
        "AuthorizationFailed"
    );
}
