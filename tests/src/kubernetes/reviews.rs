//! Questions of a caller about itself: what may I do, and who am I.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::access::{Attributes, Rule};
use super::cluster::Kubernetes;
use super::server::{Answer, Request, json as json_answer};
use super::target::Named;

pub(crate) fn answer(_: &Kubernetes, request: &Request, named: &Named) -> Answer {
    let mut review = request.json()?;
    review["kind"] = json!(named.resource.kind);
    review["apiVersion"] = json!(named.resource.api_version());
    review["status"] = match named.resource.plural {
        "selfsubjectaccessreviews" => json!({ "allowed": allowed(request, &review["spec"]) }),
        "selfsubjectrulesreviews" => {
            let namespace = review["spec"]["namespace"].as_str().unwrap_or_default();
            rules(&request.user.rules, namespace)
        }
        _ => json!({ "userInfo": { "username": request.user.name, "groups": request.user.groups } }),
    };
    Ok(json_answer(StatusCode::CREATED, &review))
}

fn allowed(request: &Request, spec: &Value) -> bool {
    let text = |place: &str, key: &str| spec[place][key].as_str().unwrap_or_default().to_owned();
    if spec["nonResourceAttributes"].is_object() {
        let verb = text("nonResourceAttributes", "verb");
        return verb == "get" && request.user.may_get_path(&text("nonResourceAttributes", "path"));
    }
    let of = |key: &str| text("resourceAttributes", key);
    let (namespace, name, subresource) = (of("namespace"), of("name"), of("subresource"));
    let resource = if subresource.is_empty() {
        of("resource")
    } else {
        format!("{}/{subresource}", of("resource"))
    };
    request.user.may(&Attributes {
        verb: &of("verb"),
        group: &of("group"),
        resource: &resource,
        namespace: Some(namespace.as_str()).filter(|text| !text.is_empty()),
        name: Some(name.as_str()).filter(|text| !text.is_empty()),
    })
}

/// The rules that hold in `namespace`, as SelfSubjectRulesReview lists them.
fn rules(own: &[Rule], namespace: &str) -> Value {
    let here = |rule: &&Rule| rule.namespaces.is_empty() || rule.namespaces.iter().any(|name| name == namespace);
    let resources: Vec<Value> = own
        .iter()
        .filter(here)
        .filter(|rule| !rule.resources.is_empty())
        .map(|rule| {
            json!({
                "verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources, "resourceNames": rule.names,
            })
        })
        .collect();
    let paths: Vec<Value> = own
        .iter()
        .filter(|rule| !rule.urls.is_empty())
        .map(|rule| json!({ "verbs": rule.verbs, "nonResourceURLs": rule.urls }))
        .collect();
    json!({ "resourceRules": resources, "nonResourceRules": paths, "incomplete": false })
}
