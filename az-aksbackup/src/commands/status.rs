//! `status`: what the file says, what Azure shows, and whose turn is next.

use aksbackup_shared::args::StatusArgs;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::look;
use aksbackup_shared::schema::{CloudTables, State};
use aksbackup_shared::status::{self, Row, Seen, Shown};

use crate::cli::Cli;
use crate::commands::{options, session};
use crate::guide;

/// Shows the status table; writes nothing, neither Azure nor the file.
///
/// # Errors
/// Exit 3: no state file. Unless offline, as [`session::open`].
pub(crate) async fn run(cli: &Cli, args: StatusArgs) -> Outcome<Exit> {
    let Some((recorded, digest)) = cli.common.store::<CloudTables>(session::TOOL).load_with_digest()? else {
        return cli.common.no_state();
    };
    let rows = match args.offline {
        true => status::rows(&recorded, None),
        false => seen(cli, &recorded).await?,
    };
    let shown = Shown {
        state: Some(&recorded),
        digest: Some(digest),
        rows: &rows,
        next: status::next_of(&rows),
        offline: args.offline,
        check: args.check,
    };
    Ok(status::show(&cli.common.console(), cli.common.output, &shown))
}

/// The table with what Azure shows.
///
/// # Errors
/// As [`session::open`].
pub(crate) async fn seen(cli: &Cli, recorded: &State) -> Outcome<Vec<Row>> {
    let session = session::open(cli, false).await?;
    let report = look(&mut guide::status(options::prepare(cli, &[])), &session).await;
    session.console.clear();
    report.in_time()?;
    let (report, state) = (&report, &session.state());
    Ok(status::rows(recorded, Some(&Seen { report, state })))
}
