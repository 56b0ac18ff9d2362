//! What a query makes of several rows: joins and sums.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Query, Row, text};

/// Each row with what the other query has for the same value of a column. Columns of the same name get a `1`, and what is missing is
/// null, or an empty text, since a text can't be null.
pub(super) fn joined(rows: Vec<Row>, other: &Query, table: &[Row], on: &str) -> Vec<Row> {
    let mut found: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in other.run(table) {
        found.entry(text(&row[on])).or_default().push(row);
    }
    let missing: Row = other
        .columns
        .iter()
        .map(|name| {
            let is_time = other.times.contains(name);
            (name.clone(), if is_time { Value::Null } else { json!("") })
        })
        .collect();
    let missing = [missing];
    let mut all = Vec::new();
    for row in rows {
        let others = found.get(&text(&row[on])).map_or(&missing[..], Vec::as_slice);
        for other in others {
            let mut row = row.clone();
            for (name, value) in other {
                let name = if row.contains_key(name) {
                    format!("{name}1")
                } else {
                    name.clone()
                };
                row.insert(name, value.clone());
            }
            all.push(row);
        }
    }
    all
}

/// For each value of `by` the row with the largest `of`, and of it `kept`.
pub(super) fn latest(rows: Vec<Row>, of: &str, kept: &[String], by: &str) -> Vec<Row> {
    let at = |row: &Row| text(&row[of]).parse::<Timestamp>().ok();
    let mut found: BTreeMap<String, Row> = BTreeMap::new();
    for row in rows {
        let key = text(&row[by]);
        if found.get(&key).is_none_or(|known| at(known) < at(&row)) {
            found.insert(key, row);
        }
    }
    let names = || kept.iter().map(String::as_str).chain([of, by]);
    found
        .into_values()
        .map(|row| names().map(|name| (name.to_owned(), row[name].clone())).collect())
        .collect()
}
