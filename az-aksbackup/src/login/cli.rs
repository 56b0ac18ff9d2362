//! Runs az within bounds: it is given a minute, and does not outlive this program.

use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use azure_identity::Executor;
use tokio::process::Command;

/// az needs a second or two; with a slow disk and a token to be refreshed still far less than this.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a command in a process group of its own, and ends the group when time is up or nobody waits any more.
#[derive(Debug)]
pub(super) struct Bounded;

#[async_trait]
impl Executor for Bounded {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn()?;
        let group = Group(child.id());
        let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
        match output {
            Ok(output) => {
                group.over();
                output
            }
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!(
                    "az returned no token within {}s; to see why, run: az account get-access-token",
                    LIMIT.as_secs()
                ),
            )),
        }
    }
}

/// A process group that is ended when this is dropped: az is a script whose children would go on.
struct Group(Option<u32>);

impl Group {
    fn over(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.0 {
            let _ = std::process::Command::new("/bin/sh")
                .args(["-c", &format!("kill -s KILL -- -{id}")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_it_started_ends_when_nobody_waits() {
        let folder = std::env::temp_dir().join(format!("aksbackup-{}", uuid::Uuid::new_v4()));
        let script = format!("sleep 60 & echo $! > {0}.tmp && mv {0}.tmp {0}; wait", folder.display());
        let arguments = [OsStr::new("-c"), OsStr::new(&script)];
        let run = Bounded.run(OsStr::new("/bin/sh"), &arguments);
        let child = tokio::select! {
            _ = run => String::new(),
            child = written(&folder) => child,
        };
        let _ = std::fs::remove_file(&folder);
        let alive = || {
            // A killed child of a killed parent may stay as a zombie where nobody reaps it.
            let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        assert!(!child.is_empty());
        let limit = std::time::Instant::now() + Duration::from_secs(5);
        while alive() && std::time::Instant::now() < limit {
            tokio::task::yield_now().await;
        }
        assert!(!alive(), "process {child} goes on");
    }

    async fn written(path: &std::path::Path) -> String {
        loop {
            match tokio::fs::read_to_string(path).await {
                Ok(text) => return text,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    #[tokio::test]
    async fn output_and_status_come_back() {
        let output = Bounded
            .run(
                OsStr::new("/bin/sh"),
                &[OsStr::new("-c"), OsStr::new("echo out; exit 3")],
            )
            .await;
        let output = output.unwrap();
        assert_eq!(
            (output.stdout.as_slice(), output.status.code()),
            (b"out\n".as_slice(), Some(3))
        );
    }
}
