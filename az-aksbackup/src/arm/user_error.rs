//! Errors that Azure Backup words for people.

use aksbackup_shared::failure::Failure;
use serde_json::Value;

use crate::arm::error::advised;

/// An error that Azure Backup words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserError {
    /// Such as `UserErrorMissingRequiredPermissions`.
    pub(crate) code: String,
    /// What happened.
    pub(crate) message: String,
    /// What Microsoft advises.
    pub(crate) advice: Vec<String>,
}

impl UserError {
    /// The errors of an answer: one, or a list.
    pub(crate) fn all(value: &Value) -> Vec<Self> {
        match value {
            Value::Array(items) => items.iter().flat_map(Self::all).collect(),
            Value::Object(error) => {
                let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                let advice = error.get("recommendedAction").and_then(Value::as_array);
                let advice = advice.into_iter().flatten().filter_map(Value::as_str);
                let own = Self {
                    code: text("code"),
                    message: text("message"),
                    advice: advice.map(str::to_owned).collect(),
                };
                if own.code.is_empty() && own.message.is_empty() {
                    Vec::new()
                } else {
                    vec![own]
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }

    /// Adds errors to a failure: code, words and advice.
    pub(crate) fn explain(errors: &[Self], failure: Failure) -> Failure {
        let (mut failure, mut advice) = (failure, Vec::new());
        for error in errors {
            if failure.code.is_none() && !error.code.is_empty() {
                failure = failure.code(error.code.clone());
            }
            failure = failure.because(format!("{}: {}", error.code, error.message).trim_start_matches(": "));
            advice.extend(error.advice.iter().cloned());
        }
        advised(failure, advice)
    }
}
