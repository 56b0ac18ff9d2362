//! `verify`: the proof of step 10 and all that it rests on: at once, until it holds, or whenever it changes.

use std::cell::Cell;
use std::time::{Duration, Instant};

use aksbackup_shared::args::Format;
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::{exchange, show};
use aksbackup_shared::console::human;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::state::schema::State;
use jiff::Timestamp;

use crate::cli::{Cli, VerifyArgs};
use crate::cluster::client::Reader;
use crate::cluster::watch::Since;
use crate::commands::looking::{before, examined, look, not_blind, of_checks};
use crate::commands::session;

/// How long a burst of changes is left to settle before the next look.
const CALM: Duration = Duration::from_millis(500);
/// After so long one looks again, whether anything has changed or not: ages grow without an event.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a run of the command stands on.
struct Command<'a> {
    cli: &'a Cli,
    arguments: &'a VerifyArgs,
    state: State,
    reader: Reader,
}

/// Checks the cluster against the state file, or against itself where there is none; with `--pre`, whether the
/// extension can be installed into it. Changes nothing; findings end 8.
///
/// # Errors
/// Exit 4: nothing at all may be read. Exit 7: a state file, or a result of the other program, that cannot be read. Exit 124:
/// with `--wait`, there are findings at the deadline. As the API server says.
pub(crate) async fn run(cli: &Cli, arguments: &VerifyArgs) -> Outcome<Exit> {
    if arguments.watch && cli.common.output == Format::Json {
        return Failure::usage("--watch has no end, and -o json prints one document at the end").err();
    }
    let state = session::state_or_none(cli)?;
    let reader = session::reader(cli, &state)?;
    let command = Command {
        cli,
        arguments,
        state,
        reader,
    };
    match (arguments.watch, arguments.wait) {
        (true, _) => command.watched().await,
        (_, true) => command.waited().await,
        _ => command.end(command.look().await?.0),
    }
}

impl Command<'_> {
    /// One look. Where nothing may be read, says so.
    async fn look(&self) -> Outcome<(Examination, Since)> {
        let flag = self.cli.common.state_flag();
        let (own, since) = match self.arguments.pre {
            true => {
                let (checks, issuer) = before(&self.reader, &self.state, &flag).await?;
                (of_checks("verify", checks, issuer, &self.state), Since::default())
            }
            false => {
                let seen = look(&self.reader, 1).await?;
                (examined("verify", &seen.sight, &self.state, &flag), seen.since)
            }
        };
        not_blind(&self.reader, &own).await?;
        Ok((own, since))
    }

    fn exit(&self, own: &Examination) -> Exit {
        own.exit(self.arguments.examine.fail_on)
    }

    /// Shows and keeps what was seen, and says how it ends.
    fn end(&self, own: Examination) -> Outcome<Exit> {
        let exit = self.exit(&own);
        self.tell(&own, exit)?;
        Ok(exit)
    }

    fn tell(&self, own: &Examination, exit: Exit) -> Outcome<()> {
        let (console, arguments) = (self.cli.common.console(), &self.arguments.examine);
        let other = exchange::other(&console, own, arguments, &self.cli.common.state)?;
        match self.cli.common.output {
            Format::Json => console.result(&own.document(exit, other.as_ref())),
            Format::Text => {
                exchange::show(&console, own, other.as_ref());
                console.result(&show::verdict(&own.checks, self.well()));
            }
        }
        match arguments.save {
            true => exchange::save(own, &self.cli.common.state, &own.document(exit, None)),
            false => Ok(()),
        }
    }

    fn well(&self) -> &'static str {
        match self.arguments.pre {
            true => "nothing stands in the way of the extension",
            false => "workload identity works",
        }
    }

    /// Until something in the cluster has changed, or long enough.
    async fn stirred(&self, since: &Since, longest: Duration) {
        let pace = self.reader.connection().pace();
        let watched = Cell::new(false);
        let change = self.reader.stirred(since, pace.scaled(CALM), &watched);
        let _ = tokio::time::timeout(longest.min(pace.scaled(PATIENCE)), change).await;
    }

    /// Looks until there is no finding.
    async fn waited(&self) -> Outcome<Exit> {
        let (console, begun, limit) = (self.cli.common.console(), Instant::now(), self.cli.common.timeout);
        loop {
            let (own, since) = self.look().await?;
            if self.exit(&own) == Exit::Done {
                console.clear();
                return self.end(own);
            }
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                console.clear();
                self.tell(&own, Exit::Deadline)?;
                if self.cli.common.output == Format::Text {
                    console.ending(format!("verify: not within {}; that was the last state", human(limit)));
                }
                return Ok(Exit::Deadline);
            }
            let first = own.checks.iter().find(|check| check.is_finding());
            let status = first
                .map(|check| format!("{}: {}", check.check, check.says))
                .unwrap_or_default();
            console.progress("verify", &status);
            self.stirred(&since, left).await;
        }
    }

    /// Shows everything, and then whatever becomes different, until the person ends it.
    async fn watched(&self) -> Outcome<Exit> {
        let console = self.cli.common.console();
        let (own, mut since) = self.look().await?;
        self.tell(&own, self.exit(&own))?;
        let mut before = own.checks;
        loop {
            self.stirred(&since, PATIENCE).await;
            let (own, newer) = self.look().await?;
            let changed = show::changed(&before, &own.checks);
            if !changed.is_empty() {
                let now = Timestamp::now();
                console.result(&format!("{}:", now.strftime("%H:%M:%S")));
                show::checks(&console, &changed);
            }
            (before, since) = (own.checks, newer);
        }
    }
}
