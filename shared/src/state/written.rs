//! Files that a flag names for a result. They are never the state file, and nothing is waited for.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::state::lock::lock_path;
use crate::state::replace::{Setback, folder_of, follow, replace};

/// A file for a result.
#[derive(Debug, Clone, Copy)]
pub struct OutFile<'a> {
    /// Its path, as the person wrote it.
    pub path: &'a Path,
    /// The flag that names it.
    pub flag: &'static str,
    /// The state file of the command, which it must not be.
    pub state: &'a Path,
}

impl OutFile<'_> {
    /// Checks that the file can be written as far as that can be known before there is a result.
    ///
    /// # Errors
    /// Exit 2: it is the state file or its lock. Exit 1: it is a pipe, a folder, or something else that isn't a file.
    pub fn check(&self) -> Outcome<()> {
        let Self { path, flag, state } = self;
        if [state.to_path_buf(), lock_path(&follow(state))]
            .iter()
            .any(|own| is_same(path, own))
        {
            return Failure::usage(format!("{flag} {} is the state file or its lock", path.display()))
                .because(format!("the state file of this command is {}", state.display()))
                .hint(format!("specify another file: {flag} FILE"))
                .err();
        }
        match std::fs::metadata(path) {
            Ok(own) if !own.is_file() && !is_device(&own) => self.refused("it isn't a regular file"),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Checks the file, and asks before one that exists is replaced. `yes` answers beforehand.
    ///
    /// # Errors
    /// As [`OutFile::check`]. Exit 2: no one could be asked. Exit 8: the answer was no.
    pub fn may_replace(&self, console: &Console, yes: bool) -> Outcome<()> {
        self.check()?;
        let is_new = !std::fs::metadata(self.path).is_ok_and(|own| own.is_file());
        if is_new || yes || console.confirm(&format!("Replace {}?", self.path.display()))? {
            return Ok(());
        }
        Failure::new(Exit::Pending, format!("{} was not replaced", self.path.display())).err()
    }

    /// Writes the file as a whole: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// As [`OutFile::check`]. Exit 1: it can't be written.
    pub fn write(&self, text: &str) -> Outcome<()> {
        self.check()?;
        let target = follow(self.path);
        let written = match std::fs::metadata(&target) {
            Ok(own) if !own.is_file() => write_to_device(&target, text.as_bytes()),
            Ok(_) | Err(_) => match replace(&target, text.as_bytes()) {
                Ok(()) | Err(Setback::Unconfirmed(_)) => Ok(()),
                Err(Setback::Intact(error)) => Err(error),
            },
        };
        written.or_else(|error| self.refused(error.to_string()))
    }

    fn refused(&self, why: impl Into<String>) -> Outcome<()> {
        Failure::failed(format!("cannot write {}", self.path.display()))
            .because(why)
            .hint(format!("specify a path that you can write to: {} FILE", self.flag))
            .err()
    }
}

/// Whether two paths lead to the same file, or would if it existed.
fn is_same(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(own), Ok(theirs)) if has_same_place(&own, &theirs) => true,
        _ => place(one).is_ok_and(|own| place(other).is_ok_and(|theirs| own == theirs)),
    }
}

/// The path of a file, without links.
fn place(path: &Path) -> io::Result<PathBuf> {
    let target = follow(path);
    let name = target.file_name().ok_or(ErrorKind::InvalidInput)?;
    Ok(folder_of(&target).canonicalize()?.join(name))
}

/// Hard links have one place.
#[cfg(unix)]
fn has_same_place(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn has_same_place(_one: &Metadata, _other: &Metadata) -> bool {
    false
}

/// Whether it is a terminal, `/dev/null` or another device that takes characters.
#[cfg(unix)]
fn is_device(own: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&own.file_type())
}

#[cfg(not(unix))]
fn is_device(own: &Metadata) -> bool {
    !own.is_dir()
}

/// A device is opened without waiting for it, and never becomes the terminal of the program.
#[cfg(unix)]
fn write_to_device(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let mut file = std::fs::OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    file.write_all(bytes)
}

#[cfg(not(unix))]
fn write_to_device(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::write(path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out<'a>(path: &'a Path, state: &'a Path) -> OutFile<'a> {
        OutFile {
            path,
            flag: "--out",
            state,
        }
    }

    #[test]
    fn the_state_file_is_no_result_even_before_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let state = at("s.toml");
        assert_eq!(out(&state, &state).check().unwrap_err().exit, Exit::Usage);
        assert_eq!(out(&at("s.toml.lock"), &state).check().unwrap_err().exit, Exit::Usage);
        std::fs::write(&state, "x").unwrap();
        std::fs::hard_link(&state, at("hard")).unwrap();
        assert_eq!(out(&at("./hard"), &state).write("y").unwrap_err().exit, Exit::Usage);
        assert_eq!(std::fs::read_to_string(&state).unwrap(), "x");
        out(&at("other"), &state).write("y").unwrap();
        out(&at("other"), &state).write("z").unwrap();
        assert_eq!(std::fs::read_to_string(at("other")).unwrap(), "z");
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let failure = out(folder.path(), Path::new("s.toml")).write("y").unwrap_err();
        assert_eq!((failure.exit, failure.why.len()), (Exit::Failed, 1));
    }
}
