//! `fleet status`, `fleet verify` and `fleet plan`: each cluster by the code that looks at a single one.

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::metrics;
use aksbackup_shared::console::one_line;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::metrics::Metrics;
use aksbackup_shared::runner;
use aksbackup_shared::runner::report::{Ending, Report, StepReport};
use aksbackup_shared::runner::session::Session;
use aksbackup_shared::status;
use serde_json::json;

use super::cluster_result::ClusterResult;
use super::each::{ClusterRun, Fleet, Limits};
use super::{folder, output};
use crate::arm::client::Reader;
use crate::cli::{Cli, FleetPlanArgs, FleetStatusArgs, FleetVerifyArgs};
use crate::commands::examined::Subject;
use crate::commands::verify::examine;
use crate::commands::{options, session, status as one_status};
use crate::guide;
use crate::platform::Azure;
use crate::steps::policy_names;

/// Shows how the steps of each cluster stand.
///
/// # Errors
/// As [`Fleet::open`] and [`Fleet::sign_in`].
pub(super) async fn status(cli: &Cli, args: &FleetStatusArgs) -> Outcome<Exit> {
    let mut fleet = Fleet::open(cli, "fleet status", &args.fleet)?;
    let reader = match args.status.offline {
        true => None,
        false => Some(fleet.sign_in().await?.reading_once()),
    };
    let results = fleet
        .each(Limits::default(), async |one: ClusterRun<'_>| {
            let state = folder::read(&one.cli, &one.member.file)?;
            let rows = match &reader {
                None => status::rows(&state, None),
                Some(reader) => {
                    let session = session::joined(&one.cli, one.console, reader, state.clone(), false)?;
                    one_status::seen_by(&one.cli, &session, &state).await?
                }
            };
            let next = status::next_of(&rows);
            let exit = match next.is_some() && args.status.check {
                true => Exit::Pending,
                false => Exit::Done,
            };
            let mut result = ClusterResult::of(one.member, exit).with_rows(&rows);
            match &next {
                Some(turn) => result.turn(turn),
                None => result.says = status::verdict(&rows).into_iter().next().unwrap_or_default(),
            }
            let is_checked = |row: &status::Row| row.standing == status::Standing::Done;
            result.counts_as = Some(match &next {
                Some(_) => "with steps left",
                None if rows.iter().all(is_checked) => "complete",
                None => "complete, but not fully checked",
            });
            Ok(result)
        })
        .await;
    output::end(&fleet, &results, false)
}

/// Checks the backup chain of each cluster.
///
/// # Errors
/// As [`status()`]; the metrics can't be written.
pub(super) async fn verify(cli: &Cli, args: &FleetVerifyArgs) -> Outcome<Exit> {
    let mut fleet = Fleet::open(cli, "fleet verify", &args.fleet)?;
    if let Some(file) = &args.metrics {
        fleet.folder.is_apart(|state| file.out(state))?;
    }
    let reader = fleet.sign_in().await?.reading_once();
    let metrics = std::cell::RefCell::new(Metrics::default());
    let results = fleet
        .each(Limits::default(), async |one: ClusterRun<'_>| {
            let subject = subject(&one)?;
            reader.cloud().must_be(&subject.cloud)?;
            reader.caller().must_be_in(&subject.tenant)?;
            let own = examine(&reader, &subject.subject).await?;
            if args.metrics.is_some() {
                metrics::add(&mut metrics.borrow_mut(), &own, Some(&one.member.file));
            }
            Ok(examined(&one, &own, own.exit(args.fail_on)))
        })
        .await;
    if let Some(file) = &args.metrics {
        let mut metrics = metrics.into_inner();
        output::measure(&mut metrics, &results, fleet.folder.unread().count());
        metrics.write(file, &args.fleet.folder)?;
    }
    output::end(&fleet, &results, false)
}

/// A cluster, and where it is.
struct Placed {
    subject: Subject,
    cloud: aksbackup_shared::ids::CloudName,
    tenant: aksbackup_shared::ids::TenantId,
}

fn subject(one: &ClusterRun<'_>) -> Outcome<Placed> {
    let state = folder::read(&one.cli, &one.member.file)?;
    let Some(target) = state.target.clone() else {
        return Failure::missing(format!("state file {} has no [target]", one.member.file.display())).err();
    };
    Ok(Placed {
        subject: Subject {
            cluster: target.cluster,
            state,
            folder: options::folder(&one.cli),
        },
        cloud: target.cloud,
        tenant: target.tenant,
    })
}

