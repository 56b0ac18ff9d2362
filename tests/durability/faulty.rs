//! Ways to let the system fail a process: other users, small disks, injected errors.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;

/// A user that owns nothing.
pub(crate) const NOBODY: u32 = 65_534;

/// Whether the test may mount, and be other users.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

/// A small disk in memory, until it is dropped.
pub(crate) struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// Mounts it on a folder; `None` where that is not permitted.
    pub(crate) fn on(folder: &'a Path) -> Option<Self> {
        let options = ["-t", "tmpfs", "-o", "size=128k,mode=755", "tmpfs"];
        mount(&options, folder).then_some(Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// Mounts, where that is permitted.
pub(crate) fn mount(options: &[&str], folder: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(options).arg(folder).stderr(Stdio::null());
    is_root() && command.status().is_ok_and(|status| status.success())
}

/// Whether errors can be injected into system calls.
pub(crate) fn can_inject() -> bool {
    let mut strace = Command::new("strace");
    let strace = strace.args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

/// The same command, whose system calls fail as `inject` says in the words of strace.
pub(crate) fn injected(command: &Command, inject: &str) -> Command {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={inject}")])
        .arg(command.get_program())
        .args(command.get_args());
    like(&mut strace, command);
    strace
}

/// Gives `wrapped` the folder and the environment of the command that it wraps.
pub(crate) fn like(wrapped: &mut Command, command: &Command) {
    wrapped.env_clear().stdin(Stdio::null());
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            wrapped.env(key, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
}
