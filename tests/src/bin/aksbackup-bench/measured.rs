//! One command in a process of its own, so that what it used is not mixed with what others used.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
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

/// Runs `program` with `line` in `folder`, in the environment `env` and no other.
///
/// # Errors
/// It cannot be started, or does not end 0; the error holds all that it said.
pub(crate) fn run(program: &Path, line: &[&str], folder: &Path, env: &BTreeMap<String, String>) -> io::Result<Usage> {
    let begun = Instant::now();
    let output = Command::new(std::env::current_exe()?)
        .arg("--inside")
        .arg(program)
        .args(line)
        .current_dir(folder)
        .env_clear()
        .envs(env)
        .stdin(Stdio::null())
        .output()?;
    let wall = begun.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stderr);
    let used = text.lines().find_map(|line| parse(line.strip_prefix(MARK)?));
    match (output.status.success(), used) {
        (true, Some((processor, peak))) => Ok(Usage { wall, processor, peak }),
        (_, _) => {
            let (program, line, said) = (
                program.display(),
                line.join(" "),
                String::from_utf8_lossy(&output.stdout),
            );
            Err(io::Error::other(format!("{program} {line}\n{said}\n{text}")))
        }
    }
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
