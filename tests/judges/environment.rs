//! Clients that are not ours, installed from their registry once for each list of versions, and kept.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use uuid::Uuid;

/// A Python with the packages of a list of versions.
pub(crate) struct Environment {
    folder: PathBuf,
}

/// Where the file with the list of versions, and every script, is kept.
pub(crate) fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("judges").join(name)
}

/// `$XDG_CACHE_HOME/aksbackup/judges`, by default below `~/.cache`.
fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|base| !base.is_empty());
    base.map_or_else(home, PathBuf::from).join("aksbackup/judges")
}

/// The environment for `requirements`, made if it is not there. Its folder is named by what makes it up: the list and the
/// Python. It is complete as soon as it has that name, and one process at a time makes it, the others wait.
pub(crate) fn environment(requirements: &str) -> Environment {
    let list = fs::read_to_string(own(requirements)).unwrap();
    let python = said(Command::new("python3").args(["-c", "import sys; print(sys.executable, sys.version)"]));
    let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{python}\n{list}").as_bytes()).to_string();
    let cache = cache();
    fs::create_dir_all(&cache).unwrap();
    let folder = cache.join(&name);
    let lock = File::create(cache.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if !folder.is_dir() {
        let partial = cache.join(format!("{name}.partial"));
        let _ = fs::remove_dir_all(&partial);
        let start = Instant::now();
        install(&partial, requirements);
        fs::rename(&partial, &folder).unwrap();
        let (packages, seconds) = (list.lines().count(), start.elapsed().as_secs());
        let place = folder.display();
        let _ = writeln!(
            io::stderr(),
            "judges: installed {packages} packages of {requirements} in {seconds} s, into {place}"
        );
    }
    Environment { folder }
}

/// A virtual environment, or a plain folder of packages where Python came without the means to make one.
fn install(folder: &Path, requirements: &str) {
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(folder)
        .output()
        .unwrap();
    let mut pip = if made.status.success() {
        Command::new(folder.join("bin/python"))
    } else {
        let _ = fs::remove_dir_all(folder);
        let mut plain = Command::new("python3");
        plain.env("PIP_TARGET", folder);
        plain
    };
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ])
    .arg(own(requirements));
    let run = pip.output().unwrap();
    assert!(
        run.status.success(),
        "the packages of {requirements} cannot be installed: this judge needs Python 3.10 or later with venv and pip (on \
         Debian: apt-get install python3-venv) and its package registry.\npython3 -m venv: {}\npip: {}",
        String::from_utf8_lossy(&made.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
}

impl Environment {
    /// A command that runs this Python, without what the caller's environment says to Python.
    pub(crate) fn python(&self) -> Command {
        let own = self.folder.join("bin/python");
        let mut command = if own.exists() {
            Command::new(own)
        } else {
            let mut plain = Command::new("python3");
            plain.env("PYTHONPATH", &self.folder);
            plain
        };
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output();
    assert!(output.is_ok(), "this judge needs Python: {command:?}: {output:?}");
    String::from_utf8_lossy(&output.unwrap().stdout).trim().to_owned()
}
