//! How a violation reads.

use jsonschema::Validator;
use serde_json::Value;

/// A message is cut after so many characters: some of them repeat the whole body.
const LIMIT: usize = 400;

/// The place of a violation that no definition knows the operation in the api-version asked for.
pub(crate) const VERSION: &str = "query api-version";
const UNDEFINED: &str = "is not defined in '";

/// Says that an operation has no definition in an api-version, and which versions have one.
pub(crate) fn undefined(operation: &str, version: &str, known: &[&str]) -> String {
    format!("{operation} {UNDEFINED}{version}' (but in {})", known.join(", "))
}

/// Whether a violation says no more than that the definitions at hand lack the api-version asked for.
#[must_use]
pub fn is_undefined_version(violation: &str) -> bool {
    let place = violation.split_once(": ");
    place.is_some_and(|(place, reason)| place.ends_with(VERSION) && reason.contains(UNDEFINED))
}

/// `request /properties/x: what is wrong [operation, api-version]`.
pub(crate) fn at(side: &str, place: &str, message: &str, operation: &str) -> String {
    let cut = message.char_indices().nth(LIMIT).map_or(message.len(), |(end, _)| end);
    let dots = if cut < message.len() { "…" } else { "" };
    format!("{side} {place}: {}{dots} [{operation}]", &message[..cut])
}

/// All that a validator finds, each once, with the JSON pointer of its place (`body` for the whole of it).
pub(crate) fn all(side: &str, validator: &Validator, body: &Value, operation: &str) -> Vec<String> {
    let errors = validator.iter_errors(body).map(|error| {
        let place = error.instance_path().as_str();
        at(
            side,
            if place.is_empty() { "body" } else { place },
            &error.to_string(),
            operation,
        )
    });
    let mut messages: Vec<String> = errors.collect();
    messages.sort();
    messages.dedup();
    messages
}

/// What Azure answers with `null` against its own definition, in every recorded role assignment (`test_role_assignment_create_update`
/// and `test_dataprotection_update_msi_permissions_aks` of the Azure CLI).
const NULLS: [&str; 5] = [
    "condition",
    "conditionVersion",
    "createdBy",
    "delegatedManagedIdentityResourceId",
    "description",
];

/// Whether a violation is a `null` that was recorded.
pub(crate) fn is_recorded_null(violation: &str, operation: &str) -> bool {
    let Some((place, _)) = violation.split_once(": null is not of type") else {
        return false;
    };
    operation.starts_with("RoleAssignments_")
        && NULLS.iter().any(|name| place.ends_with(&format!("/properties/{name}")))
}

#[cfg(test)]
mod tests {
    use super::{VERSION, at, is_undefined_version, undefined};

    #[test]
    fn a_version_without_definition_is_told_from_every_other_violation() {
        let undefined = undefined("X_Get", "2026-08-01", &["2026-05-01"]);
        assert!(is_undefined_version(&at("request", VERSION, &undefined, "X_Get")));
        assert!(is_undefined_version(&at("response 200", VERSION, &undefined, "X_Get")));
        assert!(!is_undefined_version(&at("request", VERSION, "is missing", "X_Get")));
        assert!(!is_undefined_version(&at("request", "path", &undefined, "X_Get")));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let message = at("request", "/a", &"ö".repeat(500), "Op 2024-04-01");
        assert!(
            message.starts_with("request /a: öö") && message.ends_with("ö… [Op 2024-04-01]"),
            "{message}"
        );
        assert_eq!(message.matches('ö').count(), super::LIMIT);
    }
}
