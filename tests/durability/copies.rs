//! Copies of a state file in a folder, and both programs on them: no cloud, no cluster.

use std::path::PathBuf;
use std::process::Command;

use aksbackup_tests::harness::{Run, binary, finish};

/// Both programs.
pub(crate) const PROGRAMS: [&str; 2] = ["az-aksbackup", "kubectl-aksbackup"];

/// A folder of copies.
pub(crate) struct Copies {
    folder: tempfile::TempDir,
}

impl Copies {
    /// A folder whose `aksbackup.toml` is the file `name` of a release.
    pub(crate) fn of(name: &str) -> Self {
        let copies = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        copies.write("aksbackup.toml", &released(name));
        copies
    }

    /// Runs a command in the folder, without any login.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Run {
        finish(&mut self.command(program, arguments))
    }

    /// A command in the folder, without any login.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(program));
        command.args(arguments).current_dir(&self.folder).env_clear();
        command
    }

    /// A file's text.
    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }
}

/// The text of a release's file.
pub(crate) fn released(name: &str) -> String {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/tests/state-files"));
    std::fs::read_to_string(folder.join(name)).unwrap()
}
