//! `migrate`: raises the number of a state file's format.

use clap::Args;
use serde_json::json;

use crate::args::{CommonArgs, Format};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::process::document;
use crate::schema::SCHEMA;
use crate::state::ownership::Owned;
use crate::state::store::Store;

use super::Tool;

/// Flags of `migrate`.
#[derive(Debug, Clone, Copy, Args)]
pub struct MigrateArgs {
    /// Print the planned changes without applying them
    #[arg(long)]
    pub dry_run: bool,
}

/// Raises the state file to this program's number. Who works on it with an older program must then update it, so that
/// the person is asked first.
///
/// # Errors
/// Exit 3: there is no state file. Exit 2: a question that could not be asked. Exit 6 and 7 as [`Store::update`].
pub async fn migrate<T: Owned>(tool: Tool, common: &CommonArgs, args: MigrateArgs) -> Outcome<Exit> {
    let console = common.console();
    let mut store: Store<T> = common.store(tool.version);
    store.speak_on(&console);
    if !store.exists() {
        return common.no_state();
    }
    let file = common.state.display();
    let Some(due) = store.migrate(true).await? else {
        let said = format!("migrate: nothing to do, {file} has schema {SCHEMA}");
        tell(common, Exit::Done, SCHEMA, false, &said);
        return Ok(Exit::Done);
    };
    if args.dry_run {
        let said = format!(
            "migrate: dry run: {file} would be upgraded from schema {} to {}",
            due.from, due.to
        );
        tell(common, Exit::Pending, due.from, false, &said);
        return Ok(Exit::Pending);
    }
    let question = format!(
        "Upgrade {file} from schema {} to {}? Programs that support only schema {} can then read it but not write \
         it.",
        due.from, due.to, due.from
    );
    if !common.yes && !console.confirm(&question)? {
        return Failure::new(Exit::Pending, format!("state file {file} was not changed")).err();
    }
    store.migrate(false).await?;
    let said = format!("migrate: upgraded {file} from schema {} to {}", due.from, due.to);
    tell(common, Exit::Done, due.from, true, &said);
    Ok(Exit::Done)
}

fn tell(common: &CommonArgs, exit: Exit, from: u32, changed: bool, said: &str) {
    let console = common.console();
    match common.output {
        Format::Text => console.text(said),
        Format::Json | Format::Yaml => console.document(&document(json!({
            "command": "migrate", "exit": exit, "state": common.state.display().to_string(),
            "from": from, "to": SCHEMA, "changed": changed,
        }))),
    }
}
