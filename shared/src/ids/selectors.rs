//! Label selectors, by the rules of Kubernetes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::names::{
    InvalidId, alphanumeric_or, begins_alphanumeric, ends_alphanumeric, identifier, is_dns_label, length,
};

identifier!(
    /// A label selector of a backup instance: Azure's examples are all `KEY=VALUE`, Kubernetes has more forms.
    LabelSelector, "label selector", "Kubernetes expressions with commas between them, such as \
        app=web, tier in (a,b), !test, or app!=web",
    |t| length(t, 1, 380) && t.trim() == t && requirements(t).is_some()
);

/// One expression of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement<'a> {
    key: &'a str,
    /// The values that meet it; `None` where any value does.
    values: Option<Vec<&'a str>>,
    /// Whether it is met by what doesn't have such a label.
    negated: bool,
}

impl LabelSelector {
    /// Returns whether Kubernetes would select an object with these labels.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        let meets = |own: &Requirement<'_>| {
            let value = labels.get(own.key).map(String::as_str);
            let listed = match (&own.values, value) {
                (Some(values), Some(value)) => values.contains(&value),
                (None, value) => value.is_some(),
                (Some(_), None) => false,
            };
            listed != own.negated
        };
        requirements(&self.0).is_some_and(|all| all.iter().all(meets))
    }
}

/// Returns the expressions of a selector; `None` where Kubernetes wouldn't accept it (`labels.Parse` of its apimachinery).
fn requirements(text: &str) -> Option<Vec<Requirement<'_>>> {
    let mut depth = 0_i32;
    let apart = text.split(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    apart.map(|one| requirement(one.trim())).collect()
}

fn requirement(text: &str) -> Option<Requirement<'_>> {
    if let Some(key) = text.strip_prefix('!') {
        return of(key, None, true);
    }
    for (operator, negated) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, value)) = text.split_once(operator) {
            return of(key, Some(vec![value.trim()]), negated);
        }
    }
    let Some((head, list)) = text.split_once('(') else {
        return of(text, None, false);
    };
    let list = list.strip_suffix(')').filter(|list| !list.trim().is_empty())?;
    let (key, word) = head.trim().rsplit_once(char::is_whitespace)?;
    let negated = match word {
        "in" => false,
        "notin" => true,
        _ => return None,
    };
    of(key, Some(list.split(',').map(str::trim).collect()), negated)
}

fn of<'a>(key: &'a str, values: Option<Vec<&'a str>>, negated: bool) -> Option<Requirement<'a>> {
    let key = key.trim();
    let good = is_key(key) && values.iter().flatten().all(|value| value.is_empty() || is_name(value));
    good.then_some(Requirement { key, values, negated })
}

/// Whether it is the name of a label, with a DNS name before it or without.
fn is_key(text: &str) -> bool {
    let Some((prefix, name)) = text.split_once('/') else {
        return is_name(text);
    };
    length(prefix, 1, 253) && prefix.split('.').all(|part| is_dns_label(part, 253)) && is_name(name)
}

/// Whether it can be a label's value, or its key without a prefix.
fn is_name(text: &str) -> bool {
    length(text, 1, 63) && alphanumeric_or(text, "-_.") && begins_alphanumeric(text) && ends_alphanumeric(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> Option<LabelSelector> {
        text.parse().ok()
    }

    /// Fails before: any text of letters, spaces and operators was accepted, such as `a b`, and a backup instance with it
    /// backs up nothing.
    #[test]
    fn what_kubernetes_refuses_is_no_selector() {
        let long = "a".repeat(64);
        for bad in [
            "",
            " a=b",
            "a b",
            "a b=c",
            "a=b c",
            "=b",
            "a=b=c",
            "a===b",
            "a,",
            ",a",
            "a=b,,c=d",
            "!",
            "!!a",
            "a!",
            "-a=b",
            "a=-b",
            "a/b/c=d",
            "/a=b",
            "A_b/c=d",
            "a in",
            "a in ()",
            "a in b",
            "a in (b",
            "a in b)",
            "in (b)",
            "a notin(b)c",
            "a not in (b)",
            "(a)",
            "a in ((b))",
            "a in (b c)",
            "a>1",
            "app:web",
            &long,
            &format!("a={long}"),
        ] {
            assert_eq!(selector(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn every_form_of_kubernetes_is_one_and_selects_as_there() {
        let labels: BTreeMap<String, String> = [("app", "web"), ("example.com/tier", "a"), ("empty", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        for (text, expected) in [
            ("app=web", true),
            ("app==web", true),
            ("app = web", true),
            ("app=db", false),
            ("app!=db", true),
            ("app!=web", false),
            ("other!=web", true),
            ("app", true),
            ("other", false),
            ("!other", true),
            ("! app", false),
            ("empty=", true),
            ("app=", false),
            ("example.com/tier in (a,b)", true),
            ("example.com/tier in ( b , c )", false),
            ("example.com/tier notin (b)", true),
            ("other notin (b)", true),
            ("other in (b)", false),
            ("app in (web),example.com/tier=a,!x", true),
            ("app in (web), example.com/tier=b", false),
        ] {
            assert_eq!(selector(text).map(|own| own.selects(&labels)), Some(expected), "{text}");
        }
    }
}
