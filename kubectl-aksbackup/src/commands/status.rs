//! `status`: what the file says, what the cluster shows, and whose turn is next.

use aksbackup_shared::args::StatusArgs;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::look;
use aksbackup_shared::status;

use crate::cli::Cli;
use crate::commands::session::{self, Access};
use crate::guide;

/// Shows the status table; writes nothing, neither the cluster nor the file.
///
/// # Errors
/// Exit 3: no state file, where it is all there would be to show. Unless offline, as [`session::open`].
pub(crate) async fn run(cli: &Cli, arguments: StatusArgs) -> Outcome<Exit> {
    let rows = match arguments.offline {
        true => {
            let state = session::state(cli)?;
            status::rows(&state, None)
        }
        false => {
            let (session, context) = session::open(cli, session::state_or_none(cli)?, Access::Read).await?;
            let recorded = session.state();
            let report = look(&mut guide::status(&context), &session).await;
            session.console.clear();
            status::rows(&recorded, Some(&report))
        }
    };
    let next = status::next_of(&rows, &cli.common.state_flag());
    let console = cli.common.console();
    Ok(status::show(
        &console,
        cli.common.output,
        &rows,
        next.as_ref(),
        arguments.check,
    ))
}
