//! Where Microsoft's definitions are.

use std::env;
use std::path::PathBuf;

use super::VARIABLE;
use super::checker::Checker;

/// Microsoft's definitions of the API: from the folder that the environment names in [`VARIABLE`], else from where they are
/// kept beside the project. Nothing, where neither is there: then nothing can be checked, and whoever asked has to say so
/// loudly.
///
/// # Errors
/// A folder that was named, or is there, and cannot be read: that is never taken for a reason not to check.
pub fn definitions() -> Result<Option<Checker>, String> {
    match env::var_os(VARIABLE) {
        Some(folder) if folder.is_empty() => Ok(None),
        Some(folder) => Checker::load(&PathBuf::from(folder)).map(Some),
        None => {
            let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/arm-schema"));
            beside.exists().then(|| Checker::load(&beside)).transpose()
        }
    }
}