fn examined(one: &ClusterRun<'_>, own: &Examination, exit: Exit) -> ClusterResult {
    let mut result = ClusterResult::of(one.member, exit);
    let rank = |check: &&Check| match check.verdict {
        Verdict::Error => 0,
        Verdict::Warning => 1,
        Verdict::Unknown => 2,
        Verdict::Ok => 3,
    };
    let first = own
        .checks
        .iter()
        .filter(|check| check.verdict != Verdict::Ok)
        .min_by_key(rank);
    result.says = match first {
        Some(check) => one_line(&format!("{}: {}", check.check, check.says)),
        None => "all checks in Azure passed".to_owned(),
    };
    let count = |verdict| own.checks.iter().filter(|check| check.verdict == verdict).count();
    result.counts_as = Some(match exit {
        Exit::Done => "without findings",
        _ => "with findings",
    });
    let hint = first.and_then(|check| check.hint.as_ref()).map(ToString::to_string);
    result.more = json!({
        "errors": count(Verdict::Error), "warnings": count(Verdict::Warning), "unknown": count(Verdict::Unknown),
        "ok": count(Verdict::Ok), "hint": hint, "checks": own.checks,
    });
    result
}

/// Shows what `fleet apply` would change.
///
/// # Errors
/// As [`status()`].
pub(super) async fn plan(cli: &Cli, args: &FleetPlanArgs) -> Outcome<Exit> {
    let mut fleet = Fleet::open(cli, "fleet plan", &args.fleet)?;
    let reader = fleet.sign_in().await?;
    let results = planned(&fleet, &reader, Limits::default()).await;
    output::end(&fleet, &results, true)
}

/// What would be changed of each cluster.
pub(super) async fn planned(fleet: &Fleet<'_>, reader: &Reader, limits: Limits) -> Vec<ClusterResult> {
    let reader = reader.reading_once();
    let planning = async |one: ClusterRun<'_>| {
        let state = folder::read(&one.cli, &one.member.file)?;
        if let Some(target) = &state.target {
            one.member.must_be_as_read(target, fleet.again())?;
        }
        let session = session::joined(&one.cli, one.console, &reader, state, false)?;
        policy_names::settle(&session, &options::folder(&one.cli)).await?;
        let report = both(&one.cli, &session).await;
        report.in_time()?;
        Ok(of_plan(ClusterResult::of(one.member, exit(&report)), &session, &report))
    };
    fleet.each(limits, planning).await
}

/// The plan of `prepare`, and where nothing is left of it that of `protect`.
async fn both(cli: &Cli, session: &Session<Azure>) -> Report {
    let mut report = runner::plan(&mut guide::prepare(options::shown(cli)), session).await;
    if report.steps.iter().all(|own| own.ending.is_done()) {
        let more = runner::plan(&mut guide::protect(options::protect(cli, false)), session).await;
        report.steps.extend(without_done_preflight(more.steps));
        return report;
    }
    let by = report.steps.iter().filter(|own| !own.ending.is_done());
    let ending = Ending::Held {
        by: by.map(|own| own.step).collect(),
        foreseen: Vec::new(),
        changed: Vec::new(),
    };
    report.steps.push(StepReport {
        step: StepName::BackupInstance,
        ending,
        refused: false,
    });
    report
}

/// The second preflight of a cluster says nothing new where it passed.
pub(super) fn without_done_preflight(steps: Vec<StepReport>) -> impl Iterator<Item = StepReport> {
    let is_new = |own: &StepReport| own.step != StepName::Preflight || !own.ending.is_done();
    steps.into_iter().filter(is_new)
}

/// A dry run that would change something says so by its code; otherwise the worst step decides.
fn exit(report: &Report) -> Exit {
    match report.exit() {
        Exit::Done | Exit::TheirTurn if !report.pending().is_empty() => Exit::Pending,
        exit => exit,
    }
}

fn of_plan(result: ClusterResult, session: &Session<Azure>, report: &Report) -> ClusterResult {
    let mut result = result.with_report(&session.console, report);
    let pending = report.pending();
    let changes: Vec<String> = pending
        .iter()
        .map(|(step, change)| format!("{step}: {}", one_line(&change.summary)))
        .collect();
    let reduces: Vec<String> = pending.iter().flat_map(|(_, change)| change.reduces.clone()).collect();
    if !changes.is_empty() && result.errors.is_empty() {
        result.says = match changes.len() {
            1 => "1 change".to_owned(),
            count => format!("{count} changes"),
        };
        if !reduces.is_empty() {
            result.says.push_str("; protection is reduced");
        }
    }
    if result.says.is_empty() {
        result.says = "nothing to change".to_owned();
    }
    if let Some(next) = result
        .next
        .as_ref()
        .filter(|_| !changes.is_empty() && result.errors.is_empty())
    {
        result.says = format!("{}, waiting for the {}", result.says, next.who);
    }
    result.counts_as = match result.exit {
        Exit::Done => Some("with nothing to change"),
        Exit::Pending => Some("with pending changes"),
        _ => None,
    };
    let turns = report.turns();
    result.more = json!({ "steps": report.steps, "turns": turns, "changes": changes, "reduces": reduces });
    (result.changes, result.reduces) = (changes, reduces);
    result
}
