//! `merge`: brings copies of the state file together that went to two teams.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use toml::Value;

use crate::args::CommonArgs;
use crate::command_line::ours;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::fix;
use crate::process::document;
use crate::schema::Target;
use crate::state::copies::{Merging, read};
use crate::state::diff::keys;
use crate::state::merge::{Claim, Conflict, Side, Taken};
use crate::state::ownership::Owned;
use crate::state::remembered::Remembered;
use crate::state::store::Store;

use super::{Tool, sides, signature, word};

/// Flags of `merge`.
#[derive(Debug, Clone, Args)]
pub struct MergeArgs {
    /// Copies to merge into the state file
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Table to keep from the state file if both sides changed it, such as cloud.roles, or cluster for all of its tables
    /// (repeatable)
    #[arg(long, value_name = "TABLE")]
    pub ours: Vec<String>,
    /// Table to take from the copy; required if both sides changed it, and for `target` and tables that this program writes
    /// (repeatable)
    #[arg(long, value_name = "TABLE")]
    pub theirs: Vec<String>,
    /// Print the planned changes without applying them
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

/// Merges copies into the state file, under its lock. A table that both sides changed is shown and not guessed; `[target]` and
/// what this program writes itself are taken from a copy only by `--theirs` or after a question that shows the values, since
/// whoever sends a copy can claim any ancestry. `--yes` does not answer that question.
///
/// # Errors
/// Exit 2: copies of different clusters, or a table that is named on both sides. Exit 3: a copy does not exist. Exit 6
/// and 7 as [`Store::update`].
pub async fn merge<T: Owned>(tool: Tool, common: &CommonArgs, args: &MergeArgs) -> Outcome<Exit> {
    if let Some(both) = args.ours.iter().find(|name| args.theirs.contains(name)) {
        return Failure::usage(format!("--ours {both} and --theirs {both} can't be combined")).err();
    }
    let console = common.console();
    let mut store: Store<T> = common.store(tool.version);
    store.speak_on(&console);
    // Read once: what is taken is what was shown.
    let copies = args.files.iter().map(|path| read(path)).collect::<Outcome<Vec<_>>>()?;
    let mut merging = store.merge(&copies, &|table| args.side(table), args.dry_run).await?;
    if let Some(agreed) = agreed(&console, args, &merging)? {
        let confirmed = confirmed(&merging);
        let decide = |table: &str| {
            let side = args.side(table);
            side.or_else(|| agreed.iter().any(|own| own == table).then_some(Side::Theirs))
        };
        merging = store.merge(&copies, &decide, args.dry_run).await?;
        if let (Some(target), Merging::Done { .. }) = (confirmed, &merging)
            && let Err(error) = Remembered::of_user().keep(&target)
        {
            console.detail(format!("cannot save the confirmation of these values: {error}"));
        }
    }
    match merging {
        Merging::Done { taken, changed } => Ok(done(common, &console, args.dry_run, &taken, changed)),
        Merging::Conflicts(copy, conflicts) => refuse(tool, common, &console, &copy, &conflicts),
    }
}

/// The tables that the person agrees to take from a copy, where that is all that is open and someone can be asked.
fn agreed(console: &Console, args: &MergeArgs, merging: &Merging) -> Outcome<Option<Vec<String>>> {
    let Merging::Conflicts(copy, conflicts) = merging else {
        return Ok(None);
    };
    let can_ask = console.can_ask() && !args.dry_run && args.files.len() == 1;
    if !can_ask || !conflicts.iter().all(|conflict| conflict.own) {
        return Ok(None);
    }
    conflicts.iter().for_each(|conflict| console.ending(in_words(conflict)));
    let tables: Vec<String> = conflicts.iter().map(|conflict| conflict.table.clone()).collect();
    let question = format!("Take {} from {}?", tables.join(", "), copy.display());
    Ok(console.confirm(&question)?.then_some(tables))
}

/// The copy's `[target]`, if a yes to the question confirms all of it: the question shows only how it differs from the state
/// file's, so that the user must have confirmed the file's before. `--theirs target` shows nothing and confirms nothing.
fn confirmed(merging: &Merging) -> Option<Target> {
    let Merging::Conflicts(_, conflicts) = merging else {
        return None;
    };
    let target = conflicts.iter().find(|conflict| conflict.table == "target")?;
    let of = |claim: &Claim| Target::of_values(claim.values.as_ref()?.as_table()?).ok();
    let ours = of(&target.ours)?;
    Remembered::of_user().has(&ours).then(|| of(&target.theirs))?
}

fn done(common: &CommonArgs, console: &Console, dry_run: bool, taken: &[(PathBuf, Taken)], changed: bool) -> Exit {
    let exit = if dry_run && changed { Exit::Pending } else { Exit::Done };
    let file = common.state.display().to_string();
    if common.output.is_document() {
        let tables: Vec<_> = taken
            .iter()
            .map(|(copy, taken)| json!({ "table": taken.table, "from": copy, "written": taken.written }))
            .collect();
        console.document(&document(json!({
            "command": "merge", "exit": exit, "dry_run": dry_run, "changed": changed && !dry_run, "state": file,
            "taken": tables,
        })));
        return exit;
    }
    for (copy, taken) in taken {
        let signature = signature(taken.written.as_ref());
        console.text(&format!("{}: from {} ({signature})", taken.table, copy.display()));
    }
    console.text(&match (changed, dry_run) {
        (false, _) => format!("merge: nothing to do, {file} is up to date"),
        (true, true) => format!("merge: dry run: {file} was not changed"),
        (true, false) => format!("merge: wrote {file}"),
    });
    exit
}

fn refuse(tool: Tool, common: &CommonArgs, console: &Console, copy: &Path, conflicts: &[Conflict]) -> Outcome<Exit> {
    let failure = conflicts.iter().fold(
        Failure::new(
            Exit::StateUnreadable,
            format!("cannot merge {} into {}", copy.display(), common.state.display()),
        )
        .because(reason(conflicts)),
        |failure, conflict| failure.because(in_words(conflict)),
    );
    let with = |side: &str| {
        let command = ours(tool.program, format!("merge {}", word(copy)));
        conflicts
            .iter()
            .fold(command, |command, conflict| command.with(side).with(&conflict.table))
    };
    let failure = failure
        .hint(fix!["to take the copy's side: ", with("--theirs")])
        .hint(fix!["to keep the state file's side: ", with("--ours")]);
    if !common.output.is_document() {
        return failure.err();
    }
    console.error(&failure);
    console.document(&document(json!({
        "command": "merge", "exit": failure.exit, "error": failure, "copy": copy, "conflicts": conflicts,
    })));
    Ok(failure.exit)
}

fn reason(conflicts: &[Conflict]) -> &'static str {
    match conflicts.iter().all(|conflict| conflict.own) {
        true => {
            "this table is taken from a copy only on request, because a copy can claim to be newer; nothing was written"
        }
        false => "both sides changed the same table independently; nothing was written",
    }
}

fn in_words(conflict: &Conflict) -> String {
    let (ours, theirs) = (&conflict.ours, &conflict.theirs);
    let whose = |claim: &Claim| match (&claim.values, &claim.written) {
        (Some(_), written) => signature(written.as_ref()),
        (None, Some(_)) => format!("{}, removed", signature(claim.written.as_ref())),
        (None, None) => "no such table".to_owned(),
    };
    let mut lines = vec![
        conflict.table.clone(),
        format!("ours:   {}", whose(ours)),
        format!("theirs: {}", whose(theirs)),
    ];
    // A table that one side lacks is shown key by key too: it is what the person takes or gives up.
    let none = Value::Table(toml::Table::new());
    let of = |claim: &Claim| claim.values.clone().unwrap_or_else(|| none.clone());
    if conflict.own || (ours.values.is_some() && theirs.values.is_some()) {
        for difference in keys(Some(&of(ours)), Some(&of(theirs))) {
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
