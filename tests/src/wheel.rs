//! az's extension as a wheel, built from this tree.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::python::Python;

/// Builds the universal wheel from a copy of its sources below `folder`, and gives its path.
///
/// # Errors
/// The tools that build wheels cannot be had, or do not like the sources.
pub fn universal(folder: &Path) -> io::Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../az-aksbackup/python");
    let copy = folder.join("wheel");
    let package = copy.join("azext_aksbackup");
    fs::create_dir_all(&package)?;
    fs::copy(sources.join("pyproject.toml"), copy.join("pyproject.toml"))?;
    for file in fs::read_dir(sources.join("azext_aksbackup"))? {
        let file = file?;
        if file.path().is_file() {
            fs::copy(file.path(), package.join(file.file_name()))?;
        }
    }
    let mut pip = Python::with("wheel")?.command();
    let words = "-m pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir";
    let built = pip.args(words.split(' ')).arg(copy.join("dist")).arg(&copy).output()?;
    let made = fs::read_dir(copy.join("dist")).ok().and_then(|mut made| made.next());
    match made {
        Some(wheel) if built.status.success() => Ok(wheel?.path()),
        _ => Err(io::Error::other(String::from_utf8_lossy(&built.stderr).into_owned())),
    }
}
