//! The commands that change Azure: each a list of the guide's steps.

use std::path::Path;

use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::report::Report;
use aksbackup_shared::runner::saved::{self, Basis};
use aksbackup_shared::runner::session::{Consent, Session};
use aksbackup_shared::runner::{Guided, conclude, plan, run};
use aksbackup_shared::schema::{CloudTables, State};
use aksbackup_shared::state::OutFile;
use aksbackup_shared::state::remembered::Remembered;
use aksbackup_shared::status;
use serde_json::Value;

use crate::arm::groups;
use crate::cli::{Cli, LifecycleArgs};
use crate::commands::{options, session};
use crate::guide::{self, Wanted};
use crate::platform::Azure;
use crate::steps::confirm::{self, Confirm, REDUCED};
use crate::steps::policy_names;
use crate::target_ids;

/// The flag of a command that deletes the backups.
const DELETE_BACKUPS: &str = "--delete-backups";

/// What has to be confirmed before a command changes anything.
pub(crate) enum Trust {
    /// Nothing: it gives nothing access.
    Nothing,
    /// What gets access; a target that this user confirmed on this machine, or that a digest names, needs no other word.
    Known(Confirm),
    /// What gets roles: it is confirmed each time.
    Named(Confirm),
    /// What is deleted: it is confirmed each time. With the words of the whole command, since without its flags it does something else.
    Removed(Confirm, String),
    /// What is protected less afterwards: as known, and that it is so, by a flag or by the answer to a question of its own.
    Reduced(Confirm),
}

impl Trust {
    /// Returns what the person confirms.
    fn confirm(&self) -> Option<&Confirm> {
        match self {
            Self::Nothing => None,
            Self::Known(confirm) | Self::Named(confirm) | Self::Reduced(confirm) | Self::Removed(confirm, _) => {
                Some(confirm)
            }
        }
    }

    /// Returns whether a target that was confirmed before needs no other word.
    fn is_remembered(&self) -> bool {
        matches!(self, Self::Known(_) | Self::Reduced(_))
    }

    /// Returns the words of the command that continues, without what confirms.
    fn words(&self, command: &str) -> String {
        match self {
            Self::Removed(_, words) => words.clone(),
            Self::Reduced(_) => format!("{command}{REDUCED}"),
            Self::Nothing | Self::Known(_) | Self::Named(_) => command.to_owned(),
        }
    }

    /// Returns whether the guide continues afterwards. After the backups were ended, or everything was taken down, it would begin again.
    fn continues(&self) -> bool {
        !matches!(self, Self::Reduced(_) | Self::Removed(..))
    }

    /// Returns what the command does to what the file names.
    fn does(&self) -> &'static str {
        match self {
            Self::Removed(_, words) if words.contains(DELETE_BACKUPS) => {
                "deletes the backups, and what aksbackup created for these resources"
            }
            Self::Removed(..) => "stops the protection of the cluster, or deletes what an incomplete setup created",
            Self::Named(_) => "grants access to these resources",
            Self::Nothing | Self::Known(_) | Self::Reduced(_) => "acts on these resources",
        }
    }
}

/// Runs the command that brings about what is `wanted`.
///
/// # Errors
/// As [`run_list`].
pub(crate) async fn lifecycle(cli: &Cli, wanted: Wanted, args: &LifecycleArgs) -> Outcome<Exit> {
    let dry_run = args.write.dry_run;
    let confirm = options::confirm(cli, &args.confirm, dry_run);
    let trust = match wanted.reduces() {
        true => Trust::Reduced(confirm),
        false => Trust::Known(confirm),
    };
    run_list(
        cli,
        (wanted.command(), ""),
        dry_run,
        trust,
        guide::lifecycle(wanted, cli.command.operation_requests()),
    )
    .await
}

/// What becomes of a plan, or what it has to be.
pub(crate) enum Plan<'a> {
    /// It is only shown.
    Shown,
    /// It is saved in this file.
    Saved(&'a Path),
    /// It has to be this one; with the words of the command that applies it.
    Expected(Box<Value>, String),
}

/// Runs `steps` for `command`, or only looks at them in a dry run. `choice` are the flags that select the steps, with a blank before each.
///
/// # Errors
/// As [`session::open`]; or the person said no. What goes wrong in a step is in the report.
pub(crate) async fn run_list(
    cli: &Cli,
    command: (&str, &str),
    dry_run: bool,
    trust: Trust,
    steps: Vec<Box<dyn Guided<Azure>>>,
) -> Outcome<Exit> {
    run_planned(cli, command, dry_run, trust, steps, Plan::Shown).await
}

