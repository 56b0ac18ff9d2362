//! `--dry-run` lists each change with its right, and writes nothing.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};

fn lists_only(stage: &Stage, run: impl FnOnce() -> Run, expected: &[&str]) {
    let before = stage.state_text();
    let mark = stage.mark();
    let run = run().ends(Exit::Pending.code());
    assert_eq!(
        stage.writes_since(mark),
        Vec::<String>::new(),
        "a dry run sends no write\n{run}"
    );
    assert_eq!(stage.state_text(), before, "a dry run does not touch the file\n{run}");
    for text in expected {
        assert!(run.stdout.contains(text), "the plan lacks {text:?}\n{run}");
    }
}

#[test]
fn every_writing_command_has_a_dry_run_that_writes_nothing() {
    let stage = Stage::new().unwrap();
    lists_only(
        &stage,
        || stage.az("platform", &[INIT.as_slice(), &["--dry-run"]].concat()),
        &[],
    );
    stage.init("platform").ok();
    let prepare = [
        "managedClusters/write",
        "storageAccounts/write",
        "backupVaults/write",
        "extensions/write",
        "federatedIdentityCredentials/write",
        "trustedAccessRoleBindings/write",
    ];
    lists_only(&stage, || stage.az("platform", &["prepare", "--dry-run"]), &prepare);
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage
        .az("platform", &["prepare", "--dry-run"])
        .ok()
        .says("nothing to change");
    lists_only(
        &stage,
        || stage.az("owner", &["grant", "--dry-run"]),
        &[
            "Storage Blob Data Contributor",
            "Microsoft.Authorization/roleAssignments/write",
            "rg-snapshots",
        ],
    );
    stage.grant("owner").ok();
    lists_only(
        &stage,
        || stage.kubectl("cluster-admin", &["configure", "--dry-run"]),
        &["dataprotection-microsoft-controller-sa", "patch"],
    );
    stage.configure("cluster-admin", &[]).ok();
    stage.kubectl("cluster-admin", &["configure", "--dry-run"]).ok();
    lists_only(
        &stage,
        || stage.az("platform", &["protect", "--dry-run"]),
        &["backupInstances/write"],
    );
    stage.az("platform", &["protect", "--yes"]).ok();
    lists_only(
        &stage,
        || stage.az("platform", &["backup", "--dry-run"]),
        &["backupInstances/backup/action"],
    );
    lists_only(
        &stage,
        || stage.kubectl("cluster-admin", &["unconfigure", "--dry-run"]),
        &["patch"],
    );
}

#[test]
fn a_server_side_dry_run_sends_nothing_where_rights_lack_or_the_cluster_is_another_one() {
    let stage = Stage::new().unwrap();
    stage.granted();
    for (person, code) in [("viewer", Exit::NotPermitted), ("other-cluster", Exit::Failed)] {
        let mark = stage.mark();
        let run = stage
            .kubectl(person, &["configure", "--dry-run=server"])
            .ends(code.code());
        assert!(!run.stdout.contains("nothing to change"), "nobody could tell\n{run}");
        let patches: Vec<_> = stage
            .since(mark)
            .into_iter()
            .filter(|entry| entry.method == "PATCH")
            .collect();
        assert!(patches.is_empty(), "{patches:?}\n{run}");
    }
}

#[test]
fn a_dry_run_says_what_the_command_would_wait_for() {
    let stage = Stage::with(&["roles_never_effective=true"]).unwrap();
    stage.granted();
    stage
        .kubectl("cluster-admin", &["configure", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("annotate service account");
    stage.configure("cluster-admin", &["--timeout", "10s"]);
    stage
        .kubectl("cluster-admin", &["configure", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("would wait: backup storage location default is Unavailable: AuthorizationPermissionMismatch");
}

/// `--only` and `--skip` leave everything else as it is, say so, and a later run without them does the rest.
#[test]
fn chosen_steps_run_and_the_others_are_named_as_skipped() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let mark = stage.mark();
    stage
        .az("platform", &["prepare", "--yes", "--only", "storage"])
        .ok()
        .says("skipped, and not checked: cluster prerequisites, vault and policy");
    let writes = stage.writes_since(mark);
    assert!(
        !writes.is_empty() && writes.iter().all(|write| write.contains("/storageAccounts/")),
        "{writes:#?}"
    );
    let mark = stage.mark();
    stage
        .az(
            "platform",
            &[
                "prepare",
                "--yes",
                "--skip",
                "cluster-prerequisites",
                "--skip",
                "trusted-access",
            ],
        )
        .says("skipped, and not checked: cluster prerequisites, trusted access");
    let writes = stage.writes_since(mark);
    assert!(
        !writes
            .iter()
            .any(|write| write.contains("PUT /subscriptions") && write.ends_with("/managedClusters/aks-demo")),
        "{writes:#?}"
    );
    stage
        .az("platform", &["prepare", "--only", "backup"])
        .ends(Exit::Usage.code())
        .says("possible values: cluster-prerequisites");
    stage
        .az("platform", &["prepare", "--only", "storage", "--skip", "storage"])
        .ends(Exit::Usage.code());
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.az("platform", &["prepare", "--yes"]).ok().says("nothing to do");
}
