//! The backup instance: only `ProtectionConfigured` is success, and every other end says what cures it.

use std::path::Path;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, finish};

use crate::made;
use crate::part::Part;

/// How often an instance was asked for.
fn puts(stage: &Stage) -> usize {
    let mut writes = stage.writes_since(0);
    writes.retain(|write| write.starts_with("PUT ") && write.contains("/backupInstances/"));
    writes.len()
}

fn protect(stage: &Stage, timeout: &str) -> Run {
    stage.az("platform", &["protect", "--yes", "--timeout", timeout])
}

#[test]
fn configuring_is_not_configured_and_is_waited_for() {
    let stage = Part::Protect.stage();
    stage.sandbox.set("instance_configure=100000").unwrap();
    protect(&stage, "15s")
        .ends(Exit::Deadline.code())
        .says("ConfiguringProtection");
    assert_eq!(
        stage.value("/cloud/instance/protection"),
        "",
        "it is not recorded as protected"
    );
    stage
        .az("reader", &["status", "--check"])
        .ends(Exit::Pending.code())
        .says("ConfiguringProtection");
    stage.sandbox.azure().skip(100_000.0);
    protect(&stage, "90m").ok();
    assert_eq!(stage.value("/cloud/instance/protection"), "ProtectionConfigured");
    assert_eq!(puts(&stage), 1, "what is under way is not asked for again");
    made::nothing_twice(&stage);
}

#[test]
fn an_error_ends_1_with_azure_s_code_and_advice_and_the_next_run_cures_it() {
    let stage = Part::Protect.stage();
    stage.sandbox.set("protection_errors=1").unwrap();
    protect(&stage, "90m")
        .ends(Exit::Failed.code())
        .says("ProtectionError")
        .says("KubernetesBackupCustomResourcesTrackingTimeOutError")
        .says("kubectl get pods -n dataprotection-microsoft");
    protect(&stage, "90m").ok();
    assert_eq!(puts(&stage), 2);
    made::nothing_twice(&stage);
}

#[test]
fn every_state_that_somebody_else_caused_has_its_command() {
    // The definitions have other words than Azure for a suspended backup.
    let stage = Part::Backup.stage().accepting("currentProtectionState");
    let puts_before = puts(&stage);
    let set = |state: &str| stage.sandbox.set(&format!("instance_state={state}")).unwrap();
    for state in [
        "ProtectionStopped",
        "BackupsSuspended",
        "BackupSchedulesSuspended",
        "RetentionSchedulesSuspended",
    ] {
        set(state);
        stage
            .az("everything", &["verify", "--pre"])
            .ends(Exit::Pending.code())
            .says(state);
        protect(&stage, "90m")
            .ends(Exit::Failed.code())
            .says(state)
            .says("az aksbackup resume");
    }
    set("PonderingProtection");
    protect(&stage, "90m")
        .ends(Exit::Failed.code())
        .says("stays in state PonderingProtection")
        .says("az dataprotection backup-instance show --backup-instance-name");
    set("SoftDeleted");
    protect(&stage, "90m")
        .ends(Exit::Failed.code())
        .says("SoftDeleted")
        .says("az aksbackup undelete");
    assert_eq!(
        puts(&stage),
        puts_before,
        "nothing is made beside what somebody stopped or deleted"
    );
}

#[test]
fn a_cluster_that_another_vault_protects_is_refused_before_any_write() {
    let stage = Part::Protect.stage();
    stage.sandbox.set("protected_elsewhere=true").unwrap();
    let mark = stage.mark();
    for command in ["prepare", "protect"] {
        stage
            .az("everything", &[command, "--yes"])
            .ends(Exit::Failed.code())
            .says("aks-demo-old in vault vault-elsewhere (resource group rg-elsewhere)")
            .says("--vault vault-elsewhere --vault-resource-group rg-elsewhere");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// Where the signed-in account can't read role assignments, the vault tells.
#[test]
fn a_role_that_is_missing_is_named_by_the_vault_s_own_validation() {
    let stage = Part::Protect.stage();
    let group = stage.value("/cloud/storage/snapshot_group");
    let cluster = stage.value("/cloud/prerequisites/cluster_principal");
    assert_eq!(stage.sandbox.azure().unassign(&cluster, "Contributor", &group), 1);
    stage
        .sandbox
        .set("fault=403/AuthorizationFailed@GET:roleAssignments:99")
        .unwrap();
    protect(&stage, "90m")
        .ends(Exit::Failed.code())
        .says("UserErrorMissingRequiredPermissions")
        .says("az aksbackup grant")
        .says("az aksbackup status");
    assert_eq!(puts(&stage), 0, "nothing is made that cannot work");
}

#[test]
fn a_role_that_is_missing_is_handed_over_before_the_vault_is_asked() {
    let stage = Part::Protect.stage();
    let group = stage.value("/cloud/storage/snapshot_group");
    let cluster = stage.value("/cloud/prerequisites/cluster_principal");
    assert_eq!(stage.sandbox.azure().unassign(&cluster, "Contributor", &group), 1);
    protect(&stage, "90m")
        .ends(Exit::TheirTurn.code())
        .says("1 role assignment is missing")
        .says("az aksbackup grant");
    assert_eq!(puts(&stage), 0, "nothing is made that cannot work");
    stage.grant("owner").ok();
    protect(&stage, "90m").ok();
}

#[test]
fn an_instance_that_somebody_else_makes_after_a_refusal_is_not_called_ours() {
    let stage = Part::Protect.stage();
    let theirs = stage.folder().join("theirs.toml");
    std::fs::copy(stage.state(), &theirs).unwrap();
    let refused = "fault=403/AuthorizationFailed@PUT:/backupInstances/:1";
    stage.sandbox.set(refused).unwrap();
    protect(&stage, "90m").ends(Exit::TheirTurn.code());
    finish(Part::Protect.command(&stage).env("AKSBACKUP_STATE", &theirs)).ok();
    let mark = stage.mark();
    protect(&stage, "90m").ok();
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let created = |state: &Path| {
        std::fs::read_to_string(state)
            .unwrap()
            .matches("/backupInstances/")
            .count()
    };
    let (own, others) = (created(&stage.state()), created(&theirs));
    assert_eq!(own + 1, others, "only one of them has made it\n{}", stage.state_text());
}
