//! `report`: the page about the cluster's backup, with what Azure shows.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::program::Program;
use aksbackup_shared::report::{self, Own, ReportArgs};
use aksbackup_shared::schema::CloudTables;
use aksbackup_shared::status::{self, Row};

use crate::cli::Cli;
use crate::commands::status::seen;
use crate::commands::{doctor, session};

/// Creates the page. Without access to Azure it is created all the same, with the reason in it.
///
/// # Errors
/// Exit 3: no state file, or no file that `--with` names. Exit 7: one of them cannot be read.
pub(crate) async fn run(cli: &Cli, args: &ReportArgs) -> Outcome<Exit> {
    let store = cli.common.store::<CloudTables>(session::TOOL);
    let Some((state, digest)) = store.load_target()? else {
        return cli.common.no_state();
    };
    let recorded = || -> Vec<Row> { status::rows(&state, None) };
    let (rows, looked) = match args.offline {
        true => (recorded(), None),
        // Where one of them fails for want of a login, the other would as well.
        false => match seen(cli, &state).await {
            Ok(rows) => (rows, Some(doctor::examine(cli).await)),
            Err(failure) => (recorded(), Some(Err(failure))),
        },
    };
    let own = Own {
        program: Program::Az,
        seen: looked,
        rows,
        tool: session::TOOL,
        files: Vec::new(),
    };
    report::run(&cli.common.console(), &cli.common, args, (&state, &digest), own)
}
