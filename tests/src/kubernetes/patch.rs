//! The four ways in which Kubernetes lets an object be changed in part, and Helm's three-way merge.

use serde_json::{Map, Value};

/// The fields by which the elements of a list are told apart, `None` where a list is replaced as a whole.
pub(crate) fn list_keys(field: &str) -> Option<&'static [&'static str]> {
    match field {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" | "webhooks" => Some(&["name"]),
        "volumeMounts" => Some(&["mountPath"]),
        "ports" => Some(&["containerPort"]),
        "conditions" => Some(&["type"]),
        "ownerReferences" => Some(&["uid"]),
        _ => None,
    }
}

/// Whether `list` can be addressed by `keys`: every element has them all.
pub(crate) fn keyed(list: &[Value], keys: &[&str]) -> bool {
    list.iter()
        .all(|element| keys.iter().all(|key| element.get(key).is_some()))
}

/// The element of `list` that agrees with `sample` in `keys`.
pub(crate) fn position(list: &[Value], sample: &Value, keys: &[&str]) -> Option<usize> {
    list.iter()
        .position(|element| keys.iter().all(|key| element.get(key) == sample.get(key)))
}

/// JSON merge patch (RFC 7386).
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    edit(target, |map| {
        for (key, change) in changes {
            if change.is_null() {
                map.remove(key);
            } else {
                merge(map.entry(key.clone()).or_insert(Value::Null), change);
            }
        }
    });
}

/// Strategic merge patch: as a merge patch, but the lists of `list_keys` are merged element by element, and `$patch`
/// directives replace or delete.
pub(crate) fn strategic(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if changes.get("$patch").and_then(Value::as_str) == Some("replace") {
        let mut whole = changes.clone();
        whole.remove("$patch");
        *target = Value::Object(whole);
        return;
    }
    edit(target, |map| {
        for (key, change) in changes {
            match change {
                _ if key.starts_with("$setElementOrder/") || key == "$retainKeys" => {}
                Value::Null => {
                    map.remove(key);
                }
                Value::Array(items) if list_keys(key).is_some_and(|keys| keyed(items, keys)) => {
                    let list = map.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                    strategic_list(list, items, list_keys(key).unwrap_or_default());
                }
                _ => strategic(map.entry(key.clone()).or_insert(Value::Null), change),
            }
        }
    });
}

fn strategic_list(target: &mut Value, items: &[Value], keys: &[&str]) {
    if !target.is_array() {
        *target = Value::Array(Vec::new());
    }
    let Value::Array(list) = target else { return };
    for item in items {
        let found = position(list, item, keys);
        let deletes = item.get("$patch").and_then(Value::as_str) == Some("delete");
        match found {
            Some(index) if deletes => {
                list.remove(index);
            }
            Some(index) => strategic(&mut list[index], item),
            None if deletes => {}
            None => {
                let mut fresh = Value::Object(Map::new());
                strategic(&mut fresh, item);
                list.push(fresh);
            }
        }
    }
}

/// Helm's three-way merge: what the new manifest says is set, what only the old one said is removed, what neither
/// knows stays.
pub(crate) fn three_way(live: &mut Value, old: &Value, new: &Value) {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        *live = new.clone();
        return;
    };
    edit(live, |map| {
        map.retain(|key, _| !before.contains_key(key) || after.contains_key(key));
        for (key, wanted) in after {
            let known = before.get(key).cloned().unwrap_or_default();
            three_way_field(map, key, &known, wanted);
        }
    });
}

fn three_way_field(map: &mut Map<String, Value>, key: &str, known: &Value, wanted: &Value) {
    match (list_keys(key), map.get_mut(key), wanted) {
        (Some(keys), Some(Value::Array(list)), Value::Array(items)) if keyed(items, keys) && keyed(list, keys) => {
            three_way_list(list, known.as_array().map_or(&[], Vec::as_slice), items, keys);
        }
        (_, Some(present), _) if known.is_object() && wanted.is_object() => three_way(present, known, wanted),
        (_, Some(present), Value::Object(_)) if present.is_object() => strategic(present, wanted),
        _ => {
            map.insert(key.to_owned(), wanted.clone());
        }
    }
}

fn three_way_list(list: &mut Vec<Value>, old: &[Value], new: &[Value], keys: &[&str]) {
    list.retain(|item| position(old, item, keys).is_none() || position(new, item, keys).is_some());
    for item in new {
        let known = position(old, item, keys).map_or(Value::Null, |index| old[index].clone());
        match position(list, item, keys) {
            Some(index) if known.is_object() => three_way(&mut list[index], &known, item),
            Some(index) => strategic(&mut list[index], item),
            None => list.push(item.clone()),
        }
    }
}

