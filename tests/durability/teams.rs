//! Two teams on one shared folder at the same time, and somebody who changes his mind.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Once;

use aksbackup_tests::harness::{Stage, finish};
use nix::unistd::geteuid;
use serde_json::Value;

use crate::extent;
use crate::part::Part;

/// The group that both teams are in, where the test may be other people.
const GROUP: u32 = 61_000;

/// A folder that both teams may write, with the stage's state file in it.
fn shared(stage: &Stage) -> std::path::PathBuf {
    let folder = stage.folder().join("shared");
    std::fs::create_dir(&folder).unwrap();
    let state = folder.join("aksbackup.toml");
    std::fs::copy(stage.state(), &state).unwrap();
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    if geteuid().is_root() {
        chown(&folder, None, Some(GROUP)).unwrap();
        chown(&state, None, Some(GROUP)).unwrap();
    }
    mode(&state, 0o640);
    mode(&folder, 0o2770);
    mode(stage.folder(), 0o755);
    state
}

/// Lets a member of the group run a command, where the test may do so.
fn by(member: u32, mut command: Command, state: &Path) -> Command {
    command.env("AKSBACKUP_STATE", state);
    if geteuid().is_root() {
        command.uid(GROUP + member).gid(GROUP);
    }
    command
}

#[test]
fn two_teams_on_one_shared_folder_both_finish_and_both_results_are_there() {
    const SUBJECT: &str = "system:serviceaccount:dataprotection-microsoft:another";
    if !geteuid().is_root() {
        extent::told("two teams: NOT TRIED as two users with one group, which takes root; as one user twice");
    }
    let stage = Part::Configure.stage();
    let state = shared(&stage);
    let mut prepare = stage.az_command("platform", &["prepare", "--subject", SUBJECT, "--yes"]);
    // Another user ran `init`, so this one confirms what the file names.
    let vouchers = stage.vouchers();
    prepare.args(&vouchers);
    let configure = Part::Configure.command(&stage);
    let [mut prepare, mut configure] = [by(1, prepare, &state), by(2, configure, &state)];
    std::thread::scope(|scope| {
        let first = scope.spawn(|| finish(&mut prepare));
        let second = scope.spawn(|| finish(&mut configure));
        first.join().unwrap().ok();
        second.join().unwrap().ok();
    });
    let values: Value = toml::from_str(&std::fs::read_to_string(&state).unwrap()).unwrap();
    let credentials = values
        .pointer("/cloud/federation/credentials")
        .and_then(Value::as_array);
    assert_eq!(credentials.map(Vec::len), Some(4), "{values:#}");
    assert!(
        values.pointer("/cluster/verification/client_id").is_some(),
        "{values:#}"
    );
    let metadata = std::fs::metadata(&state).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o640);
    assert!(
        !geteuid().is_root() || metadata.gid() == GROUP,
        "the file left its group"
    );
    let mut protect = Part::Protect.command(&stage);
    protect.args(&vouchers);
    finish(&mut by(1, protect, &state)).ok();
}

#[test]
fn who_changes_what_is_wanted_changes_nothing_that_was_agreed_to() {
    const POLICIES: &str = "Microsoft.DataProtection/backupVaults/backupPolicies";
    let stage = Part::Prepare.stage();
    let (state, once) = (stage.state(), Once::new());
    let wanted = stage.value("/target/policy/name");
    let (old, new) = (format!("name = \"{wanted}\""), "name = \"another\"");
    let (from, file) = (old, state);
    stage.sandbox.log().on_arrival(move |arrival| {
        let vault = arrival.method == "PUT" && arrival.target.to_ascii_lowercase().contains("/backupvaults/");
        if vault {
            once.call_once(|| {
                let lock = std::fs::File::open(file.with_file_name("aksbackup.toml.lock")).unwrap();
                lock.lock().unwrap();
                let text = std::fs::read_to_string(&file).unwrap();
                std::fs::write(file.with_extension("new"), text.replace(&from, new)).unwrap();
                std::fs::rename(file.with_extension("new"), &file).unwrap();
            });
        }
    });
    Part::Prepare.run(&stage).ok();
    let made = stage.sandbox.azure().resources(POLICIES);
    let names: Vec<_> = made.iter().map(|policy| policy["name"].as_str().unwrap()).collect();
    assert_eq!(names, [wanted.as_str()], "it made what nobody had agreed to");
    assert!(stage.state_text().contains(new), "the other one's wish is lost");
    let status = stage.az("reader", &["status", "--offline"]).ok();
    status.says(&format!("completed for policy {wanted}, which is now another"));
}
