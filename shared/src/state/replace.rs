//! Replaces a file as a whole: who reads it meanwhile sees the old one or the new one.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// What stands in the name of a temporary file, between the name of the file that it is to replace and six characters.
const MARK: &str = ".aksbackup-";

/// Its end.
const END: &str = ".tmp";

/// As many symbolic links as Linux follows.
const LINKS: usize = 40;

/// Why a file was not replaced for good.
#[derive(Debug)]
pub(super) enum Setback {
    /// The old file is intact.
    Intact(io::Error),
    /// The new file is in its place, but the disk did not confirm it.
    Unconfirmed(io::Error),
}

impl From<io::Error> for Setback {
    fn from(error: io::Error) -> Self {
        Self::Intact(error)
    }
}

/// Where a path leads in the end: symbolic links are followed, also to a file that does not exist yet.
pub(super) fn follow(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match std::fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => break,
        }
    }
    path
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

/// Writes `bytes` beside the file at `target`, which is no symbolic link, makes them durable, and renames them over the
/// old file, whose mode they take, and whose owner and group where that is allowed.
///
/// # Errors
/// The folder cannot be written, or the disk is full: the old file is then intact.
pub(super) fn replace(target: &Path, bytes: &[u8]) -> Result<(), Setback> {
    let folder = folder_of(target);
    let old = match std::fs::metadata(target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    // Until it is like the old one it is nobody else's; a new one has the mode that the person's umask leaves it.
    let mut file = temporary(target, if old.is_some() { 0o600 } else { 0o666 })?;
    file.write_all(bytes)?;
    take_after(file.as_file(), old.as_ref())?;
    file.as_file().sync_all()?;
    put_in_place(file, target)?;
    sync_folder(folder).map_err(Setback::Unconfirmed)
}

/// Renames the temporary file to `target`.
#[cfg(not(windows))]
fn put_in_place(file: NamedTempFile, target: &Path) -> io::Result<()> {
    file.persist(target).map(drop).map_err(|error| error.error)
}

/// Renames the temporary file to `target`. Windows refuses that as long as another program has the file open: our readers briefly, a
/// virus scanner longer, an editor until it is closed. Nothing else of the command runs meanwhile.
#[cfg(windows)]
fn put_in_place(mut file: NamedTempFile, target: &Path) -> io::Result<()> {
    use std::time::{Duration, Instant};
    const PATIENCE: Duration = Duration::from_secs(10);
    const PAUSE: Duration = Duration::from_millis(20);
    let begun = Instant::now();
    loop {
        match file.persist(target) {
            Ok(_) => return Ok(()),
            Err(failed) if failed.error.kind() == ErrorKind::PermissionDenied && begun.elapsed() < PATIENCE => {
                file = failed.file;
                std::thread::sleep(PAUSE);
            }
            Err(failed) => return Err(failed.error),
        }
    }
}

/// A temporary file beside `target`, one of those that [`sweep`] takes away, with what the umask leaves of `mode`.
pub(super) fn temporary(target: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let prefix = prefix(target);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(END);
    with_mode(&mut builder, mode);
    builder.tempfile_in(folder_of(target))
}

#[cfg(unix)]
fn with_mode(builder: &mut tempfile::Builder<'_, '_>, mode: u32) {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn with_mode(_builder: &mut tempfile::Builder<'_, '_>, _mode: u32) {}

/// Takes the temporary files away that killed processes left. Only for the holder of the lock: another's may be in use.
/// What cannot be taken away stays for the next time.
pub(super) fn sweep(target: &Path) {
    let prefix = prefix(target);
    let Ok(entries) = std::fs::read_dir(folder_of(target)) else {
        return;
    };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| is_ours(name, &prefix));
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn prefix(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}{MARK}")
}

fn is_ours(name: &str, prefix: &str) -> bool {
    let random = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(END));
    random.is_some_and(|random| random.len() == 6 && random.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Says what helps against an error with a file in `folder`.
pub(super) fn cure(failure: Failure, error: &io::Error, folder: &Path) -> Failure {
    let folder = folder.display();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            failure.hint(format!("free up space in {folder}, and run the same command again"))
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => failure.hint(format!(
            "get write permission for {folder}, which every command that writes requires; or copy the file to a \
             directory that you can write to: --state FILE"
        )),
        ErrorKind::NotFound => failure.hint(format!("create {folder}, then run the same command again")),
        _ => failure.hint(format!("fix {folder}, and run the same command again")),
    }
}

#[cfg(unix)]
fn take_after(file: &File, old: Option<&Metadata>) -> io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    let Some(old) = old else { return Ok(()) };
    let own = file.metadata()?;
    // Only the superuser may give a file away.
    let _ = (own.uid() != old.uid()).then(|| fchown(file, Some(old.uid()), None));
    let same_group = own.gid() == old.gid() || fchown(file, None, Some(old.gid())).is_ok();
    // Another group is given no more than everybody.
    let mode = match same_group {
        true => old.mode(),
        false => (old.mode() & !0o070) | ((old.mode() & 0o007) << 3),
    };
    file.set_permissions(Permissions::from_mode(mode & 0o777))
}

#[cfg(not(unix))]
fn take_after(file: &File, old: Option<&Metadata>) -> io::Result<()> {
    old.map_or(Ok(()), |old| file.set_permissions(old.permissions()))
}

/// Makes the rename durable. A folder that may be written but not read, and a file system that keeps its folders in order
/// by itself, leave nothing to do.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    match synced.as_ref().map_err(io::Error::kind) {
        Err(ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        _ => synced,
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_leftovers_of_this_very_file_are_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.toml");
        let kept = [
            "a.toml",
            ".b.toml.aksbackup-abc123.tmp",
            ".a.toml.aksbackup-abc12.tmp",
            ".a.toml.aksbackup-abc-23.tmp",
            ".a.toml.aksbackup-abc123.tmp.bak",
            ".a.toml.backup.tmp",
        ];
        for name in kept.iter().chain(&[".a.toml.aksbackup-abc123.tmp"]) {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        sweep(&target);
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let mut kept = kept.to_vec();
        kept.sort_unstable();
        assert_eq!(left, kept);
    }

    #[test]
    fn a_temporary_file_is_one_that_is_swept_away() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.toml");
        let path = temporary(&target, 0o600).unwrap().into_temp_path().keep().unwrap();
        sweep(&target);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_to_the_end_and_stay_links() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        symlink("real/s.toml", at("one")).unwrap();
        symlink(at("one"), at("two")).unwrap();
        assert_eq!(follow(&at("two")), at("real/s.toml"));
        replace(&follow(&at("two")), b"first").unwrap();
        std::fs::set_permissions(at("real/s.toml"), std::fs::Permissions::from_mode(0o640)).unwrap();
        replace(&follow(&at("two")), b"second").unwrap();
        assert_eq!(std::fs::read(at("real/s.toml")).unwrap(), b"second");
        assert!(at("two").is_symlink() && at("one").is_symlink());
        let mode = std::fs::metadata(at("real/s.toml")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_circle_come_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink(at("b"), at("a")).unwrap();
        std::os::unix::fs::symlink(at("a"), at("b")).unwrap();
        assert!(follow(&at("a")).is_symlink());
    }
}
