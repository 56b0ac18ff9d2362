//! What a request is about: its path and query, taken apart.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::resources::{self, Resource};

/// What the path of a request names.
#[derive(Debug)]
pub(crate) enum Target {
    /// A resource, or one object of it, or a subresource of that.
    Resource(Named),
    /// Anything else.
    Path(String),
}

/// A resource with what the path says about it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) resource: &'static Resource,
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl Named {
    /// The namespace, empty for a cluster-wide object.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// The namespace under which the object is stored.
    pub(crate) fn store_namespace(&self) -> &str {
        if self.resource.namespaced { self.namespace() } else { "" }
    }

    /// The name, empty for a collection.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// `pods/log`, or `pods`.
    pub(crate) fn resource_path(&self) -> String {
        match &self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.resource.plural),
            None => self.resource.plural.to_owned(),
        }
    }
}

/// The query of a request; of a repeated key the last value counts.
#[derive(Debug, Default)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some("true" | "1"))
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.get(key).and_then(|value| value.parse().ok())
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.get("dryRun") == Some("All")
    }
}

/// Takes `path` apart. A resource that the API server does not know comes back as a mere path.
pub(crate) fn parse(path: &str) -> Target {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return Target::Path(path.to_owned()),
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() && rest != ["status"] => (Some(*namespace), rest),
        _ => (None, rest),
    };
    let plural = rest.first().copied().unwrap_or_default();
    let Some(resource) = resources::lookup(group, version, plural) else {
        return Target::Path(path.to_owned());
    };
    if rest.len() > 3 || (namespace.is_some() && !resource.namespaced) {
        return Target::Path(path.to_owned());
    }
    let owned = |index: usize| rest.get(index).map(|part| (*part).to_owned());
    let namespace = match resource.plural {
        "namespaces" => owned(1),
        _ => namespace.map(str::to_owned),
    };
    Target::Resource(Named {
        resource,
        namespace,
        name: owned(1),
        subresource: owned(2),
    })
}

/// Group, namespace, plural name and object of a path to a resource that the API server does not know; `None` for a path
/// that is not about resources at all.
pub(crate) fn unknown(path: &str) -> Option<(&str, Option<&str>, &str, Option<&str>)> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    match rest {
        ["namespaces", namespace, plural, rest @ ..] => Some((group, Some(*namespace), *plural, rest.first().copied())),
        [plural, rest @ ..] => Some((group, None, *plural, rest.first().copied())),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> (&'static str, String, String, String) {
        match parse(path) {
            Target::Resource(named) => (
                named.resource.plural,
                named.namespace().to_owned(),
                named.name().to_owned(),
                named.resource_path(),
            ),
            Target::Path(path) => ("", String::new(), String::new(), path),
        }
    }

    #[test]
    fn paths_are_taken_apart() {
        let owned = |plural, namespace: &str, name: &str, path: &str| {
            (plural, namespace.to_owned(), name.to_owned(), path.to_owned())
        };
        assert_eq!(
            named("/api/v1/namespaces/a/pods/b/log"),
            owned("pods", "a", "b", "pods/log")
        );
        assert_eq!(
            named("/api/v1/namespaces/a"),
            owned("namespaces", "a", "a", "namespaces")
        );
        assert_eq!(
            named("/apis/apps/v1/deployments"),
            owned("deployments", "", "", "deployments")
        );
        assert_eq!(named("/apis/apps/v1/namespaces/a/nodes/b").0, "");
        assert_eq!(named("/version").0, "");
    }
}
