//! The half of `verify` that both programs share: once, until nothing is wrong, or whenever something changes.

use std::time::Instant;

use jiff::Timestamp;

use crate::args::{CommonArgs, Format};
use crate::chain::args::VerifyArgs;
use crate::chain::examination::Examination;
use crate::chain::{exchange, metrics, show};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::schema::State;

/// How a program looks at its side of the chain.
#[expect(async_fn_in_trait, reason = "one thread, and no bounds on what is awaited")]
pub trait Look {
    /// One look.
    ///
    /// # Errors
    /// Nothing at all may be read, or as the remote says.
    async fn look(&self) -> Outcome<Examination>;

    /// Until another look may show something else. `begun` is when the command began to look.
    async fn stirred(&self, begun: Instant);

    /// What the state file says of this cluster.
    fn state(&self) -> &State;

    /// What it means that nothing was found.
    fn well(&self) -> &'static str;
}

/// Runs `verify` with what `connect` gives, which is not asked where the flags do not fit together.
///
/// # Errors
/// Exit 2: `--watch` as one document. Exit 3 and 7: as [`exchange::other`]. As `connect` and [`Look::look`].
pub async fn verify<L: Look>(
    common: &CommonArgs,
    args: &VerifyArgs,
    connect: impl AsyncFnOnce() -> Outcome<L>,
) -> Outcome<Exit> {
    if args.watch && common.output.is_document() {
        return Failure::usage("--watch can't be combined with --output, which prints one document at the end").err();
    }
    if let Some(file) = &args.metrics {
        file.out(&common.state).check()?;
    }
    let verify = Verify {
        common,
        args,
        look: connect().await?,
    };
    match (args.watch, args.wait) {
        (true, _) => verify.watched().await,
        (_, true) => verify.waited().await,
        _ => {
            let own = verify.look.look().await?;
            verify.tell(&own, verify.exit(&own))
        }
    }
}

struct Verify<'a, L> {
    common: &'a CommonArgs,
    args: &'a VerifyArgs,
    look: L,
}

impl<L: Look> Verify<'_, L> {
    fn exit(&self, own: &Examination) -> Exit {
        own.exit(self.args.examine.fail_on)
    }

    /// Shows and keeps what was seen.
    fn tell(&self, own: &Examination, exit: Exit) -> Outcome<Exit> {
        let (console, state) = (self.common.console(), &self.common.state);
        let other = exchange::other(&console, own, &self.args.examine, state, self.look.state())?;
        // A failure prints a document of its own: there must not be one before it.
        self.measure(own)?;
        if self.args.examine.save {
            exchange::save(own, state, &own.document(exit, None))?;
        }
        match self.common.output {
            Format::Json | Format::Yaml => {
                console.document(&own.document(exit, other.as_ref().map(|other| (other, None))));
            }
            Format::Text => {
                exchange::show(&console, own, other.as_ref());
                console.text(&show::verdict(&own.checks, self.look.well()));
            }
        }
        Ok(exit)
    }

    /// Writes the metrics of what was seen, where a file is named for them.
    fn measure(&self, own: &Examination) -> Outcome<()> {
        let Some(file) = &self.args.metrics else {
            return Ok(());
        };
        // Only if it is the file of this cluster.
        let state = &self.common.state;
        let named = self.look.state().target.is_some().then_some(state.as_path());
        metrics::of(own, named).write(file, state)
    }

    /// Looks until there is no finding.
    async fn waited(&self) -> Outcome<Exit> {
        let (console, begun, deadline) = (self.common.console(), Instant::now(), self.common.deadline());
        let mut last: Option<Examination> = None;
        loop {
            let own = match (self.look.look().await, last.take()) {
                (Ok(own), _) => own,
                // The deadline struck in the middle of this look: the one before it tells more.
                (Err(failure), Some(last)) if failure.exit == Exit::Deadline => last,
                (Err(failure), _) => return Err(failure),
            };
            if self.exit(&own) == Exit::Done {
                console.clear();
                return self.tell(&own, Exit::Done);
            }
            if deadline.is_over() {
                console.clear();
                self.tell(&own, Exit::Deadline)?;
                if !self.common.output.is_document() {
                    console.ending(format!(
                        "verify: timed out after {}; the output shows the last observed state",
                        deadline.limit()
                    ));
                }
                return Ok(Exit::Deadline);
            }
            let first = own.checks.iter().find(|check| check.is_finding());
            let status = first
                .map(|check| format!("{}: {}", check.check, check.says))
                .unwrap_or_default();
            console.progress("verify", &status);
            let _ = tokio::time::timeout(deadline.left(), self.look.stirred(begun)).await;
            last = Some(own);
        }
    }

    /// Shows everything, and then whatever becomes different, until the person ends it.
    async fn watched(&self) -> Outcome<Exit> {
        let (console, begun) = (self.common.console(), Instant::now());
        let own = self.look.look().await?;
        self.tell(&own, self.exit(&own))?;
        let mut before = own.checks;
        loop {
            self.look.stirred(begun).await;
            let own = self.look.look().await?;
            self.measure(&own)?;
            let changed = show::changed(&before, &own.checks);
            if !changed.is_empty() {
                console.result(&format!("{}:", Timestamp::now().strftime("%H:%M:%S")));
                show::checks(&console, &changed);
            }
            before = own.checks;
        }
    }
}
