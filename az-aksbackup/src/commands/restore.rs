//! `restore`: from a recovery point to the cluster that it is of.

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::az;
use aksbackup_shared::console::Tone;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::runner::report::{Ending, Report};
use aksbackup_shared::runner::session::Session;
use aksbackup_shared::runner::{conclude, follow, plan};

use crate::arm::restores;
use crate::checks::restore::{Criteria, mapping};
use crate::checks::restore_point::Wanted;
use crate::cli::{Cli, Conflict, RestoreArgs, Volumes};
use crate::commands::steps::{Trust, run_list};
use crate::commands::{options, session};
use crate::guide::{self, RestoreOptions};
use crate::platform::Azure;
use crate::steps::fresh::JustRead;
use crate::steps::restore::Request;

/// Restores, or with `--plan` lets Azure validate the restore only.
///
/// # Errors
/// Exit 2: what is named can't be restored so. Exit 3: no such recovery point, or no backup instance. What goes wrong in a step is in the
/// report.
pub(crate) async fn run(cli: &Cli, args: &RestoreArgs) -> Outcome<Exit> {
    let own = of(args)?;
    if let Some(target) = session::state(cli)?.target {
        own.must_be_of(&target)?;
    }
    let read = JustRead::default();
    if args.plan {
        return planned(cli, own, &read).await;
    }
    let choice = own.words.trim_start_matches("restore").to_owned();
    let trust = Trust::Known(options::confirm(cli, &args.confirm, false));
    run_list(cli, ("restore", &choice), false, trust, guide::restore(own, &read)).await
}

/// What the flags say.
///
/// # Errors
/// Exit 2: see [`mapping`].
fn of(args: &RestoreArgs) -> Outcome<RestoreOptions> {
    let both = args
        .include_resource_type
        .iter()
        .find(|own| args.exclude_resource_type.contains(own));
    if let Some(both) = both {
        return Failure::usage(format!(
            "--include-resource-type and --exclude-resource-type both specify {both}"
        ))
        .because(format!("{both} wouldn't be restored"))
        .hint("specify it in only one of the two flags")
        .err();
    }
    let criteria = Criteria {
        namespaces: mapping(&args.namespace, args.in_place.is_some())?,
        labels: args.label_selector.clone(),
        included: args.include_resource_type.clone(),
        excluded: args.exclude_resource_type.clone(),
        cluster_scope: !args.no_cluster_scope_resources,
        data: args.volumes == Volumes::Data,
        patch: args.conflict == Conflict::Patch,
        modifier: args.resource_modifier.clone(),
        hooks: args.restore_hook.clone(),
    };
    Ok(RestoreOptions {
        point: match (args.at, args.point.as_str()) {
            (Some(at), _) => Wanted::At(at),
            (None, "latest") => Wanted::Latest,
            (None, id) => Wanted::Id(id.to_owned()),
        },
        words: words(args),
        plan: args.plan,
        again: args.again,
        in_place: args.in_place.clone(),
        criteria,
    })
}

/// The command as it is run again.
fn words(args: &RestoreArgs) -> String {
    let mut words = vec!["restore".to_owned()];
    let mut flag = |name: &str, value: &str| words.push(format!("--{name} {}", quoted(value)));
    match args.at {
        Some(at) => flag("at", &at.to_string()),
        None if args.point == "latest" => {}
        None => flag("point", &args.point),
    }
    args.namespace.iter().for_each(|own| flag("namespace", own));
    if let Some(own) = &args.in_place {
        flag("in-place", &own.to_string());
    }
    args.label_selector
        .iter()
        .for_each(|own| flag("label-selector", own.as_str()));
    args.include_resource_type
        .iter()
        .for_each(|own| flag("include-resource-type", own.as_str()));
    args.exclude_resource_type
        .iter()
        .for_each(|own| flag("exclude-resource-type", own.as_str()));
    if args.volumes == Volumes::None {
        flag("volumes", "none");
    }
    if args.conflict == Conflict::Patch {
        flag("conflict", "patch");
    }
    if let Some(own) = &args.resource_modifier {
        flag("resource-modifier", own.as_str());
    }
    args.restore_hook
        .iter()
        .for_each(|own| flag("restore-hook", own.as_str()));
    if args.no_cluster_scope_resources {
        words.push("--no-cluster-scope-resources".to_owned());
    }
    if args.plan {
        words.push("--plan".to_owned());
    }
    words.join(" ")
}

/// Checks everything, lets the vault validate the request, and restores nothing.
async fn planned(cli: &Cli, own: RestoreOptions, read: &JustRead) -> Outcome<Exit> {
    let session = session::open(cli, false).await?;
    let again = az(own.words());
    let mut report = plan(&mut guide::restore(own, read), &session).await;
    let due = report
        .steps
        .iter()
        .any(|own| matches!(&own.ending, Ending::Due { turns, .. } if turns.is_empty()));
    if let (true, Some(request)) = (due, read.restore.peek()) {
        validated(&session, &request, &mut report).await;
    }
    report.advise(&again);
    Ok(conclude(
        &session.console,
        cli.common.output,
        "restore",
        true,
        &report,
        None,
    ))
}

/// Lets the vault validate, and puts its verdict into the report.
async fn validated(session: &Session<Azure>, request: &Request, report: &mut Report) {
    let verdict = validate(session, request).await;
    let Some(own) = report.steps.iter_mut().find(|own| own.step == StepName::Restore) else {
        return;
    };
    match (verdict, &mut own.ending) {
        (Ok(()), Ending::Due { changes, .. }) => {
            changes.retain(|own| own.right.action != restores::VALIDATE);
            let text = format!("vault {} has validated the request", request.vault.with_group());
            session
                .console
                .finish(&StepName::Restore.to_string(), Tone::Good, &text);
        }
        (Ok(()), _) => {}
        (Err(failure), ending) => {
            let error = Box::new(failure.hint(fix!["find the cause: ", az("doctor")]));
            let changed = Vec::new();
            *ending = Ending::Failed { error, changed };
        }
    }
}

async fn validate(session: &Session<Azure>, request: &Request) -> Outcome<()> {
    let title = request.validation();
    session.console.progress(&StepName::Restore.to_string(), &title);
    let operation = restores::validate(&session.reader, &request.instance, &request.body, title).await?;
    match operation {
        Some(operation) => follow(StepName::Restore, Box::new(operation), session).await,
        None => Ok(()),
    }
}
