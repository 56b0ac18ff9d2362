//! The lock beside the state file. The file itself is replaced by rename, which would drop a lock held on the file itself.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};

use crate::command_line::quoted;
use crate::console::human;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::state::holder::{self, Holder};
use crate::state::replace::{cure, folder_of};

/// The first pauses between two tries, and the longest one. A holder mostly writes for some milliseconds.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(50)];

/// A wait that lasts so long is spoken of.
const NOTICED: Duration = Duration::from_millis(200);

/// The lock, held until it is dropped. A holder that dies holds nothing.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the state file at `state`, which is no symbolic link, and waits for another holder for `timeout`
    /// at the most. A wait that can be noticed is announced by `say`, with who holds it.
    ///
    /// # Errors
    /// Exit 6: held for longer. Exit 7: the lock file cannot be made, or the file system has no locks.
    pub(super) async fn take(state: &Path, timeout: Duration, say: impl Fn(String)) -> Outcome<Self> {
        let path = lock_path(state);
        let start = Instant::now();
        let (mut said, mut pause) = (false, PAUSES[0]);
        loop {
            // Opened anew each time: somebody may have swept it away, and then its lock is nobody's.
            let mut file = open(state, &path).or_else(|error| cannot_lock(state, &path, &error).err())?;
            match FileExt::try_lock(&file) {
                Ok(()) if is_at(&file, &path) => {
                    Holder::own().sign(&mut file);
                    return Ok(Self { file });
                }
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) if start.elapsed() >= timeout => return held(state, &mut file).err(),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return cannot_lock(state, &path, &error).err(),
            }
            if !said && start.elapsed() >= NOTICED {
                say(waiting(state, &mut file, timeout));
                said = true;
            }
            tokio::time::sleep(pause.min(timeout.saturating_sub(start.elapsed()))).await;
            pause = (pause * 2).min(PAUSES[1]);
        }
    }
}

/// Nobody is to read the note of a holder that is gone.
impl Drop for Lock {
    fn drop(&mut self) {
        holder::erase(&self.file);
    }
}

/// Opens the lock file. Whoever may write the folder may replace the state file, and so may sign the lock; where the file
/// is another user's and closed, it can still be locked. A note is written into it, so that no link is followed: whoever
/// makes the folder could name any file of the reader's.
fn open(state: &Path, path: &Path) -> io::Result<File> {
    let opened = existing(path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => create(state, path).or_else(|error| match error.kind() {
            // Somebody else was first; or the holder of another lock, which is gone, swept it away.
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => existing(path),
            _ => Err(error),
        }),
        _ => Err(error),
    });
    match opened {
        Ok(file) if is_of_its_own(&file.metadata()?) => Ok(file),
        Err(error) if !is_link(path) => Err(error),
        Ok(_) | Err(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "it isn't a regular file")),
    }
}

/// Whether it is a regular file with no other name: through a hard link a note would be written into someone's file. A file that
/// was removed after it was opened has no name left, and is opened again.
#[cfg(unix)]
fn is_of_its_own(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.is_file() && metadata.nlink() <= 1
}

#[cfg(not(unix))]
fn is_of_its_own(metadata: &std::fs::Metadata) -> bool {
    metadata.is_file()
}

fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

fn existing(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    without_links(&mut options);
    match options.read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => options.write(false).open(path),
        opened => opened,
    }
}

/// A pipe is opened without waiting for whoever is at its other end.
#[cfg(unix)]
fn without_links(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
}

#[cfg(not(unix))]
fn without_links(_options: &mut OpenOptions) {}

/// Makes the lock file. It appears with its mode: one that is closed because its maker died between the two would keep
/// everybody else out for good.
#[cfg(unix)]
fn create(state: &Path, path: &Path) -> io::Result<File> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    let file = crate::state::replace::temporary(state, 0o600)?;
    let folder = std::fs::metadata(folder_of(path))?.permissions().mode();
    file.as_file()
        .set_permissions(Permissions::from_mode(0o644 | (folder & 0o666)))?;
    Ok(file.persist_noclobber(path)?)
}

#[cfg(not(unix))]
fn create(_state: &Path, path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Whether the open file is still the one at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |metadata: io::Result<std::fs::Metadata>| metadata.map(|own| (own.dev(), own.ino())).ok();
    let own = identity(file.metadata());
    own.is_some() && own == identity(std::fs::metadata(path))
}

/// Elsewhere an open file cannot be taken away.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> bool {
    true
}

fn cannot_lock(state: &Path, path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(
        Exit::StateUnreadable,
        format!("cannot lock state file {}", state.display()),
    )
    .because(format!("{}: {error}", path.display()));
    if has_no_locks(error) {
        return failure
            .because("this file system doesn't support locks")
            .hint("run the same command again with --no-lock if no one else is using the file");
    }
    if error.kind() == io::ErrorKind::InvalidInput {
        return failure.hint(format!(
            "find out what is at this path, and ask its owner to move it, because only a lock file belongs there: ls -ld {}",
            quoted(&path.display().to_string())
        ));
    }
    cure(failure, error, folder_of(path))
}

