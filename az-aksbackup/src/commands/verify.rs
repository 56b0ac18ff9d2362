//! `verify`: every link that Azure shows: at once, until nothing is wrong, or whenever it changes.

use std::time::Instant;

use aksbackup_shared::args::Format;
use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::{exchange, show};
use aksbackup_shared::console::human;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use jiff::Timestamp;

use crate::arm::client::Reader;
use crate::cli::Cli;
use crate::commands::examined::{Subject, issuer, not_blind};
use crate::commands::flags::VerifyArgs;
use crate::examine::{before, judge, look};

/// What a run of the command stands on.
struct Command<'a> {
    cli: &'a Cli,
    args: &'a VerifyArgs,
    subject: Subject,
    reader: Reader,
}

/// Checks the cloud's side against the state file, or against itself where there is none; with `--pre`, whether the set-up
/// can begin. Changes nothing, neither Azure nor the file; findings end 8.
///
/// # Errors
/// Exit 3: neither state file nor cluster. Exit 4: not signed in, or nothing at all may be read. Exit 7: a state file, or a
/// result of the other program, that cannot be read.
pub(crate) async fn run(cli: &Cli, args: &VerifyArgs) -> Outcome<Exit> {
    if args.watch && cli.common.output == Format::Json {
        return Failure::usage("--watch has no end, and -o json prints one document at the end").err();
    }
    let subject = Subject::of(cli, args.cluster_id.as_ref())?;
    let reader = subject.sign_in(cli).await?;
    let command = Command {
        cli,
        args,
        subject,
        reader,
    };
    match (args.watch, args.wait) {
        (true, _) => command.watched().await,
        (_, true) => command.waited().await,
        _ => {
            let own = command.look().await?;
            command.tell(&own, command.exit(&own))
        }
    }
}

impl Command<'_> {
    async fn look(&self) -> Outcome<Examination> {
        let (reader, Subject { cluster, state }) = (&self.reader, &self.subject);
        let flag = self.cli.common.state_flag();
        let (view, checks): (_, Vec<Check>) = match self.args.pre {
            true => {
                let before = before::look_before(reader, cluster, state).await;
                let checks = before::checks(&before, &flag);
                (before.view, checks)
            }
            false => {
                let view = look(reader, cluster, state).await;
                let checks = judge::checks(&view, &flag);
                (view, checks)
            }
        };
        not_blind(&view, &checks)?;
        Ok(self.subject.examination("verify", checks, issuer(&view)))
    }

    fn exit(&self, own: &Examination) -> Exit {
        own.exit(self.args.examine.fail_on)
    }

    /// Shows and keeps what was seen.
    fn tell(&self, own: &Examination, exit: Exit) -> Outcome<Exit> {
        let (console, state) = (self.cli.common.console(), &self.cli.common.state);
        let other = exchange::other(&console, own, &self.args.examine, state)?;
        match self.cli.common.output {
            Format::Json => console.result(&own.document(exit, other.as_ref())),
            Format::Text => {
                exchange::show(&console, own, other.as_ref());
                console.result(&show::verdict(&own.checks, self.well()));
            }
        }
        if self.args.examine.save {
            exchange::save(own, state, &own.document(exit, None))?;
        }
        Ok(exit)
    }

    fn well(&self) -> &'static str {
        match self.args.pre {
            true => "nothing stands in the way of the set-up",
            false => "every link that Azure shows holds",
        }
    }

    /// Looks until there is no finding.
    async fn waited(&self) -> Outcome<Exit> {
        let (console, begun, limit) = (self.cli.common.console(), Instant::now(), self.cli.common.timeout);
        loop {
            let own = self.look().await?;
            if self.exit(&own) == Exit::Done {
                console.clear();
                return self.tell(&own, Exit::Done);
            }
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                console.clear();
                self.tell(&own, Exit::Deadline)?;
                console.ending(format!("verify: not within {}; that was the last state", human(limit)));
                return Ok(Exit::Deadline);
            }
            let first = own.checks.iter().find(|check| check.is_finding());
            let status = first
                .map(|check| format!("{}: {}", check.check, check.says))
                .unwrap_or_default();
            console.progress("verify", &status);
            let pause = self.reader.pace().next_look(begun.elapsed(), None);
            tokio::time::sleep(pause.min(left)).await;
        }
    }

    /// Shows everything, and then whatever becomes different, until the person ends it. Azure does not tell of changes: it
    /// is asked again, as often as for an operation that takes long.
    async fn watched(&self) -> Outcome<Exit> {
        let (console, begun) = (self.cli.common.console(), Instant::now());
        let own = self.look().await?;
        self.tell(&own, self.exit(&own))?;
        let mut before = own.checks;
        loop {
            tokio::time::sleep(self.reader.pace().next_look(begun.elapsed(), None)).await;
            let own = self.look().await?;
            let changed = show::changed(&before, &own.checks);
            if !changed.is_empty() {
                console.result(&format!("{}:", Timestamp::now().strftime("%H:%M:%S")));
                show::checks(&console, &changed);
            }
            before = own.checks;
        }
    }
}
