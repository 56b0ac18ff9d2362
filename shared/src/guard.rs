//! What keeps a process that holds tokens from leaving them behind when it goes down.

use std::panic::PanicHookInfo;
use std::process::ExitCode;

use crate::exit::Exit;
use crate::output;

/// Prevents core files, and makes a panic end the process with exit code 1 and one line. The first call of both programs.
pub fn raise() {
    without_core_files();
    std::panic::set_hook(Box::new(|panic| {
        output::say(&line(panic));
        // With `panic = "abort"` the process would end by SIGABRT after this hook.
        std::process::exit(i32::from(Exit::Failed.code()));
    }));
}

/// Runs the program with a stack of 8 MiB, as the main thread has elsewhere, and returns its exit code. On Windows that thread has 1 MiB,
/// which the nested futures of a debug build exceed, and a release build comes near.
#[cfg(windows)]
pub fn on_own_stack(program: fn() -> ExitCode) -> ExitCode {
    const STACK: usize = 8 << 20;
    let thread = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK);
    match thread.spawn(program).map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => ExitCode::from(Exit::Failed.code()),
        // If no thread can be created, the existing stack must do.
        Err(_) => program(),
    }
}

/// Runs the program where it is: the main thread's stack is large enough, and what traces the process follows that thread.
#[cfg(not(windows))]
pub fn on_own_stack(program: fn() -> ExitCode) -> ExitCode {
    program()
}

/// The limit is inherited by the programs that this one starts, which hold tokens too: az and credential plugins. Where the
/// system pipes core files to a program, as systemd-coredump, the kernel ignores the limit; a process that isn't dumpable leaves
/// no core file there either, and no other process of the same user can read its memory.
#[cfg(unix)]
fn without_core_files() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A system that refuses leaves things as they were, which is no reason not to run.
    let _ = setrlimit(Resource::Core, none);
    // A debug build stays open to debuggers, and to tests that look at its open files.
    #[cfg(all(target_os = "linux", not(debug_assertions)))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// The error dialogs of Windows can only be switched off by an unsafe call, which this workspace forbids.
#[cfg(not(unix))]
fn without_core_files() {}

/// One line without a path of the machine that built the program, without line breaks and without secrets.
fn line(panic: &PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = panic.location().map_or_else(String::new, |place| {
        let file = place.file().rsplit(['/', '\\']).next().unwrap_or_default();
        format!(" ({file}:{})", place.line())
    });
    in_words(text.unwrap_or("no message"), &place)
}

fn in_words(text: &str, place: &str) -> String {
    const MOST: usize = 200;
    let text = crate::diagnosis::mask::mask(text);
    let shown: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("error: internal error, please report it: {shown}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs only as a child process of the test below.
    #[test]
    #[ignore = "it ends the process"]
    fn panics() {
        raise();
        panic!("two\nlines, Bearer abcdef.123456");
    }

    #[test]
    fn a_panic_ends_with_exit_code_1_and_one_line() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["guard::tests::panics", "--exact", "--ignored", "--nocapture", "--quiet"])
            .env("RUST_BACKTRACE", "full")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(1), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("two lines, Bearer [masked] (guard.rs:"), "{text}");
    }
}
