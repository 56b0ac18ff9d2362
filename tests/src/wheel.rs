//! az's extension as a wheel, built from this tree.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packs the universal wheel below `folder`, and gives its path.
///
/// # Errors
/// There is no Python 3, or the sources are not whole.
pub fn universal(folder: &Path) -> io::Result<PathBuf> {
    let packer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../az-aksbackup/python/pack.py");
    let packed = Command::new("python3")
        .arg(packer)
        .arg(folder.join("wheel"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()?;
    let path = String::from_utf8_lossy(&packed.stdout).trim().to_owned();
    match packed.status.success() {
        true => Ok(path.into()),
        false => Err(io::Error::other(String::from_utf8_lossy(&packed.stderr).into_owned())),
    }
}
