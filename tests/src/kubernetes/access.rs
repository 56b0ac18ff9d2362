//! Who calls, and what they may do: a small role-based access control.

use serde::{Deserialize, Serialize};

use super::resources::Resource;
use super::status::Refusal;

/// Somebody with a bearer token and rights.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// User name.
    pub name: String,
    /// Bearer token.
    pub token: String,
    /// Groups beside `system:authenticated`.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What the persona may do; rules only add.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// A right, as in a Role or ClusterRole. `*` stands for everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `impersonate`.
    pub verbs: Vec<String>,
    /// API groups, empty text for the core group.
    pub groups: Vec<String>,
    /// Plural names, `pods/log` for a subresource.
    pub resources: Vec<String>,
    /// Names of single objects; empty for all.
    pub names: Vec<String>,
    /// Namespaces where the rule holds; empty for all, and then for cluster-wide objects too.
    pub namespaces: Vec<String>,
    /// Paths outside the resources, with `*` at the end for a prefix.
    pub urls: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    /// Plural name with its subresource, if any.
    pub(crate) resource: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

/// Who a request comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
    pub(crate) rules: Vec<Rule>,
}

impl Persona {
    /// A persona whose token is `NAME-token`.
    #[must_use]
    pub fn new(name: &str, rules: Vec<Rule>) -> Self {
        Self {
            name: name.to_owned(),
            token: format!("{name}-token"),
            groups: Vec::new(),
            rules,
        }
    }

    /// The same persona in one more group.
    #[must_use]
    pub fn with_group(mut self, group: &str) -> Self {
        self.groups.push(group.to_owned());
        self
    }
}

impl Rule {
    /// `verbs` on `resources` of `groups`, everywhere.
    #[must_use]
    pub fn new(verbs: &[&str], groups: &[&str], resources: &[&str]) -> Self {
        let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
        Self {
            verbs: owned(verbs),
            groups: owned(groups),
            resources: owned(resources),
            ..Self::default()
        }
    }

    /// Everything there is.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            urls: vec!["*".to_owned()],
            ..Self::new(&["*"], &["*"], &["*"])
        }
    }

    /// The same right in one namespace only (several calls add up).
    #[must_use]
    pub fn within(mut self, namespace: &str) -> Self {
        self.namespaces.push(namespace.to_owned());
        self
    }

    /// The same right on one named object only (several calls add up).
    #[must_use]
    pub fn on(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// `verb` on a path outside the resources.
    #[must_use]
    pub fn url(verb: &str, path: &str) -> Self {
        Self {
            verbs: vec![verb.to_owned()],
            urls: vec![path.to_owned()],
            ..Self::default()
        }
    }

    fn allows(&self, asked: &Attributes<'_>) -> bool {
        let parent = asked
            .resource
            .split_once('/')
            .map(|(_, subresource)| format!("*/{subresource}"));
        matches(&self.verbs, asked.verb)
            && matches(&self.groups, asked.group)
            && (matches(&self.resources, asked.resource) || parent.is_some_and(|any| self.resources.contains(&any)))
            && (self.names.is_empty() || asked.name.is_some_and(|name| self.names.iter().any(|own| own == name)))
            && (self.namespaces.is_empty() || asked.namespace.is_some_and(|own| matches(&self.namespaces, own)))
    }

    fn allows_url(&self, verb: &str, path: &str) -> bool {
        let fits = |url: &String| match url.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => url == path,
        };
        matches(&self.verbs, verb) && self.urls.iter().any(fits)
    }
}

fn matches(list: &[String], asked: &str) -> bool {
    list.iter().any(|item| item == "*" || item == asked)
}

impl User {
    pub(crate) fn from_persona(persona: &Persona) -> Self {
        let mut groups = persona.groups.clone();
        groups.push("system:authenticated".to_owned());
        Self {
            name: persona.name.clone(),
            groups,
            rules: persona.rules.clone(),
        }
    }

    /// Somebody whom only a token or an impersonation header names.
    pub(crate) fn named(name: &str, groups: Vec<String>) -> Self {
        let all = groups.iter().any(|group| group == "system:masters");
        let rules = if all { vec![Rule::everything()] } else { Vec::new() };
        let mut groups = groups;
        groups.push("system:authenticated".to_owned());
        Self {
            name: name.to_owned(),
            groups,
            rules,
        }
    }

    pub(crate) fn may(&self, asked: &Attributes<'_>) -> bool {
        self.rules.iter().any(|rule| rule.allows(asked)) || self.may_review(asked)
    }

    /// The cluster role `system:basic-user` of everybody who is signed in.
    fn may_review(&self, asked: &Attributes<'_>) -> bool {
        asked.verb == "create"
            && matches!(
                (asked.group, asked.resource),
                (
                    "authorization.k8s.io",
                    "selfsubjectaccessreviews" | "selfsubjectrulesreviews"
                ) | ("authentication.k8s.io", "selfsubjectreviews")
            )
    }

    /// Paths outside the resources; discovery is open to everybody who is signed in (`system:discovery`), the token
    /// issuer's documents are open to service accounts only (`system:service-account-issuer-discovery`).
    pub(crate) fn may_get_path(&self, path: &str) -> bool {
        let open = ["/api", "/apis", "/openapi", "/healthz", "/livez", "/readyz", "/version"];
        let discovery = open
            .iter()
            .any(|own| path == *own || path.starts_with(&format!("{own}/")));
        let issuer = path == "/.well-known/openid-configuration" || path == "/openid/v1/jwks";
        discovery
            || (issuer && self.groups.iter().any(|group| group == "system:serviceaccounts"))
            || self.rules.iter().any(|rule| rule.allows_url("get", path))
    }

    /// The API server's refusal of `asked`.
    pub(crate) fn refusal(&self, resource: &Resource, asked: &Attributes<'_>) -> Refusal {
        let place = match asked.namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let why = format!(
            "User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
            self.name, asked.verb, asked.resource, asked.group
        );
        Refusal::forbidden(resource, asked.name.unwrap_or_default(), &why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(verb: &'a str, resource: &'a str, namespace: Option<&'a str>) -> Attributes<'a> {
        Attributes {
            verb,
            group: "apps",
            resource,
            namespace,
            name: Some("one"),
        }
    }

    #[test]
    fn a_rule_of_one_namespace_ends_at_its_border() {
        let user = User {
            rules: vec![Rule::new(&["*"], &["*"], &["*"]).within("mine")],
            ..User::default()
        };
        assert!(user.may(&asked("patch", "deployments", Some("mine"))));
        assert!(!user.may(&asked("patch", "deployments", Some("other"))));
        assert!(!user.may(&asked("get", "nodes", None)));
    }

    #[test]
    fn a_rule_names_verbs_resources_and_objects_exactly() {
        let user = User {
            rules: vec![Rule::new(&["get"], &["apps"], &["deployments"]).on("one")],
            ..User::default()
        };
        assert!(user.may(&asked("get", "deployments", Some("any"))));
        assert!(!user.may(&asked("patch", "deployments", Some("any"))));
        assert!(!user.may(&asked("get", "deployments/status", Some("any"))));
        assert!(!user.may(&Attributes {
            name: Some("two"),
            ..asked("get", "deployments", Some("any"))
        }));
    }

    #[test]
    fn the_issuer_documents_are_closed_to_plain_users() {
        let path = "/.well-known/openid-configuration";
        assert!(!User::named("somebody", Vec::new()).may_get_path(path));
        assert!(User::named("somebody", vec!["system:masters".to_owned()]).may_get_path(path));
        assert!(User::named("somebody", Vec::new()).may_get_path("/apis/apps/v1"));
    }
}
