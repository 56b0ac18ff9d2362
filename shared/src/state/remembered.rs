//! Which targets this user confirmed on this machine, by their digests.
//!
//! A state file comes from anybody, and its note of who wrote it is free text. So a command that gives access to what the
//! file names accepts `--yes` only for a target that `init` wrote here, or that the user confirmed here before. The record is
//! in the user's own state folder, as direnv keeps what it may load.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::schema::Target;

/// The user's record of confirmed targets.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    folder: Option<PathBuf>,
}

impl Remembered {
    /// Returns the record of the user who runs this program; an empty one, which keeps nothing, where the environment names
    /// no folder for it.
    #[must_use]
    pub fn of_user() -> Self {
        Self::of(|name| std::env::var_os(name).map(PathBuf::from))
    }

    /// As [`Remembered::of_user`], by the environment `variable`. A relative folder is ignored, as the XDG specification
    /// demands: it would be another one in each working directory.
    fn of(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
        let base = match cfg!(windows) {
            true => absolute("LOCALAPPDATA"),
            false => absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state"))),
        };
        Self {
            folder: base.map(|base| base.join("aksbackup").join("confirmed")),
        }
    }

    /// Whether the user confirmed exactly this target here.
    #[must_use]
    pub fn has(&self, target: &Target) -> bool {
        let place = self.place(target);
        place.is_some_and(|place| fs::symlink_metadata(place).is_ok_and(|found| found.is_file()))
    }

    /// Records that the user confirmed this target.
    ///
    /// # Errors
    /// The folder or the file can't be written. The next `--yes` then needs the flags again; nothing else depends on it.
    pub fn keep(&self, target: &Target) -> io::Result<()> {
        let Some(place) = self.place(target).filter(|_| !self.has(target)) else {
            return Ok(());
        };
        if let Some(folder) = place.parent() {
            private(folder)?;
        }
        fs::write(place, format!("{}\n", target.cluster))
    }

    fn place(&self, target: &Target) -> Option<PathBuf> {
        let values = toml::Table::try_from(target).ok()?;
        let digest = Digest::of(&values).to_string().replace(':', "-");
        Some(self.folder.as_ref()?.join(digest))
    }
}

/// Creates a folder that no other user can write to.
#[cfg(unix)]
fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// On Windows the user's profile is closed to other users already.
#[cfg(not(unix))]
fn private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = include_str!("../../tests/state-files/2-protected.toml");

    fn target() -> Target {
        let file: toml::Table = TARGET.parse().unwrap();
        file["target"].clone().try_into().unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn exactly_the_kept_values_are_remembered_whoever_the_file_says_wrote_them() {
        let home = tempfile::tempdir().unwrap();
        let remembered = Remembered::of(|name| (name == "HOME").then(|| home.path().to_owned()));
        assert!(!remembered.has(&target()));
        remembered.keep(&target()).unwrap();
        assert!(remembered.has(&Target {
            written: None,
            ..target()
        }));
        let mut other = target();
        other.vault.resource_group = "rg-attack".parse().unwrap();
        assert!(!remembered.has(&other));
        assert!(home.path().join(".local/state/aksbackup/confirmed").is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn without_an_absolute_folder_nothing_is_remembered() {
        let relative = Remembered::of(|name| (name == "XDG_STATE_HOME").then(|| "state".into()));
        relative.keep(&target()).unwrap();
        assert!(!relative.has(&target()));
    }
}
