//! What stands in the caller's way is said before the first write where Azure tells, and named when it strikes where it does not.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};

/// Whether every question about the caller's rights came before the first write.
fn asked_before_writing(stage: &Stage, mark: usize) {
    let entries = stage.since(mark);
    let question = |target: &str| target.contains("/providers/Microsoft.Authorization/permissions");
    let last = entries.iter().rposition(|entry| question(&entry.target));
    let first = entries.iter().position(|entry| entry.write && entry.service == "arm");
    assert!(last.is_some(), "nobody asked for rights");
    assert!(first.is_none_or(|first| last < Some(first)), "{entries:#?}");
}

/// The line of the preflight.
fn preflight(run: &Run) -> &str {
    let line = run.stderr.lines().find(|line| line.contains("Preflight"));
    line.unwrap_or_else(|| panic!("no preflight\n{run}"))
}

#[test]
fn each_person_is_told_at_the_start_what_they_cannot_finish() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let nodes = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write on MC_rg-aks";
    for (persona, lacks, holds) in [
        ("platform", "", "all 18 required permissions"),
        ("platform-no-node", nodes, "15 of 18 required permissions"),
        (
            "reader",
            "lacks Microsoft.Storage/storageAccounts/write",
            "10 of 18 required permissions",
        ),
    ] {
        let mark = stage.mark();
        let run = stage.az(persona, &["prepare", "--yes"]);
        let line = preflight(&run);
        assert!(
            line.contains(lacks) && line.contains(holds),
            "{persona}: {lacks}; {holds}\n{run}"
        );
        assert_eq!(line.contains("lacks"), !lacks.is_empty(), "{run}");
        asked_before_writing(&stage, mark);
    }
    let run = stage.grant("owner-storage-only");
    let line = preflight(&run);
    assert!(
        line.contains("lacks Microsoft.Authorization/roleAssignments/write on aks-demo")
            && line.contains("lacks Microsoft.Authorization/roleAssignments/write on rg-snapshots")
            && !line.contains("write on rg-backup"),
        "{run}"
    );
    let run = stage.az("reader", &["protect", "--yes"]);
    assert!(
        preflight(&run).contains("Microsoft.DataProtection/backupVaults/validateForBackup/action"),
        "{run}"
    );
}

#[test]
fn rights_on_what_does_not_exist_or_cannot_be_asked_are_unknown() {
    let stage = Stage::with(&[
        "no_snapshot_group=true",
        "fault=403/AuthorizationFailed@GET:rg-backup/providers/Microsoft.Authorization/permissions:99",
    ])
    .unwrap();
    stage.init("platform").ok();
    let run = stage
        .az("platform", &["prepare", "--dry-run"])
        .ends(Exit::Pending.code());
    assert!(preflight(&run).contains("unknown on rg-backup"), "{run}");
    let run = stage.az("everything", &["grant", "--yes"]);
    let line = preflight(&run);
    assert!(line.contains("unknown on rg-backup, rg-snapshots"), "{run}");
}

#[test]
fn a_deny_assignment_is_named_and_is_nobody_s_turn() {
    let stage = Stage::with(&["backup_group_denied=true"]).unwrap();
    stage.init("everything").ok();
    stage
        .az("everything", &["prepare", "--yes"])
        .ends(Exit::NotPermitted.code())
        .says("DenyAssignmentAuthorizationFailed")
        .says("deny assignment with name 'Frozen by the landing zone'")
        .says("ask the owner of the deny assignment to remove it")
        .says("denyAssignments?api-version");
    stage.sandbox.set("backup_group_denied=false").unwrap();
    stage.az("everything", &["prepare", "--yes"]).ok();
}

#[test]
fn a_lock_is_named_where_it_strikes() {
    let stage = Stage::with(&["backup_group_lock=ReadOnly"]).unwrap();
    stage.init("platform").ok();
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(Exit::Failed.code())
        .says("ScopeLocked")
        .says("resourceGroups/rg-backup")
        .says("az lock list --subscription 0b1f6471-1bf0-4dda-aec3-cb9272f09590");
    // A lock against deletion stops nothing of ours.
    stage.sandbox.set("backup_group_lock=CanNotDelete").unwrap();
    stage.az("platform", &["prepare", "--yes"]).ok();
}

/// Whether the OIDC issuer was switched on, which can't be taken back.
fn issuer_is_on(stage: &Stage) -> bool {
    let is_cluster = |own: &String| own.starts_with("PUT ") && own.contains("/managedClusters/aks-demo?");
    stage.writes_since(0).iter().any(is_cluster)
}

#[test]
fn the_issuer_stays_off_while_something_else_stands_in_the_way_and_is_switched_on_afterwards() {
    for switch in [
        "snapshot_group_lock",
        "backup_group_denied",
        "backup_group_lock",
        "locked_node_group",
    ] {
        let value = if switch == "backup_group_lock" {
            "ReadOnly"
        } else {
            "true"
        };
        let stage = Stage::with(&[&format!("{switch}={value}")]).unwrap();
        stage.init("everything").ok();
        let run = stage.az("everything", &["verify", "--pre"]);
        // Azure doesn't tell of a deny assignment until it strikes.
        assert_eq!(run.code != 0, switch != "backup_group_denied", "{switch}\n{run}");
        let run = stage.az("everything", &["prepare", "--yes"]);
        assert_ne!(run.code, 0, "{run}");
        assert!(!issuer_is_on(&stage), "{switch}\n{run}");
    }
}

#[test]
fn the_issuer_stays_off_where_a_policy_refuses_the_account() {
    let stage = Stage::with(&["fault=403/RequestDisallowedByPolicy@PUT:storageAccounts:9"]).unwrap();
    stage.init("everything").ok();
    let run = stage.az("everything", &["prepare", "--yes"]);
    assert_ne!(run.code, 0, "{run}");
    assert!(!issuer_is_on(&stage), "{run}");
    stage.az("everything", &["prepare", "--yes"]);
    assert!(!issuer_is_on(&stage));
}

#[test]
fn what_stops_prepare_is_a_finding_before_the_set_up() {
    for switch in ["protected_elsewhere=true", "extension=failed"] {
        let stage = Stage::with(&[switch]).unwrap();
        stage.init("everything");
        stage.az("everything", &["verify", "--pre"]).ends(Exit::Pending.code());
    }
}
