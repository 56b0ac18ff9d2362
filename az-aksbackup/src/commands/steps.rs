//! `prepare`, `grant`, `protect`, `backup`, `up` and `teardown`: each a list of the guide's steps.

use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::session::{Consent, Session};
use aksbackup_shared::runner::{Guided, conclude, plan, run};
use aksbackup_shared::state::remembered::Remembered;
use aksbackup_shared::status;

use crate::arm::groups;
use crate::cli::Cli;
use crate::commands::session;
use crate::platform::Azure;
use crate::steps::confirm::{self, Confirm};
use crate::target_ids;

/// The command that goes the other way.
pub(crate) const TEARDOWN: &str = "teardown";

/// What has to be confirmed before a command changes anything.
pub(crate) enum Trust {
    /// Nothing: it gives nothing access.
    Nothing,
    /// What gets access; a target that this user confirmed on this machine, or that a digest names, needs no other word.
    Known(Confirm),
    /// What gets roles, or is deleted, each time anew.
    Named(Confirm),
}

/// Runs `steps` for `command`, or only looks at them in a dry run.
///
/// # Errors
/// As [`session::open`]; or the person said no. What goes wrong in a step is in the report.
pub(crate) async fn run_list(
    cli: &Cli,
    command: &str,
    dry_run: bool,
    trust: Trust,
    mut steps: Vec<Box<dyn Guided<Azure>>>,
) -> Outcome<Exit> {
    let mut session = session::open(cli, !dry_run).await?;
    session.consent = consent(cli, command, trust, &session).await?;
    let mut report = match dry_run {
        true => plan(&mut steps, &session).await,
        false => run(&mut steps, &session).await?,
    };
    report.advise(&az(command.to_owned()));
    // After a teardown the guide would begin again.
    let next = (command != TEARDOWN).then(|| status::next(&session.state())).flatten();
    Ok(conclude(
        &session.console,
        cli.common.output,
        command,
        dry_run,
        &report,
        next.as_ref(),
    ))
}

/// What the person has to confirm, and whether they have.
///
/// # Errors
/// Exit 2: they name something else than the file.
async fn consent(cli: &Cli, command: &str, trust: Trust, session: &Session<Azure>) -> Outcome<Option<Consent>> {
    let state = session.state();
    let (confirm, known) = match &trust {
        Trust::Nothing => return Ok(None),
        Trust::Known(confirm) => (confirm, true),
        Trust::Named(confirm) => (confirm, false),
    };
    let target = target_ids::target(&state)?.clone();
    let named = confirm.confirms_by_flags(&target)?;
    let remembered = Remembered::of_user();
    let expected = cli.common.expect_digest.is_some();
    let settled = named || (known && (expected || remembered.has(&target)));
    // Only who is asked is told the subscription's name: reading it costs a request.
    let name = match confirm.by_prompt {
        true => groups::subscription(&session.reader, &target.subscription)
            .await
            .ok()
            .flatten(),
        false => None,
    };
    let name = name.map(|own| own.display_name).unwrap_or_default();
    let detail = session.console.detailer();
    let asked = !session.yes;
    Ok(Some(Consent {
        resources: confirm::in_full(&target, &name),
        refusal: (!settled).then(|| Box::new(confirm::unconfirmed(command))),
        keep: Box::new(move || {
            // A digest stands for this file once; it doesn't say that the user knows the resources.
            if !(named || asked) {
                return;
            }
            if let Err(error) = remembered.keep(&target) {
                detail(format!("cannot remember that these resources are confirmed: {error}"));
            }
        }),
    }))
}
