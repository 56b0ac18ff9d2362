//! `fleet apply`: `prepare` and `protect` of each cluster, as far as the signed-in account is allowed to.

use std::rc::Rc;

use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::runner;
use aksbackup_shared::runner::report::Report;
use aksbackup_shared::runner::session::{Consent, Session};
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::state::remembered::Remembered;
use aksbackup_shared::status::{self, Standing};
use serde_json::json;
use tokio::sync::Semaphore;

use super::cluster_result::ClusterResult;
use super::each::{ClusterRun, Fleet, Limits};
use super::folder::{self, Member};
use super::output;
use super::read_only::{planned, without_done_preflight};
use super::shared::Shared;
use crate::arm::client::Reader;
use crate::cli::{Cli, FleetApplyArgs};
use crate::commands::{options, selection, session};
use crate::guide::{self, PrepareOptions, ProtectOptions, Steps};
use crate::platform::Azure;
use crate::steps::confirm::{self, REDUCED};
use crate::steps::policy_names;

/// A run of the command.
struct Apply<'a> {
    args: &'a FleetApplyArgs,
    reader: &'a Reader,
    remembered: Remembered,
    /// The folder, and what part of it, for a command that follows.
    part: String,
    /// Whether the person saw all clusters and said yes.
    asked: bool,
    /// Whether the digest of the folder was expected, and is the one.
    expected: bool,
}

/// Sets up and protects the clusters of the folder.
///
/// # Errors
/// As [`Fleet::open`] and [`Fleet::sign_in`]; exit 8: the person said no.
pub(super) async fn run(cli: &Cli, args: &FleetApplyArgs) -> Outcome<Exit> {
    let mut fleet = Fleet::open(cli, "fleet apply", &args.fleet)?;
    let reader = fleet.sign_in().await?;
    let mut apply = Apply {
        args,
        reader: &reader,
        remembered: Remembered::of_user(),
        part: fleet.part(),
        asked: false,
        expected: cli.common.expect_digest.is_some(),
    };
    if !cli.common.yes {
        let plan = ask(&fleet, &reader).await?;
        if let Some(nothing) = plan {
            return end(&fleet, args, &nothing);
        }
        apply.asked = true;
    }
    let shared = apply.shared(&fleet);
    let limits = Limits {
        failures: args.max_failures.and_then(|own| usize::try_from(own).ok()),
        ..Limits::default()
    };
    let before = async |member: &Member| shared.wait(member).await;
    let work = async |one: ClusterRun<'_>| apply.one(one).await;
    let results = fleet.each_after(limits, before, work).await;
    end(&fleet, args, &results)
}

/// Tells how it ended. Another person's turn is no failure where the handoff is expected.
fn end(fleet: &Fleet<'_>, args: &FleetApplyArgs, results: &[ClusterResult]) -> Outcome<Exit> {
    let exits = results.iter().map(|own| match args.handoff_ok {
        true => own.without_handoffs,
        false => own.exit,
    });
    let exit = fleet.exit(exits);
    let counts = output::counts(results);
    output::tell(fleet, results, exit, &counts, false);
    fleet.finished(exit, &counts.into())?;
    Ok(exit)
}

/// Shows what would change, and asks once for all clusters. Returns what was found where nothing would be changed.
async fn ask(fleet: &Fleet<'_>, reader: &Reader) -> Outcome<Option<Vec<ClusterResult>>> {
    let console = &fleet.console;
    if !console.can_ask() {
        // Refused as every other question, before anything is read.
        console.confirm("Apply the changes to the clusters?")?;
    }
    let limits = Limits {
        is_question: true,
        ..Limits::default()
    };
    let results = planned(fleet, reader, limits).await;
    if !results.iter().any(|own| own.exit == Exit::Pending) {
        return Ok(Some(results));
    }
    output::plan(fleet, &results);
    console.say("These changes affect the following resources (compare them with your own records):");
    for member in &fleet.folder.members {
        let state = folder::read(fleet.cli, &member.file)?;
        let Some(target) = state.target else { continue };
        let all: Vec<String> = confirm::in_full(&target, "").iter().map(|line| words(line)).collect();
        console.say(format!("  {}", all.join("; ")));
    }
    let question = format!(
        "Apply these changes to {}?",
        output::clusters(fleet.folder.members.len())
    );
    match console.confirm(&question)? {
        true => Ok(None),
        false => Failure::new(Exit::Pending, "no changes were made: the changes above are pending").err(),
    }
}

