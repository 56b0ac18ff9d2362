//! The examples of the help texts, as they can be run on a stage where the handoff is done.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::harness::{Stage, binary, finish};

/// What an example stands for where it means something of the reader's own, or a place outside of the test's folder.
#[must_use]
pub fn in_this_world(stage: &Stage, line: &str) -> String {
    let job = stage.value("/cloud/backup/job");
    let own = [
        (
            "/subscriptions/.../managedClusters/aks-demo",
            stage.value("/target/cluster"),
        ),
        // A cluster that is protected keeps its vault.
        (
            "--vault bv-demo ",
            format!("--vault {} ", stage.value("/target/vault/name")),
        ),
        (
            "11111111-2222-3333-4444-555555555555",
            job.rsplit('/').next().unwrap_or_default().to_owned(),
        ),
        (
            "--subscription contoso --cluster rg-aks/aks-demo --vault rg-backup/bv-demo \
             --storage-account rg-backup/stbackup --snapshot-resource-group rg-snapshots ",
            format!("{} ", stage.vouchers().join(" ")),
        ),
        ("00000000-0000-0000-0000-000000000000", stage.client_id()),
        // A time after the backup.
        ("2026-11-29T06:00:00Z", "2100-01-01T00:00:00Z".to_owned()),
        ("--context aks-demo", "--context cluster-admin".to_owned()),
        ("/etc/bash_completion.d", ".".to_owned()),
        ("${fpath[1]}", ".".to_owned()),
        ("~/.zfunc", ".".to_owned()),
    ];
    own.iter()
        .fold(line.to_owned(), |line, (text, own)| line.replace(text, own))
}

/// Every example of a program, each in one line: those of the program, and those of each command.
///
/// # Panics
/// A command has none.
#[must_use]
pub fn all(program: &str) -> Vec<String> {
    let mut all = examples(program, &[]);
    for command in commands(&help(program, &[])) {
        let own = examples(program, &[&command]);
        assert!(!own.is_empty(), "{program} {command} has no examples");
        all.extend(own);
        for within in commands(&help(program, &[&command])) {
            let own = examples(program, &[&command, &within]);
            assert!(!own.is_empty(), "{program} {command} {within} has no examples");
            all.extend(own);
        }
    }
    all
}

fn examples(program: &str, command: &[&str]) -> Vec<String> {
    let help = help(program, command);
    let (_, list) = help.split_once("Examples:\n").unwrap_or_default();
    let list = list.split("\n\n").next().unwrap_or_default().replace("\\\n", " ");
    list.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn help(program: &str, command: &[&str]) -> String {
    let mut line = Command::new(binary(program));
    // So wide that no line is broken.
    let run = line.args(command).arg("--help").env_clear().env("COLUMNS", "1000");
    finish(run).ok().stdout
}

/// The names in a help text's list of commands: two spaces, then the name.
#[must_use]
pub fn commands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    let named = list.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    named
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The handoff up to and including a backup, with the results of both programs next to the state file.
///
/// # Panics
/// A command of the handoff fails, or a file can't be written.
pub fn prepare(stage: &Stage) {
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    stage
        .az("platform", &["prepare", "--dry-run", "--plan-out", "plan.json"])
        .ok();
    for (file, run) in [
        ("cloud.json", stage.az("platform", &["verify", "-o", "json"])),
        (
            "cluster.json",
            stage.kubectl("cluster-admin", &["verify", "-o", "json"]),
        ),
    ] {
        write(stage, file, &run.stdout);
    }
}

/// Puts the state file in the place of each file that an example names.
///
/// # Panics
/// A file can't be written.
pub fn put_state(stage: &Stage, state: &str) {
    for file in [
        "aksbackup.toml",
        "aks-demo.toml",
        "a.toml",
        "b.toml",
        "from-cluster-team.toml",
    ] {
        write(stage, file, state);
    }
}

fn write(stage: &Stage, file: &str, text: &str) {
    if let Err(error) = std::fs::write(stage.folder().join(file), text) {
        panic!("cannot write {file}: {error}");
    }
}

/// Who runs an example.
#[must_use]
pub fn person(line: &str) -> &'static str {
    match command(line) {
        line if line.contains("kubectl") => "cluster-admin",
        line if line.contains(" grant") => "owner",
        // One person who does the parts of three.
        line if line.contains(" teardown") => "everything",
        _ => "platform",
    }
}

/// An example without what it is for.
#[must_use]
pub fn command(line: &str) -> &str {
    line.split(" # ").next().unwrap_or_default()
}

/// Whether a command ends by Ctrl-C only.
#[must_use]
pub fn goes_on(line: &str) -> bool {
    line.contains("--follow") || line.contains("--watch")
}

/// How an example can end other than with 0: findings are one of the answers of a check, pending changes one of a dry run, and Ctrl-C
/// is 130.
#[must_use]
pub fn can_end(line: &str, code: i32) -> bool {
    let is_check = ["verify", "doctor", "report", "--dry-run", " apply ", "--plan", "fleet"]
        .iter()
        .any(|command| line.contains(command));
    code == 0 || (code == 8 && is_check) || (code == 130 && goes_on(line))
}

/// Runs a command until it has asked for what it shows, and leaves it then as Ctrl-C does. Returns both streams as one text, and the
/// exit code.
///
/// # Errors
/// The command does not start, or asks for nothing.
pub fn watch(stage: &Stage, mut command: Command) -> io::Result<(String, i32)> {
    let before = stage.mark();
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn()?;
    let log = stage.sandbox.log();
    let has_asked = log.wait_until(Duration::from_secs(120), |entries| entries.len() > before);
    killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT)?;
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    match has_asked {
        true => Ok((text, output.status.code().unwrap_or(-1))),
        false => Err(io::Error::other(format!("nothing was asked for\n{text}"))),
    }
}
