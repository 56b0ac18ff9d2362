//! Whose fields are whose: `configure` sets its own few under its own name, and leaves every other as it was.

use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use serde_json::{Map, Value, json};

use crate::looks::own;
use crate::stages::{ANNOTATION, configure, granted};

const MANAGER: &str = "kubectl-aksbackup";
const LABEL: &str = "azure.workload.identity/use";
const CAUSE: &str = "aksbackup.io/workload-identity";

/// The deployments and service accounts of the extension, by kind and name.
fn objects(stage: &Stage) -> Map<String, Value> {
    let mut all = Map::new();
    for kind in ["Deployment", "ServiceAccount"] {
        for object in own(stage, kind) {
            all.insert(
                format!("{kind} {}", object["metadata"]["name"].as_str().unwrap()),
                object,
            );
        }
    }
    all
}

/// An object without what the API server and controllers keep count of, and without the fields that are ours.
fn rest(object: &Value) -> Value {
    let mut rest = object.clone();
    rest["status"] = Value::Null;
    for key in ["managedFields", "resourceVersion", "generation"] {
        rest["metadata"][key] = Value::Null;
    }
    for (place, key) in [
        ("/metadata/annotations", "deployment.kubernetes.io/revision"),
        ("/metadata/annotations", ANNOTATION),
        ("/spec/template/metadata/annotations", CAUSE),
        ("/spec/template/metadata/labels", LABEL),
    ] {
        if let Some(map) = rest.pointer_mut(place).and_then(Value::as_object_mut) {
            map.remove(key);
        }
    }
    without_empty(&mut rest);
    rest
}

fn without_empty(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(without_empty);
            map.retain(|_, own| !own.is_null() && *own != json!({}));
        }
        Value::Array(list) => list.iter_mut().for_each(without_empty),
        _ => {}
    }
}

/// The entries of `managedFields` that are not the control plane's own: manager, operation, fields.
fn managers(object: &Value) -> Vec<(String, String, Value)> {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = entries
        .iter()
        .filter(|entry| entry["subresource"].is_null() && entry["manager"] != "kube-controller-manager")
        .map(|entry| {
            (
                text(&entry["manager"]),
                text(&entry["operation"]),
                entry["fieldsV1"].clone(),
            )
        })
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

fn leaf(path: &[&str]) -> Value {
    path.iter()
        .rev()
        .fold(json!({}), |inner, name| json!({ (format!("f:{name}")): inner }))
}

/// The fields that are ours on an object of this kind.
fn ours(kind: &str) -> Value {
    if kind.starts_with("ServiceAccount") {
        return leaf(&["metadata", "annotations", ANNOTATION]);
    }
    let mut fields = leaf(&["spec", "template", "metadata", "labels", LABEL]);
    let annotations = leaf(&[CAUSE]);
    fields["f:spec"]["f:template"]["f:metadata"]["f:annotations"] = annotations;
    fields
}

fn only_our_own_fields_are_set_and_they_are_under_our_name(backend: Backend) {
    let stage = granted(backend);
    let before = objects(&stage);
    configure(&stage).ok();
    let after = objects(&stage);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    let mut set = 0;
    for (name, object) in &after {
        assert_eq!(rest(&before[name]), rest(object), "{name}");
        let (own, others): (Vec<_>, Vec<_>) = managers(object).into_iter().partition(|entry| entry.0 == MANAGER);
        assert_eq!(others, managers(&before[name]), "{name}: what others manage");
        if let Some((_, operation, fields)) = own.first() {
            assert_eq!(
                (own.len(), operation.as_str(), fields),
                (1, "Apply", &ours(name)),
                "{name}"
            );
            set += 1;
        }
    }
    assert_eq!(set, 6, "three deployments and their three service accounts");
}

fn going_back_leaves_the_objects_as_they_were(backend: Backend) {
    let stage = granted(backend);
    let before = objects(&stage);
    configure(&stage).ok();
    stage.kubectl("cluster-admin", &["unconfigure", "--yes"]).ok();
    for (name, object) in &objects(&stage) {
        let annotations = object["metadata"]["annotations"].to_string();
        let template = object["spec"]["template"]["metadata"].to_string();
        assert!(
            !annotations.contains(ANNOTATION) && !template.contains(LABEL) && !template.contains(CAUSE),
            "{name}"
        );
        assert_eq!(rest(&before[name]), rest(object), "{name}");
        assert!(managers(object).iter().all(|entry| entry.0 != MANAGER), "{name}");
    }
}

#[test]
fn fields_on_the_small_cluster() {
    only_our_own_fields_are_set_and_they_are_under_our_name(Backend::Small);
}

#[test]
fn fields_on_a_real_control_plane() {
    only_our_own_fields_are_set_and_they_are_under_our_name(Backend::Real);
}

#[test]
fn the_way_back_on_the_small_cluster() {
    going_back_leaves_the_objects_as_they_were(Backend::Small);
}

#[test]
fn the_way_back_on_a_real_control_plane() {
    going_back_leaves_the_objects_as_they_were(Backend::Real);
}
