//! Every example in every help text, run as it stands in a shell, by somebody who may, in a world where the hand-off is done.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use aksbackup_tests::harness::{Stage, binary};
use aksbackup_tests::terminal::shown;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::reference::commands;

/// What an example has to stand for where it means something of the reader's own, or a place outside of the test's folder.
fn in_this_world(stage: &Stage, line: &str) -> String {
    let job = stage.value("/cloud/backup/job");
    let own = [
        (
            "/subscriptions/.../managedClusters/aks-demo",
            stage.value("/target/cluster"),
        ),
        (
            "11111111-2222-3333-4444-555555555555",
            job.rsplit('/').next().unwrap().to_owned(),
        ),
        (
            "--subscription contoso --cluster rg-aks/aks-demo --vault rg-backup/bv-demo \
             --storage-account rg-backup/stbackup --snapshot-resource-group rg-snapshots ",
            vouchers(stage),
        ),
        ("00000000-0000-0000-0000-000000000000", stage.client_id()),
        ("--context aks-demo", "--context cluster-admin".to_owned()),
        ("/etc/bash_completion.d", ".".to_owned()),
        ("${fpath[1]}", ".".to_owned()),
        ("~/.zfunc", ".".to_owned()),
    ];
    own.iter()
        .fold(line.to_owned(), |line, (text, own)| line.replace(text, own))
}

fn vouchers(stage: &Stage) -> String {
    format!("{} ", stage.vouchers().join(" "))
}

/// The examples of a help text, each in one line.
fn examples(program: &str, command: &[&str]) -> Vec<String> {
    // So wide that no line is broken.
    let help = help(program, command);
    let (_, list) = help.split_once("Examples:\n").unwrap_or_default();
    let list = list.split("\n\n").next().unwrap_or_default().replace("\\\n", " ");
    list.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn help(program: &str, command: &[&str]) -> String {
    let mut line = Command::new(binary(program));
    let run = line.args(command).arg("--help").env_clear().env("COLUMNS", "1000");
    aksbackup_tests::harness::finish(run).ok().stdout
}

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
        return watch(stage, shell(stage, person, line));
    }
    let (lines, code) = shown(shell(stage, person, line), 200, Some(("[y/", "y"))).unwrap();
    (lines.join("\n"), code)
}

/// Whether a command ends by Ctrl-C alone.
fn goes_on(line: &str) -> bool {
    line.contains("--follow") || line.contains("--watch")
}

/// Runs a command until it has asked for what it shows, and leaves it then as Ctrl-C does.
fn watch(stage: &Stage, mut command: Command) -> (String, i32) {
    let before = stage.mark();
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let log = stage.sandbox.log();
    let asked = log.wait_until(Duration::from_secs(120), |entries| entries.len() > before);
    assert!(asked, "nobody asked for anything");
    killpg(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        String::from_utf8_lossy(&text).into_owned(),
        output.status.code().unwrap_or(-1),
    )
}

/// Who runs an example.
fn person(line: &str) -> &'static str {
    let command = line.split(" # ").next().unwrap_or_default();
    match command {
        line if line.contains("kubectl") => "cluster-admin",
        line if line.contains(" grant") => "owner",
        _ => "platform",
    }
}

/// How an example may end besides 0: findings are one of the answers of a check, pending changes one of a dry run, and Ctrl-C
/// is 130.
fn may_end(line: &str, code: i32) -> bool {
    let is_check = ["verify", "doctor", "report", "--dry-run"]
        .iter()
        .any(|command| line.contains(command));
    code == 0 || (code == 8 && is_check) || (code == 130 && goes_on(line))
}

fn all_of(program: &str) {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    callers(&stage);
    for (file, run) in [
        ("cloud.json", stage.az("platform", &["verify", "-o", "json"])),
        (
            "cluster.json",
            stage.kubectl("cluster-admin", &["verify", "-o", "json"]),
        ),
    ] {
        fs::write(stage.folder().join(file), run.stdout).unwrap();
    }
    let state = stage.state_text();
    let whole = help(program, &[]);
    let mut all = examples(program, &[]);
    for command in commands(&whole) {
        let own = examples(program, &[&command]);
        assert!(!own.is_empty(), "{program} {command} has no examples");
        all.extend(own);
    }
    for line in all {
        // Each begins with the file that the last hand-off left, and with copies of it.
        for file in [
            "aksbackup.toml",
            "aks-demo.toml",
            "a.toml",
            "b.toml",
            "from-cluster-team.toml",
        ] {
            fs::write(stage.folder().join(file), &state).unwrap();
        }
        let line = in_this_world(&stage, &line);
        let (text, code) = run(&stage, person(&line), &line);
        assert!(may_end(&line, code), "{line}\nexit {code}\n{text}");
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
