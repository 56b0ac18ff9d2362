//! `report`: the page about the cluster's backup, with what the cluster shows.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::Plane;
use aksbackup_shared::report::{self, Own, ReportArgs};
use aksbackup_shared::state::schema::ClusterTables;
use aksbackup_shared::status::{self, Row};

use crate::cli::Cli;
use crate::commands::session;
use crate::commands::status::seen;

/// Makes the page. Who may not look at the cluster gets it all the same, with the reason in it.
///
/// # Errors
/// Exit 3: no state file, or no file that `--with` names. Exit 7: one of them cannot be read.
pub(crate) async fn run(cli: &Cli, arguments: &ReportArgs) -> Outcome<Exit> {
    let store = cli.common.store::<ClusterTables>(session::TOOL);
    let Some((state, digest)) = store.load_with_digest()? else {
        return cli.common.no_state();
    };
    let state_flag = cli.common.state_flag();
    let recorded = || -> Vec<Row> { status::rows(&state, None, &state_flag) };
    let (rows, failure) = match arguments.offline {
        true => (recorded(), None),
        false => match seen(cli, state.clone(), &state_flag).await {
            Ok(rows) => (rows, None),
            Err(failure) => (recorded(), Some(failure)),
        },
    };
    let own = Own {
        plane: Plane::Cluster,
        seen: failure.map(Err),
        rows,
        tool: session::TOOL,
    };
    report::run(&cli.common.console(), &cli.common, arguments, (&state, &digest), own)
}
