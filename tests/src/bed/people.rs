//! Who may call the API server: the people of the sandbox as users with roles, and the programs of the bed itself.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::kubernetes::{Persona, Rule};

/// The user that the bed's own hands work as: kubelet, Velero, Helm.
pub(crate) const BED: &str = "aksbackup-bed";

/// The token of one of the bed's own users, known to nobody else.
#[derive(Debug, Clone)]
pub(crate) struct OwnTokens {
    pub(crate) bed: String,
    pub(crate) controllers: String,
    pub(crate) webhook: String,
}

impl OwnTokens {
    pub(crate) fn new() -> Self {
        let token = || Uuid::new_v4().simple().to_string();
        Self {
            bed: token(),
            controllers: token(),
            webhook: token(),
        }
    }
}

/// The API server's file of static tokens.
pub(crate) fn tokens(own: &OwnTokens, webhook: &str, personas: &[Persona]) -> String {
    let line = |token: &str, user: &str, groups: &str| format!("{token},{user},{user},\"{groups}\"\n");
    let mut text = line(&own.bed, BED, "system:masters");
    text.push_str(&line(
        &own.controllers,
        "system:kube-controller-manager",
        "system:masters",
    ));
    text.push_str(&line(&own.webhook, webhook, "system:serviceaccounts"));
    for persona in personas {
        text.push_str(&line(&persona.token, &persona.name, &persona.groups.join(",")));
    }
    text
}

/// The objects that give a persona its rights: paths on the API server (without the name), and bodies. A rule within
/// namespaces becomes a role there, any other a cluster role.
pub(crate) fn roles(persona: &Persona) -> Vec<(String, Value)> {
    if persona.rules.is_empty() {
        return Vec::new();
    }
    let mut namespaces: Vec<&str> = persona
        .rules
        .iter()
        .flat_map(|rule| &rule.namespaces)
        .map(String::as_str)
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let everywhere: Vec<&Rule> = persona.rules.iter().filter(|rule| rule.namespaces.is_empty()).collect();
    let mut objects = role(persona, None, &everywhere);
    for namespace in namespaces {
        let within = persona
            .rules
            .iter()
            .filter(|rule| rule.namespaces.iter().any(|own| own == namespace));
        objects.extend(role(persona, Some(namespace), &within.collect::<Vec<_>>()));
    }
    objects
}

fn role(persona: &Persona, namespace: Option<&str>, rules: &[&Rule]) -> Vec<(String, Value)> {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let name = format!("aksbackup-bed:{}", persona.name);
    let prefix = if namespace.is_some() { "" } else { "Cluster" };
    let base = match namespace {
        Some(namespace) => format!("/apis/{GROUP}/v1/namespaces/{namespace}/"),
        None => format!("/apis/{GROUP}/v1/cluster"),
    };
    let object = |kind: &str| {
        json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": format!("{prefix}{kind}"), "metadata": { "name": name },
        })
    };
    let mut rights = object("Role");
    rights["rules"] = rules.iter().flat_map(|rule| policies(rule)).collect();
    let mut binding = object("RoleBinding");
    binding["roleRef"] = json!({ "apiGroup": GROUP, "kind": format!("{prefix}Role"), "name": name });
    binding["subjects"] = json!([{ "apiGroup": GROUP, "kind": "User", "name": persona.name }]);
    vec![
        (format!("{base}roles"), rights),
        (format!("{base}rolebindings"), binding),
    ]
}

/// One rule as roles hold it: about resources, or about paths, never both in one.
fn policies(rule: &Rule) -> Vec<Value> {
    let mut policies = Vec::new();
    if !rule.resources.is_empty() {
        policies.push(json!({
            "verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources, "resourceNames": rule.names,
        }));
    }
    if !rule.urls.is_empty() && rule.namespaces.is_empty() {
        policies.push(json!({ "verbs": rule.verbs, "nonResourceURLs": rule.urls }));
    }
    policies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_within_a_namespace_becomes_a_role_there() {
        let rules = vec![
            Rule::new(&["get"], &["apps"], &["deployments"]).within("a"),
            Rule::url("get", "/version"),
        ];
        let objects = roles(&Persona::new("somebody", rules));
        let kinds: Vec<(&str, &str)> = objects
            .iter()
            .map(|(path, body)| (path.as_str(), body["kind"].as_str().unwrap()))
            .collect();
        let base = "/apis/rbac.authorization.k8s.io/v1";
        assert_eq!(kinds[0], (format!("{base}/clusterroles").as_str(), "ClusterRole"));
        assert_eq!(kinds[2], (format!("{base}/namespaces/a/roles").as_str(), "Role"));
        assert_eq!(
            objects[0].1["rules"],
            json!([{ "verbs": ["get"], "nonResourceURLs": ["/version"] }])
        );
        assert_eq!(objects[2].1["rules"][0]["resources"], json!(["deployments"]));
    }
}
