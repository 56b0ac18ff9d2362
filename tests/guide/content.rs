//! What a person should know of the content of backups is said before the first one, and once.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage};

const FILES: &str = "snapshots of Azure Files volumes are stored in the file share itself";
const SECRETS: &str = "backups contain all Secrets of the backed-up namespaces";

/// Fails before: neither was said before the cluster was protected.
#[test]
fn secrets_and_shares_are_named_by_init_and_in_the_plan_of_protect_once() {
    let stage = Stage::new().unwrap().accepting("includedVolumeTypes");
    let files = ["--set", "instance.included_volume_types=AzureDisk,AzureFileShareSMB"];
    let run = stage.az("platform", &[&INIT[..], &files].concat()).ok();
    assert!(
        run.stderr.contains(FILES) && run.stderr.contains("Secrets included"),
        "{run}"
    );
    let run = stage.az("platform", &["init", "--yes", "--retention", "14d"]).ok();
    assert!(!run.stderr.contains(FILES), "it isn't new\n{run}");
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    let plan = stage
        .az("platform", &["protect", "--dry-run"])
        .ends(Exit::Pending.code());
    let all = format!("{}{}", plan.stdout, plan.stderr);
    for text in [FILES, SECRETS] {
        assert_eq!(all.matches(text).count(), 1, "{text}: {plan}");
    }
    stage.az("platform", &["protect", "--yes"]).ok();
    stage
        .az(
            "platform",
            &["init", "--yes", "--set", "instance.included_namespaces=shop"],
        )
        .ok();
    let run = stage.az("platform", &["protect", "--yes", "--reduce-protection"]).ok();
    let all = format!("{}{}", run.stdout, run.stderr);
    assert!(!all.contains(FILES) && !all.contains(SECRETS), "said already\n{run}");
}
