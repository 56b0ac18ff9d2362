//! Refusals in Kubernetes' own shape: an object of kind Status.

use serde_json::{Value, json};

use super::resources::Resource;

/// A refusal: the HTTP status and the Status object that says why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) body: Value,
}

impl Refusal {
    /// A Status with `reason`, `message` and `details` (null for none).
    pub(crate) fn new(code: u16, reason: &str, message: &str, details: Value) -> Self {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        if !details.is_null() {
            body["details"] = details;
        }
        Self { code, body }
    }

    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized", Value::Null)
    }

    pub(crate) fn bad_request(message: &str) -> Self {
        Self::new(400, "BadRequest", message, Value::Null)
    }

    pub(crate) fn internal(message: &str) -> Self {
        let details = json!({ "causes": [{ "message": message }] });
        Self::new(
            500,
            "InternalError",
            &format!("Internal error occurred: {message}"),
            details,
        )
    }

    pub(crate) fn no_such_path() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
            json!({}),
        )
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::new(404, "NotFound", &message, resource.details(name))
    }

    pub(crate) fn exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::new(409, "AlreadyExists", &message, resource.details(name))
    }

    pub(crate) fn modified(resource: &Resource, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; \
             please apply your changes to the latest version and try again",
            resource.qualified()
        );
        Self::new(409, "Conflict", &message, resource.details(name))
    }

    pub(crate) fn precondition(resource: &Resource, name: &str, wanted: &str, found: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": Precondition failed: \
             UID in precondition: {wanted}, UID in object meta: {found}",
            resource.qualified()
        );
        Self::new(409, "Conflict", &message, resource.details(name))
    }

    pub(crate) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{} is forbidden: {why}", resource.qualified())
        } else {
            format!("{} \"{name}\" is forbidden: {why}", resource.qualified())
        };
        Self::new(403, "Forbidden", &message, resource.details(name))
    }

    /// One invalid `field`, worded as the API server's validation does.
    pub(crate) fn invalid(resource: &Resource, name: &str, field: &str, why: &str) -> Self {
        let kind = if resource.group.is_empty() {
            resource.kind.to_owned()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        let mut details = resource.details(name);
        details["kind"] = json!(resource.kind);
        details["causes"] = json!([{ "reason": "FieldValueInvalid", "message": why, "field": field }]);
        Self::new(
            422,
            "Invalid",
            &format!("{kind} \"{name}\" is invalid: {field}: {why}"),
            details,
        )
    }

    pub(crate) fn gone(asked: u64, oldest: u64) -> Self {
        Self::new(
            410,
            "Expired",
            &format!("too old resource version: {asked} ({oldest})"),
            Value::Null,
        )
    }

    pub(crate) fn unsupported_media_type() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types include: \
                       application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
        Self::new(415, "UnsupportedMediaType", message, Value::Null)
    }

    pub(crate) fn method_not_allowed(resource: &Resource) -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message, resource.details(""))
    }
}
