//! A person at a terminal.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use nix::pty::{Winsize, openpty};
use vt100::{Cell, Color, Parser, Screen};

use crate::harness::Run;

/// Rows that are enough for whatever one command shows: nothing of it scrolls away.
const ROWS: u16 = 500;

/// Runs a command on a terminal of its own and gives `answer` once it has shown `question`. What the terminal showed is
/// in the run's standard error.
///
/// # Errors
/// There is no terminal to be had, the command does not start, or `question` was never asked.
pub fn answered(command: Command, question: &str, answer: &str) -> io::Result<Run> {
    conversed(command, &[(question, answer)])
}

/// As [`answered`], with several questions, each of which is looked for behind the one before.
///
/// # Errors
/// As [`answered`].
pub fn conversed(mut command: Command, conversation: &[(&str, &str)]) -> io::Result<Run> {
    let line = format!("{command:?} on a terminal");
    command.env("TERM", "dumb");
    let (shown, code, open) = converse(command, None, conversation)?;
    if let Some((question, _)) = open {
        let shown = String::from_utf8_lossy(&shown);
        return Err(io::Error::other(format!("{question:?} was not asked\n{shown}")));
    }
    Ok(Run {
        line,
        code,
        stdout: String::new(),
        stderr: String::from_utf8_lossy(&shown).into_owned(),
    })
}

/// Runs a command on a terminal of `columns` to its end, and gives what then stands there: each line as a whole, however
/// the terminal broke it, with its colours. Of a conversation the second is typed once the first is shown, if it is.
///
/// # Errors
/// There is no terminal to be had, or the command does not start.
pub fn shown(mut command: Command, columns: u16, conversation: Option<(&str, &str)>) -> io::Result<(Vec<String>, i32)> {
    command.env("TERM", "xterm-256color");
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let conversation = conversation.as_slice();
    let (bytes, code, _) = converse(command, Some(size), conversation)?;
    let mut emulator = Parser::new(ROWS, columns, 0);
    emulator.process(&bytes);
    Ok((lines(emulator.screen(), columns), code))
}

/// A question and its answer.
type Exchange<'a> = (&'a str, &'a str);

/// Returns what the terminal showed, the exit code, and the first question that was never asked.
fn converse<'a>(
    mut command: Command,
    size: Option<Winsize>,
    mut open: &'a [Exchange<'a>],
) -> io::Result<(Vec<u8>, i32, Option<Exchange<'a>>)> {
    let ends = openpty(size.as_ref(), None)?;
    for set in [Command::stdin, Command::stdout, Command::stderr] {
        set(&mut command, Stdio::from(ends.slave.try_clone()?));
    }
    let mut child = command.spawn()?;
    let done = ended_in_time(child.id());
    // Only the child may hold its end: the terminal is read until nobody does.
    drop((command, ends.slave));
    let mut terminal = File::from(ends.master);
    let (mut shown, mut part, mut read) = (Vec::new(), [0; 4096], 0);
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        shown.extend_from_slice(&part[..length]);
        if let Some(((question, answer), rest)) = open.split_first()
            && String::from_utf8_lossy(&shown[read..]).contains(question)
        {
            (open, read) = (rest, shown.len());
            terminal.write_all(answer.as_bytes())?;
        }
    }
    let code = child.wait()?.code().unwrap_or(-1);
    drop(done);
    Ok((shown, code, open.first().copied()))
}

/// Ends a process that still waits for an answer long after every test is over, so that its test fails and does not hang. It is
/// left alone once the sender is dropped.
fn ended_in_time(pid: u32) -> Sender<()> {
    const LONGEST: Duration = Duration::from_secs(10 * 60);
    let (done, ended) = channel();
    std::thread::spawn(move || {
        if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
    });
    done
}

fn lines(screen: &Screen, columns: u16) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for row in 0..ROWS {
        let (mut now, mut blanks) = (String::new(), 0);
        for cell in (0..columns).filter_map(|column| screen.cell(row, column)) {
            if !cell.has_contents() || cell.contents() == " " {
                blanks += 1;
            } else if !cell.is_wide_continuation() {
                let color = color(cell);
                let is_other = color != now;
                if is_other && !now.is_empty() {
                    line.push_str(RESET);
                }
                line.push_str(&" ".repeat(std::mem::take(&mut blanks)));
                if is_other && !color.is_empty() {
                    line.push_str(&format!("\u{1b}[{color}m"));
                }
                line.push_str(cell.contents());
                now = color;
            }
        }
        if !now.is_empty() {
            line.push_str(RESET);
        }
        if screen.row_wrapped(row) {
            line.push_str(&" ".repeat(blanks));
        } else {
            lines.push(std::mem::take(&mut line));
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

const RESET: &str = "\u{1b}[0m";

/// What sets the colour of a cell, empty for the terminal's own.
fn color(cell: &Cell) -> String {
    let color = match cell.fgcolor() {
        Color::Idx(number @ 0..8) => Some((30 + number).to_string()),
        Color::Idx(number) => Some(format!("38;5;{number}")),
        Color::Rgb(red, green, blue) => Some(format!("38;2;{red};{green};{blue}")),
        Color::Default => None,
    };
    let kinds = [(cell.bold(), "1"), (cell.dim(), "2")];
    let kinds = kinds.into_iter().filter(|(on, _)| *on).map(|(_, code)| code.to_owned());
    kinds.chain(color).collect::<Vec<_>>().join(";")
}