/// Whether the error says that the file system knows no locks: ENOSYS, ENOTSUP or ENOLCK.
fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    let none_left = error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error());
    #[cfg(not(unix))]
    let none_left = false;
    none_left || error.kind() == io::ErrorKind::Unsupported
}

fn held(state: &Path, file: &mut File) -> Failure {
    Failure::new(
        Exit::StateHeld,
        format!("state file {} is locked by another process", state.display()),
    )
    .because(describe_holder(file))
    .hint("wait until it finishes, or allow more time: --lock-timeout 5m")
}

fn waiting(state: &Path, file: &mut File, timeout: Duration) -> String {
    let (state, holder, timeout) = (state.display(), describe_holder(file), human(timeout));
    format!("waiting up to {timeout} for state file {state}, {holder}")
}

pub(super) fn lock_path(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    state.with_file_name(name)
}

fn describe_holder(file: &mut File) -> String {
    match Holder::read(file) {
        Some(holder) => holder.to_string(),
        None => "locked by an unknown process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("s.toml");
        (folder, state)
    }

    async fn take(state: &Path) -> Outcome<Lock> {
        Lock::take(state, Duration::ZERO, |_| {}).await
    }

    #[tokio::test]
    async fn a_lock_that_is_let_go_leaves_no_name_and_can_be_taken_again() {
        let (_folder, state) = folder();
        let lock = take(&state).await.unwrap();
        assert_eq!(take(&state).await.unwrap_err().exit, Exit::StateHeld);
        drop(lock);
        assert_eq!(std::fs::read_to_string(lock_path(&state)).unwrap(), "");
        // A process that another test starts at this moment has the lock as well until it becomes the program that it runs.
        let patience = Duration::from_secs(10);
        Lock::take(&state, patience, |_| {}).await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_file_that_was_swept_away_does_not_let_two_in() {
        let (_folder, state) = folder();
        let first = take(&state).await.unwrap();
        std::fs::remove_file(lock_path(&state)).unwrap();
        let second = take(&state).await.unwrap();
        drop(first);
        assert_eq!(take(&state).await.unwrap_err().exit, Exit::StateHeld);
        drop(second);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_is_no_file_of_its_own_is_neither_locked_nor_written_to() {
        let (folder, state) = folder();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        for target in [victim.as_path(), &folder.path().join("none"), folder.path()] {
            std::os::unix::fs::symlink(target, lock_path(&state)).unwrap();
            let failure = take(&state).await.unwrap_err();
            assert_eq!(failure.exit, Exit::StateUnreadable);
            assert!(failure.to_string().contains("ls -ld "), "{failure}");
            std::fs::remove_file(lock_path(&state)).unwrap();
        }
        std::fs::hard_link(&victim, lock_path(&state)).unwrap();
        assert_eq!(take(&state).await.unwrap_err().exit, Exit::StateUnreadable);
        std::fs::remove_file(lock_path(&state)).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        assert!(!folder.path().join("none").exists());
        std::fs::create_dir(lock_path(&state)).unwrap();
        assert_eq!(take(&state).await.unwrap_err().exit, Exit::StateUnreadable);
        std::fs::remove_dir(lock_path(&state)).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(lock_path(&state)).status();
        assert!(pipe.unwrap().success());
        assert_eq!(take(&state).await.unwrap_err().exit, Exit::StateUnreadable);
    }

    #[tokio::test]
    async fn a_wait_is_announced_once_and_ends_when_the_holder_does() {
        let (_folder, state) = folder();
        let (announced, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let holder = take(&state).await.unwrap();
        let waiter = Lock::take(&state, Duration::from_secs(60), move |line| {
            let _ = announced.send(line);
        });
        let (waited, line) = tokio::join!(waiter, async {
            let line = heard.recv().await.unwrap();
            drop(holder);
            line
        });
        waited.unwrap();
        let name = format!("held by process {} on ", std::process::id());
        assert!(
            line.starts_with("waiting up to 1m00s") && line.contains(&name),
            "{line}"
        );
        assert!(heard.try_recv().is_err(), "said twice");
    }

    #[test]
    fn only_a_file_system_without_locks_is_one_to_work_on_without() {
        let advised = |error: io::Error| {
            let failure = cannot_lock(Path::new("s.toml"), Path::new("s.toml.lock"), &error);
            failure.to_string().contains("--no-lock")
        };
        assert!(advised(io::ErrorKind::Unsupported.into()));
        assert!(!advised(io::ErrorKind::PermissionDenied.into()));
        #[cfg(unix)]
        for errno in [
            rustix::io::Errno::NOLCK,
            rustix::io::Errno::NOTSUP,
            rustix::io::Errno::NOSYS,
        ] {
            assert!(advised(errno.into()), "{errno}");
        }
    }
}
