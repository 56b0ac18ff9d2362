//! `fleet`: many clusters, each with its state file in one folder.
//!
//! [`template`] says what every cluster has and [`stagger`] at what time, [`find`] finds the clusters, and [`folder`] reads their files.
//! [`each`] works on many of them at once; [`shared`] is what they wait for, [`cluster_result`] the result of one, [`output`] shows that
//! of all, and [`events`] writes it as it happens. [`read_only`] has the commands that change nothing, [`apply`] the one that does.

mod apply;
mod cluster_result;
mod each;
mod events;
mod find;
mod folder;
mod init;
mod init_output;
mod list;
mod output;
mod progress;
mod read_only;
mod shared;
mod stagger;
mod template;

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;

use crate::cli::{Cli, FleetCommand};

/// So many clusters are read at once.
const AT_ONCE: usize = 16;

/// Runs a command over the folder.
///
/// # Errors
/// As each command.
pub(crate) async fn run(cli: &Cli, command: &FleetCommand) -> Outcome<Exit> {
    match command {
        FleetCommand::Init(args) => init::run(cli, args).await,
        FleetCommand::List(args) => list::run(cli, args).await,
        FleetCommand::Status(args) => read_only::status(cli, args).await,
        FleetCommand::Verify(args) => read_only::verify(cli, args).await,
        FleetCommand::Plan(args) => read_only::plan(cli, args).await,
        FleetCommand::Apply(args) => apply::run(cli, args).await,
    }
}
