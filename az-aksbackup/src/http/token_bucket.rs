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

/// Resource Graph: 15 queries in each window of 5 seconds. As many as a window takes are never sent within one, wherever it begins.
/// <https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests>
const QUERIES: Size = Size {
    capacity: 5.0,
    period: Duration::from_millis(500),
};
/// AKS has buckets of its own: <https://learn.microsoft.com/azure/aks/quotas-skus-regions#throttling-limits-on-aks-resource-provider-apis>.
/// A PUT of a cluster: 20, one more each minute, of each cluster.
const CLUSTER_PUTS: Size = Size {
    capacity: 18.0,
    period: Duration::from_secs(60),
};
/// A GET of a cluster: 60, one more each second, of each cluster.
const CLUSTER_GETS: Size = Size {
    capacity: 54.0,
    period: Duration::from_secs(1),
};
/// Lists of clusters: 60 of a resource group, 500 of a subscription, one more each second.
const CLUSTER_LISTS: Size = Size {
    capacity: 450.0,
    period: Duration::from_secs(1),
};
/// The status of operations: 200, two more each second, of a subscription.
const CLUSTER_OPERATIONS: Size = Size {
    capacity: 180.0,
    period: Duration::from_millis(500),
};
/// Everything else of AKS, such as Trusted Access: 60, one more each second, of a subscription.
const CLUSTER_OTHERS: Size = Size {
    capacity: 54.0,
    period: Duration::from_secs(1),
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
    /// When the next request may leave, by the requests of which Azure Backup said that few are left.
    scarce: HashMap<String, Instant>,
}

/// Azure Backup says with each answer how many more it takes, and publishes neither the limit nor its window. With fewer than these
/// left, requests leave one by one.
const FEW: u32 = 20;
/// How far they are apart then.
const APART: Duration = Duration::from_secs(1);

impl Quota {
    /// Full buckets, which fill at `pace`.
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            buckets: HashMap::new(),
            scarce: HashMap::new(),
        }
    }

    /// Takes the tokens of a request that is ready to leave at `now`. Gives how long it has to wait for them.
    pub(super) fn take(&mut self, method: Method, url: &Url, now: Instant) -> Duration {
        let drawn = drawn(method, url);
        let waits = drawn.into_iter().map(|(key, size)| {
            let period = self.pace.scaled(size.period);
            self.bucket(key, size, now).take(size, period, now)
        });
        let wait = waits.max().unwrap_or_default();
        wait.max(self.one_by_one(method, url, now))
    }

    /// How long a request waits for its turn, where few are left.
    fn one_by_one(&mut self, method: Method, url: &Url, now: Instant) -> Duration {
        let apart = self.pace.scaled(APART);
        let next = of_backup(method, url).and_then(|key| self.scarce.get_mut(&key));
        next.map_or(Duration::ZERO, |next| {
            let own = (*next).max(now);
            *next = own + apart;
            own - now
        })
    }

    /// Azure Backup takes so many more requests of this kind.
    pub(super) fn left(&mut self, method: Method, url: &Url, left: u32, now: Instant) {
        let Some(key) = of_backup(method, url) else { return };
        match left < FEW {
            true => {
                let apart = self.pace.scaled(APART);
                self.scarce.entry(key).or_insert(now + apart);
            }
            false => {
                self.scarce.remove(&key);
            }
        }
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
    if path == GRAPH {
        all.push(("graph".to_owned(), QUERIES));
    }
    all.extend(of_aks(method, &path));
    all
}

const GRAPH: &str = "/providers/microsoft.resourcegraph/resources";

/// The bucket of AKS that a request for `path`, in lower case, draws from.
fn of_aks(method: Method, path: &str) -> Option<(String, Size)> {
    const PROVIDER: &str = "microsoft.containerservice/";
    // Extensions and backup instances of a cluster are other providers' requests.
    let (scope, own) = path.rsplit_once("/providers/")?;
    let own = own.strip_prefix(PROVIDER)?;
    let segments: Vec<&str> = own.split('/').filter(|part| !part.is_empty()).collect();
    let subscription = scope.split('/').nth(2).unwrap_or_default();
    Some(match (segments.as_slice(), method) {
        (["managedclusters", _], Method::Put | Method::Patch) => (format!("aks/put{path}"), CLUSTER_PUTS),
        (["managedclusters", _], Method::Get) => (format!("aks/get{path}"), CLUSTER_GETS),
        (["managedclusters"], Method::Get) if scope.contains("/resourcegroups/") => {
            (format!("aks/list{scope}"), CLUSTER_GETS)
        }
        (["managedclusters"], Method::Get) => (format!("aks/list{scope}"), CLUSTER_LISTS),
        (["locations", _, "operations" | "operationresults", ..], _) => {
            (format!("aks/operations/{subscription}"), CLUSTER_OPERATIONS)
        }
        _ => (format!("aks/others/{subscription}"), CLUSTER_OTHERS),
    })
}

/// The requests of Azure Backup that are counted together.
fn of_backup(method: Method, url: &Url) -> Option<String> {
    let path = url.path().to_ascii_lowercase();
    let is_own = path.contains("/providers/microsoft.dataprotection/");
    is_own.then(|| arms(method, url).0)
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
