//! Errors within errors: each text taken apart into its layers.
//!
//! Azure nests in `details[]`, `innererror`, `additionalInfo[].info` and in JSON that is a string of JSON; Helm in
//! `InnerError [ … InnerError [ … ]]`; Velero's log in quoted text. The innermost layer is the one that knows.

use serde_json::Value;

/// Deeper than this nobody nests; a hostile text may.
const DEEPEST: usize = 16;

/// More layers than this are not looked at.
const MOST: usize = 128;

/// A text, or a text in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    /// The layer that it was found in.
    pub(super) within: Option<usize>,
    /// How far within.
    pub(super) depth: usize,
    /// All its words, with those of the layers within it.
    pub(super) text: String,
}

/// The text itself, and every text that is found in it; each after the one that it is in.
pub(super) fn layers(text: &str) -> Vec<Layer> {
    let mut layers = vec![Layer {
        within: None,
        depth: 0,
        text: text.to_owned(),
    }];
    let mut next = 0;
    while next < layers.len() && layers.len() < MOST {
        expand(&mut layers, next);
        next += 1;
    }
    layers
}

/// Whether `inner` lies in `outer`.
pub(super) fn lies_in(layers: &[Layer], inner: usize, outer: usize) -> bool {
    let mut at = layers[inner].within;
    while let Some(layer) = at {
        if layer == outer {
            return true;
        }
        at = layers[layer].within;
    }
    false
}

fn push(layers: &mut Vec<Layer>, within: usize, text: String) -> Option<usize> {
    let depth = layers[within].depth + 1;
    if depth > DEEPEST || layers.len() >= MOST || text.is_empty() || text == layers[within].text {
        return None;
    }
    layers.push(Layer {
        within: Some(within),
        depth,
        text,
    });
    Some(layers.len() - 1)
}

fn expand(layers: &mut Vec<Layer>, at: usize) {
    let text = layers[at].text.clone();
    if let Some(inner) = inner_error(&text) {
        push(layers, at, inner.to_owned());
    }
    match json(&text) {
        Some(value) => walk(layers, at, &value),
        None if text.contains("\\\"") || text.contains("\\n") => {
            push(layers, at, unquoted(&text));
        }
        None => {}
    }
}

/// What stands in the first `InnerError [ … ]`.
fn inner_error(text: &str) -> Option<&str> {
    let start = text.find("InnerError")?;
    let open = start + text[start..].find('[')?;
    let mut depth = 0_usize;
    for (at, c) in text[open..].char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(text[open + 1..open + at].trim());
        }
    }
    // The platform cuts long messages off.
    Some(text[open + 1..].trim())
}

/// The first JSON object in the text.
fn json(text: &str) -> Option<Value> {
    const TRIES: usize = 8;
    let starts = text.match_indices('{').take(TRIES);
    starts.into_iter().find_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        values
            .next()?
            .ok()
            .filter(|value| value.as_object().is_some_and(|fields| !fields.is_empty()))
    })
}

/// A layer for each object that says something, in the layer of the one that it is in.
fn walk(layers: &mut Vec<Layer>, within: usize, value: &Value) {
    match value {
        Value::Object(fields) => {
            let speaks = fields.iter().any(|(key, value)| is_said(key) && !value.is_null());
            let here = match speaks {
                true => push(layers, within, words(value)).unwrap_or(within),
                false => within,
            };
            fields.values().for_each(|value| walk(layers, here, value));
        }
        Value::Array(values) => values.iter().for_each(|value| walk(layers, within, value)),
        Value::String(text) if text.contains('{') || text.contains("InnerError") => {
            push(layers, within, text.clone());
        }
        _ => {}
    }
}

/// Keys of an error's own words.
fn is_said(key: &str) -> bool {
    const KEYS: [&str; 6] = [
        "code",
        "message",
        "errorcode",
        "errormessage",
        "title",
        "detailednonlocalisedmessage",
    ];
    KEYS.iter().any(|said| key.eq_ignore_ascii_case(said))
}

/// Every string of the value, the way it is read: `code: message`.
fn words(value: &Value) -> String {
    fn gather(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::String(text) if !text.is_empty() => out.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| gather(value, out)),
            Value::Object(fields) => {
                let (code, others): (Vec<_>, Vec<_>) =
                    fields.iter().partition(|(key, _)| key.eq_ignore_ascii_case("code"));
                code.iter().chain(&others).for_each(|(_, value)| gather(value, out));
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    gather(value, &mut out);
    out.join(": ")
}

/// The text without one level of quoting.
fn unquoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                Some('n' | 'r') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(quoted) => out.push(quoted),
                None => {}
            },
            sign => out.push(sign),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn innermost(text: &str) -> String {
        layers(text)
            .into_iter()
            .max_by_key(|layer| layer.depth)
            .map(|layer| layer.text)
            .unwrap_or_default()
    }

    #[test]
    fn details_and_inner_errors_are_found_in_resource_manager_s_answer() {
        let text = r#"HTTP 400: {"error":{"code":"Outer","message":"o","details":[{"code":"One","message":"1"},
            {"code":"Two","message":"2","innererror":{"code":"Three","message":"3"}}]}}"#;
        let layers = layers(text);
        let own: Vec<_> = layers
            .iter()
            .map(|layer| (layer.depth, layer.text.as_str()))
            .skip(1)
            .collect();
        assert_eq!(
            own,
            [
                (1, "Outer: o: One: 1: Two: 2: Three: 3"),
                (2, "One: 1"),
                (2, "Two: 2: Three: 3"),
                (3, "Three: 3")
            ]
        );
        assert!(lies_in(&layers, 4, 3) && lies_in(&layers, 4, 1) && !lies_in(&layers, 4, 2));
    }

    #[test]
    fn a_message_of_the_backup_service_is_found_in_its_additional_info() {
        let text = r#"{"code":"UserErrorX","additionalInfo":[{"type":"UserFacingError","info":{"code":"UserErrorX",
            "innerError":{"code":"Inner","additionalInfo":{"DetailedNonLocalisedMessage":"BackupStorageLocation \"default\" is unavailable"}}}}]}"#;
        assert!(
            innermost(text).ends_with("BackupStorageLocation \"default\" is unavailable"),
            "{}",
            innermost(text)
        );
    }

    #[test]
    fn helm_s_inner_errors_are_opened_also_where_they_are_cut_off() {
        let text = "failed with: InnerError [Helm installation failed : x : InnerError [timed out]], please";
        assert_eq!(innermost(text), "timed out");
        assert_eq!(innermost("a InnerError [b : InnerError [c and no en"), "c and no en");
    }

    #[test]
    fn a_line_of_velero_s_log_loses_its_quoting() {
        let text = r#"level=error msg="BackupStorageLocation \"default\" is unavailable: rpc error\nnext""#;
        assert!(innermost(text).contains("BackupStorageLocation \"default\" is"));
    }

    #[test]
    fn hostile_nesting_ends() {
        let deep = format!("{}{}", r#"{"code":"#.repeat(200), r#""x""#);
        let brackets = "InnerError [".repeat(10_000);
        let many = format!(
            r#"{{"code":"x","details":[{}{{"code":"y"}}]}}"#,
            r#"{"code":"z"},"#.repeat(10_000)
        );
        for text in [deep, brackets, many, "]]]] InnerError ] [".to_owned(), "\\".to_owned()] {
            assert!(layers(&text).len() <= MOST);
        }
    }
}
