//! When a request is sent again: within bounds, as long as the remote asks, and never a write that may have been done.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aksbackup_shared::pace::Pace;
use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::USER_AGENT;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request, Url};

use super::transport;
use super::wish::retry_after;
use crate::login::Login;

/// Says a line where the person asked for each request.
pub(crate) type Trace = Arc<dyn Fn(String) + Send + Sync>;

/// Marks a request that must not be sent again once it may have reached Azure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Once;

const RETRIES: u32 = 4;
const RETRYING_LIMIT: Duration = Duration::from_secs(20);
const THROTTLED_LIMIT: Duration = Duration::from_secs(300);
/// A longer wish than this is an error that names it.
pub(crate) const LONGEST_WISH: Duration = Duration::from_secs(120);

/// The policy that sends a request until it has its answer. It stands before the one that adds the token.
pub(crate) struct Attempts {
    pace: Pace,
    login: Option<Arc<Login>>,
    trace: Trace,
}

/// What came of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Answer {
        status: u16,
        wish: Option<Duration>,
    },
    /// Nothing was sent.
    Unreachable,
    /// It may have been sent, and no answer came.
    Broken,
    /// Trying again cannot help.
    Hopeless,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Give,
    Again(Duration),
    NewToken,
}

/// What has been tried so far.
#[derive(Debug, Clone, Copy, Default)]
struct Effort {
    tries: u32,
    spent: Duration,
    renewed: bool,
    once: bool,
}

impl Attempts {
    pub(crate) fn new(pace: Pace, login: Option<Arc<Login>>, trace: Trace) -> Self {
        Self { pace, login, trace }
    }
}

impl std::fmt::Debug for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}

#[async_trait]
impl Policy for Attempts {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header(USER_AGENT, transport::USER_AGENT);
        let begun = Instant::now();
        let mut effort = Effort {
            once: context.value::<Once>().is_some(),
            ..Effort::default()
        };
        let [policy, rest @ ..] = next else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "no transport"));
        };
        loop {
            let tried = Instant::now();
            let result = policy.send(context, request, rest).await;
            let seen = seen(&result);
            self.tell(request, seen, tried.elapsed());
            effort.spent = begun.elapsed();
            match judge(seen, effort, self.pace) {
                Verdict::Give => return result,
                Verdict::Again(pause) => tokio::time::sleep(pause).await,
                Verdict::NewToken => {
                    effort.renewed = true;
                    if let Some(login) = &self.login {
                        login.renew().await;
                    }
                }
            }
            effort.tries += 1;
        }
    }
}

impl Attempts {
    fn tell(&self, request: &Request, seen: Seen, took: Duration) {
        let outcome = match seen {
            Seen::Answer { status, .. } => status.to_string(),
            Seen::Unreachable => "not reached".to_owned(),
            Seen::Broken => "no answer".to_owned(),
            Seen::Hopeless => "not sent".to_owned(),
        };
        let method = request.method();
        let url = readable(request.url());
        (self.trace)(format!("{} {url} {outcome} {}ms", method.as_str(), took.as_millis()));
    }
}

/// A URL without the parts of its query that could be a signature.
pub(crate) fn readable(url: &Url) -> String {
    let shown = ["api-version", "$filter", "$expand", "$top"];
    let query: Vec<String> = url
        .query_pairs()
        .map(|(key, value)| match shown.contains(&key.as_ref()) {
            true => format!("{key}={value}"),
            false => format!("{key}=..."),
        })
        .collect();
    let mut bare = url.clone();
    bare.set_query(None);
    match query.is_empty() {
        true => bare.to_string(),
        false => format!("{bare}?{}", query.join("&")),
    }
}

fn seen(result: &PolicyResult) -> Seen {
    match result {
        Ok(response) => Seen::Answer {
            status: u16::from(response.status()),
            wish: retry_after(response.headers()),
        },
        Err(error) if is_certificate(error) => Seen::Hopeless,
        Err(error) => match error.kind() {
            ErrorKind::Connection => Seen::Unreachable,
            ErrorKind::Io => Seen::Broken,
            _ => Seen::Hopeless,
        },
    }
}

fn is_certificate(error: &azure_core::Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.to_string().contains("invalid peer certificate") {
            return true;
        }
        source = inner.source();
    }
    false
}

