//! One command in a process of its own, so that what it used is not mixed with what others used.

use std::io;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// What a command used, children included.
pub(crate) struct Usage {
    /// Wall-clock seconds, start of the process included.
    pub(crate) wall: f64,
    /// Seconds of processor time, user and system.
    pub(crate) processor: f64,
    /// Peak memory of the largest process, in MiB.
    pub(crate) peak: f64,
}

/// Runs `command` in its own environment and no other.
///
/// # Errors
/// It cannot be started, or does not end 0; the error holds all that it said.
pub(crate) fn run(command: &Command) -> io::Result<Usage> {
    match measure(command)? {
        (Ok(used), Some(0), _) => Ok(used),
        (_, _, said) => Err(io::Error::other(said)),
    }
}

/// As [`run`], for a command that ends with one of these exit codes: findings, and the turn of another person, have their own.
///
/// # Errors
/// It cannot be started, or ends otherwise.
pub(crate) fn run_to(command: &Command, codes: &[i32]) -> io::Result<Usage> {
    match measure(command)? {
        (Ok(used), Some(code), _) if codes.contains(&code) => Ok(used),
        (_, _, said) => Err(io::Error::other(said)),
    }
}

/// What a command used, unless it died, its exit code, and all that it said.
fn measure(command: &Command) -> io::Result<(Result<Usage, ()>, Option<i32>, String)> {
    let begun = Instant::now();
    let mut outer = Command::new(std::env::current_exe()?);
    outer
        .arg("--inside")
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    let pairs = command.get_envs().filter_map(|(key, value)| Some((key, value?)));
    let output = outer.env_clear().envs(pairs).stdin(Stdio::null()).output()?;
    let wall = begun.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stderr);
    let used = text.lines().find_map(|line| parse(line.strip_prefix(MARK)?));
    let usage = used.map(|(processor, peak)| Usage { wall, processor, peak }).ok_or(());
    let said = String::from_utf8_lossy(&output.stdout);
    Ok((usage, output.status.code(), format!("{command:?}\n{said}\n{text}")))
}

const MARK: &str = "used: ";

fn parse(text: &str) -> Option<(f64, f64)> {
    let (processor, kibibytes) = text.split_once(' ')?;
    Some((processor.parse().ok()?, kibibytes.parse::<f64>().ok()? / 1024.0))
}

/// The inner process: runs the command, passes its streams on, and prints what its children used.
///
/// # Errors
/// The command cannot be started.
pub(crate) fn inside(line: &[String]) -> io::Result<ExitCode> {
    let (program, arguments) = line.split_first().ok_or_else(|| io::Error::other("nothing to run"))?;
    let status = Command::new(program).args(arguments).status()?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let spent = usage.user_time() + usage.system_time();
    let microseconds = u32::try_from(spent.num_microseconds()).map_or(f64::INFINITY, f64::from);
    eprintln!("{MARK}{:.6} {}", microseconds / 1e6, usage.max_rss());
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Processor and wall time of all of them.
pub(crate) fn sum(all: &[Usage]) -> (f64, f64) {
    all.iter().fold((0.0, 0.0), |(processor, wall), one| {
        (processor + one.processor, wall + one.wall)
    })
}

/// Processor and wall time each have a median of their own.
pub(crate) fn median(rounds: Vec<(f64, f64)>) -> (f64, f64) {
    let (processor, wall) = rounds.into_iter().unzip();
    (middle(processor), middle(wall))
}

/// The median of an odd number of times.
pub(crate) fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
