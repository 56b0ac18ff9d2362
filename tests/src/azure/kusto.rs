//! As much of Resource Graph's query language as the Azure CLI's extension for backups and `list` ask in: `where`, `extend`,
//! `project`, `order by`, `summarize arg_max` and a left outer join within one table, with comparisons and a few functions.
//! Whatever else there is in that language is refused.

mod parser;
mod relations;
mod tokens;

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The columns of every table.
pub(crate) const COLUMNS: [&str; 16] = [
    "id",
    "name",
    "type",
    "tenantId",
    "kind",
    "location",
    "resourceGroup",
    "subscriptionId",
    "managedBy",
    "sku",
    "plan",
    "properties",
    "tags",
    "identity",
    "zones",
    "extendedLocation",
];

/// A row of a table.
pub(crate) type Row = Map<String, Value>;

/// A query that was understood.
#[derive(Debug)]
pub(crate) struct Query {
    /// In lower case.
    pub(crate) table: String,
    stages: Vec<Stage>,
    /// The columns in the end, and those of them that hold times: only these can be null, a text can't.
    columns: Vec<String>,
    times: Vec<String>,
}

#[derive(Debug)]
enum Stage {
    Where(Term),
    Extend(Vec<(String, Term)>),
    Project(Vec<(String, Term)>),
    /// A left outer join on a column.
    Join(Box<Query>, String),
    /// `summarize arg_max(OF, KEPT…) by KEY`.
    Latest {
        of: String,
        kept: Vec<String>,
        by: String,
    },
    /// Ascending.
    Order(String),
}

#[derive(Debug)]
enum Term {
    Literal(Value),
    Path(Vec<String>),
    Call(String, Vec<Term>),
    At(Box<Term>, usize),
    Compare(Box<Term>, String, Box<Term>),
    In(Box<Term>, bool, Vec<Term>),
    All(Vec<Term>),
}

/// Where a query stopped being understood: the character's position, and what is there.
pub(crate) type Trouble = (usize, String);

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// It is none, or says what is not understood here.
    pub(crate) fn parse(text: &str) -> Result<Self, Trouble> {
        parser::query(text)
    }

    /// What becomes of the rows of the table.
    pub(crate) fn run(&self, table: &[Row]) -> Vec<Row> {
        let mut rows = table.to_vec();
        for stage in &self.stages {
            match stage {
                Stage::Where(condition) => rows.retain(|row| condition.value(row) == json!(true)),
                Stage::Extend(columns) => rows.iter_mut().for_each(|row| {
                    for (name, term) in columns {
                        let value = term.value(row);
                        row.insert(name.clone(), value);
                    }
                }),
                Stage::Project(columns) => {
                    for row in &mut rows {
                        *row = columns
                            .iter()
                            .map(|(name, term)| (name.clone(), term.value(row)))
                            .collect();
                    }
                }
                Stage::Join(other, on) => rows = relations::joined(rows, other, table, on),
                Stage::Latest { of, kept, by } => rows = relations::latest(rows, of, kept, by),
                Stage::Order(by) => rows.sort_by_cached_key(|row| text(&row[by.as_str()])),
            }
        }
        rows
    }
}

impl Term {
    fn value(&self, row: &Row) -> Value {
        match self {
            Self::Literal(value) => value.clone(),
            Self::Path(path) => {
                let mut steps = path.iter();
                let first = steps.next().and_then(|name| row.get(name)).unwrap_or(&Value::Null);
                steps.fold(first, |value, name| &value[name.as_str()]).clone()
            }
            Self::At(term, index) => term.value(row).get(index).cloned().unwrap_or(Value::Null),
            Self::Call(name, arguments) => called(name, arguments, row),
            Self::Compare(left, operator, right) => {
                json!(holds(&text(&left.value(row)), operator, &text(&right.value(row))))
            }
            Self::In(left, loose, list) => {
                let (operator, left) = (if *loose { "=~" } else { "==" }, text(&left.value(row)));
                json!(list.iter().any(|one| holds(&left, operator, &text(&one.value(row)))))
            }
            Self::All(terms) => json!(terms.iter().all(|term| term.value(row) == json!(true))),
        }
    }
}

/// A value as a text; dynamic values are compared so.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn holds(left: &str, operator: &str, right: &str) -> bool {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let order = match (time(left), time(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => None,
    };
    match operator {
        "=~" => left.to_lowercase() == right.to_lowercase(),
        "==" => left == right,
        "!=" => left != right,
        "startswith" => left.to_lowercase().starts_with(&right.to_lowercase()),
        ">" => order == Some(Ordering::Greater),
        _ => order == Some(Ordering::Less),
    }
}

