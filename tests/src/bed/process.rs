//! A program that runs beside the bed and never outlives it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Runs its arguments, and kills them when its standard input ends: that happens also where the bed itself is killed.
const WATCHED: &str = r#"exec 3<&0
"$@" </dev/null 3<&- &
program=$!
{ read -r line; kill -9 "$program"; } <&3 2>/dev/null &
watch=$!
exec 3<&-
wait "$program"
code=$?
kill "$watch" 2>/dev/null
exit "$code""#;

/// A running program with its log.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; what it prints is added to `NAME.log` in `folder`.
    ///
    /// # Errors
    /// The shell cannot be started, or the log not be written.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        environment: &[(&str, String)],
        folder: &Path,
    ) -> io::Result<Self> {
        let path = folder.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(&path)?;
        let child = Command::new("sh")
            .args(["-c", WATCHED, "sh"])
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder)
            .envs(environment.iter().map(|(key, value)| (*key, value.as_str())))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self { name, child, log: path })
    }

    /// What is wrong, if the program has ended.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(15)..].join("\n");
        Some(format!("{} ended ({status}):\n{last}", self.name))
    }

    /// Kills the program, as a power cut would, and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}
