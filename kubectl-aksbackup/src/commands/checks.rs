//! What `verify` checks, as a pure function of what was seen: one module for each link of the chain that a cluster shows.

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, kubectl};
use aksbackup_shared::fix;
use aksbackup_shared::ids::NamespaceName;
use aksbackup_shared::schema::State;
use jiff::Timestamp;

use crate::cluster::deployments::Deployment;
use crate::cluster::neighbours::{Availability, Event};
use crate::cluster::pods::Pod;
use crate::cluster::service_accounts::ServiceAccount;
use crate::cluster::storage_locations::StorageLocation;
use crate::cluster::surroundings::Surroundings;
use crate::cluster::volumes::{Claim, Mount, Volume};
use crate::steps::step06_workload_identity::used;

mod admission;
mod correction;
mod of_accounts;
mod of_cluster;
mod of_injection;
mod of_jobs;
mod of_pods;
mod of_storage;
mod of_target;
mod of_volumes;
mod running;
mod typos;

pub(crate) use of_cluster::{other_veleros, same_cluster, webhook};
pub(crate) use of_pods::namespace;
pub(crate) use of_target::{names_namespaces, warning};

/// What was seen of the cluster. `None` is what the caller may not read.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// Namespace of the extension.
    pub(crate) namespace: NamespaceName,
    /// The issuer that the API server names.
    pub(crate) issuer: Option<String>,
    /// The extension's deployments.
    pub(crate) deployments: Option<Vec<Deployment>>,
    /// What was found of an extension in which no deployment runs Velero.
    pub(crate) without_velero: Option<String>,
    /// The namespace's service accounts.
    pub(crate) accounts: Option<Vec<ServiceAccount>>,
    /// The pods of those deployments, or all of the namespace if the account isn't authorized to read the deployments.
    pub(crate) pods: Option<Vec<Pod>>,
    /// The namespace's storage locations.
    pub(crate) locations: Option<Locations>,
    /// What stands around the extension.
    pub(crate) around: Surroundings,
    /// The deployment behind the webhook; `None` within where there is none of the known name.
    pub(crate) injector: Option<Option<Availability>>,
    /// The pods of AKS's own agents of extensions.
    pub(crate) agents: Option<Vec<Pod>>,
    /// Warnings in the namespace, the newest first.
    pub(crate) warnings: Option<Vec<Event>>,
    /// The cluster's bound volumes.
    pub(crate) volumes: Option<Vec<Volume>>,
    /// The cluster's claims.
    pub(crate) claims: Option<Vec<Claim>>,
    /// The cluster's pods that mount claims; not read without label selectors.
    pub(crate) mounts: Option<Vec<Mount>>,
    /// The names of the cluster's namespaces; not read without a target.
    pub(crate) namespaces: Option<Vec<String>>,
    /// The API server's time.
    pub(crate) now: Option<Timestamp>,
}

/// The storage locations, and whether the cluster knows what that is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Locations {
    /// Whether Velero's kind is installed.
    pub(crate) known: bool,
    /// The locations.
    pub(crate) items: Vec<StorageLocation>,
}

impl Sight {
    /// The pods, as far as they were seen.
    pub(crate) fn pods(&self) -> &[Pod] {
        self.pods.as_deref().unwrap_or_default()
    }

    /// The deployments, as far as they were seen.
    pub(crate) fn deployments(&self) -> &[Deployment] {
        self.deployments.as_deref().unwrap_or_default()
    }

    /// The service accounts, as far as they were seen.
    pub(crate) fn accounts(&self) -> &[ServiceAccount] {
        self.accounts.as_deref().unwrap_or_default()
    }

    /// The client ID that pods should use: the file's, else that of the annotations.
    pub(crate) fn expected(&self, state: &State) -> Option<String> {
        let of_file = state.cloud.identity.as_ref().map(|table| table.client_id.to_string());
        let names = used(self.deployments());
        let annotated = || {
            let own = self.accounts().iter().filter(|own| names.contains(&own.name));
            own.into_iter().find_map(|own| own.client_id.clone())
        };
        of_file.or_else(annotated)
    }
}

/// Every check, in the order of the chain.
pub(crate) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    let identity = same_cluster(sight.issuer.as_deref(), state);
    let mut all = vec![identity];
    // What another cluster looks like says nothing about the state file's.
    if all[0].verdict != Verdict::Error {
        all.extend(of_cluster::checks(sight));
        all.extend(of_pods::checks(sight));
        // Where the extension is not there, all that rests on it would only be said to be missing too.
        if sight.deployments.as_ref().is_none_or(|all| !all.is_empty()) {
            all.extend(of_injection::checks(sight, state));
            all.extend(of_accounts::checks(sight, state));
            all.extend(of_storage::checks(sight, state));
            all.extend(of_target::checks(sight, state));
            all.extend(of_volumes::checks(sight, state));
            all.extend(of_jobs::checks(sight, state));
        }
    }
    all.sort_by_key(|check| check.link);
    all
}

/// The command that sets labels and annotations. A field that another manager has set is only taken over when that is asked
/// for, because its owner might set it again.
fn configuration(manager: Option<&str>) -> Fix {
    match manager {
        None => kubectl("configure").into(),
        Some(manager) => fix![
            format!("ask the owner of field manager {manager} why it set another value, then run: "),
            kubectl("configure --force-conflicts")
        ],
    }
}

/// What may not be read, with the right that would let it.
pub(crate) fn unreadable(link: Link, check: &str, what: &str, right: &str) -> Check {
    Check::unknown(
        link,
        check,
        format!("the signed-in user isn't authorized to read {what}"),
    )
    .hinted(format!("ask a cluster admin for permission to {right}"))
}

/// Faults by the known failure that each proves, so that each failure becomes one check with all its objects.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(&'static str, Vec<String>)>);

impl Faults {
    /// Adds a fault that proves `failure`; empty text where it proves none that is known.
    pub(crate) fn add(&mut self, failure: &'static str, says: impl Into<String>) {
        let says = says.into();
        let index = self.0.iter().position(|(own, _)| *own == failure).unwrap_or_else(|| {
            self.0.push((failure, Vec::new()));
            self.0.len() - 1
        });
        if !self.0[index].1.contains(&says) {
            self.0[index].1.push(says);
        }
    }

    /// A check for each failure, or the one that says that all is well. `judge` gives verdict and cure of a failure.
    pub(crate) fn checks(
        self,
        link: Link,
        name: &str,
        well: impl FnOnce() -> String,
        judge: impl Fn(&str) -> (Verdict, Fix),
    ) -> Vec<Check> {
        if self.0.is_empty() {
            return vec![Check::ok(link, name, well())];
        }
        let check = |(failure, all): (&'static str, Vec<String>)| {
            let (verdict, cure) = judge(failure);
            let mut check = Check::error(link, name, all.join("; "), cure);
            check.verdict = verdict;
            match failure {
                "" => check,
                failure => check.proves(failure),
            }
        };
        self.0.into_iter().map(check).collect()
    }
}

/// A few of many names, in order.
pub(crate) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=SHOWN => shown,
        count => format!("{shown} and {} more", count - SHOWN),
    }
}

#[cfg(test)]
pub(crate) mod tests;
