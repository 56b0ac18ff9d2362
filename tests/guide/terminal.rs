//! A person at a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use aksbackup_tests::harness::Run;
use nix::pty::openpty;

/// Runs a command on a terminal of its own and gives `answer` once it has shown `question`. What the terminal showed is
/// in the run's standard error.
pub(crate) fn answered(mut command: Command, question: &str, answer: &str) -> Run {
    let line = format!("{command:?} on a terminal");
    let ends = openpty(None, None).unwrap();
    let end = || Stdio::from(ends.slave.try_clone().unwrap());
    command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "dumb");
    let mut child = command.spawn().unwrap();
    // Only the child may hold its end: the terminal is read until nobody does.
    drop((command, ends.slave));
    let mut terminal = File::from(ends.master);
    let (mut shown, mut part, mut asked) = (String::new(), [0; 4096], false);
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        shown.push_str(&String::from_utf8_lossy(&part[..length]));
        if !asked && shown.contains(question) {
            asked = true;
            terminal.write_all(answer.as_bytes()).unwrap();
        }
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    assert!(asked, "{question:?} was not asked\n{shown}");
    Run {
        line,
        code,
        stdout: String::new(),
        stderr: shown,
    }
}
