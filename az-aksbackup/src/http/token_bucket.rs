//! Azure's token buckets, kept on our side: a request waits for its token here, so that Azure need not refuse it.
//!
//! Resource Manager has a bucket for each subscription, principal and kind of request; a request that is sent before a
//! refusal's Retry-After begins the wait anew.
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aksbackup_shared::pace::Pace;
use azure_core::http::{Method, Url};

/// What a bucket holds when it is full, and how long one token takes to come back.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Size {
    capacity: f64,
    period: Duration,
}

/// 250 reads, 25 more each second. A tenth is left to others who are signed in as the same principal.
const READS: Size = Size {
    capacity: 225.0,
    period: Duration::from_millis(40),
};
/// 200 writes, 10 more each second, less a tenth. Deletes have as many of their own.
const WRITES: Size = Size {
    capacity: 180.0,
    period: Duration::from_millis(100),
};
/// A managed identity takes a new federated credential every four seconds.
/// <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations>
const CREDENTIALS: Size = Size {
    capacity: 1.0,
    period: Duration::from_secs(4),
};

/// One bucket. Its level falls below zero where requests wait for tokens to come.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: Instant,
    /// Azure wants no request before.
    closed: Instant,
}

/// The buckets that this process has drawn from.
#[derive(Debug)]
pub(super) struct Quota {
    pace: Pace,
    buckets: HashMap<String, Bucket>,
}

impl Quota {
    /// Full buckets, which fill at `pace`.
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            buckets: HashMap::new(),
        }
    }

    /// Takes the tokens of a request that is ready to leave at `now`. Gives how long it has to wait for them.
    pub(super) fn take(&mut self, method: Method, url: &Url, now: Instant) -> Duration {
        let drawn = drawn(method, url);
        let waits = drawn.into_iter().map(|(key, size)| {
            let period = self.pace.scaled(size.period);
            self.bucket(key, size, now).take(size, period, now)
        });
        waits.max().unwrap_or_default()
    }

    /// Azure's own bucket is empty: nothing is taken from it before `wish` is over.
    pub(super) fn refused(&mut self, method: Method, url: &Url, wish: Duration, now: Instant) {
        let (key, size) = arms(method, url);
        let bucket = self.bucket(key, size, now);
        bucket.closed = bucket.closed.max(now + wish);
    }

    fn bucket(&mut self, key: String, size: Size, now: Instant) -> &mut Bucket {
        self.buckets.entry(key).or_insert(Bucket {
            level: size.capacity,
            at: now,
            closed: now,
        })
    }
}

impl Bucket {
    fn take(&mut self, size: Size, period: Duration, now: Instant) -> Duration {
        let gained = now.saturating_duration_since(self.at).div_duration_f64(period);
        self.level = (self.level + gained).min(size.capacity) - 1.0;
        self.at = now;
        let owed = period.mul_f64((-self.level).max(0.0));
        owed.max(self.closed.saturating_duration_since(now))
    }
}

/// The buckets that a request draws from.
fn drawn(method: Method, url: &Url) -> Vec<(String, Size)> {
    let mut all = vec![arms(method, url)];
    let path = url.path().to_ascii_lowercase();
    if let (Method::Put, Some((identity, _))) = (method, path.split_once("/federatedidentitycredentials/")) {
        all.push((identity.to_owned(), CREDENTIALS));
    }
    all
}

/// Resource Manager's own bucket.
fn arms(method: Method, url: &Url) -> (String, Size) {
    let (kind, size) = match method {
        Method::Get | Method::Head => ("reads", READS),
        Method::Delete => ("deletes", WRITES),
        _ => ("writes", WRITES),
    };
    let mut segments = url.path().split('/').skip(1);
    let subscription = match segments.next() {
        Some(first) if first.eq_ignore_ascii_case("subscriptions") => segments.next().unwrap_or_default(),
        _ => "tenant",
    };
    (format!("{}/{kind}", subscription.to_ascii_lowercase()), size)
}

#[cfg(test)]
mod tests;
