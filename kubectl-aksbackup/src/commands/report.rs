//! `report`: the page about the cluster's backup, with what the cluster shows.

use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::program::Program;
use aksbackup_shared::report::{self, Own, ReportArgs};
use aksbackup_shared::schema::{ClusterTables, State};
use aksbackup_shared::status::{self, Row};

use crate::cli::Cli;
use crate::commands::looking::not_blind;
use crate::commands::status::seen;
use crate::commands::{doctor, session};

mod support;

/// Creates the page. Without access to the cluster it is created all the same, with the reason in it.
///
/// # Errors
/// Exit 3: no state file, or no file that `--with` names. Exit 7: one of them cannot be read.
pub(crate) async fn run(cli: &Cli, arguments: &ReportArgs) -> Outcome<Exit> {
    let store = cli.common.store::<ClusterTables>(session::TOOL);
    let Some((state, digest)) = store.load_with_digest()? else {
        return cli.common.no_state();
    };
    let recorded = || -> Vec<Row> { status::rows(&state, None) };
    let (rows, looked) = match arguments.offline {
        true => (recorded(), None),
        // Another cluster is seen by the first, and a missing login too.
        false => match seen(cli, state.clone()).await {
            Ok(rows) => (rows, Some(examined(cli, &state).await)),
            Err(failure) => (recorded(), Some(Err(failure))),
        },
    };
    let files = match arguments.bundle.is_some() && !arguments.offline {
        true => support::files(cli, &state).await,
        false => Vec::new(),
    };
    let own = Own {
        files,
        program: Program::Kubectl,
        seen: looked,
        rows,
        tool: session::TOOL,
    };
    report::run(&cli.common.console(), &cli.common, arguments, (&state, &digest), own)
}

async fn examined(cli: &Cli, state: &State) -> Outcome<Examination> {
    let reader = session::reader(cli, state)?;
    let own = doctor::examine(cli, &reader, state).await?;
    not_blind(&reader, &own).await?;
    Ok(own)
}
