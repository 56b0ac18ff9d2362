//! `prepare`, `grant`, `protect`, `backup`, `up` and `teardown`: each a list of the guide's steps.

use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::session::{Consent, Session};
use aksbackup_shared::runner::{Guided, conclude, plan, run};
use aksbackup_shared::state::remembered::Remembered;
use aksbackup_shared::status;

use crate::arm::groups;
use crate::cli::{Cli, LifecycleArgs};
use crate::commands::{options, session};
use crate::guide::{self, Wanted};
use crate::platform::Azure;
use crate::steps::confirm::{self, Confirm, REDUCED};
use crate::target_ids;

/// The command that goes the other way.
pub(crate) const TEARDOWN: &str = "teardown";

/// What has to be confirmed before a command changes anything.
pub(crate) enum Trust {
    /// Nothing: it gives nothing access.
    Nothing,
    /// What gets access; a target that this user confirmed on this machine, or that a digest names, needs no other word.
    Known(Confirm),
    /// What gets roles, or is deleted: it is confirmed each time.
    Named(Confirm),
    /// What is protected less afterwards: as known, and that it is so, by a flag or by the answer to a question of its own.
    Reduced(Confirm),
}

/// Runs the command that brings about what is `wanted`; `reduces` is whether it protects less.
///
/// # Errors
/// As [`run_list`].
pub(crate) async fn lifecycle(cli: &Cli, wanted: Wanted, args: &LifecycleArgs, reduces: bool) -> Outcome<Exit> {
    let dry_run = args.write.dry_run;
    let confirm = options::confirm(cli, &args.confirm, dry_run);
    let trust = match reduces {
        true => Trust::Reduced(confirm),
        false => Trust::Known(confirm),
    };
    run_list(cli, wanted.command(), dry_run, trust, guide::lifecycle(wanted)).await
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
    session.reducing = Some(az(format!("{command}{REDUCED} --yes")));
    let is_reduced = matches!(trust, Trust::Reduced(..));
    session.consent = consent(cli, command, trust, &session).await?;
    let mut report = match dry_run {
        true => plan(&mut steps, &session).await,
        false => run(&mut steps, &session).await?,
    };
    // Without its flags, teardown does something else.
    if command != TEARDOWN {
        report.advise(&az(command.to_owned()));
    }
    // Whoever has just ended the backups, or taken everything down, is not told to begin again.
    let next = status::next(&session.state()).filter(|_| !is_reduced && command != TEARDOWN);
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
        Trust::Known(confirm) | Trust::Reduced(confirm) => (confirm, true),
        Trust::Named(confirm) => (confirm, false),
    };
    let command = match trust {
        Trust::Reduced(..) => format!("{command}{REDUCED}"),
        _ => command.to_owned(),
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
        refusal: (!settled).then(|| Box::new(confirm::unconfirmed(&command))),
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
