//! Field ownership: who set which field, as `metadata.managedFields` shows it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::patch::{keyed, list_keys};

/// A path of `fieldsV1` elements: `f:name`, or `k:{…}` for an element of a list.
pub(crate) type Path = Vec<String>;

/// Who writes, and how.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) manager: String,
    /// Set for a write to a subresource.
    pub(crate) subresource: Option<&'static str>,
    /// RFC 3339, whole seconds.
    pub(crate) time: String,
}

/// Metadata that the API server itself keeps; nobody owns it.
const OWN_METADATA: [&str; 10] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "generateName",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// Every leaf of `value` with its path.
pub(crate) fn leaves(value: &Value) -> BTreeMap<Path, Value> {
    let mut bare = value.clone();
    if let Some(map) = bare.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    if let Some(metadata) = bare.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !OWN_METADATA.contains(&key.as_str()));
        if metadata.is_empty() {
            // Who applies nothing but the object's name owns nothing of its metadata.
            bare.as_object_mut().and_then(|map| map.remove("metadata"));
        }
    }
    let mut found = BTreeMap::new();
    walk(&bare, "", &mut Vec::new(), &mut found);
    found
}

fn walk(value: &Value, field: &str, path: &mut Path, found: &mut BTreeMap<Path, Value>) {
    match (value, list_keys(field)) {
        (Value::Object(map), _) if !map.is_empty() => {
            for (key, child) in map {
                path.push(format!("f:{key}"));
                walk(child, key, path, found);
                path.pop();
            }
        }
        (Value::Array(list), Some(keys)) if !list.is_empty() && keyed(list, keys) => {
            for element in list {
                let key: Map<String, Value> = keys
                    .iter()
                    .map(|key| ((*key).to_owned(), element[*key].clone()))
                    .collect();
                path.push(format!("k:{}", Value::Object(key)));
                walk(element, "", path, found);
                path.pop();
            }
        }
        _ if !path.is_empty() => {
            found.insert(path.clone(), value.clone());
        }
        _ => {}
    }
}

fn to_tree(paths: &BTreeSet<Path>) -> Value {
    let mut root = json!({});
    for path in paths {
        let mut node = &mut root;
        for element in path {
            node = &mut node[element.as_str()];
        }
        if node.is_null() {
            *node = json!({});
        }
    }
    root
}

fn from_tree(tree: &Value) -> BTreeSet<Path> {
    fn descend(node: &Value, path: &mut Path, found: &mut BTreeSet<Path>) {
        let children: Vec<_> = node
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| *key != ".")
            .collect();
        if children.is_empty() && !path.is_empty() {
            found.insert(path.clone());
        }
        for (key, child) in children {
            path.push(key.clone());
            descend(child, path, found);
            path.pop();
        }
    }
    let mut found = BTreeSet::new();
    descend(tree, &mut Vec::new(), &mut found);
    found
}

/// One manager's entry, in the form that is easy to work with.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) paths: BTreeSet<Path>,
}

impl Entry {
    pub(crate) fn new(writer: &Writer, operation: &str, api_version: &Value) -> Self {
        let mut value = json!({
            "manager": writer.manager, "operation": operation, "apiVersion": api_version, "fieldsType": "FieldsV1",
        });
        if let Some(subresource) = writer.subresource {
            value["subresource"] = json!(subresource);
        }
        Self {
            value,
            paths: BTreeSet::new(),
        }
    }

    pub(crate) fn same_as(&self, other: &Self) -> bool {
        ["manager", "operation", "subresource"]
            .iter()
            .all(|key| self.value.get(key) == other.value.get(key))
    }
}

pub(crate) fn read(object: &Value) -> Vec<Entry> {
    let list = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    list.into_iter()
        .map(|value| Entry {
            paths: from_tree(&value["fieldsV1"]),
            value,
        })
        .collect()
}

pub(crate) fn write(target: &mut Value, entries: Vec<Entry>) {
    let list: Vec<Value> = entries
        .into_iter()
        .filter(|entry| !entry.paths.is_empty())
        .map(|mut entry| {
            entry.value["fieldsV1"] = to_tree(&entry.paths);
            entry.value
        })
        .collect();
    target["metadata"]["managedFields"] = Value::Array(list);
}

/// Records that `writer` turned `old` into `new` by anything but an apply: it now owns what it changed.
pub(crate) fn record(old: Option<&Value>, new: &mut Value, writer: &Writer) {
    let before = old.map(leaves).unwrap_or_default();
    let after = leaves(new);
    let changed: BTreeSet<Path> = after
        .iter()
        .filter(|(path, value)| before.get(*path) != Some(value))
        .map(|(path, _)| path.clone())
        .collect();
    let mut entries = old.map(read).unwrap_or_default();
    let mut own = Entry::new(writer, "Update", &new["apiVersion"]);
    if let Some(index) = entries.iter().position(|entry| entry.same_as(&own)) {
        own = entries.remove(index);
    }
    for entry in &mut entries {
        entry
            .paths
            .retain(|path| after.contains_key(path) && !changed.contains(path));
    }
    own.paths.retain(|path| after.contains_key(path));
    if !changed.is_empty() {
        own.value["time"] = json!(writer.time);
        own.paths.extend(changed);
    }
    entries.push(own);
    write(new, entries);
}
