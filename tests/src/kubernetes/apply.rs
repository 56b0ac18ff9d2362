//! Server-side apply.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::fields::{Entry, Path, Writer, leaves, read, write};
use super::patch::{position, strategic};
use super::status::Refusal;

/// Server-side apply of `applied` onto `live`.
///
/// # Errors
/// 409 where another manager owns a field that `applied` would change, unless `force`.
pub(crate) fn apply(live: &Value, applied: &Value, writer: &Writer, force: bool) -> Result<Value, Refusal> {
    let (wanted, present) = (leaves(applied), leaves(live));
    let mut entries = read(live);
    let mut own = Entry::new(writer, "Apply", &applied["apiVersion"]);
    if let Some(index) = entries.iter().position(|entry| entry.same_as(&own)) {
        own = entries.remove(index);
    }
    let changes =
        |path: &&Path| matches!((present.get(*path), wanted.get(*path)), (Some(old), Some(new)) if old != new);
    let conflicts: Vec<(&Entry, &Path)> = entries
        .iter()
        .flat_map(|entry| entry.paths.iter().filter(changes).map(move |path| (entry, path)))
        .collect();
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts));
    }
    for entry in &mut entries {
        entry.paths.retain(|path| !changes(&path));
    }
    let mut result = live.clone();
    strategic(&mut result, applied);
    let shared = |path: &Path| entries.iter().any(|entry| entry.paths.contains(path));
    for path in own
        .paths
        .iter()
        .filter(|path| !wanted.contains_key(*path) && !shared(path))
    {
        remove(&mut result, path);
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
    use super::super::fields::record;
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
