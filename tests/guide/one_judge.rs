//! One judge: `verify --pre` has an error exactly where `prepare` refuses, and `prepare` refuses before it changes anything.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

const CLUSTERS: &str = "Microsoft.ContainerService/managedClusters";

/// A world by what differs from a healthy one, and the known failure that it is; empty where the catalog has none.
struct World {
    name: &'static str,
    differs: fn(&Stage),
    failure: Option<&'static str>,
}

fn world(name: &'static str, differs: fn(&Stage), failure: &'static str) -> World {
    World {
        name,
        differs,
        failure: Some(failure),
    }
}

fn cluster(stage: &Stage, pointer: &str, value: Value) {
    let azure = stage.sandbox.azure();
    let id = azure.resources(CLUSTERS)[0]["id"].as_str().unwrap().to_owned();
    assert!(azure.change(&id, pointer, value));
}

/// All pools of a size or an operating system.
fn pools(stage: &Stage, member: &str, value: &str) {
    let azure = stage.sandbox.azure();
    let pools = azure.resources(CLUSTERS)[0]["properties"]["agentPoolProfiles"]
        .as_array()
        .unwrap()
        .len();
    for pool in 0..pools {
        cluster(
            stage,
            &format!("/properties/agentPoolProfiles/{pool}/{member}"),
            json!(value),
        );
    }
}

/// An account by the target's name that somebody made.
fn account(stage: &Stage, location: &str, sku: &str) {
    let (group, name) = (
        stage.value("/target/storage/resource_group"),
        stage.value("/target/storage/account"),
    );
    place(
        stage,
        &format!("{group}/providers/Microsoft.Storage/storageAccounts/{name}"),
        &json!({ "location": location, "kind": "StorageV2", "sku": { "name": sku },
                 "properties": { "provisioningState": "Succeeded", "allowSharedKeyAccess": false,
                                 "primaryEndpoints": { "blob": format!("https://{name}.blob.core.windows.net/") } } }),
    );
}

/// A vault by the target's name that somebody made.
fn vault(stage: &Stage, location: &str, state: &str) {
    let (group, name) = (
        stage.value("/target/vault/resource_group"),
        stage.value("/target/vault/name"),
    );
    place(
        stage,
        &format!("{group}/providers/Microsoft.DataProtection/backupVaults/{name}"),
        &json!({ "location": location, "identity": { "type": "SystemAssigned", "principalId": "7c7b6d2e-2b55-4c36-8b6c-4b1a1c7d9a11" },
                 "properties": { "provisioningState": state, "storageSettings": [{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }] } }),
    );
}

/// Makes a resource by its place below the subscription's resource groups.
fn place(stage: &Stage, below: &str, body: &Value) {
    let cluster = stage.value("/target/cluster");
    let (root, _) = cluster.split_once("/resourceGroups/").unwrap();
    let id = format!("{root}/resourceGroups/{below}");
    let parts: Vec<&str> = below.split('/').collect();
    let mut body = body.clone();
    body["id"] = json!(id);
    body["name"] = json!(parts.last().unwrap());
    body["type"] = json!(format!("{}/{}", parts[2], parts[3]));
    stage.sandbox.azure().place(body);
}

fn worlds() -> Vec<World> {
    let healthy = |name, differs| World {
        name,
        differs,
        failure: None,
    };
    vec![
        healthy("healthy", |_| ()),
        healthy("another pool is Windows", |stage| {
            cluster(stage, "/properties/agentPoolProfiles/1/osType", json!("Windows"));
        }),
        healthy("the older add-on is on", |stage| {
            cluster(stage, "/properties/podIdentityProfile", json!({ "enabled": true }));
        }),
        world(
            "stopped",
            |stage| cluster(stage, "/properties/powerState/code", json!("Stopped")),
            "CLU-STOPPED",
        ),
        world(
            "service principal",
            |stage| cluster(stage, "/identity", Value::Null),
            "CLU-SERVICE-PRINCIPAL",
        ),
        world(
            "no disk driver",
            |stage| {
                cluster(stage, "/properties/storageProfile/diskCSIDriver/enabled", json!(false));
            },
            "CLU-CSI-OFF",
        ),
        world(
            "no snapshot controller",
            |stage| {
                cluster(
                    stage,
                    "/properties/storageProfile/snapshotController/enabled",
                    json!(false),
                );
            },
            "CLU-CSI-OFF",
        ),
        world(
            "isolated",
            |stage| cluster(stage, "/properties/networkProfile/outboundType", json!("none")),
            "CLU-NETWORK-ISOLATED",
        ),
        world(
            "arm64 pools alone",
            |stage| pools(stage, "vmSize", "Standard_D4ps_v5"),
            "CLU-NODES-UNSUITABLE",
        ),
        healthy("account and vault that somebody made", |stage| {
            account(stage, "westeurope", "Standard_LRS");
            vault(stage, "westeurope", "Succeeded");
        }),
        world(
            "account elsewhere",
            |stage| account(stage, "northeurope", "Standard_LRS"),
            "CLU-REGION-MISMATCH",
        ),
        world(
            "premium account",
            |stage| account(stage, "westeurope", "Premium_LRS"),
            "STO-WRONG-KIND",
        ),
        world(
            "vault elsewhere",
            |stage| vault(stage, "northeurope", "Succeeded"),
            "VLT-REGION",
        ),
        world("vault that failed", |stage| vault(stage, "westeurope", "Failed"), ""),
        world(
            "Windows pools alone",
            |stage| pools(stage, "osType", "Windows"),
            "CLU-NODES-UNSUITABLE",
        ),
    ]
}

/// Fails before: `prepare` called an isolated cluster without a suitable pool prepared, after it had enabled the OIDC issuer, which
/// can't be disabled again.
#[test]
fn prepare_refuses_exactly_where_verify_pre_has_an_error_and_before_it_changes_anything() {
    let mut wrong = Vec::new();
    for World { name, differs, failure } in worlds() {
        let stage = Stage::new().unwrap();
        stage.init("platform").ok();
        differs(&stage);
        let before = stage.az("platform", &["verify", "--pre", "-o", "json"]).json();
        let errors: Vec<&Value> = before["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["verdict"] == "error")
            .collect();
        let failures: Vec<&str> = errors
            .iter()
            .map(|check| check["failure"].as_str().unwrap_or_default())
            .collect();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{name}: {what}"));
            }
        };
        expect(
            failures == failure.into_iter().collect::<Vec<_>>(),
            &format!("verify --pre has {failures:?}, not {failure:?}"),
        );
        let mark = stage.mark();
        let prepare = stage.az("platform", &["prepare", "--yes", "--timeout", "60s"]);
        let writes = stage.writes_since(mark);
        match failure {
            None => expect(prepare.code == 0, &format!("{prepare}")),
            Some(_) => {
                expect(prepare.code == i32::from(Exit::Failed.code()), &format!("{prepare}"));
                expect(writes.is_empty(), &format!("{writes:?}"));
                let fix = errors
                    .first()
                    .and_then(|check| check["hint"].as_str())
                    .unwrap_or("no fix");
                expect(
                    prepare.stderr.contains(fix),
                    &format!("another fix than {fix}: {}", prepare.stderr),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
