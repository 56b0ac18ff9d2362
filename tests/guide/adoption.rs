//! What exists already, made by other hands or under a file that is lost, is taken as it is.

use aksbackup_tests::harness::{INIT, Stage};
use serde_json::Value;

/// Names that nobody would get by default.
const OWN_NAMES: [&str; 10] = [
    "--storage-account",
    "stbyhand",
    "--container",
    "by-hand",
    "--vault",
    "bv-by-hand",
    "--policy",
    "by-hand",
    "--extension",
    "my-backup",
];

fn target(text: &str) -> toml::Value {
    let state: toml::Value = toml::from_str(text).unwrap();
    state["target"].clone()
}

#[test]
fn a_file_that_is_lost_is_made_again_from_what_is_there() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &[&INIT[..], &OWN_NAMES[..]].concat()).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    let lost = target(&stage.state_text());
    std::fs::remove_file(stage.state()).unwrap();

    let mark = stage.mark();
    stage.az("platform", &["init", "--yes"]).ok();
    let found = target(&stage.state_text());
    for (table, key) in [
        ("storage", "account"),
        ("storage", "container"),
        ("snapshots", "resource_group"),
        ("vault", "name"),
        ("policy", "name"),
        ("extension", "name"),
        ("instance", "name"),
    ] {
        assert_eq!(found[table][key], lost[table][key], "{table}.{key}");
    }
    for command in ["prepare", "grant", "protect"] {
        stage.az("everything", &[command]).ok().says("nothing to do");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert!(
        !stage.state_text().contains("created ="),
        "what was found was not made by this file\n{}",
        stage.state_text()
    );
}

#[test]
fn a_file_cannot_aim_a_backup_at_anything_but_the_cluster_s_own_instance() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    let own = stage.value("/cloud/instance/instance");
    let site = format!(
        "{}/providers/Microsoft.Web/sites/victim",
        stage.value("/cloud/storage/snapshot_group")
    );
    let claimed = stage
        .state_text()
        .replace(&format!("instance = \"{own}\""), &format!("instance = \"{site}\""));
    assert_ne!(claimed, stage.state_text());
    std::fs::write(stage.state(), claimed).unwrap();
    let mark = stage.mark();
    stage.az("platform", &["backup", "--yes"]).ok();
    let writes = stage.writes_since(mark);
    assert!(
        writes.iter().all(|write| write.contains(&own)) && writes.len() == 1,
        "{writes:#?}"
    );
}

#[test]
fn a_status_that_could_not_look_calls_nothing_protected() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    stage
        .az("reader", &["status", "--check"])
        .ok()
        .says("checked in this run: 9 of 13 steps, all complete")
        .says("reported, not checked in this run: workload identity, rollout, verification, backup");
    let stranger = stage
        .az("stranger", &["status", "--check"])
        .ends(8)
        .says("could not be checked: ");
    assert!(!stranger.stdout.contains("is protected"), "{stranger}");
    let offline = stage.az("stranger", &["status", "--offline"]).ok();
    assert!(!offline.stdout.contains("is protected"), "{offline}");
    let rows = stage.az("stranger", &["status", "-o", "json"]).ok().json();
    let standing = |row: &Value| row["standing"] == "unknown";
    assert!(rows["steps"].as_array().unwrap().iter().any(standing), "{rows}");
}

#[test]
fn a_backup_goes_by_the_policy_in_force_until_protect_attaches_the_new_one() {
    let stage = crate::part::Part::Backup.stage();
    stage.az("platform", &["init", "--schedule", "4h", "--yes"]).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    assert_eq!(stage.value("/cloud/vault/rule"), "BackupHourly");
    stage.az("platform", &["backup", "--yes"]).ok();
}