fn called(name: &str, arguments: &[Term], row: &Row) -> Value {
    let said = |index: usize| {
        arguments
            .get(index)
            .map_or_else(String::new, |one| text(&one.value(row)))
    };
    match name {
        "tolower" => json!(said(0).to_lowercase()),
        "tostring" => json!(said(0)),
        "split" => json!(said(0).split(&said(1)).collect::<Vec<_>>()),
        "trim_end" => json!(said(1).trim_end_matches(&said(0))),
        "todatetime" => match said(0).parse::<Timestamp>() {
            Ok(_) => json!(said(0)),
            Err(_) => Value::Null,
        },
        "strcat" => json!((0..arguments.len()).map(said).collect::<String>()),
        // Pairs of condition and value, and the value for the rest.
        _ => {
            let pairs = arguments.chunks_exact(2);
            let rest = pairs.remainder().first();
            let mut fitting = pairs.filter(|pair| pair[0].value(row) == json!(true));
            let chosen = fitting.next().map(|pair| &pair[1]).or(rest);
            chosen.map_or(Value::Null, |term| term.value(row))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let row = json!({
            "id": "/subscriptions/s/x/Microsoft.DataProtection/backupVaults/v1/backupInstances/i", "name": "i",
            "properties": { "state": "Fine", "settings": { "a.b": "x" }, "user": true, "startTime": "2026-01-02T00:00:00.0000000Z" },
        });
        row.as_object().unwrap().clone()
    }

    fn kept(query: &str) -> usize {
        Query::parse(query).unwrap().run(&[row()]).len()
    }

    #[test]
    fn conditions_keep_or_drop_a_row() {
        for (query, expected) in [
            ("resources | where name =~ 'I'", 1),
            ("resources | where name == 'I'", 0),
            ("resources|where properties.state in~ ('x','fine')", 1),
            ("resources | where tostring(properties['state']) == 'Fine'", 1),
            ("resources | where tostring(properties.settings['a.b']) == 'x'", 1),
            ("resources | where properties.state in ('fine')", 0),
            (
                "resources | where properties.user == 'true' and properties.state startswith 'fi'",
                1,
            ),
            (
                "resources | where properties.startTime > datetime(2026-01-01T00:00:00Z)",
                1,
            ),
            (
                "resources | where properties.startTime < datetime(2026-01-01T00:00:00Z)",
                0,
            ),
        ] {
            assert_eq!(kept(query), expected, "{query}");
        }
    }

    #[test]
    fn columns_are_computed() {
        let query = "resources | extend v = split(split(id, '/Microsoft.DataProtection/backupVaults/')[1],'/')[0] \
                     | extend s = case(name == 'j', 'no', properties.user == 'true', strcat('On', tolower(properties.state)), 'x') \
                     | project v, s, state = properties.state";
        let rows = Query::parse(query).unwrap().run(&[row()]);
        assert_eq!(json!(rows), json!([{ "v": "v1", "s": "Onfine", "state": "Fine" }]));
    }

    #[test]
    fn the_latest_job_is_joined_to_its_instance() {
        let rows: Vec<Row> = [
            json!({ "id": "a", "name": "i", "kind": "one" }),
            json!({ "id": "b", "name": "j", "kind": "old", "properties": { "for": "ONE/", "at": "2026-01-01T00:00:00Z" } }),
            json!({ "id": "c", "name": "j", "kind": "new", "properties": { "for": "ONE/", "at": "2026-01-02T00:00:00Z" } }),
            json!({ "id": "d", "name": "i", "kind": "two" }),
        ]
        .iter()
        .filter_map(Value::as_object)
        .cloned()
        .collect();
        let query = "resources | where name == 'i' | project id, key = kind | join kind=leftouter (resources | where name == 'j' \
                     | project key = trim_end('/', tolower(tostring(properties.for))), job = kind, at = todatetime(properties.at) \
                     | summarize arg_max(at, job) by key) on key | project id, job, at | order by id asc";
        let found = Query::parse(query).unwrap().run(&rows);
        assert_eq!(
            json!(found),
            json!([
                { "id": "a", "job": "new", "at": "2026-01-02T00:00:00Z" },
                // No text is null.
                { "id": "d", "job": "", "at": null },
            ])
        );
        let across = "resources | join kind=leftouter (recoveryservicesresources | project id) on id";
        assert_eq!(Query::parse(across).unwrap_err().1, "recoveryservicesresources");
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_place() {
        for (query, token) in [
            ("resources | summarize count()", "count"),
            ("resources | where nothing == 'x'", "nothing"),
            ("resources | where parse_json(id) == 'x'", "parse_json"),
            ("resources | where name ==", "<EOF>"),
            ("resources where", "where"),
            ("", "<EOF>"),
        ] {
            assert_eq!(Query::parse(query).unwrap_err().1, token, "{query}");
        }
        assert_eq!(Query::parse("resources | take 1").unwrap_err().0, 12);
    }
}
