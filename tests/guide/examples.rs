//! Every example in every help text, run as it stands in a shell, by somebody who may, in a world where the hand-off is done.
//! tests/native runs them inside the real az and kubectl.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use aksbackup_tests::examples::{all, can_end, goes_on, in_this_world, person, prepare, put_state, watch};
use aksbackup_tests::harness::{Stage, binary};
use aksbackup_tests::terminal::shown;

/// `az` and `kubectl` as they run the programs, without what else they do.
fn callers(stage: &Stage) {
    for name in ["az", "kubectl"] {
        let path = stage.folder().join("bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\nshift\nexec {name}-aksbackup \"$@\"\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// `line` in a shell, as `person` would type it.
fn shell(stage: &Stage, person: &str, line: &str) -> Command {
    let programs = binary("az-aksbackup").parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", stage.folder().join("bin").display(), programs.display());
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!(". ./env/{person}.sh\n{line}")])
        .env_clear()
        .env("PATH", path)
        .env("HOME", stage.folder())
        .env("NO_COLOR", "1")
        .current_dir(stage.folder());
    shell
}

/// Runs `line` on a terminal as `person`, who says yes.
fn run(stage: &Stage, person: &str, line: &str) -> (String, i32) {
    if goes_on(line) {
        return watch(stage, shell(stage, person, line)).unwrap();
    }
    let (lines, code) = shown(shell(stage, person, line), 200, Some(("[y/", "y"))).unwrap();
    (lines.join("\n"), code)
}

fn all_of(program: &str) {
    let stage = Stage::new().unwrap();
    prepare(&stage);
    callers(&stage);
    let (state, azure) = (stage.state_text(), stage.sandbox.azure());
    let memory = azure.remember();
    // After a teardown nothing is left in the cluster.
    let mut lines = all(program);
    lines.sort_by_key(|line| line.contains("teardown"));
    for line in lines {
        // Each begins with the file that the last hand-off left, and with copies of it.
        put_state(&stage, &state);
        let line = in_this_world(&stage, &line);
        let (text, code) = run(&stage, person(&line), &line);
        assert!(can_end(&line, code), "{line}\nexit {code}\n{text}");
        if line.contains("teardown") {
            azure.recall(&memory);
        }
        if line.contains("unconfigure") {
            let again = format!("kubectl aksbackup configure --yes --client-id {}", stage.client_id());
            let (text, code) = run(&stage, "cluster-admin", &again);
            assert_eq!(code, 0, "{text}");
        }
    }
}

#[test]
fn every_example_of_az_runs() {
    all_of("az-aksbackup");
}

#[test]
fn every_example_of_kubectl_runs() {
    all_of("kubectl-aksbackup");
}
