//! What the API server fills in, checks and has changed before an object is stored.

use serde_json::{Value, json};

use super::cluster::Kubernetes;
use super::other_webhook::OtherWebhook;
use super::resources::Resource;
use super::status::Refusal;
use super::webhook;

/// Admits a new object: defaults, references that must exist, webhooks. `generated` tells that its name comes from
/// `generateName`.
///
/// # Errors
/// What the API server would answer to such an object.
pub(crate) fn admit(
    cluster: &Kubernetes,
    resource: &Resource,
    mut object: Value,
    generated: bool,
) -> Result<Value, Refusal> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
    if resource.namespaced && cluster.store.get("namespaces", "", &namespace).is_none() {
        let message = format!("namespaces \"{namespace}\" not found");
        return Err(Refusal::new(
            404,
            "NotFound",
            &message,
            json!({ "name": namespace, "kind": "namespaces" }),
        ));
    }
    texts_only(resource, &object)?;
    match resource.plural {
        "deployments" => {
            default_deployment(&mut object);
            selector_fits(resource, &object)?;
            object = others(cluster.state().other_webhook, resource, object)?;
        }
        "pods" => {
            default_pod_spec(&mut object["spec"]);
            account_exists(cluster, resource, &namespace, &object)?;
            object = webhook::mutate(cluster, object, generated)?;
            let before = object.clone();
            object = others(cluster.state().other_webhook, resource, object)?;
            if object != before && webhook::is_reinvoked(cluster) {
                object = webhook::mutate(cluster, object, generated)?;
            }
            object["status"] = json!({ "phase": "Pending", "qosClass": "Burstable" });
        }
        _ => object = others(cluster.state().other_webhook, resource, object)?,
    }
    Ok(object)
}

/// What a webhook or policy of somebody else makes of an object, where there is one.
///
/// # Errors
/// It refuses the object.
pub(crate) fn others(other: Option<OtherWebhook>, resource: &Resource, object: Value) -> Result<Value, Refusal> {
    match other {
        Some(other) => other.admit(resource, object),
        None => Ok(object),
    }
}

/// Checks a change of an existing object.
///
/// # Errors
/// What the API server would answer to such a change.
pub(crate) fn validate(resource: &Resource, before: &Value, after: &Value) -> Result<(), Refusal> {
    let name = before["metadata"]["name"].as_str().unwrap_or_default();
    texts_only(resource, after)?;
    match resource.plural {
        "deployments" => {
            if before["spec"]["selector"] != after["spec"]["selector"] {
                let why = format!("Invalid value: {}: field is immutable", after["spec"]["selector"]);
                return Err(Refusal::invalid(resource, name, "spec.selector", &why));
            }
            selector_fits(resource, after)
        }
        "pods" if before["spec"] != after["spec"] => {
            let why = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,\
                       `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \
                       (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` \
                       (allow it to be set to 1 if it was previously negative)";
            Err(Refusal::invalid(resource, name, "spec", why))
        }
        _ => Ok(()),
    }
}

/// Labels and annotations are maps of texts, for templates as well.
fn texts_only(resource: &Resource, object: &Value) -> Result<(), Refusal> {
    for (place, metadata) in [
        ("metadata", &object["metadata"]),
        ("spec.template", &object["spec"]["template"]["metadata"]),
    ] {
        for field in ["labels", "annotations"] {
            let wrong = metadata[field]
                .as_object()
                .into_iter()
                .flatten()
                .find(|(_, value)| !value.is_string());
            if let Some((_, value)) = wrong {
                let found = match value {
                    Value::Bool(_) => "bool",
                    Value::Number(_) => "number",
                    Value::Null => continue,
                    _ => "object",
                };
                return Err(Refusal::bad_request(&format!(
                    "{} in version \"{}\" cannot be handled as a {}: json: cannot unmarshal {found} into Go struct \
                     field ObjectMeta.{place}.{field} of type string",
                    resource.kind, resource.version, resource.kind
                )));
            }
        }
    }
    Ok(())
}

fn selector_fits(resource: &Resource, object: &Value) -> Result<(), Refusal> {
    let labels = &object["spec"]["template"]["metadata"]["labels"];
    let wanted = object["spec"]["selector"]["matchLabels"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    if wanted.iter().all(|(key, value)| labels.get(key) == Some(value)) && !wanted.is_empty() {
        return Ok(());
    }
    let why = format!("Invalid value: {labels}: `selector` does not match template `labels`");
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Err(Refusal::invalid(resource, name, "spec.template.metadata.labels", &why))
}

fn default(target: &mut Value, key: &str, value: Value) {
    if target[key].is_null() {
        target[key] = value;
    }
}

fn default_deployment(object: &mut Value) {
    let spec = &mut object["spec"];
    default(spec, "replicas", json!(1));
    default(spec, "revisionHistoryLimit", json!(10));
    default(spec, "progressDeadlineSeconds", json!(600));
    let rolling = json!({ "maxSurge": "25%", "maxUnavailable": "25%" });
    default(
        spec,
        "strategy",
        json!({ "type": "RollingUpdate", "rollingUpdate": rolling }),
    );
    default_pod_spec(&mut spec["template"]["spec"]);
}

fn default_pod_spec(spec: &mut Value) {
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "securityContext", json!({}));
    let account = spec["serviceAccountName"].as_str().unwrap_or("default").to_owned();
    spec["serviceAccountName"] = json!(account);
    spec["serviceAccount"] = json!(account);
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            default(container, "imagePullPolicy", json!("IfNotPresent"));
            default(container, "terminationMessagePath", json!("/dev/termination-log"));
            default(container, "terminationMessagePolicy", json!("File"));
            default(container, "resources", json!({}));
        }
    }
}

fn account_exists(cluster: &Kubernetes, resource: &Resource, namespace: &str, pod: &Value) -> Result<(), Refusal> {
    let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or_default();
    if cluster.store.get("serviceaccounts", namespace, account).is_some() {
        return Ok(());
    }
    let why = format!("error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found");
    Err(Refusal::forbidden(
        resource,
        pod["metadata"]["name"].as_str().unwrap_or_default(),
        &why,
    ))
}
