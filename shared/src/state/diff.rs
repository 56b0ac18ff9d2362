//! How two state files differ in what they say: table by table and key by key, whoever wrote it and when.

use std::path::Path;

use serde::Serialize;
use toml::{Table, Value};

use crate::failure::Outcome;
use crate::schema::Written;
use crate::state::copies::read;
use crate::state::parse;
use crate::state::signature::written;

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum File {
    /// The first.
    Left,
    /// The second.
    Right,
}

/// A table, or a key beside the tables, that the two files say different things of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The table, such as `cloud.roles`.
    pub table: String,
    /// The only file that has it, unless both do.
    pub only_in: Option<File>,
    /// The file whose writing the other one's led to.
    pub later: Option<File>,
    /// Who wrote it in the first file.
    pub left: Option<Written>,
    /// Who wrote it in the second file.
    pub right: Option<Written>,
    /// The keys that differ, where both files have the table.
    pub keys: Vec<KeyDifference>,
}

/// A key that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyDifference {
    /// The key within the table; empty for a key beside the tables.
    pub key: String,
    /// The first file's value.
    pub left: Option<Value>,
    /// The second file's value.
    pub right: Option<Value>,
}

/// How the files at `left` and `right` differ. Files of different numbers are compared in what they say.
///
/// # Errors
/// Exit 3: one of them does not exist. Exit 7: one of them cannot be read.
pub fn files(left: &Path, right: &Path) -> Outcome<Vec<Difference>> {
    let document = |path: &Path| parse::document(path, &read(path)?.1);
    let ((_, left), (_, right)) = (document(left)?, document(right)?);
    Ok(documents(&left, &right))
}

/// How two documents of this program's number differ.
#[must_use]
pub fn documents(left: &Table, right: &Table) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (key, one, other) in pairs(left, right) {
        let is_plane = ["cloud", "cluster"].contains(&key) && [one, other].into_iter().flatten().all(Value::is_table);
        if !is_plane {
            differences.extend(difference(key.to_owned(), one, other));
            continue;
        }
        let none = Table::new();
        let tables = |value: Option<&'_ Value>| value.and_then(Value::as_table).unwrap_or(&none).clone();
        for (name, one, other) in pairs(&tables(one), &tables(other)) {
            if name != "removed" {
                differences.extend(difference(format!("{key}.{name}"), one, other));
            }
        }
    }
    differences
}

/// The keys of both, each with both values.
fn pairs<'a>(
    left: &'a Table,
    right: &'a Table,
) -> impl Iterator<Item = (&'a str, Option<&'a Value>, Option<&'a Value>)> {
    let added = right.keys().filter(|key| !left.contains_key(*key));
    let keys = left.keys().chain(added);
    keys.map(|key| (key.as_str(), left.get(key), right.get(key)))
}

/// The keys in which two values of a table differ.
#[must_use]
pub fn keys(left: Option<&Value>, right: Option<&Value>) -> Vec<KeyDifference> {
    let mut keys = Vec::new();
    compare("", left, right, &mut keys);
    keys
}

fn difference(table: String, left: Option<&Value>, right: Option<&Value>) -> Option<Difference> {
    let mut keys = keys(left, right);
    if keys.is_empty() {
        return None;
    }
    let only_in = match (left, right) {
        (Some(_), None) => Some(File::Left),
        (None, Some(_)) => Some(File::Right),
        _ => None,
    };
    let (left, right) = (left.and_then(written), right.and_then(written));
    let later = match (&left, &right) {
        (Some(left), Some(right)) if left.follows(right) => Some(File::Left),
        (Some(left), Some(right)) if right.follows(left) => Some(File::Right),
        _ => None,
    };
    if only_in.is_some() {
        keys.clear();
    }
    Some(Difference {
        table,
        only_in,
        later,
        left,
        right,
        keys,
    })
}

fn compare(key: &str, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<KeyDifference>) {
    if let (Some(Value::Table(left)), Some(Value::Table(right))) = (left, right) {
        for (name, one, other) in pairs(left, right).filter(|(name, ..)| *name != "written") {
            let below = match key.is_empty() {
                true => name.to_owned(),
                false => format!("{key}.{name}"),
            };
            compare(&below, one, other, found);
        }
        return;
    }
    if left != right {
        found.push(KeyDifference {
            key: key.to_owned(),
            left: left.cloned(),
            right: right.cloned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: &str = "schema = 2\n[target.storage]\nsku = \"a\"\n[cloud.roles]\nx = 1\n\
        written = { id = \"b\", ancestors = [\"a\"], observed_at = \"2026-01-01T00:00:00Z\", by = \"p\", tool = \"t\" }\n";

    fn parsed(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn who_wrote_it_and_when_is_no_difference() {
        let left = parsed(LEFT);
        assert!(documents(&left, &left).is_empty());
        assert!(documents(&left, &parsed(&LEFT.replace("2026", "2027").replace("\"b\"", "\"c\""))).is_empty());
    }

    #[test]
    fn differences_name_their_key_and_the_later_file() {
        let other = LEFT
            .replace("x = 1", "x = 2")
            .replace("id = \"b\", ancestors = [\"a\"]", "id = \"a\"");
        let found = documents(&parsed(LEFT), &parsed(&other.replace("sku = \"a\"", "sku = \"b\"")));
        assert_eq!(
            (found[0].table.as_str(), found[0].keys[0].key.as_str()),
            ("target", "storage.sku")
        );
        assert_eq!(
            (found[1].table.as_str(), found[1].later),
            ("cloud.roles", Some(File::Left))
        );
        assert_eq!(found[1].keys[0].right, Some(2.into()));
    }

    #[test]
    fn a_table_of_one_file_alone_is_named_once() {
        let found = documents(
            &parsed(LEFT),
            &parsed("schema = 2\n[target.storage]\nsku = \"a\"\n[other]\nx = 1\ny = 2\n"),
        );
        let found: Vec<_> = found.iter().map(|one| (one.table.as_str(), one.only_in)).collect();
        assert_eq!(found, [("cloud.roles", Some(File::Left)), ("other", Some(File::Right))]);
    }
}