/// JSON patch (RFC 6902).
///
/// # Errors
/// What is wrong with an operation; the target may then be half changed.
pub(crate) fn json_patch(target: &mut Value, operations: &Value) -> Result<(), String> {
    let Some(operations) = operations.as_array() else {
        return Err("json: cannot unmarshal object into Go value of type jsonpatch.Patch".to_owned());
    };
    for operation in operations {
        let text = |key: &str| {
            operation
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (name, path, from) = (text("op"), text("path"), text("from"));
        let value = operation.get("value").cloned().unwrap_or_default();
        match name.as_str() {
            "add" => insert(target, &path, value)?,
            "remove" => drop(take(target, &path)?),
            "replace" => *existing(target, &path)? = value,
            "test" if *existing(target, &path)? == value => {}
            "test" => return Err(format!("testing value {path} failed")),
            "move" => {
                let moved = take(target, &from)?;
                insert(target, &path, moved)?;
            }
            "copy" => {
                let copied = existing(target, &from)?.clone();
                insert(target, &path, copied)?;
            }
            other => return Err(format!("Unexpected kind: {other}")),
        }
    }
    Ok(())
}

fn existing<'a>(target: &'a mut Value, path: &str) -> Result<&'a mut Value, String> {
    target
        .pointer_mut(path)
        .ok_or_else(|| format!("the path \"{path}\" does not exist: missing value"))
}

fn split(path: &str) -> Result<(&str, String), String> {
    let (parent, last) = path
        .rsplit_once('/')
        .ok_or_else(|| format!("the path \"{path}\" is not a JSON pointer"))?;
    Ok((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn insert(target: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let (parent, last) = split(path)?;
    match existing(target, parent)? {
        Value::Object(map) => {
            map.insert(last, value);
            Ok(())
        }
        Value::Array(list) if last == "-" => {
            list.push(value);
            Ok(())
        }
        Value::Array(list) => match last.parse::<usize>() {
            Ok(index) if index <= list.len() => {
                list.insert(index, value);
                Ok(())
            }
            _ => Err(format!("Unable to access invalid index: {last}")),
        },
        _ => Err(format!(
            "add operation does not apply: doc is missing path: \"{path}\": missing value"
        )),
    }
}

fn take(target: &mut Value, path: &str) -> Result<Value, String> {
    let (parent, last) = split(path)?;
    let missing = || format!("remove operation does not apply: doc is missing path: {path}: missing value");
    match existing(target, parent)? {
        Value::Object(map) => map.remove(&last).ok_or_else(missing),
        Value::Array(list) => match last.parse::<usize>() {
            Ok(index) if index < list.len() => Ok(list.remove(index)),
            _ => Err(missing()),
        },
        _ => Err(missing()),
    }
}

/// Changes `value` as an object; whatever else it was gives way.
fn edit(value: &mut Value, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut map = match std::mem::take(value) {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    change(&mut map);
    *value = Value::Object(map);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strategic_merges_containers_by_name_and_env_inside() {
        let mut target =
            json!({"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]});
        let patch = json!({"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}, {"name": "b", "$patch": "delete"}]});
        strategic(&mut target, &patch);
        let env = json!([{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]);
        assert_eq!(target, json!({"containers": [{"name": "a", "image": "1", "env": env}]}));
    }

    #[test]
    fn merge_patch_replaces_lists_and_null_removes() {
        let mut target = json!({"a": [1, 2], "b": {"c": 1, "d": 2}});
        merge(&mut target, &json!({"a": [3], "b": {"c": null}}));
        assert_eq!(target, json!({"a": [3], "b": {"d": 2}}));
    }

    #[test]
    fn json_patch_follows_escaped_pointers_and_refuses_what_is_missing() {
        let mut target = json!({"labels": {"a/b": "1"}});
        let patch = json!([{"op": "test", "path": "/labels/a~1b", "value": "1"}, {"op": "add", "path": "/labels/c~1d", "value": "2"}]);
        assert_eq!(json_patch(&mut target, &patch), Ok(()));
        assert_eq!(target, json!({"labels": {"a/b": "1", "c/d": "2"}}));
        assert!(json_patch(&mut target, &json!([{"op": "remove", "path": "/labels/none"}])).is_err());
        assert!(
            json_patch(
                &mut target,
                &json!([{"op": "test", "path": "/labels/a~1b", "value": "9"}])
            )
            .is_err()
        );
    }

    #[test]
    fn an_upgrade_keeps_what_neither_manifest_knows() {
        let old = json!({"labels": {"chart": "1", "old": "x"}, "containers": [{"name": "a", "image": "1"}]});
        let new = json!({"labels": {"chart": "2"}, "containers": [{"name": "a", "image": "2"}]});
        let mut live = json!({"labels": {"chart": "1", "old": "x", "ours": "y"}, "containers": [{"name": "a", "image": "1", "tty": true}]});
        three_way(&mut live, &old, &new);
        let containers = json!([{"name": "a", "image": "2", "tty": true}]);
        assert_eq!(
            live,
            json!({"labels": {"chart": "2", "ours": "y"}, "containers": containers})
        );
    }
}
