//! Where in a text something stands: line, column and the key that it belongs to.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, Table, Value};

use crate::state::parse;

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Line and column, both from 1, the column in characters.
    pub(super) line: usize,
    pub(super) column: usize,
    /// The key, from the top: `target.cluster`. Empty where there is none.
    pub(super) key: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The place of a byte offset in `text`. In a text that is no TOML the key is that of its line.
pub(super) fn of_offset(text: &str, at: usize) -> Place {
    let key = match Document::parse(text) {
        Ok(document) => within(document.as_table(), at, ""),
        Err(_) => on_line(text, at),
    };
    place(text, at, key)
}

/// The place of the value at `key`, from the top, such as `cloud.roles.assignments[0].role`.
pub(super) fn of_key(text: &str, key: &str) -> Option<Place> {
    let document = Document::parse(text).ok()?;
    let mut parts = key.split(['.', '[']);
    let mut item = document.as_table().get(parts.next()?)?;
    for part in parts {
        item = match part.strip_suffix(']').map(str::parse::<usize>) {
            Some(index) => item.get(index.ok()?)?,
            None => item.get(part)?,
        };
    }
    Some(place(text, item.span()?.start, key.to_owned()))
}

/// Where the value at `key` stands in the state file at `path`: `PATH:LINE:COLUMN`, both from 1. Nothing where the file has
/// no such key, or cannot be read.
#[must_use]
pub fn place_of(path: &Path, key: &str) -> Option<String> {
    let text = parse::text(path, parse::bytes(path).ok()??).ok()?;
    let place = of_key(&text, key)?;
    Some(format!("{}:{place}", path.display()))
}

/// Where a byte offset of the text of the file at `path` is: `PATH:LINE:COLUMN`, both from 1.
#[must_use]
pub fn position(path: &Path, text: &str, at: usize) -> String {
    format!("{}:{}", path.display(), place(text, at, String::new()))
}

/// The first place, in the order of the keys, where `is_bad` says so of a key or of a text. It is given the key from the
/// top as well.
pub(super) fn of_text(text: &str, is_bad: impl Fn(&str, &str) -> bool) -> Option<Place> {
    let document = Document::parse(text).ok()?;
    let (at, key) = bad_in_table(document.as_table(), "", &is_bad)?;
    Some(place(text, at, key))
}

fn place(text: &str, at: usize, key: String) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line, column, key }
}

/// The innermost key whose value holds the offset; that of a table whose header is there, where there is none.
fn within(table: &Table, at: usize, parent: &str) -> String {
    let holds = |span: Option<Range<usize>>| span.is_some_and(|span| span.contains(&at));
    for (name, item) in table {
        let key = joined(parent, name);
        match item {
            Item::Table(inner) => {
                let found = within(inner, at, &key);
                if !found.is_empty() {
                    return found;
                }
                if holds(inner.span()) {
                    return key;
                }
            }
            Item::ArrayOfTables(tables) => {
                for (index, inner) in tables.iter().enumerate() {
                    let key = format!("{key}[{index}]");
                    let found = within(inner, at, &key);
                    if !found.is_empty() {
                        return found;
                    }
                    if holds(inner.span()) {
                        return key;
                    }
                }
            }
            Item::Value(value) if holds(value.span()) => return within_value(value, at, key),
            Item::Value(_) | Item::None => {}
        }
        if holds(table.key(name).and_then(toml_edit::Key::span)) {
            return key;
        }
    }
    String::new()
}

fn within_value(value: &Value, at: usize, key: String) -> String {
    let holds = |value: &Value| value.span().is_some_and(|span| span.contains(&at));
    match value {
        Value::InlineTable(table) => match table.iter().find(|(_, value)| holds(value)) {
            Some((name, value)) => within_value(value, at, joined(&key, name)),
            None => key,
        },
        Value::Array(items) => match items.iter().position(&holds) {
            Some(index) => match items.get(index) {
                Some(value) => within_value(value, at, format!("{key}[{index}]")),
                None => key,
            },
            None => key,
        },
        _ => key,
    }
}

