//! Label and field selectors.

use serde_json::Value;

use super::resources::Resource;
use super::status::Refusal;
use super::target::Query;

/// A label selector and a field selector.
#[derive(Debug)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
    name: Option<String>,
}

#[derive(Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selector {
    /// # Errors
    /// 400 for a selector that cannot be read, or a field that cannot be selected on.
    pub(crate) fn parse(resource: &Resource, query: &Query) -> Result<Self, Refusal> {
        let mut fields = Vec::new();
        for part in query
            .get("fieldSelector")
            .unwrap_or_default()
            .split(',')
            .filter(|part| !part.is_empty())
        {
            let (field, value, equal) = match (part.split_once("!="), part.split_once("=")) {
                (Some((field, value)), _) => (field, value, false),
                (None, Some((field, value))) => (field, value.trim_start_matches('='), true),
                _ => return Err(Refusal::bad_request(&format!("invalid field selector: {part}"))),
            };
            if !resource.selectable(field) {
                return Err(Refusal::bad_request(&format!(
                    "Unable to find \"{}, Resource={}\" that match label selector \"\", field selector \"{part}\": \
                     field label not supported: {field}",
                    resource.api_version(),
                    resource.plural
                )));
            }
            fields.push((field.to_owned(), value.to_owned(), equal));
        }
        let labels = requirements(query.get("labelSelector").unwrap_or_default())?;
        Ok(Self {
            labels,
            fields,
            name: None,
        })
    }

    /// Leaves nothing but the object called `name`.
    pub(crate) fn only(&mut self, name: Option<&str>) {
        self.name = name.map(str::to_owned);
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let named = self
            .name
            .as_deref()
            .is_none_or(|name| object["metadata"]["name"] == name);
        named
            && self.labels.iter().all(|requirement| requirement.matches(labels))
            && self.fields.iter().all(|(field, value, equal)| {
                let found = field.split('.').fold(object, |value, key| &value[key]);
                (found.as_str().unwrap_or_default() == value) == *equal
            })
    }
}

impl Requirement {
    fn matches(&self, labels: &Value) -> bool {
        let value = |key: &str| labels.get(key).and_then(Value::as_str);
        match self {
            Self::In(key, values) => value(key).is_some_and(|own| values.iter().any(|one| one == own)),
            Self::NotIn(key, values) => value(key).is_none_or(|own| values.iter().all(|one| one != own)),
            Self::Exists(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
        }
    }
}

/// Whether a `LabelSelector` of an object chooses `labels`; an absent or empty one chooses everything.
pub(crate) fn selects(selector: &Value, labels: &Value) -> bool {
    let value = |key: &str| labels.get(key).and_then(Value::as_str);
    let exact = selector["matchLabels"].as_object().into_iter().flatten();
    let mut expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    exact.into_iter().all(|(key, wanted)| value(key) == wanted.as_str())
        && expressions.all(|own| {
            let key = own["key"].as_str().unwrap_or_default();
            let listed = |value: &str| {
                own["values"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one == value))
            };
            match own["operator"].as_str() {
                Some("In") => value(key).is_some_and(listed),
                Some("NotIn") => !value(key).is_some_and(listed),
                Some("Exists") => value(key).is_some(),
                _ => value(key).is_none(),
            }
        })
}

fn requirements(text: &str) -> Result<Vec<Requirement>, Refusal> {
    let mut depth = 0;
    let parts = text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(requirement)
        .collect()
}

fn requirement(part: &str) -> Result<Requirement, Refusal> {
    let set = |text: &str| {
        let inner = text.trim().trim_start_matches('(').trim_end_matches(')');
        inner
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let owned = |text: &str| text.trim().to_owned();
    if let Some((key, values)) = part.split_once(" notin ") {
        return Ok(Requirement::NotIn(owned(key), set(values)));
    }
    if let Some((key, values)) = part.split_once(" in ") {
        return Ok(Requirement::In(owned(key), set(values)));
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(owned(key), vec![owned(value)]));
    }
    if let Some((key, value)) = part.split_once('=') {
        return Ok(Requirement::In(owned(key), vec![owned(value.trim_start_matches('='))]));
    }
    match part.strip_prefix('!') {
        Some(key) => Ok(Requirement::Absent(owned(key))),
        None if part.contains(' ') => Err(Refusal::bad_request(&format!(
            "unable to parse requirement: found '{part}', expected: identifier"
        ))),
        None => Ok(Requirement::Exists(owned(part))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_of_objects() {
        let labels = json!({ "app": "a" });
        let expression = |operator: &str, values: Value| json!({ "matchExpressions": [{ "key": "app", "operator": operator, "values": values }] });
        assert!(selects(&Value::Null, &labels) && selects(&json!({ "matchLabels": { "app": "a" } }), &labels));
        assert!(!selects(&json!({ "matchLabels": { "app": "b" } }), &labels));
        assert!(
            selects(&expression("In", json!(["a"])), &labels) && !selects(&expression("NotIn", json!(["a"])), &labels)
        );
        assert!(
            selects(&expression("Exists", json!([])), &labels)
                && !selects(&expression("DoesNotExist", json!([])), &labels)
        );
    }

    #[test]
    fn label_selectors_of_both_kinds() {
        let labels = json!({ "app": "a", "tier": "x" });
        for (text, expected) in [
            ("app=a", true),
            ("app==a,tier!=y", true),
            ("app in (a, b),tier notin (x)", false),
            ("!none,app", true),
            ("!app", false),
        ] {
            let found = requirements(text)
                .unwrap()
                .iter()
                .all(|requirement| requirement.matches(&labels));
            assert_eq!(found, expected, "{text}");
        }
        assert!(requirements("a b").is_err());
    }
}
