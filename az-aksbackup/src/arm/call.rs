//! A request to ARM before it is sent, and an answer as it came.

use std::fmt::Display;
use std::time::Duration;

use aksbackup_shared::failure::Failure;
use azure_core::http::Method;
use azure_core::http::headers::Headers;
use serde_json::Value;

use super::{error, object};
use crate::http::bounded::MARK;
use crate::http::retry_after::retry_after;

/// An answer as it came.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    body: Vec<u8>,
}

impl Raw {
    /// An answer; proxies put a byte order mark before the body, which no JSON parser takes.
    pub(super) fn new(status: u16, headers: Headers, mut body: Vec<u8>) -> Self {
        if body.starts_with(MARK) {
            body.drain(..MARK.len());
        }
        Self { status, headers, body }
    }

    /// The body's bytes.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, `Null` where it is none or no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// When Azure wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }

    /// Azure's ids of the request, as one text.
    pub(crate) fn request_id(&self) -> Option<String> {
        error::request_id(&self.headers)
    }

    /// The failure that it is.
    pub(crate) fn refused(&self, what: &str) -> Failure {
        error::from_answer(what, self.status, &self.headers, &self.body)
    }
}

/// A request before it is sent.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) version: &'a str,
    /// Its display is JSON.
    pub(super) body: Option<&'a dyn Display>,
    /// Only the state with this tag is replaced.
    pub(super) if_match: Option<&'a str>,
    /// It must not be sent again once it may have arrived.
    pub(super) once: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'a str, version: &'a str, body: Option<&'a dyn Display>) -> Self {
        Self {
            method,
            path,
            version,
            body,
            if_match: None,
            once: false,
        }
    }

    /// What it is about.
    pub(super) fn object(&self) -> object::Object {
        object::of(self.path, self.method == Method::Post)
    }

    /// What is reported when it fails, such as `cannot create or change storage account st1`.
    pub(super) fn what(&self) -> String {
        let object = self.object();
        let verb = match self.method {
            Method::Put => "create or change",
            Method::Patch => "change",
            Method::Delete => "delete",
            Method::Post => return format!("cannot {} {}", object.action.unwrap_or_default(), object.words),
            _ => "read",
        };
        format!("cannot {verb} {}", object.words)
    }
}
