//! `verify`: the proof of step 10 and all that it rests on: at once, until it holds, or whenever it changes.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::verify::{Look, verify};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::schema::State;

use crate::cli::{Cli, VerifyFlags};
use crate::cluster::client::Reader;
use crate::cluster::watch::Since;
use crate::commands::looking::{before, examined, look, not_blind, of_checks};
use crate::commands::session;

/// How long a burst of changes is left to settle before the next look.
const CALM: Duration = Duration::from_millis(500);
/// After so long one looks again, whether anything has changed or not: ages grow without an event.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks the cluster against the state file, or against itself where there is none; with `--pre`, whether the
/// extension can be installed into it. Changes nothing; findings end 8.
///
/// # Errors
/// Exit 4: nothing at all may be read. Exit 7: a state file, or a result of the other program, that cannot be read. Exit 124:
/// with `--wait`, there are findings at the deadline. As the API server says.
pub(crate) async fn run(cli: &Cli, arguments: &VerifyFlags) -> Outcome<Exit> {
    verify(&cli.common, &arguments.shared, async || {
        let state = session::state_or_none(cli)?;
        let reader = session::reader(cli, &state)?;
        Ok(Sight {
            pre: arguments.pre,
            state,
            reader,
            since: RefCell::default(),
        })
    })
    .await
}

/// Whom and what a run of the command looks at.
struct Sight {
    pre: bool,
    state: State,
    reader: Reader,
    /// What the last look saw.
    since: RefCell<Since>,
}

impl Look for Sight {
    async fn look(&self) -> Outcome<Examination> {
        let own = match self.pre {
            true => {
                let (checks, issuer) = before(&self.reader, &self.state).await?;
                of_checks("verify", checks, issuer, &self.state)
            }
            false => {
                let seen = look(&self.reader, 1, &self.state).await?;
                self.since.replace(seen.since);
                examined("verify", &seen.sight, &self.state)
            }
        };
        not_blind(&self.reader, &own).await?;
        Ok(own)
    }

    /// Until something in the cluster has changed, or long enough.
    async fn stirred(&self, _: Instant) {
        let (pace, since) = (self.reader.connection().pace(), self.since.borrow().clone());
        let watched = Cell::new(false);
        let change = self.reader.stirred(&since, pace.scaled(CALM), &watched);
        let _ = tokio::time::timeout(pace.scaled(PATIENCE), change).await;
    }

    fn state(&self) -> &State {
        &self.state
    }

    fn well(&self) -> &'static str {
        match self.pre {
            true => "all prerequisites of the extension are met",
            false => "workload identity works",
        }
    }
}
