//! Standard output and standard error that cannot be written, and a terminal that goes away.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, binary};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PROGRAMS: [&str; 2] = ["az-aksbackup", "kubectl-aksbackup"];

const STATE: &str = include_str!("../../shared/tests/state-files/2-protected.toml");

/// A stream that refuses what is written to it.
#[derive(Clone, Copy)]
enum Bad {
    Full,
    Closed,
}

impl Bad {
    fn stream(self) -> Stdio {
        match self {
            Self::Full => OpenOptions::new().write(true).open("/dev/full").unwrap().into(),
            Self::Closed => std::io::pipe().unwrap().1.into(),
        }
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("aksbackup.toml"), STATE).unwrap();
    folder
}

fn command(folder: &tempfile::TempDir, program: &str, words: &[&str]) -> Command {
    let mut command = Command::new(binary(program));
    command.args(words).env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

fn ended(mut command: Command) -> Run {
    let child = command.stdin(Stdio::null()).spawn().unwrap();
    Run::from_output(format!("{command:?}"), &child.wait_with_output().unwrap())
}

#[test]
fn a_result_that_cannot_be_written_is_exit_1_and_a_reader_that_has_enough_is_none() {
    let folder = folder();
    let commands: [&[&str]; 9] = [
        &["schema"],
        &["status", "--offline"],
        &["status", "--offline", "-o", "json"],
        &["handoff"],
        &["completion", "bash"],
        &["version"],
        &["--version"],
        &["--help"],
        &["doctor", "list"],
    ];
    for program in PROGRAMS {
        for words in commands {
            let run = |bad: Bad| {
                let mut command = command(&folder, program, words);
                command.stdout(bad.stream()).stderr(Stdio::piped());
                ended(command)
            };
            run(Bad::Full)
                .ends(Exit::Failed.code())
                .says("cannot write to standard output: No space left on device");
            let run = run(Bad::Closed).ok();
            assert_eq!(run.stderr, "", "{run}");
        }
    }
}

#[test]
fn an_error_that_cannot_be_written_keeps_its_exit_code() {
    let folder = folder();
    for (program, bad) in [
        ("az-aksbackup", Bad::Full),
        ("az-aksbackup", Bad::Closed),
        ("kubectl-aksbackup", Bad::Full),
        ("kubectl-aksbackup", Bad::Closed),
    ] {
        for (words, exit) in [
            (&["status", "--offline", "--state", "none.toml"][..], Exit::Missing),
            (&["status", "--no-such-flag"], Exit::Usage),
        ] {
            let mut command = command(&folder, program, words);
            command.stdout(Stdio::piped()).stderr(bad.stream());
            ended(command).ends(exit.code());
        }
    }
}

#[test]
fn a_reader_of_standard_error_that_goes_away_does_not_stop_the_work() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    for (bad, words) in [
        (Bad::Closed, ["prepare", "--yes", "-v"]),
        (Bad::Full, ["prepare", "--yes", "-v"]),
    ] {
        let mut command = stage.az_command("platform", &words);
        command.stdout(Stdio::null()).stderr(bad.stream());
        ended(command).ok();
    }
    assert!(stage.state_text().contains("[cloud.federation]"), "it stopped half-way");
}

/// A `migrate` that waits for the lock, and has said so.
fn waiting(
    folder: &tempfile::TempDir,
    mut command: Command,
) -> (std::process::Child, impl Iterator<Item = String>, File) {
    let lock = File::create(folder.path().join("aksbackup.toml.lock")).unwrap();
    lock.lock().unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(|line| line.unwrap());
    assert!(lines.any(|line| line.starts_with("waiting ")));
    (child, lines, lock)
}

fn pid(child: &std::process::Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

const WAITING: [&str; 4] = ["merge", "copy.toml", "--lock-timeout", "10m"];

/// Lets the children of this process start with the usual effect of SIGHUP, also where `nohup` started the tests: a signal that is
/// ignored stays ignored in a child, and one that has a handler does not.
fn hangup_as_usual() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let _handler = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
}

#[test]
fn a_terminal_that_goes_away_interrupts_the_command_and_leaves_no_core_file() {
    hangup_as_usual();
    for program in PROGRAMS {
        let folder = folder();
        std::fs::write(folder.path().join("copy.toml"), STATE).unwrap();
        let (mut child, mut lines, _lock) = waiting(&folder, command(&folder, program, &WAITING));
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let cores = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        assert_eq!(
            cores.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
            ["0", "0"],
            "{limits}"
        );
        kill(pid(&child), Signal::SIGHUP).unwrap();
        assert!(lines.any(|line| line.contains("interrupted")), "it says nothing");
        assert_eq!(child.wait().unwrap().code(), Some(i32::from(Exit::Interrupted.code())));
    }
}

#[test]
fn a_command_that_nohup_started_outlives_its_terminal() {
    let folder = folder();
    std::fs::write(folder.path().join("copy.toml"), STATE).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"trap "" HUP; exec "$0" "$@""#])
        .arg(binary("az-aksbackup"))
        .args(WAITING)
        .current_dir(&folder)
        .stdin(Stdio::null());
    let (mut child, _lines, lock) = waiting(&folder, command);
    kill(pid(&child), Signal::SIGHUP).unwrap();
    drop(lock);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_command_whose_terminal_is_gone_finishes_its_work() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let bare = stage.az_command("platform", &["prepare", "--yes"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"trap "" HUP; exec "$0" "$@""#])
        .arg(bare.get_program())
        .args(bare.get_args())
        .env_clear()
        .envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("TERM", "xterm")
        .current_dir(stage.folder());
    let ends = nix::pty::openpty(None, None).unwrap();
    for set in [Command::stdin, Command::stdout, Command::stderr] {
        set(&mut command, Stdio::from(ends.slave.try_clone().unwrap()));
    }
    // A clone is closed in the child, which would else keep its terminal open itself.
    let mut terminal = File::from(ends.master).try_clone().unwrap();
    let mut child = command.spawn().unwrap();
    drop((command, ends.slave));
    assert!(
        std::io::Read::read(&mut terminal, &mut [0; 1]).unwrap() == 1,
        "it shows nothing"
    );
    drop(terminal);
    // Its result, which it could not write; a panic would have ended it before.
    assert_eq!(child.wait().unwrap().code(), Some(i32::from(Exit::Failed.code())));
    assert!(stage.state_text().contains("[cloud.federation]"), "it stopped half-way");
}
