//! How a violation reads.

use jsonschema::Validator;
use serde_json::Value;

/// A message is cut after so many characters: some of them repeat the whole body.
const LIMIT: usize = 400;

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

#[cfg(test)]
mod tests {
    use super::at;

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
