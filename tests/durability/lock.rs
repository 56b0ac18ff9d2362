//! The lock, as people meet it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::json;

use crate::extent;
use crate::faulty::{NOBODY, can_inject, injected, is_root, like};
use crate::tracer::{Ending, kill_at};

fn stage() -> Stage {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    stage
}

fn lock_of(stage: &Stage) -> std::path::PathBuf {
    stage.state().with_file_name("aksbackup.toml.lock")
}

/// A command that writes, and waits as long as it is told.
fn write(stage: &Stage, timeout: &str) -> Command {
    let words = ["init", "--retention", "30d", "--yes", "--lock-timeout", timeout];
    stage.az_command("platform", &words)
}

/// Holds the lock as a process of this id on `host`.
fn hold(stage: &Stage, pid: u32, host: &str) -> File {
    let note = json!({ "pid": pid, "host": host, "command": "az-aksbackup prepare", "since": "2020-01-01T00:00:00Z" });
    std::fs::write(lock_of(stage), note.to_string()).unwrap();
    let file = File::open(lock_of(stage)).unwrap();
    file.lock().unwrap();
    file
}

fn refused(run: Run) -> Run {
    run.ends(6)
        .says("aksbackup.toml is locked by another process")
        .says("--lock-timeout")
}

#[test]
fn a_held_file_is_exit_6_and_both_wait_and_error_name_the_holder() {
    let stage = stage();
    let before = stage.state_text();
    let held = hold(&stage, std::process::id(), "elsewhere");
    let holder = format!("held by process {} on elsewhere for ", std::process::id());
    let run = refused(finish(&mut write(&stage, "1s")));
    assert_eq!(run.stderr.matches(&holder).count(), 2, "{run}");
    run.says("waiting up to 1s").says(": az-aksbackup prepare");
    assert_eq!(stage.state_text(), before);
    // Readers do not care.
    stage.az("stranger", &["status", "--offline"]).ok();
    drop(held);
    finish(&mut write(&stage, "1s")).ok();
}

#[test]
fn a_wait_is_announced_and_ends_when_the_holder_does() {
    let stage = stage();
    let held = hold(&stage, std::process::id(), "elsewhere");
    let mut child = write(&stage, "10m")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map(|line| line.unwrap());
    assert!(lines.any(|line| line.starts_with("waiting up to 10m00s")));
    drop(held);
    assert!(lines.all(|line| !line.starts_with("waiting")), "said twice");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_killed_holder_holds_nothing_and_is_not_named() {
    let stage = stage();
    let ending = kill_at(write(&stage, "1s"), &lock_of(&stage), 30);
    assert_eq!(ending, Ending::Killed);
    let note = std::fs::read_to_string(lock_of(&stage)).unwrap();
    assert!(
        note.contains("az-aksbackup init"),
        "it was killed while it held the lock: {note}"
    );
    let held = File::open(lock_of(&stage)).unwrap();
    held.lock().unwrap();
    refused(finish(&mut write(&stage, "1s"))).says("locked by an unknown process");
    drop(held);
    let run = finish(&mut write(&stage, "0s")).ok();
    assert!(!run.stderr.contains("waiting"), "{run}");
    assert_eq!(std::fs::read_to_string(lock_of(&stage)).unwrap(), "");
}

/// A folder that others made (a clone, a share) may hold anything under the name of the lock file.
#[test]
fn no_other_file_is_written_in_the_name_of_the_lock() {
    let stage = stage();
    let (before, victim) = (stage.state_text(), stage.folder().join("victim"));
    std::fs::write(&victim, "precious").unwrap();
    std::fs::remove_file(lock_of(&stage)).unwrap();
    std::os::unix::fs::symlink(&victim, lock_of(&stage)).unwrap();
    let run = finish(&mut write(&stage, "1s")).ends(7);
    run.says("cannot lock state file").says("ask its owner");
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(stage.state_text(), before);
}

/// Were it closed to others even for a moment, a process that dies then would keep the whole team out.
#[test]
fn a_lock_file_is_never_closed_to_the_team_whenever_its_maker_dies() {
    let stage = stage();
    let mut points = 0;
    loop {
        let _ = std::fs::remove_file(lock_of(&stage));
        let careful = with_umask("077", &write(&stage, "1s"));
        if points == 8 || kill_at(careful, &lock_of(&stage), points + 1) != Ending::Killed {
            break;
        }
        points += 1;
        let mode = std::fs::metadata(lock_of(&stage)).unwrap().permissions().mode();
        assert_eq!(mode & 0o044, 0o044, "stop {points}: {mode:o}");
    }
    assert_eq!(points, 8, "it was killed while it had the lock file open");
}

/// The same command with a mask for the modes of new files.
fn with_umask(mask: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("umask {mask}; exec \"$0\" \"$@\"");
    shell
        .args(["-c", &script])
        .arg(command.get_program())
        .args(command.get_args());
    like(&mut shell, command);
    shell
}

#[test]
fn who_only_reads_needs_no_right_to_write_and_no_lock() {
    let stage = stage();
    let folder = stage.folder().join("readable");
    std::fs::create_dir(&folder).unwrap();
    let state = folder.join("aksbackup.toml");
    std::fs::copy(stage.state(), &state).unwrap();
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(stage.folder(), 0o755);
    mode(&state, 0o444);
    mode(&folder, 0o555);
    let of = |mut command: Command| {
        command.env("AKSBACKUP_STATE", &state);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        finish(&mut command)
    };
    of(stage.az_command("reader", &["status"])).ok();
    of(stage.az_command("platform", &["prepare", "--dry-run"])).ends(8);
    of(stage.kubectl_command("viewer", &["status"])).ok();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no lock file is made");
    of(write(&stage, "1s"))
        .ends(7)
        .says("cannot lock state file")
        .says("--state FILE");
    mode(&folder, 0o755);
}

#[test]
fn a_file_system_without_locks_is_worked_on_only_by_who_says_so() {
    if !can_inject() {
        return extent::told("no locks: NOT TRIED, it takes strace");
    }
    let stage = stage();
    let before = stage.state_text();
    for errno in ["ENOLCK", "ENOSYS", "EOPNOTSUPP"] {
        let run = finish(&mut injected(&write(&stage, "1s"), &format!("flock:error={errno}")));
        run.ends(7)
            .says("this file system doesn't support locks")
            .says("--no-lock");
    }
    assert_eq!(stage.state_text(), before);
    let mut command = write(&stage, "1s");
    command.arg("--no-lock");
    finish(&mut injected(&command, "flock:error=ENOLCK")).ok();
    assert_ne!(stage.state_text(), before);
}
