//! Writes ARM.

use std::fmt::Display;

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::state::store::WriteAccess;
use azure_core::http::Method;
use serde_json::Value;

use super::Reader;
use crate::arm::answer::Answer;
use crate::arm::call::Call;

/// Writes ARM.
#[derive(Debug)]
pub(crate) struct Writer {
    reader: Reader,
}

/// What came of a request that must not be sent twice.
#[derive(Debug)]
pub(crate) enum Told {
    /// Azure took it.
    Answer(Answer),
    /// No answer came, or one that leaves open whether it was done.
    Nothing(Box<Failure>),
}

impl Writer {
    /// A writer that reads through `reader`. The token keeps it out of the hands of code that only reads.
    pub(crate) fn new(reader: Reader, _: WriteAccess) -> Self {
        Self { reader }
    }

    /// A writer for tests, which have no state file.
    #[cfg(test)]
    pub(super) fn without_file(reader: Reader) -> Self {
        Self { reader }
    }

    /// The reader beside it.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Creates or replaces the resource at `path` by `body`, whose display is JSON; with `if_match` only the state with that tag.
    ///
    /// # Errors
    /// Exit 4: not permitted, with action and scope. Exit 1: everything else; the code says what.
    pub(crate) async fn put(
        &self,
        path: &str,
        version: &str,
        body: &impl Display,
        if_match: Option<&str>,
    ) -> Outcome<Answer> {
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

    /// Asks for the action that is the last segment of `path`, which does no harm if it is done twice.
    ///
    /// # Errors
    /// As [`Writer::put`].
    pub(crate) async fn post(&self, path: &str, version: &str, body: Option<&Value>) -> Outcome<Answer> {
        self.write(&Call::new(Method::Post, path, version, body.map(as_text)))
            .await
    }

    /// Asks for the action that is the last segment of `path`. It is not sent again once it may have arrived.
    ///
    /// # Errors
    /// As [`Writer::put`], where Azure has certainly not done it.
    pub(crate) async fn post_once(&self, path: &str, version: &str, body: Option<&Value>) -> Outcome<Told> {
        let mut call = Call::new(Method::Post, path, version, body.map(as_text));
        call.once = true;
        let raw = match self.reader.send(&call).await {
            Ok(raw) => raw,
            Err(failure) if failure.exit == Exit::NotPermitted => return Err(failure),
            Err(failure) => return Ok(Told::Nothing(failure)),
        };
        match raw.status {
            408 | 500.. => Ok(Told::Nothing(Box::new(raw.refused(&call.what())))),
            _ => Answer::of(raw, &call).map(Told::Answer),
        }
    }

    /// Deletes the resource at `path`. One that is gone already is no failure.
    ///
    /// # Errors
    /// As [`Writer::put`].
    pub(crate) async fn delete(&self, path: &str, version: &str) -> Outcome<Answer> {
        let call = Call::new(Method::Delete, path, version, None);
        let raw = self.reader.send(&call).await?;
        match raw.status {
            404 => Ok(Answer {
                status: 204,
                body: Value::Null,
                headers: raw.headers,
            }),
            _ => Answer::of(raw, &call),
        }
    }

    async fn write(&self, call: &Call<'_>) -> Outcome<Answer> {
        Answer::of(self.reader.send(call).await?, call)
    }
}

fn as_text(body: &Value) -> &dyn Display {
    body
}
