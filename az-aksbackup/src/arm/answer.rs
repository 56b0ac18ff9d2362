//! What ARM answered to a write.

use aksbackup_shared::step::Applied;
use azure_core::http::Url;
use azure_core::http::headers::{HeaderName, Headers};
use serde_json::Value;

use super::client::Writer;
use super::operation::{ArmOperation, Place};
use crate::http::retry_after::retry_after;

/// An accepted write.
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
    /// What came of a write of the resource at `resource` (path and api-version): an operation to follow, or done. Of the
    /// operation's two addresses `Azure-AsyncOperation` is preferred, and both are used only on the ARM host; where there
    /// is none, the resource itself tells by its `provisioningState`.
    pub(crate) fn applied(self, writer: &Writer, title: String, resource: (String, &'static str)) -> Applied {
        let running = self.place(writer).is_some() || unfinished(&self.body).is_some();
        match running {
            true => Applied::Running(Box::new(self.follow(writer, title, Some(resource)))),
            false => Applied::Done,
        }
    }

    /// The operation that a POST began, for its result; `None` where the answer names none on the ARM host. The result
    /// of an operation that has none of its own is read from `Location`.
    pub(crate) fn operation(self, writer: &Writer, title: String) -> Option<ArmOperation> {
        self.place(writer)?;
        Some(self.follow(writer, title, None))
    }

    fn follow(self, writer: &Writer, title: String, resource: Option<(String, &'static str)>) -> ArmOperation {
        let place = self.place(writer);
        let result = resource.is_none().then(|| self.url(writer, "location")).flatten();
        ArmOperation::new(
            writer.reader().clone(),
            title,
            place,
            resource,
            result,
            retry_after(&self.headers),
        )
    }

    fn place(&self, writer: &Writer) -> Option<Place> {
        // A 200 with a Location header is a finished answer; Azure-AsyncOperation counts with every status.
        let status = self.url(writer, "azure-asyncoperation").map(Place::Status);
        status.or_else(|| {
            let accepted = matches!(self.status, 201 | 202);
            accepted
                .then(|| self.url(writer, "location"))
                .flatten()
                .map(Place::Location)
        })
    }

    fn url(&self, writer: &Writer, header: &'static str) -> Option<Url> {
        let text = self.headers.get_optional_str(&HeaderName::from_static(header))?;
        let url = Url::parse(text).ok()?;
        writer.reader().is_arm(&url).then_some(url)
    }
}

/// The `provisioningState` of a resource that is still being worked on.
pub(crate) fn unfinished(body: &Value) -> Option<&str> {
    let state = body.pointer("/properties/provisioningState")?.as_str()?;
    let ended = ["Succeeded", "Failed", "Canceled"];
    (!ended.iter().any(|ended| ended.eq_ignore_ascii_case(state))).then_some(state)
}