/// As [`run_list`], with a plan that is saved or expected.
///
/// # Errors
/// As [`run_list`]; exit 8 where the expected plan is stale.
pub(crate) async fn run_planned(
    cli: &Cli,
    (command, choice): (&str, &str),
    dry_run: bool,
    trust: Trust,
    mut steps: Vec<Box<dyn Guided<Azure>>>,
    plan_of: Plan<'_>,
) -> Outcome<Exit> {
    if let Plan::Saved(path) = &plan_of {
        out(cli, path).may_replace(&cli.common.console(), cli.common.yes)?;
    }
    let mut session = session::open(cli, !dry_run).await?;
    let basis = match plan_of {
        Plan::Shown => None,
        Plan::Saved(_) | Plan::Expected(..) => Some(basis(cli, command)?),
    };
    let mut words = format!("{}{choice}", trust.words(command));
    if let (Plan::Expected(plan, applying), Some(basis)) = (&plan_of, &basis) {
        words.clone_from(applying);
        let (plan, basis) = (plan.clone(), basis.clone());
        session.expected = Some(Box::new(move |seen| saved::must_be(&plan, &saved::plan(&basis, seen))));
    }
    let reducing = words.trim_end_matches(REDUCED);
    session.reducing = Some(az(format!("{reducing}{REDUCED} --yes")).again());
    let of_file = session.state();
    let renamed = match command {
        "prepare" | "protect" | "up" => policy_names::settle(&session, &options::folder(cli)).await?,
        _ => None,
    };
    session.consent = consent(cli, &words, &trust, (&session, &of_file)).await?;
    let mut report = match dry_run {
        true => plan(&mut steps, &session).await,
        false => run(&mut steps, &session).await?,
    };
    if let Some(renamed) = &renamed {
        policy_names::keep(&session, renamed).await?;
    }
    if let (Plan::Saved(path), Some(basis)) = (&plan_of, &basis) {
        save(&session, out(cli, path), basis, &report)?;
    }
    if let Some(target) = &session.state().target {
        report.name_cluster(target);
    }
    // A plan that was begun is stale: the command itself continues.
    report.advise(&az(match plan_of {
        Plan::Expected(..) => command.to_owned(),
        Plan::Shown | Plan::Saved(_) => words,
    }));
    // A restore isn't part of the guide: whether protection that was stopped on purpose is resumed has nothing to do with it.
    let next = status::next_after(&session.state(), &report, &session.still_open())
        // A dry run of a cluster without records knows only of its own steps what is complete.
        .filter(|_| trust.continues() && command != "restore" && !(dry_run && report.exit() == Exit::Done));
    Ok(conclude(
        &session.console,
        cli.common.output,
        command,
        dry_run,
        &report,
        next.as_ref(),
    ))
}

/// What a plan is of.
fn basis(cli: &Cli, command: &str) -> Outcome<Basis> {
    let Some((state, digest)) = cli.common.store::<CloudTables>(session::TOOL).load_target()? else {
        return cli.common.no_state();
    };
    Ok(Basis {
        command: command.to_owned(),
        cluster: target_ids::target(&state)?.cluster.to_string(),
        state: digest,
    })
}

/// The file of a plan.
fn out<'a>(cli: &'a Cli, path: &'a Path) -> OutFile<'a> {
    OutFile {
        path,
        flag: "--plan-out",
        state: &cli.common.state,
    }
}

/// Saves the plan of a dry run. One with a failure in it could not be applied.
fn save(session: &Session<Azure>, file: OutFile<'_>, basis: &Basis, report: &Report) -> Outcome<()> {
    let path = file.path.display();
    if report.has_failed() {
        session
            .console
            .say(format!("the plan was not saved in {path}: a step failed"));
        return Ok(());
    }
    file.write(&format!("{:#}\n", saved::plan(basis, report)))?;
    session.console.say(format!("saved the plan to {path}"));
    Ok(())
}

/// What the person has to confirm, and whether they have: what the file has, of which the policy's name alone can differ in this session.
///
/// # Errors
/// Exit 2: they name something else than the file.
async fn consent(
    cli: &Cli,
    words: &str,
    trust: &Trust,
    (session, of_file): (&Session<Azure>, &State),
) -> Outcome<Option<Consent>> {
    let state = session.state();
    let Some(confirm) = trust.confirm() else {
        return Ok(None);
    };
    let known = trust.is_remembered();
    let target = target_ids::target(&state)?.clone();
    let in_use = confirm.is_identity_in_use(&session.reader, &target).await;
    let named = confirm.confirms_by_flags(&target)?;
    // Step 8 asks for the identity again where it gets a role.
    let suffices = named || confirm.with_identity(in_use, &target).confirms_by_flags(&target)?;
    let remembered = Remembered::of_user();
    let expected = cli.common.expect_digest.is_some();
    let is_remembered = of_file.target.as_ref().is_some_and(|own| remembered.has(own));
    let settled = suffices || (known && (expected || is_remembered));
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
        refusal: (!settled).then(|| Box::new(confirm.unconfirmed(words, trust.does(), &target))),
        keep: Box::new(move || {
            // A digest stands for this file once; it doesn't say that the user knows the resources. An identity that the user didn't specify isn't
            // known either.
            if !(named || asked || is_remembered) {
                return;
            }
            if let Err(error) = remembered.keep(&target) {
                detail(format!("cannot save the confirmation of these resources: {error}"));
            }
        }),
    }))
}