fn judge(seen: Seen, effort: Effort, pace: Pace) -> Verdict {
    let growing = pace.scaled(Duration::from_millis(500)) * 2_u32.pow(effort.tries.min(6));
    let short = |pause: Duration| {
        let fits = effort.tries < RETRIES && effort.spent + pause <= RETRYING_LIMIT;
        if fits { Verdict::Again(pause) } else { Verdict::Give }
    };
    match seen {
        Seen::Hopeless => Verdict::Give,
        Seen::Unreachable => short(growing),
        Seen::Broken if effort.once => Verdict::Give,
        Seen::Broken => short(growing),
        Seen::Answer { status: 401, .. } if !effort.renewed => Verdict::NewToken,
        Seen::Answer { status: 429, wish } => {
            let pause = wish.unwrap_or(growing);
            let fits = pause <= LONGEST_WISH && effort.spent + pause <= THROTTLED_LIMIT;
            if fits { Verdict::Again(pause) } else { Verdict::Give }
        }
        Seen::Answer {
            status: 408 | 500 | 502 | 503 | 504,
            wish,
        } if !effort.once => short(wish.unwrap_or_default().max(growing)),
        Seen::Answer { .. } => Verdict::Give,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTING: Duration = Duration::from_secs(10);

    fn answer(status: u16) -> Seen {
        Seen::Answer { status, wish: None }
    }

    fn verdict(seen: Seen, effort: Effort) -> Verdict {
        judge(seen, effort, Pace::real())
    }

    #[test]
    fn what_was_refused_for_a_moment_is_sent_again_with_growing_pauses() {
        let effort = |tries| Effort {
            tries,
            ..Effort::default()
        };
        let pause = |tries| verdict(answer(503), effort(tries));
        assert_eq!(pause(0), Verdict::Again(Duration::from_millis(500)));
        assert_eq!(pause(2), Verdict::Again(Duration::from_secs(2)));
        assert_eq!(pause(RETRIES), Verdict::Give);
        assert_eq!(verdict(answer(409), effort(0)), Verdict::Give);
        assert_eq!(verdict(answer(200), effort(0)), Verdict::Give);
    }

    #[test]
    fn an_unreachable_host_is_said_within_half_a_minute() {
        let mut effort = Effort {
            spent: CONNECTING,
            ..Effort::default()
        };
        while let Verdict::Again(pause) = verdict(Seen::Unreachable, effort) {
            effort.spent += pause + CONNECTING;
            effort.tries += 1;
        }
        assert!(effort.spent <= Duration::from_secs(30), "{:?}", effort.spent);
    }

    #[test]
    fn a_write_that_may_have_been_done_is_not_repeated_but_one_that_was_refused_is() {
        let once = Effort {
            once: true,
            ..Effort::default()
        };
        assert_eq!(verdict(Seen::Broken, once), Verdict::Give);
        assert_eq!(verdict(answer(500), once), Verdict::Give);
        assert!(matches!(verdict(Seen::Unreachable, once), Verdict::Again(_)));
        assert!(matches!(verdict(answer(429), once), Verdict::Again(_)));
    }

    #[test]
    fn a_wish_is_honoured_up_to_its_bound() {
        let wish = |seconds| Seen::Answer {
            status: 429,
            wish: Some(Duration::from_secs(seconds)),
        };
        let effort = Effort {
            tries: 9,
            spent: Duration::from_secs(60),
            ..Effort::default()
        };
        assert_eq!(verdict(wish(30), effort), Verdict::Again(Duration::from_secs(30)));
        assert_eq!(verdict(wish(3600), effort), Verdict::Give);
    }

    #[test]
    fn a_refused_token_is_renewed_once() {
        assert_eq!(verdict(answer(401), Effort::default()), Verdict::NewToken);
        let renewed = Effort {
            renewed: true,
            ..Effort::default()
        };
        assert_eq!(verdict(answer(401), renewed), Verdict::Give);
    }

    #[test]
    fn a_signature_is_not_shown() {
        let url = Url::parse("https://arm/operations/1?api-version=2024-04-01&s=SECRET&h=X").unwrap();
        assert_eq!(
            readable(&url),
            "https://arm/operations/1?api-version=2024-04-01&s=...&h=..."
        );
    }
}