fn on_line(text: &str, at: usize) -> String {
    let start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |at| at + 1);
    let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let key = line
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches(['[', ']']);
    match key.len() <= 100 && key.chars().all(plain) {
        true => key.to_owned(),
        false => String::new(),
    }
}

type Found = Option<(usize, String)>;

fn bad_in_table(table: &Table, parent: &str, is_bad: &impl Fn(&str, &str) -> bool) -> Found {
    table.iter().find_map(|(name, item)| {
        let key = joined(parent, name);
        if is_bad(&key, name) {
            let span = table.key(name).and_then(toml_edit::Key::span).or(item.span());
            return Some((span.map_or(0, |span| span.start), key));
        }
        match item {
            Item::Table(inner) => bad_in_table(inner, &key, is_bad),
            Item::ArrayOfTables(tables) => {
                let mut tables = tables.iter().enumerate();
                tables.find_map(|(index, inner)| bad_in_table(inner, &format!("{key}[{index}]"), is_bad))
            }
            Item::Value(value) => bad_in_value(value, key, is_bad),
            Item::None => None,
        }
    })
}

fn bad_in_value(value: &Value, key: String, is_bad: &impl Fn(&str, &str) -> bool) -> Found {
    let start = value.span().map_or(0, |span| span.start);
    match value {
        Value::String(text) => is_bad(&key, text.value()).then_some((start, key)),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, value)| bad_in_value(value, format!("{key}[{index}]"), is_bad))
        }
        Value::InlineTable(table) => table.iter().find_map(|(name, value)| {
            let key = joined(&key, name);
            match is_bad(&key, name) {
                true => Some((start, key)),
                false => bad_in_value(value, key, is_bad),
            }
        }),
        _ => None,
    }
}

fn joined(parent: &str, name: &str) -> String {
    match parent.is_empty() {
        true => name.to_owned(),
        false => format!("{parent}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "schema = 1\n[cloud.a]\nx = { y = [1, \"b\"] }\n[[cloud.c]]\nz = 'd'\n";

    #[test]
    fn an_offset_knows_its_key() {
        let key = |of: &str| of_offset(TEXT, TEXT.find(of).unwrap()).key;
        assert_eq!(key("\"b\""), "cloud.a.x.y[1]");
        assert_eq!(key("'d'"), "cloud.c[0].z");
        assert_eq!(key("[cloud.a]"), "cloud.a");
        assert_eq!(of_offset(TEXT, TEXT.find("'d'").unwrap()).to_string(), "5:5");
        assert_eq!(of_offset("a = 1\nbc = \n", 11).key, "bc");
    }

    #[test]
    fn a_text_is_found_wherever_it_is() {
        let place = |bad: &str| of_text(TEXT, |_, text| text == bad).unwrap();
        assert_eq!((place("b").key.as_str(), place("b").line), ("cloud.a.x.y[1]", 3));
        assert_eq!(
            (place("z").key.as_str(), place("z").to_string().as_str()),
            ("cloud.c[0].z", "5:1")
        );
        assert_eq!(of_text(TEXT, |_, _| false), None);
    }

    #[test]
    fn a_key_has_its_place() {
        let place = |key: &str| of_key(TEXT, key).map(|place| place.to_string());
        assert_eq!(place("schema").as_deref(), Some("1:10"));
        assert_eq!(place("cloud.a.x.y[1]").as_deref(), Some("3:15"));
        assert_eq!(place("cloud.c[0].z").as_deref(), Some("5:5"));
        assert_eq!(place("cloud.a").as_deref(), Some("2:1"));
        for none in [
            "cloud.b",
            "cloud.c[1]",
            "cloud.c[x]",
            "schema.x",
            "",
            "cloud.a.x.y[1].z",
        ] {
            assert_eq!(place(none), None, "{none}");
        }
    }
}
