//! Checks on a real subscription and cluster what no public source proves, and writes a report that can be sent back.
//! It reads only, unless a person types the name of a write at a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Parser;

mod body;
mod claims;
mod claims_of_azure;
mod claims_of_backups;
mod claims_of_cluster;
mod claims_of_operations;
mod door;
mod inside;
mod mask;
mod report;
mod seen;
mod trials;
mod trials_of_operations;

use claims::{ALL, Claim, Finding, How, Verdict};
use door::Door;
use report::{Form, Report};
use seen::{Seen, Target};
use trials::Trial;

/// Check on a real cluster what no public source proves, and write a report to send back
#[derive(Debug, Parser)]
#[command(name = "tests/run live", version)]
struct Arguments {
    /// ID of the subscription that contains the cluster
    #[arg(long, required_unless_present = "list")]
    subscription: Option<String>,
    /// Resource group of the cluster
    #[arg(long, short = 'g', required_unless_present = "list")]
    resource_group: Option<String>,
    /// Name of the cluster
    #[arg(long, short = 'n', required_unless_present = "list")]
    name: Option<String>,
    /// Context of the kubeconfig; the current one by default
    #[arg(long)]
    context: Option<String>,
    /// File of the report
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Form of the report
    #[arg(long, short = 'o', value_enum, default_value = "markdown")]
    output: Form,
    /// Print the claims and exit
    #[arg(long)]
    list: bool,
}

/// The report, also while a signal arrives.
type Shared = Arc<Mutex<Report>>;

fn lock(report: &Shared) -> MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(text: &str) {
    // Nobody reads it any more: the report is what counts.
    let _ = writeln!(io::stderr(), "{text}");
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        for claim in ALL {
            let kind = if matches!(claim.how, How::Reading(_)) {
                "reads"
            } else {
                "writes, if confirmed"
            };
            let _ = writeln!(io::stdout(), "{}\t{kind}\t{}", claim.id, claim.says);
        }
        return ExitCode::SUCCESS;
    }
    let ending = if arguments.output == Form::Json { "json" } else { "md" };
    let path = arguments
        .report
        .clone()
        .unwrap_or_else(|| format!("aksbackup-live.{ending}").into());
    let report = Arc::new(Mutex::new(Report::new(path.clone(), arguments.output)));
    // First of all: a report that can't be written is known before anything is asked.
    if let Err(error) = lock(&report).write() {
        say(&format!("error: cannot write report {}: {error}", path.display()));
        return ExitCode::FAILURE;
    }
    let outcome = tokio::select! {
        outcome = check(&arguments, &report) => outcome,
        _ = tokio::signal::ctrl_c() => Err("it was interrupted".to_owned()),
    };
    let code = finish(&report, outcome, &path);
    // The thread that waits for an answer at the terminal would keep the process.
    std::process::exit(code)
}

/// Writes the report for the last time and returns the exit code.
fn finish(report: &Shared, outcome: Result<(), String>, path: &std::path::Path) -> i32 {
    let mut report = lock(report);
    let interrupted = outcome.as_ref().is_err_and(|why| why.contains("interrupted"));
    report.ended = outcome.err();
    let failed = report.ended.clone();
    if let Err(error) = report.write() {
        say(&format!("error: cannot write report {}: {error}", path.display()));
        return 1;
    }
    say(&format!("live: {}", report.summary()));
    say(&format!("Report: {} (read it before you send it)", path.display()));
    match failed {
        None if report.count(Verdict::Differs) > 0 => 8,
        None => 0,
        Some(why) => {
            say(&format!("error: {why}"));
            if interrupted { 130 } else { 1 }
        }
    }
}

async fn check(arguments: &Arguments, report: &Shared) -> Result<(), String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let target = Target {
        subscription: text(&arguments.subscription),
        resource_group: text(&arguments.resource_group),
        name: text(&arguments.name),
    };
    let azure = Door::azure(&target.subscription).await?;
    let context = arguments.context.as_deref();
    let kubernetes = Door::kubernetes(context).await;
    say("Reading Azure and the cluster");
    let seen = Seen::read(&azure, kubernetes, &target, context).await;
    for (name, result) in &seen.programs {
        lock(report).add_program(name, result);
    }
    for claim in ALL {
        if let How::Reading(judge) = claim.how {
            add(report, &claim, judge(&seen))?;
        }
    }
    if seen.cluster.body().is_none() {
        return Err(format!("cannot read cluster {}: {}", target.name, seen.cluster.words()));
    }
    for claim in ALL {
        if let How::Writing(trial) = claim.how {
            let finding = write(&azure, &seen, &target, &claim, trial, report).await?;
            add(report, &claim, finding)?;
        }
    }
    Ok(())
}

fn add(report: &Shared, claim: &Claim, finding: Finding) -> Result<(), String> {
    let mark = match finding.verdict {
        Verdict::Confirmed => "✓",
        Verdict::Differs => "✗",
        Verdict::NotObservable | Verdict::NotChecked => "?",
    };
    say(&format!(
        "{mark} {}: {}: {}",
        claim.id,
        finding.verdict.word(),
        finding.says
    ));
    let added = lock(report).add(claim.id, finding);
    added.map_err(|error| format!("cannot write the report: {error}"))
}

/// Describes a write, asks for it, and runs it only if its name is typed.
async fn write(
    azure: &Door,
    seen: &Seen,
    target: &Target,
    claim: &Claim,
    trial: &Trial,
    report: &Shared,
) -> Result<Finding, String> {
    let request = match (trial.plan)(seen, target) {
        Ok(request) => request,
        Err(why) => return Ok(Finding::not_observable(format!("cannot be tried here: {why}"))),
    };
    if !io::stdin().is_terminal() {
        return Ok(Finding::new(
            Verdict::NotChecked,
            "it takes a write, which is only confirmed at a terminal",
        ));
    }
    let (
        line,
        Trial {
            changes, costs, undo, ..
        },
    ) = (request.line(), trial);
    say(&format!(
        "\n{}: {}\n  {line}\n  Changes: {changes}\n  Costs: {costs}\n  Undo: {undo}",
        claim.id, claim.says
    ));
    if let Some(now) = request.keeps() {
        say(&format!("  Now: {now}"));
    }
    say(&format!(
        "Type {} to send this request, anything else to skip it:",
        claim.id
    ));
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await.map_err(|error| error.to_string())?.unwrap_or_default();
    if answer.trim() != claim.id {
        return Ok(Finding::new(Verdict::NotChecked, "the write was not confirmed"));
    }
    // If the run is interrupted now, the report says that the request was sent.
    let sent = Finding::new(
        Verdict::NotChecked,
        format!("the request was sent; the run ended before its result. {undo}"),
    );
    lock(report)
        .add(claim.id, sent)
        .map_err(|error| format!("cannot write the report: {error}"))?;
    let (answer, after) = request.run(azure).await;
    let mut finding = (trial.judge)(&request, &answer, &after);
    if let Some(restored) = request.put_back(azure, &after).await {
        finding.evidence.push(restored);
    }
    Ok(finding)
}
