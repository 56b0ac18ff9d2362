//! `diff`: two state files in words.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::args::{CommonArgs, Format};
use crate::exit::Exit;
use crate::failure::Outcome;
use crate::process::document;
use crate::schema::ClusterTables;
use crate::state::diff::{Difference, File, files};

use super::{sides, signature};

/// Flags of `diff`.
#[derive(Debug, Clone, Args)]
pub struct DiffArgs {
    /// Two files to compare, or one to compare with the state file
    #[arg(value_name = "FILE", required = true, num_args = 1..=2)]
    pub files: Vec<PathBuf>,
}

/// Shows how two state files differ in what they say. Writes nothing; ends 8 if they differ.
///
/// # Errors
/// Exit 3: one of them does not exist. Exit 7: one of them cannot be read.
pub fn diff(common: &CommonArgs, args: &DiffArgs) -> Outcome<Exit> {
    let (left, right) = match args.files.as_slice() {
        [left, right] => (left, right),
        [right, ..] => {
            // A digest is that of the state file.
            common.store::<ClusterTables>("").load()?;
            (&common.state, right)
        }
        [] => (&common.state, &common.state),
    };
    let differences = files(left, right)?;
    let exit = if differences.is_empty() {
        Exit::Done
    } else {
        Exit::Pending
    };
    let console = common.console();
    let (left, right) = (left.display().to_string(), right.display().to_string());
    match common.output {
        Format::Json | Format::Yaml => console.document(&document(json!({
            "command": "diff", "exit": exit, "left": left, "right": right, "differences": differences,
        }))),
        Format::Text if differences.is_empty() => console.result(&format!("{left} and {right} have the same values")),
        Format::Text => {
            let lines = differences.iter().flat_map(|one| in_words(one, &left, &right));
            console.result(&lines.collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(exit)
}

fn in_words(difference: &Difference, left: &str, right: &str) -> Vec<String> {
    let table = &difference.table;
    let (name, written) = match difference.only_in.or(difference.later) {
        Some(File::Right) => (right, difference.right.as_ref()),
        Some(File::Left) | None => (left, difference.left.as_ref()),
    };
    let head = match (difference.only_in, difference.later) {
        (Some(_), _) => format!("{table}: only in {name} ({})", signature(written)),
        (None, Some(_)) => format!("{table}: {name} is newer ({})", signature(written)),
        (None, None) if difference.left.is_none() && difference.right.is_none() => format!("{table}:"),
        (None, None) => format!("{table}: both sides changed it independently"),
    };
    let keys = difference.keys.iter().flat_map(|one| {
        let key = if one.key.is_empty() { table } else { &one.key };
        let [one, other] = sides(one);
        [
            format!("  {key}"),
            format!("    {left}: {one}"),
            format!("    {right}: {other}"),
        ]
    });
    std::iter::once(head).chain(keys).collect()
}
