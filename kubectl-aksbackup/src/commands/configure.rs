//! `configure`: steps 6, 9 and 10.

use aksbackup_shared::console::Tone;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::report::Report;
use aksbackup_shared::runner::session::Session;
use aksbackup_shared::runner::{conclude, look, run as act};
use aksbackup_shared::status;

use crate::cli::{Cli, ConfigureArgs, DryRun};
use crate::cluster::client::{Reader, Rehearsal};
use crate::commands::checks::{names_namespaces, warning};
use crate::commands::session::{self, Access};
use crate::guide;
use crate::platform::Cluster;
use crate::steps::confirmation::Confirmation;
use crate::steps::context::Context;
use crate::steps::goal::Goal;
use crate::steps::step06_workload_identity::to_annotate;

/// Runs the steps, or only looks at them in a dry run.
///
/// # Errors
/// As [`session::open`]; or the person said no. What goes wrong in a step is in the report.
pub(crate) async fn run(cli: &Cli, arguments: ConfigureArgs) -> Outcome<Exit> {
    let dry_run = arguments.dry.dry_run;
    let force = arguments.force_conflicts;
    let access = match dry_run.is_dry() {
        true => Access::Read,
        false => Access::Write { force },
    };
    let (mut session, context) = session::open(cli, session::state(cli)?, access).await?;
    session.no_wait = arguments.no_wait;
    context.confirmation.replace(confirmation(cli, &arguments));
    warn(&session).await;
    let mut steps = guide::configure(&context, dry_run.is_dry());
    let report = match dry_run {
        DryRun::None => act(&mut steps, &session).await?,
        DryRun::Client => look(&mut steps, &session).await,
        DryRun::Server => rehearsed(look(&mut steps, &session).await, &session, &context, force).await?,
    };
    let next = status::next(&session.state());
    Ok(conclude(
        &session.console,
        cli.common.output,
        "configure",
        dry_run.is_dry(),
        &report,
        next.as_ref(),
    ))
}

/// Says which namespaces of the target aren't in the cluster: `az aksbackup` can't look them up. It stops nothing, and neither does
/// a list that can't be read.
async fn warn(session: &Session<Cluster>) {
    let state = session.state();
    let names = session.reader.namespaces(names_namespaces(&state)).await;
    if let Some((says, hint)) = names.ok().flatten().and_then(|names| warning(&state, &names)) {
        let console = &session.console;
        console.say(console.paint(Tone::Attention, &format!("warning: {says}")));
        console.say(format!("  hint: {hint}"));
    }
}

/// How the person who typed this confirms the client ID.
fn confirmation(cli: &Cli, arguments: &ConfigureArgs) -> Confirmation {
    Confirmation {
        required: !arguments.dry.dry_run.is_dry(),
        named: arguments.identity.client_id.clone(),
        prompted: !cli.common.yes,
        by_digest: cli.common.expect_digest.is_some(),
    }
}

/// Lets the API server judge each pending change, without keeping any.
///
/// # Errors
/// What it would refuse.
async fn rehearsed(report: Report, session: &Session<Cluster>, context: &Context, force: bool) -> Outcome<Report> {
    let reader: &Reader = &session.reader;
    let (state, rehearsal) = (session.state(), Rehearsal::new(reader, force));
    // Nothing is sent, not even for trial, where a right lacks or the cluster is another one.
    let due = !report.has_failed() && !report.pending().is_empty();
    let Some(goal) = Goal::of(&state).filter(|_| due) else {
        return Ok(report);
    };
    let deployments = context.deployments.borrow().clone();
    let accounts = reader.service_accounts().await?.items;
    for account in to_annotate(&deployments, &accounts, &goal.client_id) {
        rehearsal.patcher().annotate(account, Some(&goal.client_id)).await?;
        session.console.say(format!(
            "service account {}: the API server would accept the change",
            account.name
        ));
    }
    let pods = context.pods.borrow().clone();
    for deployment in goal.due(&deployments, &pods) {
        rehearsal
            .patcher()
            .label_template(deployment, Some(&goal.cause(deployment)))
            .await?;
        session.console.say(format!(
            "deployment {}: the API server would accept the change",
            deployment.name
        ));
    }
    Ok(report)
}
