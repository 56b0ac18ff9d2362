//! What this user chose on this machine is remembered by digest, and needs no second confirmation; what a file says does.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{PRINTED_GRANT, Stage, finish};

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
