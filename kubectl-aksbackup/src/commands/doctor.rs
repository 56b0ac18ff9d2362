//! `doctor`: what `verify` sees, what logs and events say, and the known failures behind it.

use aksbackup_shared::args::Format;
use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::exchange;
use aksbackup_shared::chain::finding::{Finding, Remedy, Text};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::diagnosis::diagnose;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::state::schema::State;

use crate::cli::{Cli, ConfigureArgs, DoctorArgs, DryRun, DryRunArgs};
use crate::cluster::client::Reader;
use crate::cluster::neighbours::SYSTEM;
use crate::commands::looking::{WARNINGS, examined, look, not_blind, of_checks};
use crate::commands::{configure, session};

mod contact;
mod texts;

/// How many pages of warnings are read: 20,000 events.
const PAGES: usize = 40;

/// Names what is wrong and why. Changes nothing, unless `--fix` was asked for and agreed to.
///
/// # Errors
/// Exit 4: nothing at all may be read. Exit 7: a state file, or a result of the other program, that cannot be read. What is
/// wrong on the way to the API server is a finding where it is known, and else the error.
pub(crate) async fn run(cli: &Cli, arguments: &DoctorArgs) -> Outcome<Exit> {
    let state = session::state_or_none(cli)?;
    let reader = session::reader(cli, &state)?;
    let seen = match examine(cli, &reader, &state).await {
        Ok(own) => not_blind(&reader, &own).await.map(|()| own),
        Err(failure) => Err(failure),
    };
    let (own, exit) = match seen {
        Ok(own) => {
            let exit = own.exit(arguments.examine.fail_on);
            (own, exit)
        }
        Err(failure) => (unreachable(&failure, &reader, &state)?, Exit::NotPermitted),
    };
    tell(cli, arguments, &own, exit)?;
    match arguments.fix {
        true => fix(cli, &own, exit).await,
        false => Ok(exit),
    }
}

async fn examine(cli: &Cli, reader: &Reader, state: &State) -> Outcome<Examination> {
    let console = cli.common.console();
    console.progress("doctor", "looks at the cluster");
    let looks = (look(reader, PAGES), reader.warnings(SYSTEM, PAGES, WARNINGS));
    let (seen, system) = futures::future::try_join(looks.0, looks.1).await?;
    let sight = seen.sight;
    console.progress("doctor", "reads logs");
    let logs = reader.tails(texts::sources(&sight)).await;
    console.clear();
    let mut all = texts::of_objects(&sight, &system.unwrap_or_default());
    for (source, lines) in logs {
        all.extend(texts::of_log(&source, lines, &sight));
    }
    let mut own = examined("doctor", &sight, state, &cli.common.state_flag());
    own.findings = diagnose(&own.checks, &all);
    Ok(own)
}

/// What is known of an error on the way to the API server.
///
/// # Errors
/// The error itself, where nothing is known.
fn unreachable(failure: &Failure, reader: &Reader, state: &State) -> Outcome<Examination> {
    let server = reader.connection().server();
    let check = failure.why.iter().cloned().fold(
        Check::error(Link::Login, "login", failure.what.clone(), failure.hints.join("; ")),
        Check::because,
    );
    let check = match contact::known(failure) {
        Some(known) => check.proves(known),
        None => check,
    };
    let mut own = of_checks("doctor", vec![check], None, state);
    let texts: [Text; 1] = [texts::of_failure(failure, server)];
    own.findings = diagnose(&own.checks, &texts);
    match own.findings.is_empty() {
        true => failure.clone().err(),
        false => Ok(own),
    }
}

fn tell(cli: &Cli, arguments: &DoctorArgs, own: &Examination, exit: Exit) -> Outcome<()> {
    let console = cli.common.console();
    let other = exchange::other(&console, own, &arguments.examine, &cli.common.state)?;
    match cli.common.output {
        Format::Json => console.result(&own.document(exit, other.as_ref())),
        Format::Text => {
            exchange::show(&console, own, other.as_ref());
            own.findings.iter().for_each(|finding| console.result(&told(finding)));
        }
    }
    match arguments.examine.save {
        true => exchange::save(own, &cli.common.state, &own.document(exit, None)),
        false => Ok(()),
    }
}

fn told(finding: &Finding) -> String {
    let Finding { id, cause, fix, .. } = finding;
    let evidence: String = finding
        .evidence
        .iter()
        .map(|fact| format!("\n    seen: {fact}"))
        .collect();
    format!("{id}: {cause}{evidence}\n    fix: {fix}")
}

/// Runs this program's own command against the first thing that is wrong, after asking. Never anything else.
async fn fix(cli: &Cli, own: &Examination, exit: Exit) -> Outcome<Exit> {
    let console = cli.common.console();
    let Some(first) = own.findings.first() else {
        return Ok(exit);
    };
    match first.remedy {
        Some(Remedy::Configure) => {}
        Some(other) => {
            let command = other.command();
            console.say(format!("{} is mended by the other program: {command}", first.id));
            return Ok(exit);
        }
        None => {
            console.say(format!("no command of ours mends {}: {}", first.id, first.fix));
            return Ok(exit);
        }
    }
    let question = format!("{}: {} Run kubectl aksbackup configure?", first.id, first.cause);
    if !cli.common.yes && !console.confirm(&question)? {
        return Ok(exit);
    }
    let dry = DryRunArgs { dry_run: DryRun::None };
    configure::run(
        cli,
        ConfigureArgs {
            dry,
            force_conflicts: false,
        },
    )
    .await
}
