use serde_json::{Map, Value};

use super::page::page;
use crate::state::schema::State;

const REGENERATE: &str = "AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-shared --lib files::schema";

/// The schema of the types. TOML has no null: a key that may be missing is one that is not required.
fn generated() -> Value {
    let mut schema = schemars::schema_for!(State).to_value();
    without_null(&mut schema);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".into(), "State file of aksbackup".into());
    }
    schema
}

fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(object) => {
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(Value::Array(kinds)) = object.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = kinds.as_slice() {
                    let kind = kind.clone();
                    object.insert("type".into(), kind);
                }
            }
            unwrapped(object);
            object.iter_mut().for_each(|(_, value)| without_null(value));
        }
        _ => {}
    }
}

/// One of a shape and null is that shape.
fn unwrapped(object: &mut Map<String, Value>) {
    let Some(Value::Array(mut shapes)) = object.remove("anyOf") else {
        return;
    };
    shapes.retain(|shape| shape["type"] != "null");
    match shapes.as_slice() {
        [Value::Object(only)] => object.extend(only.clone()),
        _ => {
            object.insert("anyOf".into(), shapes.into());
        }
    }
}

/// The file in `docs` is what the types say, or becomes it where that is asked for.
fn keep(name: &str, text: &str) {
    let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/{name} is not what the types say; bring it up to date with: {REGENERATE}"
    );
}

#[test]
fn the_schema_in_the_docs_is_that_of_the_types() {
    let text = serde_json::to_string_pretty(&generated()).unwrap();
    keep("state-file.schema.json", &format!("{text}\n"));
}

#[test]
fn the_page_in_the_docs_has_every_key_of_the_types() {
    keep("state-file.md", &page(&generated()));
}
