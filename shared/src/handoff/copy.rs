//! The sender's copy of the program that the receiver runs.

use std::path::Path;

use serde::Serialize;

use crate::digest::Digest;
use crate::program::Program;
use crate::regular;

/// No program is as large; more is not read.
const LARGEST: u64 = 256 << 20;

/// A copy of a program, with what identifies it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// The name of its file.
    pub file: String,
    /// The version, which both programs of a release share.
    pub version: &'static str,
    /// The operating system and processor that it is for, as Rust names them.
    pub platform: String,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

impl Copy {
    /// Returns the sender's copy of `program`: next to the running program, where an installation puts both. `None` if it isn't there or
    /// can't be read: a message without it is still complete.
    #[must_use]
    pub fn of(program: Program) -> Option<Self> {
        let running = std::env::current_exe().ok()?;
        Self::in_folder(running.parent()?, program)
    }

    fn in_folder(folder: &Path, program: Program) -> Option<Self> {
        let file = format!("{}{}", program.binary(), std::env::consts::EXE_SUFFIX);
        let bytes = regular::read(&folder.join(&file), LARGEST).ok()?;
        let digest = Digest::of_bytes(&bytes).to_string();
        Some(Self {
            file,
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            sha256: digest.split_once(':').map_or(digest.clone(), |(_, hex)| hex.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_copy_next_to_the_program_is_named_with_its_sha_256() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Copy::in_folder(folder.path(), Program::Kubectl), None);
        let path = folder
            .path()
            .join(format!("kubectl-aksbackup{}", std::env::consts::EXE_SUFFIX));
        fs::write(path, "abc").unwrap();
        // SHA-256 of "abc": FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            Copy::in_folder(folder.path(), Program::Kubectl).unwrap().sha256,
            expected
        );
        assert_eq!(Copy::in_folder(folder.path(), Program::Az), None);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("az-aksbackup")).unwrap();
        assert_eq!(Copy::in_folder(folder.path(), Program::Az), None);
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("kubectl-aksbackup")).unwrap();
        assert_eq!(Copy::in_folder(folder.path(), Program::Kubectl), None);
    }
}
