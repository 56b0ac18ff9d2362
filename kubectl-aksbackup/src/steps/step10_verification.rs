//! Step 10: the running pods use workload identity, and Velero has reached the container since they run.
//!
//! An available storage location alone proves nothing: without a token file Velero signs in by the node and succeeds.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use aksbackup_shared::chain::finding::Remedy;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, kubectl};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::names::STORAGE_LOCATION;
use aksbackup_shared::schema::{ClusterTables, State, VerificationTable};
use aksbackup_shared::step::{Applied, Decision, Never, Step, Wait};
use futures::future::try_join3;
use jiff::Timestamp;

use crate::cluster::client::{Reader, Writer};
use crate::cluster::deployments::{Deployment, of_release};
use crate::cluster::injected::Expected;
use crate::cluster::pods::{Pod, of_deployments};
use crate::cluster::storage_locations::{StorageLocation, default_of};
use crate::cluster::watch::Since;
use crate::platform::Cluster;
use crate::steps::context::Context;
use crate::steps::injection::{lack, live};
use crate::steps::silence::refuse_never;
use crate::steps::storage::{Access, access, meaning, read_only, silent, told, velero_since};

/// Behind the command of the other team, where what `configure` has just done did not help.
const AGAIN: &str = "checks whether the state file still matches the live state; then run configure again";

/// The step.
pub(crate) struct Verification {
    context: Rc<Context>,
    first: Cell<Option<Timestamp>>,
}

impl Verification {
    /// The step of one run.
    pub(crate) fn new(context: Rc<Context>) -> Self {
        Self {
            context,
            first: Cell::new(None),
        }
    }
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    namespace: String,
    deployments: Vec<Deployment>,
    pods: Vec<Pod>,
    locations: Vec<StorageLocation>,
    since: Since,
    /// The validation that this run saw first.
    first: Option<Timestamp>,
}

impl Step for Verification {
    type Platform = Cluster;
    type Seen = Seen;
    type Change = Never;

    fn name(&self) -> StepName {
        StepName::Verification
    }

    async fn observe(&self, reader: &Reader, _: &State) -> Outcome<Seen> {
        let lists = try_join3(reader.deployments(), reader.pods(), reader.storage_locations());
        let (deployments, pods, locations) = lists.await?;
        let validated = default_of(&locations.items).and_then(|own| own.validated);
        self.first.set(self.first.get().or(validated));
        let own = of_release(&deployments.items);
        Ok(Seen {
            namespace: reader.namespace().to_owned(),
            pods: of_deployments(pods.items, &own),
            deployments: own,
            locations: locations.items,
            since: Since {
                deployments: String::new(),
                pods: pods.version,
                storage_locations: locations.version,
            },
            first: self.first.get(),
        })
    }

    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<Never>> {
        if seen.deployments.is_empty() {
            return self.context.not_installed(&seen.namespace);
        }
        let Some(identity) = &state.cloud.identity else {
            let turn = self
                .context
                .prepare("the state file doesn't have the extension's identity yet");
            return Ok(Decision::Blocked(Vec::new(), vec![turn]));
        };
        let client_id = identity.client_id.as_str();
        let expected = Expected {
            client_id: Some(client_id.to_owned()),
            tenant: state.target.as_ref().map(|target| target.tenant.to_string()),
        };
        if let Some(why) = seen
            .deployments
            .iter()
            .find_map(|own| unproven(own, &seen.pods, &expected))
        {
            return Ok(Decision::Wait(Wait::for_(why)));
        }
        let access = access(&seen.locations, &seen.pods);
        if !matches!(access, Access::Proven(_)) {
            refuse_never(&seen.locations, &seen.namespace)?;
        }
        self.context.silence.heard(&access, &self.context)?;
        match access {
            Access::Proven(location) if location.read_only => self.read_only(location),
            Access::Proven(location) => Ok(Decision::Done(format!(
                "backup storage location {} is Available to pods with client ID {client_id}",
                location.name
            ))),
            Access::Silent(location) => Ok(Decision::Wait(Wait::for_(silent(location)))),
            Access::Unknown(why) => Ok(Decision::Wait(Wait::for_(why))),
            Access::Denied(location) if seen.is_young(location, self.context.patience()) => {
                Ok(Decision::Wait(Wait::for_(told(location))))
            }
            Access::Denied(location) => self.denied(location),
            Access::Absent => {
                let why = format!("the extension has no backup storage location {STORAGE_LOCATION}");
                Ok(Decision::Blocked(Vec::new(), vec![self.context.prepare(why)]))
            }
        }
    }

