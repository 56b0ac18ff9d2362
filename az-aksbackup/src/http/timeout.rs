//! How long one try may take, from the connection to the last byte of the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aksbackup_shared::pace::Pace;
use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Method, Request};

/// A read has its answer in less, or something between has lost it.
const READ: Duration = Duration::from_secs(30);
/// ARM itself gives a provider one minute for a write.
const WRITE: Duration = Duration::from_secs(60);
/// Entra answers within a second or two.
const TOKEN: Duration = Duration::from_secs(10);
/// A token of a sandbox needs no work of its own.
const LEAST_OF_TOKEN: Duration = Duration::from_secs(5);
/// However fast a sandbox runs, the machine below it does not.
const LEAST: Duration = Duration::from_secs(30);

/// The policy that ends a try which takes too long. It stands behind all others.
#[derive(Debug)]
pub(crate) struct Limit {
    read: Duration,
    write: Duration,
}

/// A remote that gave no whole answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence {
    limit: Duration,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no response within {}s", self.limit.as_secs())
    }
}

impl std::error::Error for Silence {}

impl Limit {
    /// The limits of requests to ARM: thirty seconds for a read, sixty for a write.
    pub(crate) fn of_arm(pace: Pace) -> Self {
        Self {
            read: at_least(pace, READ),
            write: at_least(pace, WRITE),
        }
    }

    /// The limit of a request for a token: ten seconds.
    pub(crate) fn of_token(pace: Pace) -> Self {
        let limit = pace.scaled(TOKEN).max(LEAST_OF_TOKEN);
        Self {
            read: limit,
            write: limit,
        }
    }
}

fn at_least(pace: Pace, limit: Duration) -> Duration {
    pace.scaled(limit).max(LEAST)
}

#[async_trait]
impl Policy for Limit {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let [policy, rest @ ..] = next else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "no transport"));
        };
        let limit = match request.method() {
            Method::Get | Method::Head => self.read,
            _ => self.write,
        };
        let sending = policy.send(context, request, rest);
        tokio::time::timeout(limit, sending).await.unwrap_or_else(|_| {
            let silence = Silence { limit };
            Err(azure_core::Error::with_error(
                ErrorKind::Io,
                silence,
                silence.to_string(),
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_has_its_time_and_a_sandbox_at_least_half_a_minute() {
        let limit = Limit::of_arm(Pace::real());
        assert_eq!((limit.read, limit.write), (READ, WRITE));
        assert_eq!(at_least(Pace::real(), Duration::ZERO), LEAST);
    }
}
