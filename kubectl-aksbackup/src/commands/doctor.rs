//! `doctor`: what `verify` sees, what logs and events say, and the known failures behind it.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::finding::Remedy;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::Fix;
use aksbackup_shared::diagnosis::command::{conclude_as, look_up, offer};
use aksbackup_shared::diagnosis::diagnose;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::program::Program;
use aksbackup_shared::schema::State;

use crate::cli::{Cli, ConfigureArgs, DoctorFlags, DryRun, DryRunArgs};
use crate::cluster::client::Reader;
use crate::cluster::neighbours::SYSTEM;
use crate::cluster::tails::{Line, Source};
use crate::commands::looking::{WARNINGS, examined, look, named, not_blind, of_checks};
use crate::commands::{configure, session};

mod contact;
mod texts;

/// How many pages of warnings are read: 20,000 events.
const PAGES: usize = 40;

/// Names what is wrong and why, the cause first. Changes nothing; with `--fix`, and once the person has said yes, runs this
/// program's own command.
///
/// # Errors
/// Exit 2: `--fix` as one document, or without anybody to ask. Exit 7: a state file, or a result of the other program, that
/// cannot be read. What is wrong on the way to the API server is a finding where it is known, and else the error.
pub(crate) async fn run(cli: &Cli, flags: &DoctorFlags) -> Outcome<Exit> {
    let arguments = &flags.shared;
    if let Some(exit) = look_up(&cli.common, arguments, Program::Kubectl)? {
        return Ok(exit);
    }
    if arguments.fix && cli.common.output.is_document() {
        return Failure::usage("--fix runs another command and can't be combined with --output").err();
    }
    let state = session::state_or_none(cli)?;
    let reader = session::reader(cli, &state)?;
    let seen = match examine(cli, &reader, &state).await {
        Ok(own) => not_blind(&reader, &own).await.map(|()| own),
        Err(failure) => Err(failure),
    };
    let (own, blind) = match seen {
        Ok(own) => (own, Exit::NotPermitted),
        Err(failure) if failure.exit == Exit::Deadline => return Err(failure),
        // As verify ends there.
        Err(failure) => (unreachable(&failure, &reader, &state)?, failure.exit),
    };
    let exit = conclude_as(&cli.common, arguments, &own, &state, blind)?;
    match offer(&cli.common, arguments, &own, Program::Kubectl)? {
        Some(Remedy::Configure) => {
            let dry = DryRunArgs { dry_run: DryRun::None };
            configure::run(
                cli,
                ConfigureArgs {
                    no_wait: false,
                    dry,
                    force_conflicts: false,
                    identity: flags.identity.clone(),
                },
            )
            .await
        }
        // The other program's commands are never run from here.
        Some(_) | None => Ok(exit),
    }
}

/// Everything that is seen of the cluster, and what it means.
///
/// # Errors
/// As [`look`].
pub(crate) async fn examine(cli: &Cli, reader: &Reader, state: &State) -> Outcome<Examination> {
    let console = cli.common.console();
    console.progress("doctor", "checking the cluster");
    let looks = (look(reader, PAGES, state), reader.warnings(SYSTEM, PAGES, WARNINGS));
    let (seen, system) = futures::future::try_join(looks.0, looks.1).await?;
    let sight = seen.sight;
    console.progress("doctor", "reading logs");
    let logs = reader.tails(texts::sources(&sight)).await;
    console.clear();
    let mut all = texts::of_objects(&sight, &system.unwrap_or_default());
    for (source, lines) in logs {
        all.extend(texts::of_log(&source, lines, &sight));
    }
    let mut own = examined("doctor", &sight, state);
    own.findings = diagnose(&own.checks, &all);
    Ok(named(own, state))
}

/// The logs that `doctor` reads, each with its newest lines, without secrets. What can't be read is left out.
///
/// # Errors
/// As [`look`].
pub(crate) async fn logs(reader: &Reader) -> Outcome<Vec<(Source, Vec<Line>)>> {
    let seen = look(reader, 0, &State::default()).await?;
    Ok(reader.tails(texts::sources(&seen.sight)).await)
}

/// What is known of an error on the way to the API server.
///
/// # Errors
/// The error itself, where nothing is known.
fn unreachable(failure: &Failure, reader: &Reader, state: &State) -> Outcome<Examination> {
    let server = reader.connection().server();
    let check = Check::unknown(Link::Login, "login", failure.what.clone()).hinted(Fix::joined(failure.hints.clone()));
    let check = failure.why.iter().cloned().fold(check, Check::because);
    let check = match contact::known(failure) {
        Some(known) => check.proves(known),
        None => check,
    };
    let mut own = of_checks("doctor", vec![check], None, state);
    own.findings = diagnose(&own.checks, &[texts::of_failure(failure, server)]);
    match own.findings.is_empty() {
        true => failure.clone().err(),
        false => Ok(own),
    }
}
