//! The members of a JSON document, without its values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
}

impl Kind {
    const fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Number => "number",
            Self::Text => "text",
            Self::List => "list",
            Self::Object => "object",
        })
    }
}

/// A member of some documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// The types that it was seen with.
    pub kinds: BTreeSet<Kind>,
    /// How many objects had it.
    count: usize,
}

/// The members of documents by their paths, such as `properties.policyRules[].name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Path to member.
    pub members: BTreeMap<String, Member>,
    /// How many objects there were at each path.
    objects: BTreeMap<String, usize>,
}

impl Shape {
    /// Adds the members of a document.
    pub fn add(&mut self, document: &Value) {
        self.walk("", document);
    }

    /// Whether there was an object that could have had the member.
    #[must_use]
    pub fn has_place_for(&self, path: &str) -> bool {
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        self.objects.contains_key(parent)
    }

    /// Whether every object that could have had the member had it.
    #[must_use]
    pub fn is_always(&self, path: &str) -> bool {
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        let of = self.objects.get(parent).copied().unwrap_or_default();
        self.members.get(path).is_some_and(|member| member.count == of)
    }

    fn walk(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                *self.objects.entry(path.to_owned()).or_default() += 1;
                for (name, value) in members {
                    let name = if is_name(name) { "{}" } else { name };
                    let path = match path {
                        "" => name.to_owned(),
                        _ => format!("{path}.{name}"),
                    };
                    let member = self.members.entry(path.clone()).or_default();
                    member.kinds.insert(Kind::of(value));
                    member.count += 1;
                    self.walk(&path, value);
                }
            }
            Value::Array(items) => {
                let path = format!("{path}[]");
                items.iter().for_each(|item| self.walk(&path, item));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Whether the key of an object is a value itself: an ID, as in `userAssignedIdentities`.
fn is_name(key: &str) -> bool {
    key.starts_with('/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_of_all_documents_are_known_with_their_types() {
        let mut shape = Shape::default();
        shape.add(&json!({ "a": [{ "b": 1 }, { "b": null, "c": { "/x/y": {} } }] }));
        shape.add(&json!({ "a": [] }));
        let paths: Vec<&str> = shape.members.keys().map(String::as_str).collect();
        assert_eq!(paths, ["a", "a[].b", "a[].c", "a[].c.{}"]);
        assert_eq!(shape.members["a[].b"].kinds, BTreeSet::from([Kind::Null, Kind::Number]));
        assert!(shape.is_always("a") && shape.is_always("a[].b"));
        assert!(!shape.is_always("a[].c") && shape.is_always("a[].c.{}"));
    }
}
