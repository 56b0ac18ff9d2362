//! `fleet`: many clusters, each with its state file in one folder.
//!
//! [`template`] says what every cluster has and [`stagger`] at what time, [`find`] finds the clusters, and [`folder`] reads their files.
//! [`each`] works on many of them at once, in the part that [`shard`] is; [`came`] is what came of one, [`show`] tells it of all, and
//! [`events`] tell it as it happens.

mod apply;
mod came;
mod each;
mod events;
mod find;
mod folder;
mod init;
mod list;
mod look;
mod progress;
pub(crate) mod shard;
mod shared;
mod show;
mod stagger;
mod template;
mod told;

use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};

use crate::cli::{Cli, FleetCommand};

/// So many clusters are read at once.
const AT_ONCE: usize = 16;

/// More failures than these are counted instead of shown.
const MOST_FAILURES: usize = 10;

/// Runs a command over the folder.
///
/// # Errors
/// As each command.
pub(crate) async fn run(cli: &Cli, command: &FleetCommand) -> Outcome<Exit> {
    match command {
        FleetCommand::Init(args) => init::run(cli, args).await,
        FleetCommand::List(args) => list::run(cli, args).await,
        FleetCommand::Status(args) => look::status(cli, args).await,
        FleetCommand::Verify(args) => look::verify(cli, args).await,
        FleetCommand::Plan(args) => look::plan(cli, args).await,
        FleetCommand::Apply(args) => apply::run(cli, args).await,
    }
}

fn complain(console: &Console, failures: &[Failure]) {
    let (shown, more) = told::shown(failures);
    shown.iter().for_each(|failure| console.error(console.told(failure)));
    if let Some(more) = more {
        console.error(more);
    }
}
