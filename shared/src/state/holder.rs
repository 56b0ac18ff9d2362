//! Who holds the lock: a note in the lock file, for those who wait.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::console::human;
use crate::console::steers;

/// More than any note takes: whoever may write the folder may put anything there.
const LENGTH: u64 = 4096;

/// Who holds the lock, as the holder itself wrote it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pid: u32,
    host: String,
    command: String,
    since: Timestamp,
}

impl Holder {
    /// This process, from now on.
    pub(super) fn own() -> Self {
        Self {
            pid: std::process::id(),
            host: host(),
            command: command(std::env::args()),
            since: Timestamp::now(),
        }
    }

    /// Leaves the note. That it cannot be written takes nothing from the lock.
    pub(super) fn sign(&self, file: &mut File) {
        erase(file);
        if let Ok(text) = serde_json::to_string(self) {
            let _ = file.rewind();
            let _ = file.write_all(text.as_bytes());
        }
    }

    /// The note of a holder that may be alive. One that was killed leaves its note behind, for the short while until the
    /// next holder writes its own: on this host that is found out, and the note not believed.
    pub(super) fn read(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(LENGTH).read_to_string(&mut text).ok()?;
        let holder: Self = serde_json::from_str(&text).ok()?;
        let harmless = ![&holder.host, &holder.command]
            .iter()
            .any(|text| text.chars().any(steers));
        (harmless && (holder.host != host() || lives(holder.pid))).then_some(holder)
    }
}

/// Takes the note away.
pub(super) fn erase(file: &File) {
    let _ = file.set_len(0);
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pid, host, command, .. } = self;
        let age = Timestamp::now().as_second().saturating_sub(self.since.as_second());
        let age = human(Duration::from_secs(u64::try_from(age).unwrap_or_default()));
        write!(f, "held by process {pid} on {host} for {age}: {command}")
    }
}

/// Program and verb. No flag is shown: its value may be nobody else's business.
fn command(mut arguments: impl Iterator<Item = String>) -> String {
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program).file_stem().unwrap_or_default().to_string_lossy();
    let verb = arguments.next().filter(|verb| !verb.starts_with('-'));
    match verb {
        Some(verb) => format!("{name} {verb}"),
        None => name.into_owned(),
    }
}

#[cfg(unix)]
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this computer".to_owned())
}

/// Whether this host has such a process, of whomever.
#[cfg(unix)]
fn lives(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let asked = pid.map(rustix::process::test_kill_process);
    matches!(asked, Some(Ok(()) | Err(rustix::io::Errno::PERM)))
}

#[cfg(not(unix))]
fn lives(_pid: u32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(text: &str) -> Option<Holder> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Holder::read(&mut file)
    }

    fn note(pid: u32, host: &str, command: &str) -> String {
        serde_json::to_string(&Holder {
            pid,
            host: host.to_owned(),
            command: command.to_owned(),
            since: Timestamp::now(),
        })
        .unwrap()
    }

    #[test]
    fn a_note_names_process_host_age_and_command() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[b'x'; 2000]).unwrap();
        Holder::own().sign(&mut file);
        let said = Holder::read(&mut file).unwrap().to_string();
        let (pid, host) = (std::process::id(), host());
        assert!(
            said.starts_with(&format!("held by process {pid} on {host} for 0s: ")),
            "{said}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn the_note_of_a_dead_process_is_not_believed_unless_it_is_another_host_s() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(noted(&note(pid, &host(), "az-aksbackup prepare")), None);
        assert!(noted(&note(pid, "elsewhere", "az-aksbackup prepare")).is_some());
        assert!(noted(&note(1, &host(), "init")).is_some());
        assert_eq!(noted(&note(0, &host(), "init")), None);
    }

    #[test]
    fn nothing_is_shown_that_is_no_note_or_steers_the_terminal() {
        assert_eq!(noted(""), None);
        assert_eq!(noted("{\"pid\":"), None);
        assert_eq!(noted(&note(1, "elsewhere", "\u{1b}[2J")), None);
        assert_eq!(noted(&note(1, "else\u{9b}where", "az")), None);
        assert_eq!(noted(&note(1, "elsewhere", &"long".repeat(2000))), None);
    }

    #[test]
    fn the_command_is_program_and_verb() {
        let of = |words: &[&str]| command(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(of(&["/opt/az-aksbackup", "prepare", "--yes"]), "az-aksbackup prepare");
        assert_eq!(of(&["kubectl-aksbackup", "--token", "secret"]), "kubectl-aksbackup");
        assert_eq!(of(&[]), "");
    }
}
