//! Files that a name from outside leads to: read only if they are regular files, without waiting, and never without end.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// Reads a regular file of at most `most` bytes. A symbolic link at the end of the path is followed.
///
/// # Errors
/// `InvalidInput`: it is a folder, a pipe or a device. `FileTooLarge`: it is larger. As the system says.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Opening some devices has effects of its own, so the name is looked at first, and what was opened again.
    is_regular(&std::fs::metadata(path)?)?;
    let file = open(path)?;
    is_regular(&file.metadata()?)?;
    let mut bytes = Vec::new();
    match file.take(most.saturating_add(1)).read_to_end(&mut bytes)? {
        count if count as u64 > most => Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {} KiB", most / 1024),
        )),
        _ => Ok(bytes),
    }
}

/// Reads a regular file of at most `most` bytes whose name is relative to `folder`, and which is in it or below it: no link on
/// the way leads elsewhere.
///
/// # Errors
/// As [`read`]; `InvalidInput` also where the file is elsewhere.
pub fn read_below(folder: &Path, name: &Path, most: u64) -> io::Result<Vec<u8>> {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let (folder, path) = (folder.canonicalize()?, folder.join(name).canonicalize()?);
    match path.starts_with(&folder) {
        true => read(&path, most),
        false => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "a symbolic link leads out of the directory of the state file",
        )),
    }
}

/// A pipe is opened without waiting for a writer.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

fn is_regular(metadata: &std::fs::Metadata) -> io::Result<()> {
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is not a file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bounded_regular_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read(folder.path(), 5).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(
            read(&folder.path().join("none"), 5).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_within_the_folder_is_followed_and_one_that_leads_out_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(outer.path().join("secret"), "x").unwrap();
        std::fs::write(folder.join("file"), "y").unwrap();
        std::os::unix::fs::symlink("file", folder.join("inside")).unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("outside")).unwrap();
        std::os::unix::fs::symlink(outer.path(), folder.join("up")).unwrap();
        let kind = |name: &str| read_below(&folder, Path::new(name), 9).map_err(|error| error.kind());
        assert_eq!(kind("inside"), Ok(b"y".to_vec()));
        for name in ["outside", "up/secret", "../secret"] {
            assert_eq!(kind(name), Err(ErrorKind::InvalidInput), "{name}");
        }
    }
}
