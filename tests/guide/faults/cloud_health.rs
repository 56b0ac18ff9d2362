//! Worlds as they should be, however different: nothing is found.

use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

use crate::cloud_world::{BLOBS, Protected, found, text};
use crate::faults::cloud_failures::vault_tier;
use crate::part::{PARTS, Part};

type Variation = (&'static str, fn(&Protected));

const VARIATIONS: [Variation; 17] = [
    ("as it was set up", |_| ()),
    ("a user-assigned identity of the cluster", |world| {
        let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
        let id = format!("{}/providers/{kind}/aks", ids::group_id(ids::CLUSTER_GROUP));
        let own = json!({ "principalId": world.cluster_principal(), "clientId": ids::named("client") });
        let identity = json!({ "type": "UserAssigned", "userAssignedIdentities": { id: own } });
        world.change(&ids::cluster_id(), "/identity", identity);
    }),
    ("the role on the container alone", |world| {
        world.unassign(&world.principal(), BLOBS, &world.account());
        world.assign(&world.principal(), BLOBS, &world.container());
    }),
    ("a greater role for blobs", |world| {
        world.unassign(&world.principal(), BLOBS, &world.account());
        world.assign(&world.principal(), "Storage Blob Data Owner", &world.account());
    }),
    ("every role inherited from the subscription", |world| {
        for principal in [world.principal(), world.vault_principal(), world.cluster_principal()] {
            world.azure().disown(&principal);
        }
        let subscription = ids::subscription_id();
        world.assign(&world.principal(), BLOBS, &subscription);
        world.assign(&world.vault_principal(), "Reader", &subscription);
        world.assign(&world.cluster_principal(), "Contributor", &subscription);
    }),
    ("a policy of the vault tier, with its roles", |world| {
        vault_tier(world);
        world.assign(
            &world.vault_principal(),
            "Disk Snapshot Contributor",
            &Protected::snapshots(),
        );
        world.assign(&world.vault_principal(), "Storage Blob Data Reader", &world.account());
    }),
    ("a private cluster", |world| {
        world.cluster("/apiServerAccessProfile", json!({ "enablePrivateCluster": true }));
    }),
    ("an account that takes shared keys", |world| {
        world.change(&world.account(), "/properties/allowSharedKeyAccess", json!(true));
    }),
    ("an account behind a private endpoint", |world| {
        world.change(&world.account(), "/properties/publicNetworkAccess", json!("Disabled"));
        world.azure().connect(&world.account(), "Approved");
    }),
    ("an open account with an endpoint that waits", |world| {
        world.azure().connect(&world.account(), "Pending");
    }),
    ("an account that lets the subnet of the nodes in", |world| {
        let subnet = format!(
            "{}/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes",
            ids::group_id(ids::CLUSTER_GROUP)
        );
        for pool in ["0", "1"] {
            world.cluster(&format!("/agentPoolProfiles/{pool}/vnetSubnetID"), json!(subnet));
        }
        let rules = json!({ "bypass": "AzureServices", "defaultAction": "Deny", "ipRules": [],
            "virtualNetworkRules": [{ "id": subnet, "action": "Allow", "state": "Succeeded" }] });
        world.change(&world.account(), "/properties/networkAcls", rules);
    }),
    (
        "a vault with geo-redundancy, for ever soft delete and immutability",
        |world| {
            let settings = json!([{ "datastoreType": "VaultStore", "type": "GeoRedundant" }]);
            let file = world.stage.state_text();
            let own = "redundancy = \"LocallyRedundant\"";
            assert!(file.contains(own), "{file}");
            std::fs::write(world.stage.state(), file.replace(own, "redundancy = \"GeoRedundant\"")).unwrap();
            world.change(&world.vault(), "/properties/storageSettings", settings);
            let security = json!({ "softDeleteSettings": { "state": "AlwaysOn", "retentionDurationInDays": 14 },
            "immutabilitySettings": { "state": "Locked" } });
            world.change(&world.vault(), "/properties/securitySettings", security);
        },
    ),
    ("more federated credentials than are wanted", |world| {
        let mut own = world.credentials().remove(0);
        own["name"] = json!("other");
        own["id"] = json!(format!("{}/federatedIdentityCredentials/other", world.identity()));
        own["properties"]["subject"] = json!("system:serviceaccount:elsewhere:other");
        world.azure().place(own);
    }),
    ("a node group that is locked down", |world| {
        world.set("locked_node_group=true");
    }),
    ("another version of the extension", |world| {
        world.change(&world.extension(), "/properties/currentVersion", json!("0.0.9999-1"));
    }),
    ("a subscription under another name and tags on everything", |world| {
        for id in [world.account(), world.vault(), ids::cluster_id()] {
            world.change(&id, "/tags", json!({ "owner": "contoso" }));
        }
    }),
    ("a lock that only keeps the vault from being deleted", |world| {
        world.set("backup_group_lock=CanNotDelete");
    }),
];

/// What is told of a healthy world, where anything is.
fn told(document: &Value) -> Vec<String> {
    let checks = document["checks"].as_array().unwrap();
    // What only the cluster side can see is never called fine by this one.
    let is_elsewhere = |own: &&Value| {
        text(own, "/verdict") == "unknown" && ["reported client ID", "metadata service"].contains(&text(own, "/check"))
    };
    let checks = checks.iter().filter(|own| !is_elsewhere(own));
    let bad = checks.filter(|own| text(own, "/verdict") != "ok");
    let bad = bad.map(|own| format!("{}: {}", text(own, "/check"), text(own, "/says")));
    bad.chain(found(document)).collect()
}

#[test]
fn nothing_is_found_in_a_world_as_it_should_be_however_different() {
    let world = Protected::new();
    let mut bad = Vec::new();
    for (name, hand) in VARIATIONS {
        hand(&world);
        for command in ["verify", "doctor"] {
            let run = world.examined(command);
            let told = told(&run.json());
            if run.code != 0 || !told.is_empty() {
                bad.push(format!("{name}: {command} ended {} with {told:?}", run.code));
            }
        }
        world.recall();
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn without_the_state_file_all_is_found_by_the_cluster_alone() {
    let world = Protected::new();
    std::fs::remove_file(world.stage.state()).unwrap();
    let run = world
        .stage
        .az("reader", &["verify", "--cluster-id", &ids::cluster_id(), "-o", "json"])
        .ok();
    let document = run.json();
    assert_eq!(told(&document), Vec::<String>::new());
    let names: Vec<&str> = document["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| text(own, "/check"))
        .collect();
    for name in [
        "container",
        "vault",
        "policy",
        "backup instance",
        "federated credentials",
        "last backup",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(!world.stage.state().exists(), "nothing was written");
}

/// A hand-off from the beginning, with everything under another name.
#[test]
fn a_set_up_under_other_names_has_no_finding() {
    let stage = Stage::with(&["user_assigned_cluster_identity=true", "extension_names_identity=false"]).unwrap();
    let own = [
        "--storage-account",
        "contosoother",
        "--container",
        "else",
        "--vault",
        "bv-else",
        "--policy",
        "p-else",
    ];
    let more = [
        "--snapshot-group",
        "rg-backup",
        "--retention",
        "30d",
        "--redundancy",
        "GeoRedundant",
        "--yes",
    ];
    stage.init("platform").ok();
    stage.az("platform", &[&["init"], &own[..], &more[..]].concat()).ok();
    for part in PARTS.into_iter().filter(|part| !matches!(part, Part::Backup)) {
        part.run(&stage).ok();
    }
    let document = stage.az("reader", &["verify", "-o", "json"]).ok().json();
    assert_eq!(told(&document), Vec::<String>::new());
}
