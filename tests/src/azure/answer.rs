//! Answers and the errors of ARM.

use std::borrow::Cow;

use serde_json::{Value, json};

/// An HTTP answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Option<Value>,
    /// Model seconds until the answer leaves.
    pub(crate) delay: f64,
}

/// What a handler gives: an answer either way, so that `?` can leave early with an error's.
pub(crate) type Outcome = Result<Answer, Answer>;

impl Answer {
    /// A status with a JSON body.
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            ..Self::default()
        }
    }

    /// A status alone.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// 200 with a body.
    pub(crate) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    /// ARM's error object.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::new(status, json!({ "error": { "code": code, "message": message } }))
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A header, empty where it is missing.
    pub(crate) fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map_or_else(String::new, |(_, value)| value.clone())
    }

    /// `error.code` of the body, empty where there is none.
    #[cfg(test)]
    pub(crate) fn code(&self) -> &str {
        self.body
            .as_ref()
            .and_then(|body| body.pointer("/error/code"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// 404 of a tracked resource.
pub(crate) fn not_found(kind: &str, name: &str, group: &str) -> Answer {
    let message = format!(
        "The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to \
         https://aka.ms/ARMResourceNotFoundFix"
    );
    Answer::error(404, "ResourceNotFound", &message)
}

/// 400 of a body that lacks a member.
pub(crate) fn missing(member: &str) -> Answer {
    let message = format!("The request content is invalid: the required property '{member}' is missing.");
    Answer::error(400, "InvalidRequestContent", &message)
}

/// 409 of a cluster that has an operation in progress.
pub(crate) fn busy(what: &str) -> Answer {
    let message = format!(
        "Operation is not allowed: Another operation ({what}) is in progress, please wait for it to finish before \
         starting a new operation. See https://aka.ms/aks-pending-operation for more details"
    );
    Answer::error(409, "OperationNotAllowed", &message)
}
