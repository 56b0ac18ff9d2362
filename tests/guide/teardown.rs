//! The way back: what this tool created goes, in order, and nothing else does.

use std::collections::BTreeSet;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::{Value, json};

use crate::cloud_world::{Protected, text};

pub(crate) const DELETE: [&str; 2] = ["--delete-backups", "rg-aks/aks-demo"];

const KINDS: [&str; 9] = [
    "Microsoft.Resources/resourceGroups",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.DataProtection/backupVaults",
    "Microsoft.DataProtection/backupVaults/backupPolicies",
    "Microsoft.DataProtection/backupVaults/backupInstances",
    "Microsoft.KubernetesConfiguration/extensions",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
    "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings",
];

/// `teardown` as `persona`, who confirms by flags what the state file names.
pub(crate) fn teardown(stage: &Stage, persona: &str, flags: &[&str]) -> Run {
    let mut command = stage.az_command(persona, &["teardown", "--yes", "--reduce-protection"]);
    finish(command.args(stage.vouchers()).args(flags))
}

/// The IDs of everything that a handoff creates, as far as it is there.
pub(crate) fn there(stage: &Stage) -> BTreeSet<String> {
    let azure = stage.sandbox.azure();
    let mut all = BTreeSet::new();
    for kind in KINDS {
        all.extend(
            azure
                .resources(kind)
                .iter()
                .map(|own| text(own, "/id").to_ascii_lowercase()),
        );
    }
    let roles = azure.role_assignments();
    all.extend(roles.iter().map(|own| text(own, "/id").to_ascii_lowercase()));
    all
}

/// The last parts of the types of what is in one and not in the other, each once.
fn kinds(one: &BTreeSet<String>, other: &BTreeSet<String>) -> BTreeSet<String> {
    let kind = |id: &String| id.rsplit('/').nth(1).unwrap_or_default().to_owned();
    one.difference(other).map(kind).collect()
}

pub(crate) fn created(stage: &Stage) -> Vec<String> {
    let state: Value = toml::from_str(&stage.state_text()).unwrap();
    let list = state
        .pointer("/cloud/created")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    list.iter().map(|own| text(own, "/object").to_owned()).collect()
}

/// A second run of the same sends no write.
fn rests(stage: &Stage, flags: &[&str]) {
    let (mark, before) = (stage.mark(), stage.state_text());
    teardown(stage, "everything", flags).ok().says("nothing to do");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert_eq!(stage.state_text(), before);
}

#[test]
fn by_default_the_protection_stops_and_everything_that_backups_need_stays() {
    let world = Protected::new();
    let stage = &world.stage;
    let before = there(stage);
    let run = teardown(stage, "everything", &[]).ok();
    assert!(
        run.stderr
            .contains("kept: restoring or deleting the backups of backup instance"),
        "{run}"
    );
    assert_eq!(there(stage), before, "{run}");
    let instance = world.azure().resource(&world.instance()).unwrap();
    assert_eq!(
        text(&instance, "/properties/currentProtectionState"),
        "ProtectionStopped"
    );
    assert_eq!(stage.value("/cloud/instance/protection"), "ProtectionStopped");
    rests(stage, &[]);
}

#[test]
fn with_the_cluster_s_name_the_backups_go_and_then_all_that_was_created_for_them() {
    let world = Protected::new();
    let stage = &world.stage;
    let (vault, policy, instance) = (world.vault(), world.policy(), world.instance());
    let before = there(stage);
    let run = teardown(stage, "everything", &DELETE).ok();
    let gone = kinds(&before, &there(stage));
    let expected = [
        "backupinstances",
        "extensions",
        "federatedidentitycredentials",
        "roleassignments",
        "trustedaccessrolebindings",
    ];
    assert_eq!(gone, expected.map(str::to_owned).into(), "{run}");
    assert!(run.stderr.contains("soft-deleted backup instance"), "{run}");
    for kept in [
        "storageaccounts/",
        &vault.to_ascii_lowercase(),
        &policy.to_ascii_lowercase(),
    ] {
        assert!(there(stage).iter().any(|id| id.contains(kept)), "{kept}\n{run}");
    }
    rests(stage, &DELETE);
    // The day on which Azure purges it.
    world
        .azure()
        .remove(&instance.replace("/backupInstances/", "/deletedBackupInstances/"));
    teardown(stage, "everything", &[]).ok();
    assert!(world.azure().resource(&vault).is_none());
    let left = created(stage);
    assert!(left.iter().all(|own| own.contains("/storageAccounts/")), "{left:?}");
    assert_eq!(left.len(), 2, "account and container: {left:?}");
    rests(stage, &[]);
}

#[test]
fn a_half_finished_preparation_is_undone_and_can_begin_again() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let bare = there(&stage);
    stage.az("platform", &["prepare", "--yes"]).ok();
    teardown(&stage, "platform", &[]).ok();
    let left = kinds(&there(&stage), &bare);
    assert_eq!(left, ["containers", "storageaccounts"].map(str::to_owned).into());
    for table in ["vault", "extension", "identity", "federation", "trusted_access"] {
        assert!(
            !stage.state_text().contains(&format!("[cloud.{table}]")),
            "{table}\n{}",
            stage.state_text()
        );
    }
    rests(&stage, &[]);
    stage.az("platform", &["prepare", "--yes"]).ok();
}

