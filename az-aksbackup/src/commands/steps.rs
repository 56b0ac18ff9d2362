//! `prepare`, `grant`, `protect`, `backup` and `up`: each a list of the guide's steps.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::{Guided, conclude, look, run};
use aksbackup_shared::status;

use crate::cli::Cli;
use crate::commands::session;
use crate::plane::Azure;

/// Runs `steps` for `command`, or only looks at them in a dry run.
///
/// # Errors
/// As [`session::open`]; or the person said no. What goes wrong in a step is in the report.
pub(crate) async fn run_list(
    cli: &Cli,
    command: &str,
    dry_run: bool,
    mut steps: Vec<Box<dyn Guided<Azure>>>,
) -> Outcome<Exit> {
    let session = session::open(cli, !dry_run).await?;
    let mut report = match dry_run {
        true => look(&mut steps, &session).await,
        false => run(&mut steps, &session).await?,
    };
    report.advise(&format!("az aksbackup {command}"));
    let next = status::next(&session.state(), &cli.common.state_flag());
    Ok(conclude(
        &session.console,
        cli.common.output,
        command,
        dry_run,
        &report,
        next.as_ref(),
    ))
}
