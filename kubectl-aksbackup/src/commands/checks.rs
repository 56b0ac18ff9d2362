//! What `verify` checks, as a pure function of what was seen.

use std::collections::BTreeSet;

use aksbackup_shared::args::with_state;
use aksbackup_shared::ids::{NamespaceName, ObjectName};
use aksbackup_shared::names::{AGENT_DEPLOYMENT, STORAGE_LOCATION, USE_LABEL};
use aksbackup_shared::state::schema::State;
use jiff::Timestamp;
use serde::Serialize;

use crate::cluster::deployments::{Deployment, Rollout};
use crate::cluster::pods::Pod;
use crate::cluster::service_accounts::ServiceAccount;
use crate::cluster::storage_locations::StorageLocation;
use crate::steps::injection::halted;
use crate::steps::step06_workload_identity::{covered, creation, used};
use crate::steps::step10_verification::unproven;
use crate::steps::storage::{Access, access, cure, overdue, read_only, told};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// As it should be.
    Good,
    /// Not as it should be.
    Finding,
    /// Could not be seen.
    Unknown,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What is checked.
    pub(crate) check: &'static str,
    /// How it ended.
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) says: String,
    /// What to type or to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cure: Option<String>,
}

impl Check {
    /// As it should be.
    pub(crate) fn good(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Good,
            says: says.into(),
            cure: None,
        }
    }

    /// Not as it should be, with what cures it.
    pub(crate) fn finding(check: &'static str, says: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Finding,
            says: says.into(),
            cure: Some(cure.into()),
        }
    }

    /// Could not be seen.
    pub(crate) fn unknown(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Unknown,
            ..Self::good(check, says)
        }
    }
}

/// What was seen of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// Namespace of the extension.
    pub(crate) namespace: NamespaceName,
    /// The issuer that the API server names, where the caller may know it.
    pub(crate) issuer: Option<String>,
    /// The extension's deployments.
    pub(crate) deployments: Vec<Deployment>,
    /// The namespace's service accounts.
    pub(crate) accounts: Vec<ServiceAccount>,
    /// The namespace's pods.
    pub(crate) pods: Vec<Pod>,
    /// The namespace's storage locations.
    pub(crate) locations: Vec<StorageLocation>,
    /// The API server's time.
    pub(crate) now: Option<Timestamp>,
}

const CONFIGURE: &str = "kubectl aksbackup configure";
const PREPARE: &str = "az aksbackup prepare";

/// Every check, in the order in which one builds on the other. `state_flag` goes behind the commands that cure.
pub(crate) fn checks(sight: &Sight, state: &State, state_flag: &str) -> Vec<Check> {
    let identity = same_cluster(sight.issuer.as_deref(), state);
    if identity.verdict == Verdict::Finding {
        // What another cluster looks like says nothing about the state file's.
        return vec![identity];
    }
    let mut all = of_extension(sight, state);
    all.insert(0, identity);
    for cure in all.iter_mut().filter_map(|check| check.cure.as_mut()) {
        *cure = with_state(cure, state_flag);
    }
    all
}

fn of_extension(sight: &Sight, state: &State) -> Vec<Check> {
    if sight.deployments.is_empty() {
        let says = format!(
            "there is no deployment {AGENT_DEPLOYMENT} in namespace {}",
            sight.namespace
        );
        return vec![Check::finding("extension", says, PREPARE)];
    }
    let installed = Check::good("extension", format!("{} deployments", sight.deployments.len()));
    vec![
        installed,
        annotations(sight, state),
        credentials(sight, state),
        templates(sight),
        rollouts(sight),
        pods(sight, state),
        storage(sight),
    ]
}

/// Whether the API server that names `issuer` is that of the state file.
pub(crate) fn same_cluster(issuer: Option<&str>, state: &State) -> Check {
    let wanted = state.cloud.prerequisites.as_ref().map(|table| table.issuer.as_str());
    match (wanted, issuer) {
        (Some(wanted), Some(own)) if wanted == own => Check::good("cluster", format!("issuer {own}")),
        (Some(wanted), Some(own)) => Check::finding(
            "cluster",
            format!("the API server names issuer {own}, the state file {wanted}: this is another cluster"),
            "choose the right one: --context NAME, or --state FILE",
        ),
        (Some(_), None) => Check::unknown(
            "cluster",
            "the issuer may not be read: it cannot be proved that this is the state file's cluster",
        ),
        (None, Some(own)) => Check::good(
            "cluster",
            format!("issuer {own}; there is no state file to compare it with"),
        ),
        (None, None) => Check::unknown("cluster", "neither the API server nor a state file names an issuer"),
    }
}

/// The client id that pods should use: the file's, else that of the annotations.
fn expected(sight: &Sight, state: &State) -> Option<String> {
    let of_file = state.cloud.identity.as_ref().map(|table| table.client_id.to_string());
    let names = used(&sight.deployments);
    let annotated = || {
        let own = sight.accounts.iter().filter(|own| names.contains(&own.name));
        own.into_iter().find_map(|own| own.client_id.clone())
    };
    of_file.or_else(annotated)
}

