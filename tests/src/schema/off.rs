//! Takes the place of the checker in a build without the feature `definitions`: there is none, and nothing is checked.

use serde_json::Value;

/// A checker, of which a build without definitions has none.
#[derive(Debug, Clone, Copy)]
pub enum Checker {}

impl Checker {
    /// Never called: there is no checker.
    #[must_use]
    pub fn request(&self, _method: &str, _target: &str, _body: Option<&Value>) -> Vec<String> {
        match *self {}
    }

    /// Never called: there is no checker.
    #[must_use]
    pub fn response(&self, _method: &str, _target: &str, _status: u16, _body: Option<&Value>) -> Vec<String> {
        match *self {}
    }
}

/// Returns no checker.
///
/// # Errors
/// None; the signature is that of the real one.
pub fn definitions() -> Result<Option<Checker>, String> {
    Ok(None)
}

/// Returns false: there are no violations to tell apart.
#[must_use]
pub fn is_undefined_version(_violation: &str) -> bool {
    false
}
