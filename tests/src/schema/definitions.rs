//! Where Microsoft's definitions are.

use std::env;
use std::path::PathBuf;

use super::checker::Checker;

/// Names the folder of the definitions. Empty switches the check off.
pub const VARIABLE: &str = "AKSBACKUP_ARM_SCHEMA";

/// What a person reads where nothing is checked.
pub const OFF: &str = "warning: nothing is checked against Microsoft's definitions of the API";

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