#[test]
fn groups_go_if_this_tool_created_them_and_nothing_is_left_in_them() {
    let stage = Stage::new().unwrap();
    let init = [
        "init",
        "--resource-group",
        "rg-aks",
        "--cluster-name",
        "aks-demo",
        "--yes",
    ];
    stage.az("everything", &init).ok();
    let mut prepare = stage.az_command("everything", &["prepare", "--yes"]);
    finish(prepare.args(stage.vouchers())).ok();
    let group = |key: &str| ids::group_id(&stage.value(&format!("/target/{key}/resource_group")));
    let (backup, snapshots) = (group("vault"), group("snapshots"));
    assert!(stage.sandbox.resource(&snapshots).is_some());
    let run = teardown(&stage, "everything", &[]).ok();
    assert!(stage.sandbox.resource(&snapshots).is_none(), "{run}");
    assert!(stage.sandbox.resource(&backup).is_some(), "the account is in it\n{run}");
    assert!(run.stderr.contains("kept: resource group"), "{run}");
    rests(&stage, &[]);
}

#[test]
fn three_people_do_their_parts() {
    let world = Protected::new();
    let stage = &world.stage;
    let before = there(stage);
    let run = teardown(stage, "platform", &DELETE).ends(Exit::TheirTurn.code());
    assert!(
        run.stdout
            .contains("subscription owner: the signed-in account isn't authorized to remove"),
        "{run}"
    );
    let command = format!(
        "az aksbackup teardown --delete-backups RESOURCE-GROUP/CLUSTER{}",
        aksbackup_shared::names::CONFIRMATIONS
    );
    assert!(run.stdout.contains(&command), "{run}");
    let gone = kinds(&before, &there(stage));
    assert_eq!(
        gone,
        ["backupinstances", "trustedaccessrolebindings"]
            .map(str::to_owned)
            .into(),
        "{run}"
    );
    let run = teardown(stage, "owner", &DELETE).ends(Exit::TheirTurn.code());
    assert!(
        run.stdout
            .contains("platform team: the signed-in account isn't authorized to delete"),
        "{run}"
    );
    assert!(kinds(&before, &there(stage)).contains("roleassignments"), "{run}");
    teardown(stage, "platform", &DELETE).ok();
    assert!(kinds(&before, &there(stage)).contains("extensions"));
    stage.kubectl("cluster-admin", &["unconfigure", "--yes"]).ok();
}

#[test]
fn a_person_without_a_permission_changes_nothing() {
    let world = Protected::new();
    let before = there(&world.stage);
    let run = teardown(&world.stage, "reader", &DELETE).ends(Exit::TheirTurn.code());
    assert!(run.stdout.contains("platform team"), "{run}");
    assert_eq!(there(&world.stage), before);
}

/// Nothing is deleted, by words that `says` has.
fn refused(world: &Protected, flags: &[&str], exit: Exit, says: &str) {
    let (before, mark) = (there(&world.stage), world.stage.mark());
    let run = teardown(&world.stage, "everything", flags).ends(exit.code());
    assert!(run.stderr.contains(says) || run.stdout.contains(says), "{says}\n{run}");
    assert_eq!(world.stage.writes_since(mark), Vec::<String>::new(), "{run}");
    assert_eq!(there(&world.stage), before);
}

#[test]
fn what_forbids_the_deletion_is_said_before_any_change() {
    let world = Protected::new();
    refused(
        &world,
        &["--delete-backups", "rg-aks/aks-other"],
        Exit::Usage,
        "--delete-backups is rg-aks/aks-other",
    );
    refused(
        &world,
        &["--delete-backups", "rg-other/aks-demo"],
        Exit::Usage,
        "target.cluster",
    );
    let run = world
        .stage
        .az("everything", &[&["teardown", "--yes"], DELETE.as_slice()].concat());
    run.ends(Exit::Usage.code()).says("the command deletes the backups");
    world.set("cluster_stopped=true");
    refused(&world, &DELETE, Exit::Failed, "is stopped");
    world.recall();
    world.set("backup_group_lock=CanNotDelete");
    refused(&world, &DELETE, Exit::Failed, "a lock forbids it");
    world.recall();
    world.change(&world.container(), "/properties/hasLegalHold", json!(true));
    refused(&world, &DELETE, Exit::Failed, "a legal hold");
    world.recall();
    world.change(
        &world.vault(),
        "/properties/isVaultProtectedByResourceGuard",
        json!(true),
    );
    refused(&world, &DELETE, Exit::TheirTurn, "a Resource Guard protects vault");
    refused(&world, &[], Exit::TheirTurn, "a Resource Guard protects vault");
}

#[test]
fn a_running_job_is_waited_for() {
    let world = Protected::new();
    let mut backup = world.stage.az_command("platform", &["backup", "--no-wait", "--yes"]);
    finish(&mut backup).ok();
    let run = teardown(&world.stage, "everything", &DELETE).ok();
    let job = world.azure().resource(&world.job());
    // With the vault's instance its jobs stay; none was running when the instance went.
    assert!(
        job.is_none_or(|job| text(&job, "/properties/status") == "Completed"),
        "{run}"
    );
}

#[test]
fn a_dry_run_lists_each_deletion_with_its_consequence() {
    let world = Protected::new();
    let (mark, before) = (world.stage.mark(), world.stage.state_text());
    let run = world
        .stage
        .az("everything", &[&["teardown", "--dry-run"], DELETE.as_slice()].concat());
    let run = run.ends(Exit::Pending.code());
    for line in [
        "delete backup instance",
        "this is final",
        "delete Trusted Access role binding backup-",
        "remove Storage Blob Data Contributor of the extension identity",
        "delete federated credential dataprotection-controller",
        "delete extension azure-aks-backup",
        "delete Backup vault",
        "Microsoft.Authorization/roleAssignments/delete",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{run}");
    }
    assert_eq!(world.stage.writes_since(mark), Vec::<String>::new());
    assert_eq!(world.stage.state_text(), before);
}
