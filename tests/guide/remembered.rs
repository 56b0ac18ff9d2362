//! What this user chose on this machine is remembered by digest, and needs no second confirmation; what a file says does.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{PRINTED_GRANT, Stage, finish};
use aksbackup_tests::terminal::answered;

#[test]
fn yes_suffices_where_this_user_chose_the_values_and_nowhere_else() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let elsewhere = tempfile::tempdir().unwrap();
    let as_another = |arguments: &[&str]| {
        let mut command = stage.az_command("platform", arguments);
        finish(command.env("HOME", elsewhere.path()))
    };
    let mark = stage.mark();
    for command in ["prepare", "up"] {
        as_another(&[command, "--yes"])
            .ends(Exit::Usage.code())
            .says("--cluster RESOURCE-GROUP/NAME");
    }
    // Changing one value of a stranger's file by --yes makes the others nobody's choice.
    as_another(&["init", "--retention", "P30D", "--yes"]).ok();
    as_another(&["prepare", "--yes"]).ends(Exit::Usage.code());
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let digest = as_another(&["status", "--offline", "-o", "json"]).json()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    as_another(&["prepare", "--yes", "--expect-digest", &digest, "--dry-run"]).ends(Exit::Pending.code());
    let vouchers = stage.vouchers();
    let flags: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    as_another(&[&["prepare", "--yes"], flags.as_slice()].concat()).ok();
    // What was confirmed once by the flags needs them no more.
    as_another(&["prepare", "--yes"]).ok();
}

#[test]
fn a_digest_names_the_file_for_prepare_and_not_for_grant() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let digest = |stage: &Stage| {
        let run = stage.az("platform", &["status", "--offline", "-o", "json"]);
        run.json()["digest"].as_str().unwrap().to_owned()
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let own = digest(&stage);
    let mut command = stage.az_command("platform", &["prepare", "--yes", "--expect-digest", &own]);
    finish(command.env("HOME", elsewhere.path())).ok();
    let mark = stage.mark();
    stage
        .az("owner", &["grant", "--yes", "--expect-digest", &digest(&stage)])
        .ends(Exit::Usage.code())
        .says(PRINTED_GRANT);
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// Writes a copy of the state file whose `[target]` names another vault and claims to come after ours.
fn copy_with_another_vault(stage: &Stage) {
    let text = stage.state_text();
    let vault = stage.value("/target/vault/name");
    let own = stage.value("/target/written/id");
    let line = text
        .lines()
        .find(|line| line.starts_with("written") && line.contains(&own));
    let claim = format!(
        r#"written = {{ id = "aaaaaaaaaaaaaaaa", ancestors = ["{own}"], observed_at = "2026-12-01T00:00:00Z", by = "platform", tool = "az-aksbackup 9" }}"#
    );
    let theirs = text.replace(line.unwrap(), &claim).replace(&vault, "bv-other");
    std::fs::write(stage.folder().join("theirs.toml"), theirs).unwrap();
}

#[test]
fn a_merged_target_is_confirmed_by_the_question_and_not_by_a_flag() {
    const QUESTION: &str = "Take target from theirs.toml?";
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    copy_with_another_vault(&stage);
    let ours = stage.state_text();
    let mark = stage.mark();
    let prepare = || stage.az("platform", &["prepare", "--yes"]);
    // A flag takes the values, but shows none of them.
    stage
        .az("platform", &["merge", "theirs.toml", "--theirs", "target"])
        .ok();
    assert_eq!(stage.value("/target/vault/name"), "bv-other");
    prepare().ends(Exit::Usage.code()).says("--cluster RESOURCE-GROUP/NAME");
    // The question shows how they differ from values that another user never confirmed.
    std::fs::write(stage.state(), &ours).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut merge = stage.az_command("platform", &["merge", "theirs.toml"]);
    merge.env("HOME", elsewhere.path());
    answered(merge, QUESTION, "y\n").unwrap().ok();
    let mut another = stage.az_command("platform", &["prepare", "--yes"]);
    finish(another.env("HOME", elsewhere.path())).ends(Exit::Usage.code());
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    // Whoever confirmed the former values and is shown the difference confirms the new ones.
    std::fs::write(stage.state(), &ours).unwrap();
    let merge = || stage.az_command("platform", &["merge", "theirs.toml"]);
    answered(merge(), QUESTION, "n\n").unwrap();
    assert_ne!(stage.value("/target/vault/name"), "bv-other");
    answered(merge(), QUESTION, "y\n").unwrap().ok().says("bv-other");
    prepare().ok();
}
