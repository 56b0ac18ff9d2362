//! `status`: what the file says, what Azure shows, and whose turn is next.

use aksbackup_shared::args::StatusArgs;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::look;
use aksbackup_shared::status;

use crate::cli::Cli;
use crate::commands::{options, session};
use crate::guide;

/// Shows the status table; writes nothing, neither Azure nor the file.
///
/// # Errors
/// Exit 3: no state file. Unless offline, as [`session::open`].
pub(crate) async fn run(cli: &Cli, args: StatusArgs) -> Outcome<Exit> {
    let recorded = session::state(cli)?;
    let rows = match args.offline {
        true => status::rows(&recorded, None),
        false => {
            let session = session::open(cli, false).await?;
            let report = look(&mut guide::status(options::prepare(cli, &[])), &session).await;
            session.console.clear();
            status::rows(&recorded, Some(&report))
        }
    };
    let next = status::next_of(&rows, &recorded, &cli.common.state_flag());
    let console = cli.common.console();
    Ok(status::show(
        &console,
        cli.common.output,
        &rows,
        next.as_ref(),
        args.check,
    ))
}
