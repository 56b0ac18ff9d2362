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

fn created(stage: &Stage) -> Vec<String> {
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
    assert!(run.stderr.contains("kept: the backups of instance"), "{run}");
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
    assert!(run.stderr.contains("left: resource group"), "{run}");
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
    let command = format!("az aksbackup teardown{}", aksbackup_shared::names::CONFIRMATIONS);
    assert!(
        run.stdout
            .contains(&format!("{command} --delete-backups RESOURCE-GROUP/CLUSTER")),
        "{run}"
    );
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
    run.ends(Exit::Usage.code())
        .says("the command deletes what the file names");
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

/// Fails before: the storage role was removed from an identity that stayed because another workload uses it.
#[test]
fn an_extension_that_stays_keeps_the_role_of_its_identity_and_its_credentials() {
    let world = Protected::new();
    let stage = &world.stage;
    let identity = stage.value("/cloud/identity/identity");
    let credential = format!("{identity}/federatedIdentityCredentials/other-team");
    world.azure().place(json!({
        "id": credential, "name": "other-team",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "properties": { "issuer": "https://elsewhere.example/", "subject": "system:serviceaccount:team:job",
            "audiences": ["api://AzureADTokenExchange"] },
    }));
    let principal = stage.value("/cloud/identity/principal");
    let of_identity = || {
        let all = world.azure().role_assignments();
        all.iter()
            .filter(|own| text(own, "/properties/principalId") == principal)
            .count()
    };
    let before = of_identity();
    let run = teardown(stage, "everything", &DELETE).ok();
    assert!(
        run.stderr.contains("federated credentials of others: other-team"),
        "{run}"
    );
    assert!(before > 0 && of_identity() == before, "{run}");
    assert!(there(stage).iter().any(|id| id.contains("/extensions/")), "{run}");
    assert_eq!(
        created(stage)
            .iter()
            .filter(|own| own.contains("/federatedIdentityCredentials/"))
            .count(),
        3
    );
}

/// Fails before: Azure refused the deletion, and the hint left `--delete-backups` out.
#[test]
fn without_an_extension_that_works_no_deletion_of_backups_begins() {
    let world = Protected::new();
    let stage = &world.stage;
    let extension = stage.value("/cloud/extension/extension");
    world.azure().remove(&extension);
    let mark = stage.mark();
    teardown(stage, "everything", &DELETE)
        .ends(Exit::Failed.code())
        .says("Azure deletes backups through the extension")
        .says("nothing was changed")
        .says("az aksbackup prepare");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// Fails before: what `stop` asks for apart, `teardown` did for `--yes`.
#[test]
fn to_stop_the_protection_is_agreed_to_apart() {
    let world = Protected::new();
    let stage = &world.stage;
    let mark = stage.mark();
    let mut command = stage.az_command("everything", &["teardown", "--yes"]);
    finish(command.args(stage.vouchers()))
        .ends(Exit::Usage.code())
        .says("scheduled backups of backup instance")
        .says("--reduce-protection");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// Fails before: "no role assignment that this tool created is left", although Azure had one of a principal that was gone.
#[test]
fn an_assignment_of_a_principal_that_is_gone_is_named_until_it_is_gone() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    let principal = stage.value("/cloud/identity/principal");
    stage.sandbox.azure().remove(&stage.value("/cloud/extension/extension"));
    let all = stage.sandbox.role_assignments();
    let orphan = all
        .iter()
        .find(|own| text(own, "/properties/principalId") == principal)
        .unwrap();
    let id = text(orphan, "/id").to_owned();
    for _ in 0..2 {
        let run = teardown(&stage, "everything", &[]).ok();
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.to_lowercase().contains(&id.to_lowercase()), "{run}");
        assert!(
            said.contains("its principal isn't part of this setup any more"),
            "{run}"
        );
    }
    let scope = id.split("/providers/Microsoft.Authorization/").next().unwrap();
    let role = "Storage Blob Data Contributor";
    assert_eq!(stage.sandbox.azure().unassign(&principal, role, scope), 1);
    teardown(&stage, "everything", &[]).ok();
    let left = created(&stage);
    assert!(
        !left.iter().any(|own| own.contains("/roleAssignments/")),
        "{left:?} {id}"
    );
}
