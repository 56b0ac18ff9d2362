//! `merge`: brings copies of the state file together that went to two teams.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::args::{CommonArgs, Format};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::process::document;
use crate::state::copies::Merging;
use crate::state::diff::keys;
use crate::state::merge::{Claim, Conflict, Side, Taken};
use crate::state::ownership::Owned;
use crate::state::store::Store;

use super::{Program, sides, signature, word};

/// Flags of `merge`.
#[derive(Debug, Clone, Args)]
pub struct MergeArgs {
    /// Copies to merge into the state file
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Keep the state file's side of a table that both changed, such as cloud.roles, or all of cluster (repeatable)
    #[arg(long, value_name = "TABLE")]
    pub ours: Vec<String>,
    /// Take the copy's side of a table that both changed (repeatable)
    #[arg(long, value_name = "TABLE")]
    pub theirs: Vec<String>,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl MergeArgs {
    /// The side that is meant for a table: what names it most closely counts.
    fn side(&self, table: &str) -> Option<Side> {
        let closest = |names: &[String]| {
            let covers = |name: &&String| {
                table
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            names.iter().filter(covers).map(String::len).max()
        };
        let (ours, theirs) = (closest(&self.ours), closest(&self.theirs));
        match ours > theirs {
            true => Some(Side::Ours),
            false => theirs.map(|_| Side::Theirs),
        }
    }
}

/// Merges copies into the state file, under its lock. A table that both sides changed is shown and not guessed.
///
/// # Errors
/// Exit 2: copies of different clusters, or a table that is named on both sides. Exit 3: a copy does not exist. Exit 6
/// and 7 as [`Store::update`].
pub async fn merge<T: Owned>(program: Program, common: &CommonArgs, args: &MergeArgs) -> Outcome<Exit> {
    if let Some(both) = args.ours.iter().find(|name| args.theirs.contains(name)) {
        return Failure::usage(format!("--ours {both} and --theirs {both} contradict each other")).err();
    }
    let console = common.console();
    let mut store: Store<T> = common.store(program.tool);
    store.speak_on(&console);
    match store
        .merge(&args.files, &|table| args.side(table), args.dry_run)
        .await?
    {
        Merging::Done { taken, changed } => Ok(done(common, &console, args.dry_run, &taken, changed)),
        Merging::Conflicts(copy, conflicts) => refuse(program, common, &console, &copy, &conflicts),
    }
}

fn done(common: &CommonArgs, console: &Console, dry_run: bool, taken: &[(PathBuf, Taken)], changed: bool) -> Exit {
    let exit = if dry_run && changed { Exit::Pending } else { Exit::Done };
    let file = common.state.display().to_string();
    if common.output == Format::Json {
        let tables: Vec<_> = taken
            .iter()
            .map(|(copy, taken)| json!({ "table": taken.table, "from": copy, "written": taken.written }))
            .collect();
        console.result(&document(json!({
            "command": "merge", "exit": exit, "dry_run": dry_run, "changed": changed && !dry_run, "state": file,
            "taken": tables,
        })));
        return exit;
    }
    for (copy, taken) in taken {
        let signature = signature(taken.written.as_ref());
        console.result(&format!("{}: from {} ({signature})", taken.table, copy.display()));
    }
    console.result(&match (changed, dry_run) {
        (false, _) => format!("merge: nothing to do, {file} has it all"),
        (true, true) => format!("merge: dry run: {file} was not changed"),
        (true, false) => format!("merge: wrote {file}"),
    });
    exit
}

fn refuse(
    program: Program,
    common: &CommonArgs,
    console: &Console,
    copy: &Path,
    conflicts: &[Conflict],
) -> Outcome<Exit> {
    let failure = conflicts.iter().fold(
        Failure::new(
            Exit::StateUnreadable,
            format!("cannot merge {} into {}", copy.display(), common.state.display()),
        )
        .because("both sides changed the same, and neither followed the other; nothing was written"),
        |failure, conflict| failure.because(in_words(conflict)),
    );
    let each = |side: &str| -> String {
        let flags = conflicts.iter().map(|conflict| format!(" {side} {}", conflict.table));
        flags.collect()
    };
    let command = format!("{} merge {}{}", program.spoken, word(copy), common.state_flag());
    let failure = failure
        .hint(format!("to take the copy's side: {command}{}", each("--theirs")))
        .hint(format!("to keep the state file's side: {command}{}", each("--ours")));
    if common.output == Format::Text {
        return failure.err();
    }
    console.error(&failure);
    console.result(&document(json!({
        "command": "merge", "exit": failure.exit, "error": failure, "copy": copy, "conflicts": conflicts,
    })));
    Ok(failure.exit)
}

fn in_words(conflict: &Conflict) -> String {
    let (ours, theirs) = (&conflict.ours, &conflict.theirs);
    let taken_away = |claim: &Claim| if claim.values.is_none() { ", taken away" } else { "" };
    let mut lines = vec![
        conflict.table.clone(),
        format!("ours:   {}{}", signature(ours.written.as_ref()), taken_away(ours)),
        format!("theirs: {}{}", signature(theirs.written.as_ref()), taken_away(theirs)),
    ];
    if ours.values.is_some() && theirs.values.is_some() {
        for difference in keys(ours.values.as_ref(), theirs.values.as_ref()) {
            let [one, other] = sides(&difference);
            lines.push(format!("{}\n  ours:   {one}\n  theirs: {other}", difference.key));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_is_closest_to_a_table_decides() {
        let args = MergeArgs {
            files: vec![],
            ours: vec!["cloud".into()],
            theirs: vec!["cloud.roles".into(), "target".into()],
            dry_run: false,
        };
        assert_eq!(args.side("cloud.roles"), Some(Side::Theirs));
        assert_eq!(args.side("cloud.vault"), Some(Side::Ours));
        assert_eq!(args.side("target"), Some(Side::Theirs));
        assert_eq!(args.side("cluster.rollout"), None);
        assert_eq!(args.side("cloudy"), None);
    }
}
