//! Field ownership: who set which field, as `metadata.managedFields` shows it, and server-side apply.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::patch::{keyed, list_keys, position, strategic};
use super::status::Refusal;

/// A path of `fieldsV1` elements: `f:name`, or `k:{…}` for an element of a list.
type Path = Vec<String>;

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
fn leaves(value: &Value) -> BTreeMap<Path, Value> {
    let mut bare = value.clone();
    if let Some(map) = bare.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    if let Some(metadata) = bare.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| !OWN_METADATA.contains(&key.as_str()));
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
struct Entry {
    value: Value,
    paths: BTreeSet<Path>,
}

impl Entry {
    fn new(writer: &Writer, operation: &str, api_version: &Value) -> Self {
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

    fn same_as(&self, other: &Self) -> bool {
        ["manager", "operation", "subresource"]
            .iter()
            .all(|key| self.value.get(key) == other.value.get(key))
    }
}

fn read(object: &Value) -> Vec<Entry> {
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

fn write(target: &mut Value, entries: Vec<Entry>) {
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

/// Server-side apply of `applied` onto `live`.
///
/// # Errors
/// 409 where another manager owns a field that `applied` would change, unless `force`.
pub(crate) fn apply(live: &Value, applied: &Value, writer: &Writer, force: bool) -> Result<Value, Refusal> {
    let wanted = leaves(applied);
    let present = leaves(live);
    let mut entries = read(live);
    let mut own = Entry::new(writer, "Apply", &applied["apiVersion"]);
    if let Some(index) = entries.iter().position(|entry| entry.same_as(&own)) {
        own = entries.remove(index);
    }
    let changes = |path: &Path| {
        present
            .get(path)
            .is_some_and(|value| wanted.get(path).is_some_and(|own| own != value))
    };
    let conflicts: Vec<(&Entry, &Path)> = entries
        .iter()
        .flat_map(|entry| {
            entry
                .paths
                .iter()
                .filter(|path| changes(path))
                .map(move |path| (entry, path))
        })
        .collect();
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts));
    }
    for entry in &mut entries {
        entry.paths.retain(|path| !changes(path));
    }
    let mut result = live.clone();
    strategic(&mut result, applied);
    for path in &own.paths {
        if !wanted.contains_key(path) && !entries.iter().any(|entry| entry.paths.contains(path)) {
            remove(&mut result, path);
        }
    }
    let paths: BTreeSet<Path> = wanted.into_keys().collect();
    if own.paths != paths || leaves(&result) != present {
        own.value["time"] = json!(writer.time);
        own.paths = paths;
    }
    entries.push(own);
    write(&mut result, entries);
    Ok(result)
}

fn remove(value: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if let Some(field) = first.strip_prefix("f:") {
        let Some(map) = value.as_object_mut() else { return };
        if rest.is_empty() {
            map.remove(field);
        } else if let Some(child) = map.get_mut(field) {
            remove(child, rest);
        }
    } else if let Some(key) = first
        .strip_prefix("k:")
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
    {
        let keys: Vec<&str> = key
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let Some(list) = value.as_array_mut() else { return };
        let Some(index) = position(list, &key, &keys) else {
            return;
        };
        remove(&mut list[index], rest);
        if list[index].as_object().is_some_and(Map::is_empty) {
            list.remove(index);
        }
    }
}

/// `.spec.template.metadata.labels.a`, as conflicts name a field.
fn dotted(path: &[String]) -> String {
    path.iter()
        .fold(String::new(), |text, element| match element.split_once(':') {
            Some(("f", field)) => format!("{text}.{field}"),
            Some((_, key)) => {
                let key = key
                    .trim_start_matches('{')
                    .trim_end_matches('}')
                    .replace("\":", "=")
                    .replace('"', "");
                let (name, value) = key.split_once('=').unwrap_or((&key, ""));
                format!("{text}[{name}=\"{value}\"]")
            }
            None => text,
        })
}

fn conflict(conflicts: &[(&Entry, &Path)]) -> Refusal {
    let with = |entry: &Entry| {
        let text = |key: &str| entry.value[key].as_str().unwrap_or_default().to_owned();
        format!("\"{}\" using {}", text("manager"), text("apiVersion"))
    };
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(entry, path)| {
            let message = format!("conflict with {}", with(entry));
            json!({ "reason": "FieldManagerConflict", "message": message, "field": dotted(path) })
        })
        .collect();
    let message = match conflicts {
        [(entry, path)] => format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            with(entry),
            dotted(path)
        ),
        _ => {
            let mut by: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (entry, path) in conflicts {
                by.entry(with(entry)).or_default().push(format!("\n- {}", dotted(path)));
            }
            let groups: Vec<String> = by
                .iter()
                .map(|(who, paths)| format!("conflicts with {who}:{}", paths.concat()))
                .collect();
            format!("Apply failed with {} conflicts: {}", conflicts.len(), groups.join("\n"))
        }
    };
    Refusal::new(409, "Conflict", &message, json!({ "causes": causes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(manager: &str) -> Writer {
        Writer {
            manager: manager.to_owned(),
            subresource: None,
            time: "2026-01-01T00:00:00Z".to_owned(),
        }
    }

    fn labelled(value: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "labels": {"a/b": value}}})
    }

    fn made_by_helm() -> Value {
        let mut live = labelled("1");
        record(None, &mut live, &writer("helm"));
        live
    }

    #[test]
    fn an_apply_over_a_foreign_field_is_a_conflict_unless_forced() {
        let live = made_by_helm();
        let refusal = apply(&live, &labelled("2"), &writer("ours"), false).unwrap_err();
        let expected = "Apply failed with 1 conflict: conflict with \"helm\" using apps/v1: .metadata.labels.a/b";
        assert_eq!((refusal.code, refusal.message()), (409, expected));
        let forced = apply(&live, &labelled("2"), &writer("ours"), true).unwrap();
        assert_eq!(forced["metadata"]["labels"]["a/b"], "2");
        assert_eq!(forced["metadata"]["managedFields"].as_array().map(Vec::len), Some(1));
        assert_eq!(forced["metadata"]["managedFields"][0]["manager"], "ours");
    }

    #[test]
    fn an_equal_value_is_shared_and_leaving_it_out_gives_it_back() {
        let live = made_by_helm();
        let shared = apply(&live, &labelled("1"), &writer("ours"), false).unwrap();
        assert_eq!(shared["metadata"]["managedFields"].as_array().map(Vec::len), Some(2));
        let empty = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}});
        let left = apply(&shared, &empty, &writer("ours"), false).unwrap();
        assert_eq!(left["metadata"]["labels"]["a/b"], "1", "the other owner still wants it");
    }

    #[test]
    fn a_field_that_only_the_applier_owned_goes_when_it_is_left_out() {
        let bare = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}});
        let with = apply(&bare, &labelled("1"), &writer("ours"), false).unwrap();
        let without = apply(&with, &bare, &writer("ours"), false).unwrap();
        assert!(without["metadata"]["labels"].get("a/b").is_none());
    }

    #[test]
    fn an_update_takes_the_field_over() {
        let live = made_by_helm();
        let mut changed = live.clone();
        changed["metadata"]["labels"]["a/b"] = json!("9");
        record(Some(&live), &mut changed, &writer("kubectl-label"));
        let managers = &changed["metadata"]["managedFields"];
        assert_eq!(managers[0]["manager"], "kubectl-label");
        assert_eq!(
            managers[0]["fieldsV1"],
            json!({"f:metadata": {"f:labels": {"f:a/b": {}}}})
        );
    }
}
