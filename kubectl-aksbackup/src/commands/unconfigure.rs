//! `unconfigure`: takes back what `configure` changed.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::{conclude, look, run as act};

use crate::cli::{Cli, DryRun, DryRunArgs};
use crate::cluster::client::Rehearsal;
use crate::commands::session::{self, Access};
use crate::guide;

/// Runs the way back, or only looks at it in a dry run.
///
/// # Errors
/// As [`session::open`]; or the person said no. What goes wrong in a step is in the report.
pub(crate) async fn run(cli: &Cli, arguments: DryRunArgs) -> Outcome<Exit> {
    let dry_run = arguments.dry_run;
    let access = match dry_run.is_dry() {
        true => Access::Read,
        false => Access::Write { force: false },
    };
    let (session, context) = session::open(cli, session::state(cli)?, access).await?;
    let mut steps = guide::unconfigure(&context);
    let report = match dry_run.is_dry() {
        true => look(&mut steps, &session).await,
        false => act(&mut steps, &session).await?,
    };
    if dry_run == DryRun::Server && !report.has_failed() {
        let rehearsal = Rehearsal::new(&session.reader, false);
        for deployment in session.reader.deployments().await?.items.iter().filter(|own| own.ours) {
            rehearsal.patcher().label_template(deployment, None).await?;
        }
        for account in session
            .reader
            .service_accounts()
            .await?
            .items
            .iter()
            .filter(|own| own.ours)
        {
            rehearsal.patcher().annotate(account, None).await?;
        }
    }
    Ok(conclude(
        &session.console,
        cli.common.output,
        "unconfigure",
        dry_run.is_dry(),
        &report,
        None,
    ))
}
