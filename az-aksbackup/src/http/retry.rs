//! When a request is sent again: within bounds, as long as the remote asks, and never a write that may have been done.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use aksbackup_shared::console::human;
use aksbackup_shared::deadline::Deadline;
use aksbackup_shared::pace::Pace;
use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, USER_AGENT};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request, Url};

use super::retry_after::retry_after;
use super::timeout::Silence;
use super::token_bucket::Quota;
use super::transport;

/// Forgets a token that was refused, so that the next try asks for another.
pub(crate) type Renewal = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Says a line where the person asked for each request.
pub(crate) type Trace = Arc<dyn Fn(String) + Send + Sync>;

/// Marks a request that must not be sent again once it may have reached Azure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Once;

/// What Azure's buckets hold after a request, by its kind.
const REMAINING: [&str; 3] = [
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-ratelimit-remaining-subscription-writes",
    "x-ms-ratelimit-remaining-subscription-deletes",
];
/// What Azure Backup takes of the same kind after a request.
const OF_BACKUP: &str = "x-ms-ratelimit-remaining-subscription-resource-requests";
const RETRIES: u32 = 4;
const RETRYING_LIMIT: Duration = Duration::from_secs(20);
const THROTTLED_LIMIT: Duration = Duration::from_secs(300);
/// A longer wish than this is an error that names it.
pub(crate) const LONGEST_WISH: Duration = Duration::from_secs(120);

/// The policy that sends a request until it has its answer. It stands before the one that adds the token.
pub(crate) struct Attempts {
    pace: Pace,
    renewal: Option<Renewal>,
    trace: Trace,
    quota: Mutex<Quota>,
    deadline: Deadline,
}

/// A request that is not sent again, since the command ends before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late {
    /// The last answer, if there was one.
    status: Option<u16>,
    pause: Duration,
}

impl std::fmt::Display for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(status) = self.status {
            write!(f, "HTTP {status}, ")?;
        }
        write!(f, "retrying in {}", human(self.pause))
    }
}

impl std::error::Error for Late {}

impl From<Late> for azure_core::Error {
    fn from(late: Late) -> Self {
        Self::with_error(ErrorKind::Other, late, late.to_string())
    }
}

/// What came of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Answer {
        status: u16,
        wish: Option<Duration>,
    },
    /// It may have been sent, and no answer came for as long as anybody would wait.
    Silent,
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
    silences: u32,
    renewed: bool,
    once: bool,
}

impl Attempts {
    /// Requests at `pace`, with tokens that `renewal` renews, each told to `trace`; none is waited for beyond `deadline`.
    pub(crate) fn new(pace: Pace, renewal: Option<Renewal>, trace: Trace, deadline: Deadline) -> Self {
        let quota = Mutex::new(Quota::new(pace));
        Self {
            pace,
            renewal,
            trace,
            quota,
            deadline,
        }
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
        let mut begun = Instant::now();
        let mut effort = Effort {
            once: context.value::<Once>().is_some(),
            ..Effort::default()
        };
        let [policy, rest @ ..] = next else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "no transport"));
        };
        loop {
            begun += match self.token(request).await {
                Ok(waited) => waited,
                Err(late) => return Err(late.into()),
            };
            let tried = Instant::now();
            let result = policy.send(context, request, rest).await;
            let seen = seen(&result);
            self.tell(request, seen, tried.elapsed());
            self.close(request, &result);
            effort.spent = begun.elapsed();
            effort.silences += u32::from(seen == Seen::Silent);
            match judge(seen, effort, self.pace) {
                Verdict::Give => return result,
                Verdict::Again(pause) if pause > self.deadline.left() => return Err(late(seen, pause).into()),
                Verdict::Again(pause) => tokio::time::sleep(pause).await,
                Verdict::NewToken => {
                    effort.renewed = true;
                    if let Some(renew) = &self.renewal {
                        renew().await;
                    }
                }
            }
            effort.tries += 1;
        }
    }
}

impl Attempts {
    /// Waits until Azure's buckets have a token for the request. Gives how long that took.
    async fn token(&self, request: &Request) -> Result<Duration, Late> {
        let taken = |mut quota: MutexGuard<'_, Quota>| quota.take(request.method(), request.url(), Instant::now());
        let pause = self.quota.lock().map(taken).unwrap_or_default();
        if pause > self.deadline.left() {
            return Err(Late { status: None, pause });
        }
        if !pause.is_zero() {
            let url = readable(request.url());
            (self.trace)(format!(
                "{} {url} is delayed by {}ms",
                request.method().as_str(),
                pause.as_millis()
            ));
            tokio::time::sleep(pause).await;
        }
        Ok(pause)
    }

    /// Notes that the bucket of Resource Manager is empty, which a header says. A provider that refuses says nothing about that
    /// bucket: its 429 has no such header, or another number, and other requests need not wait.
    fn close(&self, request: &Request, result: &PolicyResult) {
        let Ok(response) = result else { return };
        let of_backup = response.headers().get_optional_str(&HeaderName::from_static(OF_BACKUP));
        if let (Some(left), Ok(mut quota)) = (of_backup.and_then(|left| left.parse().ok()), self.quota.lock()) {
            quota.left(request.method(), request.url(), left, Instant::now());
        }
        let left = REMAINING
            .iter()
            .find_map(|name| response.headers().get_optional_str(&HeaderName::from_static(name)));
        if u16::from(response.status()) != 429 || left != Some("0") {
            return;
        }
        // A longer wish ends the request, and the next one hears it again.
        let wish = retry_after(response.headers()).filter(|wish| *wish <= LONGEST_WISH);
        if let (Some(wish), Ok(mut quota)) = (wish, self.quota.lock()) {
            quota.refused(request.method(), request.url(), wish, Instant::now());
        }
    }

    fn tell(&self, request: &Request, seen: Seen, took: Duration) {
        let outcome = match seen {
            Seen::Answer { status, .. } => status.to_string(),
            Seen::Unreachable => "not reached".to_owned(),
            Seen::Broken | Seen::Silent => "no response".to_owned(),
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
        Err(error) if error.downcast_ref::<Silence>().is_some() => Seen::Silent,
        Err(error) => match error.kind() {
            ErrorKind::Connection => Seen::Unreachable,
            ErrorKind::Io => Seen::Broken,
            _ => Seen::Hopeless,
        },
    }
}

/// Ends at once what would only wait for the deadline.
fn late(seen: Seen, pause: Duration) -> Late {
    let status = match seen {
        Seen::Answer { status, .. } => Some(status),
        _ => None,
    };
    Late { status, pause }
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
        let fits = effort.tries < RETRIES && effort.spent.saturating_add(pause) <= RETRYING_LIMIT;
        if fits { Verdict::Again(pause) } else { Verdict::Give }
    };
    match seen {
        Seen::Hopeless => Verdict::Give,
        Seen::Unreachable => short(growing),
        Seen::Broken | Seen::Silent if effort.once => Verdict::Give,
        Seen::Silent if effort.silences > 1 => Verdict::Give,
        Seen::Silent => Verdict::Again(growing),
        Seen::Broken => short(growing),
        Seen::Answer { status: 401, .. } if !effort.renewed => Verdict::NewToken,
        Seen::Answer { status: 429, wish } => {
            let pause = wish.unwrap_or(growing);
            let fits = pause <= LONGEST_WISH && effort.spent.saturating_add(pause) <= THROTTLED_LIMIT;
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
mod tests;
