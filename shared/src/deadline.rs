//! One deadline for the whole command: whatever is waited for, and however often it is tried again.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::console::human;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};

/// How much longer than `--timeout` a command runs at most: the steps end by themselves at the deadline and still report.
const GRACE: Duration = Duration::from_millis(700);

/// When a command has to end, counted from its start.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    begun: Instant,
    limit: Option<Duration>,
}

impl Deadline {
    /// A deadline `limit` after `begun`.
    #[must_use]
    pub fn new(begun: std::time::Instant, limit: Duration) -> Self {
        // The runtime's clock, which tests can pause.
        let (begun, limit) = (Instant::from_std(begun), Some(limit));
        Self { begun, limit }
    }

    /// No deadline: for commands that run until they are interrupted.
    #[must_use]
    pub fn none() -> Self {
        let (begun, limit) = (Instant::now(), None);
        Self { begun, limit }
    }

    /// The time that is left: zero at the deadline, the longest duration without one.
    #[must_use]
    pub fn left(self) -> Duration {
        self.limit
            .map_or(Duration::MAX, |limit| limit.saturating_sub(self.begun.elapsed()))
    }

    /// Whether the deadline is reached.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }

    /// `--timeout` as people write it.
    #[must_use]
    pub fn limit(self) -> String {
        human(self.limit.unwrap_or(Duration::MAX))
    }

    /// The failure of a command that reached its deadline, and `why` it is not done.
    #[must_use]
    pub fn reached(self, why: impl Into<String>) -> Failure {
        Failure::new(Exit::Deadline, format!("timed out after {}", self.limit()))
            .because(why)
            .hint("run the same command again to resume, or allow more time: --timeout 90m")
    }

    /// The result of `future`, if it comes before the deadline.
    ///
    /// # Errors
    /// Exit 124 at the deadline, with `what` was waited for; as `future`.
    pub async fn within<T>(
        &self,
        what: impl std::fmt::Display,
        future: impl Future<Output = Outcome<T>>,
    ) -> Outcome<T> {
        match tokio::time::timeout(self.left(), future).await {
            Ok(outcome) => outcome,
            Err(_) => self.reached(format!("waiting for {what}")).err(),
        }
    }

    /// The last resort of a whole command: ends it shortly after the deadline, whatever it is doing.
    ///
    /// # Errors
    /// Exit 124; as the command.
    pub async fn hold<T>(self, command: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        match tokio::time::timeout(self.left().saturating_add(GRACE), command).await {
            Ok(outcome) => outcome,
            Err(_) => self.reached("waiting for input").err(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_waited_for_is_named_at_the_deadline() {
        let deadline = Deadline::new(std::time::Instant::now(), Duration::ZERO);
        let failure = deadline
            .within("a token", std::future::pending::<Outcome<()>>())
            .await
            .unwrap_err();
        assert_eq!(failure.exit, Exit::Deadline);
        assert_eq!(failure.why, ["waiting for a token"]);
    }

    #[test]
    fn absurd_limits_do_not_overflow() {
        let deadline = Deadline::new(std::time::Instant::now(), Duration::MAX);
        assert!(deadline.left() > Duration::from_secs(1 << 40));
        assert!(!Deadline::none().is_over());
        assert_eq!(Deadline::none().left(), Duration::MAX);
    }
}
