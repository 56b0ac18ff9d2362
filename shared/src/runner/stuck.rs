//! The end of a wait for something that doesn't change.

use std::time::Duration;

use tokio::time::Instant;

use crate::failure::Outcome;
use crate::pace::Pace;
use crate::step::Wait;

/// The states of Azure Backup that pass by themselves do so within a minute or two.
const STUCK: Duration = Duration::from_secs(600);

/// Since when a wait has been for the same.
#[derive(Default)]
pub(super) struct Stuck {
    why: String,
    since: Option<Instant>,
}

impl Stuck {
    /// Ends a wait for something that nobody knows the end of, and that doesn't change.
    pub(super) fn check(&mut self, wait: &Wait, pace: Pace) -> Outcome<()> {
        let since = match self.since.filter(|_| self.why == wait.why) {
            Some(since) => since,
            None => Instant::now(),
        };
        self.why.clone_from(&wait.why);
        self.since = Some(since);
        match &wait.stuck {
            Some(failure) if since.elapsed() >= pace.scaled(STUCK) => Err(failure.clone()),
            _ => Ok(()),
        }
    }
}
