//! The page of the state file's keys, made from its schema.

use std::fmt::Write as _;

use serde_json::Value;

const BEFORE: &str = include_str!("before.md");
/// Where the example of a signature is taken from.
const WRITTEN: &str = "cloud.backup.written";

/// A file of the sandbox's hand-off, for examples.
const EXAMPLE: &str = include_str!("../../../tests/state-files/2-protected.toml");

/// The whole page. `schema` is the JSON Schema of the file.
pub(super) fn page(schema: &Value) -> String {
    let example: toml::Table = EXAMPLE.parse().unwrap();
    let mut page = BEFORE.to_owned();
    let book = Book {
        schema,
        example: toml::Value::Table(example),
    };
    book.table(&mut page, "", schema, "");
    let written = &schema["$defs"]["Written"];
    book.table(&mut page, WRITTEN, written, written["description"].as_str().unwrap());
    page.replace(&format!("`[{WRITTEN}]`"), "`written`, in each table")
}

struct Book<'a> {
    schema: &'a Value,
    example: toml::Value,
}

impl Book<'_> {
    /// The section of a table, and those of the tables in it.
    fn table(&self, page: &mut String, path: &str, schema: &Value, about: &str) {
        let properties = schema["properties"].as_object().unwrap();
        let required = |key: &String| {
            schema["required"]
                .as_array()
                .is_some_and(|all| all.contains(&key.as_str().into()))
        };
        let (tables, keys): (Vec<_>, Vec<_>) = properties
            .iter()
            .partition(|(key, value)| self.resolved(value)["properties"].is_object() && *key != "written");
        if !path.is_empty() {
            write!(page, "\n## `[{path}]`\n\n{}\n", one_line(about)).unwrap();
        }
        if !keys.is_empty() {
            page.push_str("\n| key | type | meaning | example |\n| --- | --- | --- | --- |\n");
        }
        for (key, value) in keys {
            let optional = if required(key) { "" } else { ", optional" };
            let example = self.example(path, key);
            let about = one_line(value["description"].as_str().unwrap_or_default());
            let form = self.form(value);
            writeln!(page, "| `{key}` | {form}{optional} | {about} | {example} |").unwrap();
            for (inner, value) in self.items(key, value) {
                let about = one_line(value["description"].as_str().unwrap_or_default());
                writeln!(page, "| `{key}[].{inner}` | {} | {about} | |", self.form(&value)).unwrap();
            }
        }
        for (key, value) in tables {
            let below = [path, key]
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join(".");
            self.table(
                page,
                &below,
                self.resolved(value),
                value["description"].as_str().unwrap_or_default(),
            );
        }
    }

    /// The keys of the objects in a list, unless the list is of texts.
    fn items(&self, key: &str, value: &Value) -> Vec<(String, Value)> {
        let items = self.resolved(&value["items"]);
        match items["properties"].as_object() {
            Some(properties) if key != "written" => properties
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            Some(pointer) => self.schema.pointer(pointer).unwrap(),
            None => value,
        }
    }

    /// What a value looks like, in words.
    fn form(&self, value: &Value) -> String {
        let shape = self.resolved(value);
        let title = shape["title"].as_str().or(value["title"].as_str());
        match (title, shape["type"].as_str(), shape["format"].as_str()) {
            (Some(title), Some("string"), _) => title.to_owned(),
            (_, Some("string"), Some("date-time")) => "time (RFC 3339, UTC)".to_owned(),
            (_, Some("string"), _) => "string".to_owned(),
            (_, Some("integer"), _) => "integer".to_owned(),
            (_, Some("boolean"), _) => "boolean".to_owned(),
            (_, Some("array"), _) => format!("list of {}s", self.form(&shape["items"])),
            (_, Some("object"), _) => "inline table".to_owned(),
            _ if shape["oneOf"].is_array() => "name of a step".to_owned(),
            _ => panic!("no description for {shape}"),
        }
    }

    fn example(&self, path: &str, key: &str) -> String {
        let mut place = Some(&self.example);
        for part in path.split('.').filter(|part| !part.is_empty()).chain([key]) {
            place = place.and_then(|value| value.get(part));
        }
        let shown = match place {
            Some(toml::Value::Array(items)) => items.first().map(|first| (first, items.len() > 1)),
            other => other.map(|value| (value, false)),
        };
        match (shown, place) {
            (Some((toml::Value::Table(_), _)), _) | (None, _) => String::new(),
            (Some((first, more)), Some(toml::Value::Array(_))) => {
                format!("`[{first}{}]`", if more { ", …" } else { "" })
            }
            (Some((value, _)), _) => format!("`{value}`"),
        }
    }
}

/// A doc comment as one line of a table.
fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
