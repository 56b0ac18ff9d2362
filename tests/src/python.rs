//! Python programs that are not ours, installed from their registry once for each list of versions, and kept.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use uuid::Uuid;

/// A Python with the packages of a list of versions.
#[derive(Debug)]
pub struct Python {
    folder: PathBuf,
}

/// `$XDG_CACHE_HOME/aksbackup/python`, by default below `~/.cache`.
fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into())).join(".cache");
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|base| !base.is_empty());
    base.map_or_else(home, PathBuf::from).join("aksbackup/python")
}

impl Python {
    /// The Python with the packages of `tests/requirements/LIST.txt`, installed if it is not there. Its folder is named by
    /// what makes it up: the list and the Python. It is complete as soon as it has that name, and one process at a time
    /// makes it, the others wait.
    ///
    /// # Errors
    /// No such list, no Python 3 with pip, no package registry, or a full disk; the error says what is needed.
    pub fn with(list: &str) -> io::Result<Self> {
        let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("requirements/{list}.txt"));
        let packages = fs::read_to_string(&requirements)?;
        let python = said(Command::new("python3").args(["-c", "import sys; print(sys.executable, sys.version)"]))?;
        let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{python}\n{packages}").as_bytes()).to_string();
        let cache = cache();
        fs::create_dir_all(&cache)?;
        let folder = cache.join(&name);
        let lock = File::create(cache.join(format!("{name}.lock")))?;
        lock.lock()?;
        if !folder.is_dir() {
            let partial = cache.join(format!("{name}.partial"));
            let _ = fs::remove_dir_all(&partial);
            let start = Instant::now();
            install(&partial, &requirements)?;
            fs::rename(&partial, &folder)?;
            let (count, seconds) = (packages.lines().count(), start.elapsed().as_secs());
            let _ = writeln!(
                io::stderr(),
                "installed {count} packages of {} in {seconds} s, into {}",
                requirements.display(),
                folder.display()
            );
        }
        Ok(Self { folder })
    }

    /// A command that runs this Python, without what the caller's environment says to Python.
    #[must_use]
    pub fn command(&self) -> Command {
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

    /// The environment in which a program finds this Python's programs and modules before all others.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.folder.join("bin")).chain(std::env::split_paths(&rest));
        let path = std::env::join_paths(all).unwrap_or(rest);
        let mut environment = vec![("PATH", path), ("PYTHONDONTWRITEBYTECODE", "1".into())];
        if !self.folder.join("bin/python").exists() {
            environment.push(("PYTHONPATH", self.folder.clone().into()));
        }
        environment
    }
}

/// A virtual environment, or a plain folder of packages where Python came without the means to make one.
fn install(folder: &Path, requirements: &Path) -> io::Result<()> {
    let made = Command::new("python3").args(["-m", "venv"]).arg(folder).output()?;
    let mut pip = if made.status.success() {
        Command::new(folder.join("bin/python"))
    } else {
        let _ = fs::remove_dir_all(folder);
        let mut plain = Command::new("python3");
        plain.env("PIP_TARGET", folder);
        plain
    };
    let pip = pip
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(requirements)
        .output()?;
    if pip.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the packages of {} cannot be installed: this needs Python 3.10 or later with venv and pip (on Debian: apt-get \
         install python3-venv) and its package registry.\npython3 -m venv: {}\npip: {}",
        requirements.display(),
        String::from_utf8_lossy(&made.stdout),
        String::from_utf8_lossy(&pip.stderr)
    )))
}

fn said(command: &mut Command) -> io::Result<String> {
    let output = command
        .output()
        .map_err(|error| io::Error::other(format!("this needs Python 3: {command:?}: {error}")))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
