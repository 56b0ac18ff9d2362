//! The commands on state files alone, which need neither Azure nor a cluster: the same in both programs.

mod diff;
mod merge;
mod migrate;
mod schema;

pub use diff::{DiffArgs, diff};
pub use merge::{MergeArgs, merge};
pub use migrate::{MigrateArgs, migrate};
pub use schema::schema;

use std::path::Path;

use jiff::Timestamp;
use toml::Value;

use crate::args::quoted;
use crate::console::short;
use crate::program::Program;
use crate::schema::Written;
use crate::state::diff::KeyDifference;

/// The program that runs, for what it prints and for the store.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Which one.
    pub program: Program,
    /// Its name and version, for notes in the state file.
    pub version: &'static str,
}

/// A path as a word of a printed command line.
fn word(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A time as people read it.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Who wrote a table, and when.
fn signature(written: Option<&Written>) -> String {
    match written {
        Some(written) => {
            let (by, tool) = (short(&written.by), short(&written.tool));
            format!("by {by}, {}, {tool}", time(written.observed_at))
        }
        None => "not signed".to_owned(),
    }
}

/// What two sides say of a key, each on one line; of two lists what one has and the other has not.
fn sides(difference: &KeyDifference) -> [String; 2] {
    match (&difference.left, &difference.right) {
        (Some(Value::Array(left)), Some(Value::Array(right))) => [beyond(left, right), beyond(right, left)],
        (left, right) => [left, right].map(|value| value.as_ref().map_or_else(|| "nothing".to_owned(), line)),
    }
}

fn beyond(own: &[Value], other: &[Value]) -> String {
    let more: Vec<String> = own.iter().filter(|item| !other.contains(item)).map(line).collect();
    match (more.len(), own.len()) {
        (0, 0) => "an empty list".to_owned(),
        (0, all) => format!("{all} in this list, all of which are also in the other list"),
        (some, all) if some == all => more.join(", "),
        (some, all) => format!("{} (and {} in both)", more.join(", "), all - some),
    }
}

fn line(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
