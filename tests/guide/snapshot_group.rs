//! The group of the disk snapshots: its own by default, in the cluster's subscription, without locks, and for ever.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage, finish};
use serde_json::{Value, json};

use crate::part::Part;

/// `init` of the demo world with this choice of a snapshot group.
fn init(stage: &Stage, choice: &[&str]) {
    let at = INIT.iter().position(|own| *own == "--snapshot-group").unwrap();
    let rest = [&INIT[..at], &INIT[at + 2..], choice].concat();
    stage.az("everything", &rest).ok();
}

/// All of the hand-off after `init`, with every right.
fn protected(stage: &Stage) {
    stage.az("everything", &["prepare", "--yes"]).ok();
    stage.grant("everything").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("everything", &["protect", "--yes"]).ok();
}

/// The group that the protected cluster's snapshots go to, as Azure has it.
fn in_use(stage: &Stage) -> String {
    let instance = stage
        .sandbox
        .resource(&stage.value("/cloud/instance/instance"))
        .unwrap();
    let pointer = "/properties/policyInfo/policyParameters/dataStoreParametersList/0/resourceGroupId";
    let id = instance.pointer(pointer).and_then(serde_json::Value::as_str).unwrap();
    id.rsplit('/').next().unwrap().to_owned()
}

#[test]
fn it_is_a_group_of_its_own_by_default() {
    let stage = Stage::new().unwrap();
    init(&stage, &[]);
    let group = stage.value("/target/snapshots/resource_group");
    for other in ["rg-aks", "rg-backup", "rg-snapshots", "MC_rg-aks_aks-demo_westeurope"] {
        assert_ne!(group, other);
    }
    protected(&stage);
    assert_eq!(in_use(&stage), group);
    assert!(
        stage
            .sandbox
            .resource(&stage.value("/cloud/storage/snapshot_group"))
            .is_some()
    );
}

#[test]
fn the_guide_s_choice_is_the_cluster_s_own_group_by_flag() {
    let stage = Stage::new().unwrap();
    init(&stage, &["--snapshot-group", "rg-aks"]);
    protected(&stage);
    assert_eq!(in_use(&stage), "rg-aks");
}

#[test]
fn it_cannot_be_changed_once_the_cluster_is_protected() {
    let stage = Stage::new().unwrap();
    init(&stage, &["--snapshot-group", "rg-snapshots"]);
    protected(&stage);
    let before = stage.state_text();
    for flags in [
        ["--set", "snapshots.resource_group=rg-other"],
        ["--snapshot-group", "rg-other"],
    ] {
        stage
            .az("everything", &[&["init", "--yes"][..], &flags].concat())
            .ends(Exit::Usage.code())
            .says("cannot change snapshots.resource_group from rg-snapshots to rg-other: the backup instance exists")
            .says("recovery points stay");
        assert_eq!(stage.state_text(), before);
    }
}

#[test]
fn it_cannot_be_in_another_subscription() {
    let stage = Stage::new().unwrap();
    let other = "/subscriptions/5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22/resourceGroups/rg-snapshots";
    let at = INIT.iter().position(|own| *own == "--snapshot-group").unwrap();
    let mut arguments = INIT.to_vec();
    arguments[at + 1] = other;
    stage.az("everything", &arguments).ends(Exit::Usage.code()).says(other);
    assert!(!stage.state().exists());
}

#[test]
fn a_lock_on_it_is_the_owner_s_and_the_rest_is_done() {
    let stage = Stage::with(&["snapshot_group_lock=true"]).unwrap();
    stage.init("platform").ok();
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(Exit::TheirTurn.code())
        .says("subscription owner")
        .says("locks/keep (CanNotDelete)")
        .says("its owner decides whether to remove it")
        .says("az lock show --ids")
        .says("Microsoft.Authorization/locks/delete");
    assert!(!stage.value("/cloud/vault/vault").is_empty(), "{}", stage.state_text());
    stage.sandbox.set("snapshot_group_lock=false").unwrap();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.sandbox.set("snapshot_group_lock=true").unwrap();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::Failed.code())
        .says("UserErrorSnapshotResourceGroupHasLocks")
        .says("Ask the owner of the lock")
        .says("az aksbackup init --snapshot-group NAME");
}

#[test]
fn one_that_was_chosen_since_is_said_and_changes_nothing() {
    let stage = Part::Backup.stage();
    // init refuses it; a person can write it into the file.
    let mut state: Value = toml::from_str(&stage.state_text()).unwrap();
    state["target"]["snapshots"]["resource_group"] = json!("rg-backup");
    std::fs::write(stage.state(), toml::to_string(&state).unwrap()).unwrap();
    let mark = stage.mark();
    finish(
        stage
            .az_command("platform", &["protect", "--yes"])
            .args(stage.vouchers()),
    )
    .ends(Exit::Pending.code())
    .says("snapshot resource group: rg-snapshots (the target has rg-backup)")
    .says("keep the current snapshot resource group: it can't be changed for a protected cluster");
    // Fails before: what the other group needs was created and granted first.
    for (who, command) in [("platform", "prepare"), ("owner", "grant"), ("everything", "up")] {
        finish(stage.az_command(who, &[command, "--yes"]).args(stage.vouchers()))
            .ends(Exit::Usage.code())
            .says("cannot use snapshot resource group rg-backup for cluster rg-aks/aks-demo")
            .says("az aksbackup init --from-azure");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert_eq!(in_use(&stage), "rg-snapshots");
}
