//! What ARM answered to a write, or to a question that takes its time.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::step::Applied;
use azure_core::http::Url;
use azure_core::http::headers::Headers;
use serde_json::Value;

use super::call::{Call, Raw};
use super::client::{Reader, Writer};
use super::operation::{ArmOperation, Place};
use crate::http::retry_after::retry_after;

/// What was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// HTTP status: 200 to 299.
    pub(crate) status: u16,
    /// The body, `Null` where there is none.
    pub(crate) body: Value,
    /// The headers.
    pub(crate) headers: Headers,
}

impl Answer {
    /// The answer that `raw` is to `call`.
    ///
    /// # Errors
    /// Azure refused.
    pub(super) fn of(raw: Raw, call: &Call<'_>) -> Outcome<Self> {
        match raw.status {
            200..300 => Ok(Self {
                status: raw.status,
                body: raw.json(),
                headers: raw.headers,
            }),
            _ => raw.refused(&call.what()).err(),
        }
    }

    /// What came of a write of the resource at `resource` (path and api-version): an operation to follow, or done. Of the
    /// operation's two addresses `Azure-AsyncOperation` is preferred, and both are used only on the ARM host; where there
    /// is none, the resource itself tells by its `provisioningState`.
    pub(crate) fn applied(self, writer: &Writer, title: String, resource: (String, &'static str)) -> Applied {
        let reader = writer.reader();
        let running = self.place(reader).is_some() || unfinished(&self.body).is_some();
        match running {
            true => Applied::Running(Box::new(self.follow(reader, title, Some(resource)))),
            false => Applied::Done,
        }
    }

    /// What came of a deletion: an operation to follow, or done. Whether the resource is gone, the next look at it tells.
    pub(crate) fn deleted(self, writer: &Writer, title: String) -> Applied {
        let reader = writer.reader();
        match self.place(reader) {
            Some(place) => {
                let first = retry_after(&self.headers);
                let operation = ArmOperation::new(reader.clone(), title, Some(place), None, None, first);
                Applied::Running(Box::new(operation.of_deletion()))
            }
            None => Applied::Done,
        }
    }

    /// The operation that a POST began, for its result; `None` where the answer names none on the ARM host. The result
    /// of an operation that has none of its own is read from `Location`.
    pub(crate) fn operation(self, reader: &Reader, title: String) -> Option<ArmOperation> {
        self.place(reader)?;
        Some(self.follow(reader, title, None))
    }

    fn follow(self, reader: &Reader, title: String, resource: Option<(String, &'static str)>) -> ArmOperation {
        let place = self.place(reader);
        let result = resource.is_none().then(|| self.url(reader, "location")).flatten();
        ArmOperation::new(
            reader.clone(),
            title,
            place,
            resource,
            result,
            retry_after(&self.headers),
        )
    }

    fn place(&self, reader: &Reader) -> Option<Place> {
        // A 200 with a Location header is a finished answer; Azure-AsyncOperation counts with every status.
        let status = self.url(reader, "azure-asyncoperation").map(Place::Status);
        status.or_else(|| {
            let accepted = matches!(self.status, 201 | 202);
            accepted
                .then(|| self.url(reader, "location"))
                .flatten()
                .map(Place::Location)
        })
    }

    fn url(&self, reader: &Reader, header: &'static str) -> Option<Url> {
        reader.address(&self.headers, header)
    }
}

/// The `provisioningState` of a resource that is still being worked on.
pub(crate) fn unfinished(body: &Value) -> Option<&str> {
    let state = body.pointer("/properties/provisioningState")?.as_str()?;
    let ended = ["Succeeded", "Failed", "Canceled"];
    (!ended.iter().any(|ended| ended.eq_ignore_ascii_case(state))).then_some(state)
}
