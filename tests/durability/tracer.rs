//! Follows a process from system call to system call, and kills it at one of them.

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was killed.
    Killed,
    /// It ended by itself with this code, after so many stops.
    Ended(i32, usize),
}

/// Whether the process has the file open.
fn has_open(pid: Pid, file: &Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let mut targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.any(|target| target == file)
}

/// Runs a command and counts the entries and exits of its main thread's system calls while it has `file` open; kills it
/// at number `stop` of them.
pub(crate) fn kill_at(mut command: Command, file: &Path, stop: usize) -> Ending {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let ending = follow(pid, file, stop);
    // It is gone already, and known to be.
    let _ = child.wait();
    ending
}

fn follow(pid: Pid, file: &Path, stop: usize) -> Ending {
    ptrace::seize(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL).unwrap();
    ptrace::interrupt(pid).unwrap();
    let mut seen = 0;
    loop {
        let passed_on = match waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap() {
            WaitStatus::PtraceSyscall(_) => {
                seen += usize::from(has_open(pid, file));
                if seen == stop {
                    kill(pid, Signal::SIGKILL).unwrap();
                    while !matches!(
                        waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap(),
                        WaitStatus::Signaled(..)
                    ) {}
                    return Ending::Killed;
                }
                None
            }
            WaitStatus::Stopped(_, signal) => Some(signal),
            WaitStatus::Exited(_, code) => return Ending::Ended(code, seen),
            WaitStatus::Signaled(_, signal, _) => panic!("process {pid} died of {signal}"),
            _ => None,
        };
        ptrace::syscall(pid, passed_on).unwrap();
    }
}