    async fn apply(&self, _: &Writer, change: &Never) -> Outcome<Applied> {
        match *change {}
    }

    /// It only waits for what the pods do by themselves.
    fn goes_on(&self, _seen: &Seen) -> bool {
        true
    }

    fn record(&self, seen: &Seen, tables: &mut ClusterTables) {
        let velero = seen.pods.iter().filter(|pod| !pod.ending && pod.runs_velero());
        let client_id = velero
            .flat_map(|pod| &pod.containers)
            .find_map(|own| own.client_id.as_deref()?.parse().ok());
        let location = default_of(&seen.locations);
        let pods = seen
            .deployments
            .iter()
            .map(|own| live(own, &seen.pods).len())
            .sum::<usize>();
        if let (Some(client_id), Some(location)) = (client_id, location)
            && let Ok(name) = location.name.parse()
        {
            tables.verification = Some(VerificationTable {
                client_id,
                storage_location: name,
                container: location.container.clone(),
                account: location.account.clone(),
                pods: u32::try_from(pods).unwrap_or(u32::MAX),
                written: None,
            });
        }
    }

    async fn stirred(&self, reader: &Reader, seen: &Seen) {
        let (calm, watched) = (self.context.calm(), &self.context.watched);
        reader.stirred(&seen.since, calm, watched).await;
    }

    fn is_watched(&self) -> bool {
        self.context.watched.get()
    }
}

/// What a deployment's pods leave unproved, for people.
pub(crate) fn unproven(deployment: &Deployment, pods: &[Pod], expected: &Expected) -> Option<String> {
    let live = live(deployment, pods);
    if live.is_empty() {
        return Some(format!("deployment {} has no running pods", deployment.name));
    }
    live.iter().find_map(|pod| lack(pod, expected).or_else(|| unready(pod)))
}

/// Why a pod is not ready.
fn unready(pod: &Pod) -> Option<String> {
    if pod.ready {
        return None;
    }
    let trouble = pod
        .trouble
        .as_ref()
        .map(|trouble| format!(": {trouble}"))
        .unwrap_or_default();
    Some(format!("pod {} is not ready yet{trouble}", pod.name))
}

impl Seen {
    /// Whether it is too early to blame anybody: a new federated credential takes its time, and a refusal from before
    /// this run may have been mended since.
    fn is_young(&self, location: &StorageLocation, patience: Duration) -> bool {
        if location.validated == self.first {
            return true;
        }
        match (location.validated, velero_since(&self.pods)) {
            (Some(validated), Some(since)) => validated.duration_since(since).unsigned_abs() < patience,
            (None, _) | (_, None) => true,
        }
    }
}

impl Verification {
    fn read_only<T>(&self, location: &StorageLocation) -> Outcome<T> {
        let failure = match read_only(location, &self.context.namespace) {
            Some((why, cure)) => Failure::failed(why).hint(cure),
            None => Failure::failed(told(location)),
        };
        failure.err()
    }

    fn denied<T>(&self, location: &StorageLocation) -> Outcome<T> {
        let mut failure = Failure::failed(format!(
            "backup storage location {} is {} to pods with workload identity",
            location.name, location.phase
        ))
        .because(location.message.clone());
        let known = meaning(location);
        // The node's identity meets the same role, the same container, the same firewall and the same settings.
        const OF_BOTH: [Link; 4] = [Link::Storage, Link::Extension, Link::StorageRole, Link::StorageLocation];
        let of_both = known.as_ref().is_some_and(|known| OF_BOTH.contains(&known.link));
        if let Some(known) = known {
            // What this command does is done: what it was told is wrong.
            let cure = match known.remedy {
                Some(Remedy::Configure) => Fix::from(Remedy::Prepare.command()).commented(&AGAIN.into()),
                _ => known.cure,
            };
            failure = failure.because(known.cause).code(known.code).hint(cure);
        }
        failure = failure.hint(fix!["check the Velero log: ", kubectl("logs")]);
        if !of_both {
            failure = failure.hint(fix![
                "to revert the changes until the cause is fixed, run: ",
                kubectl("unconfigure")
            ]);
        }
        failure.err()
    }
}

#[cfg(test)]
mod tests;
