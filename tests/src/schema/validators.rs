//! Compiled schemas, made when they are first asked for.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use super::bundle::definition;
use super::newer::Grafts;

/// The prefix of the format that stands for a resource type.
const TYPE: &str = "resource type ";

/// A cache of validators by name.
#[derive(Default)]
pub(crate) struct Validators {
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl std::fmt::Debug for Validators {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Validators").finish_non_exhaustive()
    }
}

impl Validators {
    /// The validator of that name, compiled from what `schema` gives if it is new.
    ///
    /// # Errors
    /// Says why the schema is none.
    pub(crate) fn get(&self, name: &str, schema: impl FnOnce() -> Value) -> Result<Arc<Validator>, String> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(name) {
            return Ok(Arc::clone(validator));
        }
        let validator = Arc::new(compile(&schema()).map_err(|error| format!("schema {name} is broken: {error}"))?);
        compiled.insert(name.to_owned(), Arc::clone(&validator));
        Ok(validator)
    }
}

fn compile(schema: &Value) -> Result<Validator, String> {
    let mut options = jsonschema::options()
        .with_draft(Draft::Draft7)
        .should_validate_formats(true);
    options = options.with_format("uuid", |text: &str| {
        uuid::Uuid::try_parse(text).is_ok() && text.len() == 36
    });
    let definitions = schema["$defs"].as_object().into_iter().flat_map(Map::values);
    for format in definitions.filter_map(|one| one.pointer("/properties/type/format")?.as_str()) {
        if let Some(kind) = format.strip_prefix(TYPE).map(str::to_owned) {
            options = options.with_format(format, move |text: &str| text.eq_ignore_ascii_case(&kind));
        }
    }
    options
        .build(&with_unicode_words(schema))
        .map_err(|error| error.to_string())
}

/// The schema with `\w` in its patterns as Azure's .NET means it: letters, marks and digits of every script. In JSON Schema it is ASCII's. It
/// stands in the classes of the names of resource groups, and nowhere else.
fn with_unicode_words(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| match (key.as_str(), value) {
                ("pattern", Value::String(text)) => {
                    let wide = text.replace(r"\w", r"\w\p{L}\p{Mn}\p{Nd}\p{Pc}");
                    (key.clone(), Value::String(wide))
                }
                _ => (key.clone(), with_unicode_words(value)),
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(with_unicode_words).collect()),
        other => other.clone(),
    }
}

/// The schema of that name as a document of its own: all definitions that it needs and no others, the grafted ones in
/// place of the older.
pub(crate) fn document(root: &str, definitions: &Map<String, Value>, grafts: &Grafts) -> Value {
    let mut pruned: BTreeMap<String, Value> = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(name) = open.pop() {
        if pruned.contains_key(&name) {
            continue;
        }
        let own = definitions.get(&name);
        let schema = match grafts.get(&name) {
            Some(newer) => json!({ "$ref": format!("#/$defs/{newer}") }),
            None => own.map_or(Value::Bool(false), |schema| loose_type(schema, definitions)),
        };
        references(&schema, &mut open);
        pruned.insert(name, schema);
    }
    json!({ "allOf": [{ "$ref": format!("#/$defs/{root}") }], "$defs": pruned })
}

/// Bicep gives a resource's `type` as a constant, but providers answer it in casings of their own (AKS:
/// `Microsoft.ContainerService/ManagedClusters`).
fn loose_type(schema: &Value, definitions: &Map<String, Value>) -> Value {
    let pointer = "/properties/type/$ref";
    let name = schema.pointer(pointer).and_then(Value::as_str).and_then(definition);
    let constant = name.and_then(|name| definitions.get(name)?.get("const")?.as_str());
    let mut schema = schema.clone();
    if let Some(kind) = constant.filter(|kind| kind.starts_with("Microsoft.")) {
        schema["properties"]["type"] = json!({ "type": "string", "format": format!("{TYPE}{kind}") });
    }
    schema
}

fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).and_then(definition);
            found.extend(own.map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Without the members that are null. Bicep does not say which members may be null in an answer, and Azure's providers
/// answer null for many that they do not have.
pub(crate) fn without_nulls(body: &Value) -> Value {
    match body {
        Value::Object(members) => {
            let there = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(
                there
                    .map(|(name, value)| (name.clone(), without_nulls(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{compile, document, without_nulls};
    use crate::schema::newer::Grafts;

    fn definitions() -> serde_json::Map<String, Value> {
        let all = json!({
            "List": { "items": { "$ref": "#/$defs/Old" } }, "Old": { "required": ["old"] }, "Unused": {},
            "New": { "properties": { "type": { "$ref": "#/$defs/Type" } }, "additionalProperties": false },
            "Type": { "const": "Microsoft.X/things" },
        });
        all.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_document_holds_what_it_needs() {
        let document = document("List", &definitions(), &Grafts::new());
        let names: Vec<&String> = document["$defs"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["List", "Old"]);
        let validator = compile(&document).unwrap();
        assert!(validator.is_valid(&json!([{ "old": 1 }])));
        assert!(!validator.is_valid(&json!([{ "new": 1 }])));
    }

    #[test]
    fn a_graft_takes_the_place_of_the_older_definition() {
        let grafts = Grafts::from([("Old".to_owned(), "New".to_owned())]);
        let validator = compile(&document("List", &definitions(), &grafts)).unwrap();
        assert!(validator.is_valid(&json!([{ "type": "microsoft.X/THINGS" }])));
        assert!(!validator.is_valid(&json!([{ "type": "Microsoft.X/others" }])));
        assert!(!validator.is_valid(&json!([{ "old": 1 }])));
    }

    #[test]
    fn a_missing_definition_fits_nothing() {
        let validator = compile(&document("Absent", &definitions(), &Grafts::new())).unwrap();
        assert!(!validator.is_valid(&json!({})));
    }

    #[test]
    fn nulls_go_and_all_else_stays() {
        assert_eq!(
            without_nulls(&json!({ "a": null, "b": [{ "c": null }, 1] })),
            json!({ "b": [{}, 1] })
        );
    }
}
