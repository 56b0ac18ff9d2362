//! Replaces a file as a whole: who reads it meanwhile sees the old one or the new one.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes `bytes` beside the file at `path`, makes them durable, and renames them over the old file, whose mode they take.
/// A symbolic link is followed to its target.
///
/// # Errors
/// The folder cannot be written, or the disk is full: the old file is then intact.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".aksbackup-")
        .suffix(".tmp")
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    match std::fs::metadata(&target) {
        Ok(metadata) => file.as_file().set_permissions(metadata.permissions())?,
        Err(_) => make_shareable(file.as_file())?,
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    sync_folder(folder)
}

#[cfg(unix)]
fn make_shareable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_shareable(_file: &File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}
