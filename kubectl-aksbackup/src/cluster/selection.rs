//! Which namespaces and pods a webhook is asked about: Kubernetes' label selectors.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// A requirement of a selector that labels do not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unmet {
    /// The label's key.
    pub(crate) key: String,
    /// The requirement, as people write it: `team notin (backup)`.
    pub(crate) requirement: String,
    /// Whether the labels would meet it without that label.
    pub(crate) met_without: bool,
}

/// The first requirement of `selector` that `labels` do not meet; `None` where it selects them, as an empty one does.
pub(crate) fn unmet(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> Option<Unmet> {
    let exact = selector.match_labels.iter().flatten();
    let exact = exact.filter(|(key, value)| labels.get(*key) != Some(*value));
    let exact = exact.map(|(key, value)| Unmet {
        key: key.clone(),
        requirement: format!("{key}={value}"),
        met_without: false,
    });
    let others = selector.match_expressions.iter().flatten();
    let mut others = others.filter(|own| !meets(own, labels)).map(|own| Unmet {
        key: own.key.clone(),
        requirement: told(own),
        met_without: matches!(own.operator.as_str(), "NotIn" | "DoesNotExist"),
    });
    exact.into_iter().next().or_else(|| others.next())
}

fn meets(own: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&own.key);
    let listed = value.is_some_and(|value| own.values.iter().flatten().any(|one| one == value));
    match own.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // A word that this program does not know excludes nobody.
        _ => true,
    }
}

fn told(own: &LabelSelectorRequirement) -> String {
    let values = own.values.as_deref().unwrap_or_default().join(", ");
    match own.operator.as_str() {
        "In" => format!("{} in ({values})", own.key),
        "NotIn" => format!("{} notin ({values})", own.key),
        "Exists" => own.key.clone(),
        _ => format!("!{}", own.key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn asked(selector: Value) -> Option<String> {
        let labels = [("team".to_owned(), "backup".to_owned())].into();
        unmet(&serde_json::from_value(selector).unwrap(), &labels).map(|own| own.requirement)
    }

    fn expression(operator: &str, values: &[&str]) -> Value {
        json!({ "matchExpressions": [{ "key": "team", "operator": operator, "values": values }] })
    }

    #[test]
    fn a_selector_selects_as_kubernetes_does() {
        assert_eq!(asked(json!({})), None);
        assert_eq!(asked(json!({ "matchLabels": { "team": "backup" } })), None);
        assert_eq!(
            asked(json!({ "matchLabels": { "team": "x" } })).as_deref(),
            Some("team=x")
        );
        assert_eq!(asked(expression("In", &["backup"])), None);
        assert_eq!(asked(expression("In", &["x", "y"])).as_deref(), Some("team in (x, y)"));
        assert_eq!(
            asked(expression("NotIn", &["backup"])).as_deref(),
            Some("team notin (backup)")
        );
        assert_eq!(asked(expression("Exists", &[])), None);
        assert_eq!(asked(expression("DoesNotExist", &[])).as_deref(), Some("!team"));
    }
}