/// A line of a table in one sentence.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Apply<'_> {
    async fn one(&self, one: ClusterRun<'_>) -> Outcome<ClusterResult> {
        let state = folder::read(&one.cli, &one.member.file)?;
        if self.args.resume && is_reported(&state) {
            let rows = status::rows(&state, None);
            let mut result = ClusterResult::of(one.member, Exit::Done).with_rows(&rows);
            result.is_skipped = true;
            result.counts_as = Some("skipped");
            result.says = "skipped: the state file reports every step as complete; not checked in this run".to_owned();
            return Ok(result);
        }
        let member = one.member;
        let mut session = self.session(&one.cli, one.console, member, state)?;
        // Only the protection is left to itself: it needs everything before to be complete.
        session.no_wait = false;
        let renamed = policy_names::settle(&session, &options::folder(&one.cli)).await?;
        let mut report = runner::run(&mut guide::prepare(self.prepare(&one.cli)), &session).await?;
        // Who expects a digest can repeat the command: a name that a person chose is part of it.
        let stays = session.state().target.is_some_and(|target| member.allows(&target));
        if let Some(renamed) = renamed.as_ref().filter(|_| stays || !self.expected) {
            policy_names::keep(&session, renamed).await?;
        }
        report.advise(&az("prepare"));
        let mut refused = None;
        session.no_wait = self.args.no_wait;
        if report.steps.iter().all(|own| own.ending.is_done()) {
            let mut steps = guide::protect(ProtectOptions {
                requests: self.requests(),
                ..options::protect(&one.cli, self.args.without_verification)
            });
            match runner::run(&mut steps, &session).await {
                Ok(mut more) => {
                    more.advise(&az("protect"));
                    report.steps.extend(without_done_preflight(more.steps));
                }
                Err(failure) => refused = Some(failure),
            }
        }
        Ok(result(member, &session, &report, refused.as_deref()))
    }

    fn prepare(&self, cli: &Cli) -> PrepareOptions {
        PrepareOptions {
            requests: self.requests(),
            ..options::prepare(cli, &[])
        }
    }

    /// The requests to Resource Guards: the command line of a cluster doesn't have them.
    fn requests(&self) -> Vec<ResourceId> {
        self.args.reduce.operation_requests.clone()
    }

    /// A session that was agreed to: by the answer for all clusters, or beforehand.
    fn session(
        &self,
        cli: &Cli,
        console: aksbackup_shared::console::Console,
        member: &Member,
        state: State,
    ) -> Outcome<Session<Azure>> {
        let mut consent = None;
        if let Some(target) = &state.target {
            member.must_be_as_read(target, self.again())?;
            consent = Some(self.consent(member, target));
        }
        let mut session = session::joined(cli, console, self.reader, state, true)?;
        session.consent = consent;
        session.yes = true;
        session.no_wait = self.args.no_wait;
        session.reduce_protection = self.args.reduce.reduce_protection;
        session.reducing = Some(az(format!("protect{REDUCED} --yes")));
        Ok(session)
    }

    /// Returns the refusal of a target that wasn't shown to the user: `--yes` doesn't confirm the resources that a file names.
    fn unconfirmed(&self, member: &Member, target: &Target) -> Option<Box<Failure>> {
        if self.asked || self.expected || self.remembered.has(target) {
            return None;
        }
        let failure = Failure::usage(format!(
            "the resources in state file {} aren't confirmed",
            member.file.display()
        ));
        let failure = failure
            .because("--yes doesn't confirm the resources that a state file specifies")
            .hint(fix![
                "review the folder, and confirm it with the digest that fleet plan prints: ",
                az(format!("fleet apply {} --yes --expect-digest DIGEST", self.part)).again()
            ])
            .hint("run the command without --yes to confirm at the prompt instead");
        Some(Box::new(failure))
    }

    /// What this user confirms: an answer is kept for later runs, as that of a command for one cluster is.
    fn consent(&self, member: &Member, target: &Target) -> Consent {
        let kept = self.asked.then(|| (self.remembered.clone(), target.clone()));
        Consent {
            resources: Vec::new(),
            refusal: self.unconfirmed(member, target),
            keep: Box::new(move || {
                if let Some((remembered, target)) = &kept {
                    // It can be confirmed again at any time, so that a failure to keep it changes nothing.
                    let _kept = remembered.keep(target);
                }
            }),
        }
    }

    fn again(&self) -> aksbackup_shared::command_line::CommandLine {
        az(format!("fleet apply {}", self.part)).again()
    }

    /// Creates what several clusters share, once: two requests that create a vault at the same time would fail.
    fn shared<'b>(&'b self, fleet: &'b Fleet<'_>) -> Shared<'b> {
        let turns = Rc::new(Semaphore::new(fleet.args.at_once()));
        Shared::of(&fleet.folder.members, |member| {
            let turns = Rc::clone(&turns);
            Box::pin(async move {
                // It is never closed.
                let _turn = turns.acquire().await;
                member.scope(Box::pin(self.share(fleet, member))).await;
            })
        })
    }

    /// What fails here fails again when it is the turn of the cluster, and is told then.
    async fn share(&self, fleet: &Fleet<'_>, member: &Member) {
        let cli = member.cli(fleet.cli);
        let Ok(state) = folder::read(&cli, &member.file) else {
            return;
        };
        if state.cloud.vault.is_some() && state.cloud.storage.is_some() {
            return;
        }
        let console = fleet.quiet(member);
        let Ok(session) = self.session(&cli, console, member, state) else {
            return;
        };
        // The file is left as it is: the cluster's own turn finds the policy, and writes its name.
        if let Err(failure) = policy_names::settle(&session, &options::folder(&cli)).await {
            session.console.detail(failure.to_string());
            return;
        }
        let mut steps: Steps = guide::prepare(self.prepare(&cli));
        steps.retain(|own| {
            matches!(
                own.name(),
                StepName::Preflight | StepName::Storage | StepName::VaultAndPolicy
            )
        });
        if let Err(failure) = runner::run(&mut steps, &session).await {
            session.console.detail(failure.to_string());
        }
    }
}

