//! A person at a terminal.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::process::{Command, Stdio};

use nix::pty::openpty;

use crate::harness::Run;

/// Runs a command on a terminal of its own and gives `answer` once it has shown `question`. What the terminal showed is
/// in the run's standard error.
///
/// # Errors
/// There is no terminal to be had, the command does not start, or `question` was never asked.
pub fn answered(mut command: Command, question: &str, answer: &str) -> io::Result<Run> {
    let line = format!("{command:?} on a terminal");
    let ends = openpty(None, None)?;
    for set in [Command::stdin, Command::stdout, Command::stderr] {
        set(&mut command, Stdio::from(ends.slave.try_clone()?));
    }
    let mut child = command.env("TERM", "dumb").spawn()?;
    // Only the child may hold its end: the terminal is read until nobody does.
    drop((command, ends.slave));
    let mut terminal = File::from(ends.master);
    let (mut shown, mut part, mut asked) = (String::new(), [0; 4096], false);
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        shown.push_str(&String::from_utf8_lossy(&part[..length]));
        if !asked && shown.contains(question) {
            asked = true;
            terminal.write_all(answer.as_bytes())?;
        }
    }
    let code = child.wait()?.code().unwrap_or(-1);
    if !asked {
        return Err(io::Error::other(format!("{question:?} was not asked\n{shown}")));
    }
    Ok(Run {
        line,
        code,
        stdout: String::new(),
        stderr: shown,
    })
}
