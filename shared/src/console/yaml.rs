//! A JSON document as YAML.

use serde_json::Value;
use serde_saphyr::{ser_options, to_string_with_options};

use super::line::steers;

/// The JSON document as YAML: the same keys in the same order, the same values. A document with characters that the console spells out
/// stays as it is, because YAML knows such a spelling in quotes only; JSON is YAML too.
#[must_use]
pub fn of(json: &str) -> String {
    let hides = |c: char| c != '\n' && steers(c);
    match serde_json::from_str::<Value>(json) {
        Ok(document) if !texts(&document, &hides) => block(&document).unwrap_or_else(|| json.to_owned()),
        Ok(_) | Err(_) => json.to_owned(),
    }
}

fn block(document: &Value) -> Option<String> {
    // A command must stay on one line, however long it is.
    let options = ser_options! { folded_wrap_chars: usize::MAX };
    to_string_with_options(document, options).ok()
}

/// Whether a key or a text of the document has such a character.
fn texts(value: &Value, has: &impl Fn(char) -> bool) -> bool {
    match value {
        Value::String(text) => text.contains(has),
        Value::Array(items) => items.iter().any(|item| texts(item, has)),
        Value::Object(fields) => fields.iter().any(|(key, item)| key.contains(has) || texts(item, has)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_document() {
        let json = r#"{"version": 1, "exit": "done", "since": "2026-11-28T10:00:00Z", "no": "no", "text": "a\nb: c\n", "n": null,
            "steps": [{"step": "storage", "changed": []}], "command": "az aksbackup grant --yes"}"#;
        let expected = "version: 1\nexit: done\nsince: \"2026-11-28T10:00:00Z\"\n";
        let yaml = of(json);
        assert!(yaml.starts_with(expected), "{yaml}");
        assert!(yaml.contains("\ncommand: az aksbackup grant --yes\n"), "{yaml}");
    }

    #[test]
    fn what_has_to_be_spelled_out_stays_in_quotes() {
        let json = r#"{"name": "a\u202eb"}"#;
        assert_eq!(of(json), json);
    }

    #[test]
    fn a_long_line_is_one_line() {
        let command = "az aksbackup grant ".repeat(20);
        let json = serde_json::json!({ "command": command.trim_end() }).to_string();
        assert_eq!(of(&json).lines().count(), 1, "{}", of(&json));
    }
}
