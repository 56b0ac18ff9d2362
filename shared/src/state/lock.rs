//! The lock beside the state file. The file itself is replaced by rename, which would drop a lock held on it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// The lock, held until it is dropped. A holder that dies holds nothing.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Who holds the lock, as the holder wrote it into the lock file.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    command: String,
    since: Timestamp,
}

impl Lock {
    /// Takes the lock of the state file at `state`, and waits for another holder for `timeout` at the most. Who holds it
    /// is said before the wait.
    ///
    /// # Errors
    /// Exit 6: held for longer. Exit 7: the lock file cannot be made, or the file system has no locks.
    pub(super) async fn take(state: &Path, timeout: Duration) -> Outcome<Self> {
        let path = lock_path(state);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .or_else(|error| cannot_lock(state).because(format!("{}: {error}", path.display())).err())?;
        let start = Instant::now();
        let mut said = false;
        loop {
            match FileExt::try_lock(&file) {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < timeout => {
                    if !said {
                        eprintln!(
                            "waiting for state file {}: {}",
                            state.display(),
                            describe_holder(&mut file)
                        );
                        said = true;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(TryLockError::WouldBlock) => return held(state, &mut file).err(),
                Err(TryLockError::Error(error)) => {
                    return cannot_lock(state)
                        .because(format!("{}: {error}", path.display()))
                        .hint("where the file system has no locks and nobody else works on the file: --no-lock")
                        .err();
                }
            }
        }
        sign(&mut file);
        Ok(Self { _file: file })
    }
}

/// Leaves a name for those who wait. That it cannot be written takes nothing from the lock.
fn sign(file: &mut File) {
    let command = std::env::args().take(3).collect::<Vec<_>>().join(" ");
    let holder = Holder {
        pid: std::process::id(),
        command,
        since: Timestamp::now(),
    };
    if let Ok(text) = serde_json::to_string(&holder) {
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = file.write_all(text.as_bytes());
    }
}

fn cannot_lock(state: &Path) -> Failure {
    Failure::new(
        Exit::StateUnreadable,
        format!("cannot lock state file {}", state.display()),
    )
}

fn held(state: &Path, file: &mut File) -> Failure {
    Failure::new(
        Exit::StateHeld,
        format!("state file {} is held by another process", state.display()),
    )
    .because(describe_holder(file))
    .hint("wait for it to end, or give it longer: --lock-timeout 5m")
}

fn lock_path(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    state.with_file_name(name)
}

fn describe_holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind();
    let _ = file.read_to_string(&mut text);
    match serde_json::from_str::<Holder>(&text) {
        Ok(holder) => {
            let age = Timestamp::now().as_second().saturating_sub(holder.since.as_second());
            format!("held by process {} for {age}s: {}", holder.pid, holder.command)
        }
        Err(_) => "held by a process that left no name".to_owned(),
    }
}
