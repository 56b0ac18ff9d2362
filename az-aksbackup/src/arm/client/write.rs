//! Writes ARM.

use aksbackup_shared::failure::Outcome;
use azure_core::http::Method;
use serde_json::Value;

use super::Reader;
use crate::arm::answer::Answer;
use crate::arm::call::Call;

/// Writes ARM.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    reader: Reader,
}

impl Writer {
    /// A writer beside `reader`.
    pub(crate) fn new(reader: Reader) -> Self {
        Self { reader }
    }

    /// The reader beside it.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Creates or replaces the resource at `path`; with `if_match` only the state with that tag.
    ///
    /// # Errors
    /// Exit 4: not permitted, with action and scope. Exit 1: everything else; the code says what.
    pub(crate) async fn put(&self, path: &str, version: &str, body: &Value, if_match: Option<&str>) -> Outcome<Answer> {
        let mut call = Call::new(Method::Put, path, version, Some(body));
        call.if_match = if_match;
        self.write(&call).await
    }

    /// Changes parts of the resource at `path`.
    ///
    /// # Errors
    /// As [`Writer::put`].
    pub(crate) async fn patch(&self, path: &str, version: &str, body: &Value) -> Outcome<Answer> {
        self.write(&Call::new(Method::Patch, path, version, Some(body))).await
    }

    /// Asks for the action that is the last segment of `path`. It is not sent again once it may have arrived.
    ///
    /// # Errors
    /// As [`Writer::put`].
    pub(crate) async fn post(&self, path: &str, version: &str, body: Option<&Value>) -> Outcome<Answer> {
        let mut call = Call::new(Method::Post, path, version, body);
        call.once = true;
        self.write(&call).await
    }

    async fn write(&self, call: &Call<'_>) -> Outcome<Answer> {
        let raw = self.reader.send(call).await?;
        match raw.status {
            200..300 => Ok(Answer {
                status: raw.status,
                body: raw.json(),
                headers: raw.headers,
            }),
            _ => raw.refused(&call.what()).err(),
        }
    }
}
