//! JSON Schemas made from the types, for the documentation.

use schemars::JsonSchema;
use serde_json::{Map, Value};

/// The schema of a type. A member that may be missing is one that is not required: null is no value of it.
pub(crate) fn of<T: JsonSchema>(title: &str) -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    without_null(&mut schema);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".into(), title.into());
    }
    schema
}

/// The same where every object has the members that are named and no other.
pub(crate) fn closed(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(closed),
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.insert("additionalProperties".into(), false.into());
            }
            object.iter_mut().for_each(|(_, value)| closed(value));
        }
        _ => {}
    }
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
pub(crate) fn keep(name: &str, text: &str, regenerate: &str) {
    let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/{name} differs from the types; to update it, run: {regenerate}"
    );
}
