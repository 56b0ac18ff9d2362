//! The only place that writes to standard output and standard error.
//!
//! `println!` and `eprintln!` panic when the reader is gone or the disk is full, in the middle of whatever the program was doing.
//! Clippy refuses both in this crate and in the two programs.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::OnceLock;

use crate::exit::Exit;

/// Why standard output could not be written, as the system said it first.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes a line to standard output. [`ended`] reports a failure to do so.
pub fn result(line: &str) {
    let mut out = io::stdout().lock();
    heard(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Writes a line to standard error. A failure is ignored: nothing is left to report it to, and what the command does matters more
/// than what it says.
pub fn say(line: &str) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{line}");
}

/// Remembers the outcome of a write to standard output. A reader that closed its end has what it wanted, as in `| head -1`.
pub fn heard(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error.to_string());
    }
}

/// The exit code of a process that would exit with `exit`: 1 if its result could not be written. A failure keeps its own code.
#[must_use]
pub fn ended(exit: Exit) -> ExitCode {
    let Some(why) = LOST.get() else {
        return exit.into();
    };
    say(&format!("error: cannot write to standard output: {why}"));
    match exit {
        Exit::Done | Exit::Pending => Exit::Failed.into(),
        failed => failed.into(),
    }
}