fn annotations(sight: &Sight, state: &State) -> Check {
    const NAME: &str = "service accounts";
    let names = used(&sight.deployments);
    let Some(wanted) = expected(sight, state) else {
        let says = format!("none of {} service accounts carries a client id", names.len());
        return Check::finding(NAME, says, CONFIGURE);
    };
    let exists = |name: &&ObjectName| sight.accounts.iter().any(|own| own.name == **name);
    let absent: Vec<&ObjectName> = names.iter().filter(|name| !exists(name)).collect();
    let bad: Vec<String> = names
        .iter()
        .filter_map(|name| match sight.accounts.iter().find(|own| own.name == *name) {
            None => Some(format!("{name} does not exist")),
            Some(own) => match own.client_id.as_deref() {
                Some(client_id) if client_id == wanted => None,
                Some(other) => Some(format!("{name} carries client id {other} and not {wanted}")),
                None => Some(format!("{name} carries no client id")),
            },
        })
        .collect();
    match bad.is_empty() {
        true => Check::good(NAME, format!("{} carry client id {wanted}", names.len())),
        false if !absent.is_empty() => {
            let creation = creation(&absent, &sight.namespace);
            Check::finding(NAME, bad.join("; "), format!("{creation}, then: {CONFIGURE}"))
        }
        false => Check::finding(NAME, bad.join("; "), CONFIGURE),
    }
}

fn credentials(sight: &Sight, state: &State) -> Check {
    const NAME: &str = "federated credentials";
    if state.cloud.federation.is_none() {
        return Check::unknown(NAME, "no state file says which there are");
    }
    let names = used(&sight.deployments);
    let bare: Vec<String> = names
        .iter()
        .filter(|name| !covered(state, &sight.namespace, name))
        .map(ToString::to_string)
        .collect();
    match bare.is_empty() {
        true => Check::good(
            NAME,
            format!("the state file has one for each of {} service accounts", names.len()),
        ),
        false => Check::finding(
            NAME,
            format!("the state file has none for {}", bare.join(", ")),
            PREPARE,
        ),
    }
}

fn templates(sight: &Sight) -> Check {
    const NAME: &str = "pod templates";
    let bad: Vec<String> = sight
        .deployments
        .iter()
        .filter(|own| !own.is_labelled())
        .map(|own| match &own.label {
            Some(value) => format!("{} has {USE_LABEL}={value:?} and not \"true\"", own.name),
            None => format!("{} lacks label {USE_LABEL}", own.name),
        })
        .collect();
    match bad.is_empty() {
        true => Check::good(NAME, format!("{} carry label {USE_LABEL}", sight.deployments.len())),
        false => Check::finding(NAME, bad.join("; "), CONFIGURE),
    }
}

fn rollouts(sight: &Sight) -> Check {
    const NAME: &str = "rollouts";
    let bad: Vec<String> = sight
        .deployments
        .iter()
        .filter_map(|own| match &own.rollout {
            Rollout::Complete => None,
            Rollout::Going(why) | Rollout::Stuck(why) => Some(format!("{}: {why}", own.name)),
            other => Some(format!("{} {}", own.name, halted(other)?.0)),
        })
        .collect();
    let resumed = sight
        .deployments
        .iter()
        .find_map(|own| Some(halted(&own.rollout)?.1.replace("NAME", own.name.as_str())));
    let cure = resumed.unwrap_or_else(|| "kubectl describe pods".to_owned());
    match bad.is_empty() {
        true => Check::good(NAME, "complete"),
        false => Check::finding(NAME, bad.join("; "), format!("{cure} --namespace {}", sight.namespace)),
    }
}

fn pods(sight: &Sight, state: &State) -> Check {
    const NAME: &str = "running pods";
    let Some(client_id) = expected(sight, state) else {
        return Check::finding(NAME, "they cannot use workload identity without a client id", CONFIGURE);
    };
    let bad: BTreeSet<String> = sight
        .deployments
        .iter()
        .filter(|own| own.rollout != Rollout::Empty)
        .filter_map(|own| unproven(own, &sight.pods, &client_id))
        .collect();
    match bad.is_empty() {
        true => Check::good(NAME, format!("use client id {client_id} with a token file")),
        false => Check::finding(NAME, bad.into_iter().collect::<Vec<_>>().join("; "), CONFIGURE),
    }
}

fn storage(sight: &Sight) -> Check {
    const NAME: &str = "storage location";
    const LOGS: &str = "kubectl aksbackup logs";
    let access = access(&sight.locations, &sight.pods);
    if let (Access::Proven(location), Some(now)) = (&access, sight.now)
        && let Some(why) = overdue(location, now)
    {
        return Check::finding(NAME, why, LOGS);
    }
    if let Access::Proven(location) = &access
        && let Some((why, cure)) = read_only(location, sight.namespace.as_str())
    {
        return Check::finding(NAME, why, cure);
    }
    match access {
        Access::Proven(location) => Check::good(
            NAME,
            format!(
                "{} is Available, container {} in account {} was reached since the pods started",
                location.name, location.container, location.account
            ),
        ),
        Access::Denied(location) => Check::finding(NAME, told(location), cure(location).unwrap_or(LOGS)),
        Access::Unknown(why) => Check::finding(NAME, why, "run this again in a minute; then: kubectl aksbackup logs"),
        Access::Absent => Check::finding(
            NAME,
            format!("there is no storage location {STORAGE_LOCATION}"),
            PREPARE,
        ),
    }
}

#[cfg(test)]
mod tests;
