//! JSON that has to come back as it was spelt. The model holds a mark in its place: it goes out as the text below, and
//! only that very text becomes the mark again.

use serde_json::Value;

/// What the model holds.
pub(crate) const MARK: &str = "sandbox:verbatim";

/// What goes over the wire: numbers, blanks and escapes that few readers keep.
const TEXT: &str = concat!(
    r#"{ "zeta":1.0, "alpha":1E+2, "count":123456789012345678901234567890, "share":0.10,"#,
    r#" "text":"\u00e4\/b", "none":null, "empty":{ }, "list":[1,  2 ] }"#
);

/// A body as the model takes it.
pub(crate) fn taken(body: Vec<u8>) -> Vec<u8> {
    match std::str::from_utf8(&body) {
        Ok(text) if text.contains(TEXT) => text.replace(TEXT, &marked()).into_bytes(),
        _ => body,
    }
}

/// A body as it goes out.
pub(crate) fn spelt(body: &Value) -> String {
    body.to_string().replace(&marked(), TEXT)
}

fn marked() -> String {
    format!("\"{MARK}\"")
}

/// A body without the members that hold a mark: no definition can know them.
pub(crate) fn without(body: &Value) -> Value {
    let mut body = body.clone();
    strip(&mut body);
    body
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| member != MARK);
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{MARK, TEXT, spelt, taken, without};

    #[test]
    fn only_the_same_spelling_becomes_the_mark_again() {
        let body = json!({ "a": MARK, "b": [{ "c": MARK, "d": 1 }] });
        let sent = spelt(&body);
        let back: Value = serde_json::from_slice(&taken(sent.clone().into_bytes())).unwrap();
        assert_eq!(back, body);
        let respelt: Value = serde_json::from_str(&sent).unwrap();
        let back: Value = serde_json::from_slice(&taken(respelt.to_string().into_bytes())).unwrap();
        assert_ne!(back, body);
        assert_eq!(without(&body), json!({ "b": [{ "d": 1 }] }));
        assert!(serde_json::from_str::<Value>(TEXT).is_ok());
    }
}
