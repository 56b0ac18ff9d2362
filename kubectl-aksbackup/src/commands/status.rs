//! `status`: what the file says, what the cluster shows, and whose turn is next.

use aksbackup_shared::args::StatusArgs;
use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::runner::look;
use aksbackup_shared::runner::report::{Ending, StepReport};
use aksbackup_shared::schema::{ClusterTables, State};
use aksbackup_shared::status::{self, Row, Seen, Shown, Standing};
use aksbackup_shared::step::Turn;

use crate::cli::Cli;
use crate::commands::session::{self, Access};
use crate::guide;

/// Shows the status table; writes nothing, neither the cluster nor the file.
///
/// # Errors
/// Exit 3: no state file, where it is all there would be to show. Unless offline, as [`session::open`].
pub(crate) async fn run(cli: &Cli, arguments: StatusArgs) -> Outcome<Exit> {
    let (recorded, digest) = cli
        .common
        .store::<ClusterTables>(session::TOOL)
        .load_with_digest()?
        .unzip();
    let rows = match (arguments.offline, &recorded) {
        (true, None) => return cli.common.no_state(),
        (true, Some(state)) => status::rows(state, None),
        (false, _) => seen(cli, recorded.clone().unwrap_or_default()).await?,
    };
    let next = match recorded {
        Some(_) => status::next_of(&rows),
        None => Some(beginning(cli)),
    };
    let shown = Shown {
        state: recorded.as_ref(),
        digest,
        rows: &rows,
        next,
        offline: arguments.offline,
        check: arguments.check,
    };
    Ok(status::show(&cli.common.console(), cli.common.output, &shown))
}

/// The table with what the cluster shows. What another cluster shows says nothing about the file's.
///
/// # Errors
/// As [`session::open`]; the cluster is another than the file's.
pub(crate) async fn seen(cli: &Cli, recorded: State) -> Outcome<Vec<Row>> {
    let (session, context) = session::open(cli, recorded.clone(), Access::Read).await?;
    let mut report = look(&mut guide::status(&context), &session).await;
    session.console.clear();
    report.in_time()?;
    let preflight = |step: &StepReport| step.step == StepName::Preflight && step.ending.exit() != Exit::Done;
    if let Some(at) = report.steps.iter().position(preflight)
        && let Ending::Failed { error, .. } = report.steps.swap_remove(at).ending
    {
        return Err(error);
    }
    let (report, state) = (&report, &session.state());
    let mut rows = status::rows(&recorded, Some(&Seen { report, state }));
    if recorded.cloud.prerequisites.is_some() && context.issuer.is_none() {
        rows.iter_mut().for_each(unproven);
    }
    Ok(rows)
}

/// What was found in a cluster whose issuer the caller may not read: it can be another one than the state file's.
fn unproven(row: &mut Row) {
    if row.standing != Standing::Done {
        return;
    }
    (row.standing, row.observed) = (Standing::Unknown, false);
    if row.step != StepName::Preflight {
        row.evidence = format!(
            "{}, but the cluster isn't confirmed to be the one in the state file",
            row.evidence
        );
    }
}

/// Whose turn it is where nobody has begun, or the file is somewhere else.
fn beginning(cli: &Cli) -> Turn {
    Turn {
        who: Person::PlatformTeam,
        why: format!(
            "state file {} doesn't exist; to use another team's file, specify --state FILE",
            cli.common.state.display()
        ),
        command: az("init"),
        right: None,
        also: Vec::new(),
    }
}