/// Whether the state file reports every step of this command.
fn is_reported(state: &State) -> bool {
    let own = |step: StepName| selection::is_of_prepare(step) || step == StepName::BackupInstance;
    let rows = status::rows(state, None);
    let mut rows = rows.iter().filter(|row| own(row.step)).peekable();
    rows.peek().is_some() && rows.all(|row| row.standing == Standing::Recorded && row.warning.is_none())
}

fn result(member: &Member, session: &Session<Azure>, report: &Report, refused: Option<&Failure>) -> ClusterResult {
    let refusal = refused.map_or(Exit::Done, |own| own.exit);
    // Protection that is configured fails at the next backup without its roles.
    let open = session.still_open();
    let handoff = if open.is_empty() { Exit::Done } else { Exit::TheirTurn };
    let exit = report.exit().worse(refusal).worse(handoff);
    let mut result = ClusterResult::of(member, exit).with_report(&session.console, report);
    result.without_handoffs = result.without_handoffs.worse(refusal);
    if let Some(failure) = refused {
        result.errors.push(session.console.told(failure).to_string());
        result.says = super::cluster_result::brief(failure);
    }
    // What a state file needs next, where this command has nothing left to do.
    let state = session.state();
    let is_next = matches!(exit, Exit::Done | Exit::TheirTurn);
    if let Some(turn) = status::next_after(&state, report, &open).filter(|_| is_next) {
        result.turn(&turn);
    }
    let changed: Vec<&str> = report.changed().map(|note| note.summary.as_str()).collect();
    if result.says.is_empty() {
        result.says = match changed.len() {
            0 => "nothing to do".to_owned(),
            1 => "complete, 1 change".to_owned(),
            count => format!("complete, {count} changes"),
        };
    }
    result.more = json!({ "steps": report.steps, "turns": report.turns(), "changed": changed });
    result
}
