//! An account that has Contributor in a few resource groups and no role in the subscription.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::azure::personas::persona;
use aksbackup_tests::harness::Stage;
use serde_json::json;

const INIT: [&str; 6] = [
    "init",
    "--resource-group",
    "rg-aks",
    "--cluster-name",
    "aks-demo",
    "--yes",
];

fn prepare(stage: &Stage) -> aksbackup_tests::harness::Run {
    let flags = stage.vouchers();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    stage.az("platform", &[&["prepare", "--yes"], flags.as_slice()].concat())
}

#[test]
fn init_proposes_groups_that_the_account_can_write_to() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &INIT).ok();
    for key in ["storage", "vault"] {
        assert_eq!(stage.value(&format!("/target/{key}/resource_group")), ids::BACKUP_GROUP);
    }
    assert_eq!(stage.value("/target/snapshots/resource_group"), ids::SNAPSHOT_GROUP);
    prepare(&stage).ok();
}

#[test]
fn who_can_create_groups_gets_new_ones() {
    let stage = Stage::new().unwrap();
    stage.az("contributor", &INIT).ok();
    assert_eq!(stage.value("/target/storage/resource_group"), "rg-aks-demo-backup");
    assert_eq!(stage.value("/target/snapshots/resource_group"), "rg-aks-demo-snapshots");
}

#[test]
fn a_group_that_another_person_has_to_create_is_a_handoff_before_anything_changes() {
    let stage = Stage::new().unwrap();
    let group = ["--storage-resource-group", "rg-new", "--vault-resource-group", "rg-new"];
    for snapshots in [ids::SNAPSHOT_GROUP, "rg-new"] {
        stage
            .az(
                "platform",
                &[&INIT[..], &group, &["--snapshot-group", snapshots]].concat(),
            )
            .ok();
        blocked(&stage);
    }
    stage.sandbox.azure().place(json!({
        "id": ids::group_id("rg-new"), "name": "rg-new", "type": "Microsoft.Resources/resourceGroups",
        "location": ids::LOCATION, "properties": { "provisioningState": "Succeeded" },
    }));
    stage
        .sandbox
        .assign_role("platform", "Contributor", &ids::group_id("rg-new"))
        .unwrap();
    prepare(&stage).ok();
}

/// `prepare` changes nothing before another person has created the resource group.
fn blocked(stage: &Stage) {
    let mark = stage.mark();
    prepare(stage)
        .ends(Exit::TheirTurn.code())
        .says("subscription contributor: resource group rg-new doesn't exist")
        .says("Microsoft.Resources/subscriptions/resourceGroups/write")
        .says(&format!(
            "az group create --name rg-new --location westeurope --subscription {}",
            ids::SUBSCRIPTION
        ));
    assert_eq!(
        stage.writes_since(mark),
        Vec::<String>::new(),
        "the OIDC issuer can't be switched off again"
    );
}

/// A group that `init` found by itself may belong to another team, which then controls what is created in it.
#[test]
fn a_group_that_nobody_named_is_confirmed_before_anything_is_created_in_it() {
    let stage = Stage::new().unwrap();
    let snapshots = ["--snapshot-group", ids::SNAPSHOT_GROUP];
    stage.az("platform", &[&INIT[..], &snapshots].concat()).ok();
    assert_eq!(stage.value("/target/storage/resource_group"), ids::BACKUP_GROUP);
    let mark = stage.mark();
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(Exit::Usage.code())
        .says("--storage-account RESOURCE-GROUP/NAME");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    prepare(&stage).ok();
}

#[test]
fn roles_on_the_resources_alone_are_enough_where_they_exist() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let azure = stage.sandbox.azure();
    azure.disown(&persona("platform").object_id);
    let scopes = [
        ids::cluster_id(),
        ids::group_id(ids::NODE_GROUP),
        stage.value("/cloud/storage/account"),
        stage.value("/cloud/vault/vault"),
    ];
    for scope in scopes {
        stage.sandbox.assign_role("platform", "Contributor", &scope).unwrap();
    }
    let run = stage.az("platform", &["prepare", "--yes"]);
    assert!(
        !run.stderr.contains("doesn't exist") && !run.stdout.contains("az group create --name rg-backup"),
        "{run}"
    );
    assert!(run.stderr.contains("✓ Preflight"), "{run}");
}

#[test]
fn a_normal_handoff_is_no_finding_before_it() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &INIT).ok();
    let run = stage.az("platform", &["verify", "--pre"]);
    assert!(run.stdout.contains("the subscription owner assigns roles on "), "{run}");
    assert!(!run.stdout.contains('!') && !run.stdout.contains('✗'), "{run}");
}

#[test]
fn status_names_every_scope_on_which_a_role_is_missing() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    stage.grant("owner-storage-only").ends(Exit::TheirTurn.code());
    let run = stage.az("platform", &["status"]);
    let needs: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.trim_start().starts_with("Requires: "))
        .collect();
    assert_eq!(needs.len(), 2, "{run}");
    assert!(
        needs[0].ends_with("managedClusters/aks-demo") && needs[1].ends_with(ids::SNAPSHOT_GROUP),
        "{run}"
    );
    let seen = stage.az("platform", &["status", "--output", "json"]).json();
    let scope = |right: &serde_json::Value| right["scope"].as_str().unwrap_or_default().to_owned();
    assert!(
        scope(&seen["next"]["right"]).ends_with("managedClusters/aks-demo"),
        "{seen:#}"
    );
    assert!(
        scope(&seen["next"]["also"][0]).ends_with(ids::SNAPSHOT_GROUP),
        "{seen:#}"
    );
}

#[test]
fn a_pod_s_sign_in_outside_of_a_pod_is_no_matter_of_the_network() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let mut command = stage.az_command("platform", &["status", "--auth", "workload-identity"]);
    let run = aksbackup_tests::harness::finish(command.env_remove("AZURE_CLIENT_SECRET"))
        .ends(Exit::NotPermitted.code())
        .says("AZURE_FEDERATED_TOKEN_FILE is not set");
    assert!(!run.stderr.contains("proxy"), "{run}");
}

/// No source says what Azure answers to a question about a whole subscription.
#[test]
fn without_an_answer_about_the_subscription_it_goes_on_as_if_it_could() {
    for status in ["400/InvalidResourceType", "404/NotFound"] {
        let stage = Stage::new().unwrap();
        let question = format!("{}/providers/Microsoft.Authorization/permissions", ids::SUBSCRIPTION);
        stage.sandbox.set(&format!("fault={status}@GET:{question}:99")).unwrap();
        stage.az("platform", &INIT).ok();
        assert_eq!(stage.value("/target/storage/resource_group"), "rg-aks-demo-backup");
        stage.init("platform").ok();
        assert_eq!(stage.value("/target/storage/resource_group"), ids::BACKUP_GROUP);
        prepare(&stage).ok();
    }
}
