//! Step 9: the pods run with workload identity, after exactly one rollout of each deployment.
//!
//! Label and cause of the rollout go into the pod template in one patch. Before it, the storage location proves role
//! and network by the node's identity, which is the same one, and a trial pod proves that the webhook sees the
//! annotations. A pod that missed the injection all the same is deleted, once for each deployment and cause; its deployment is
//! not rolled again. Where that does not help, nothing of this program's would: it fails and names the container.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

use aksbackup_shared::command_line::shell;
use aksbackup_shared::console::human;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::schema::{ClusterTables, RolloutTable, State};
use aksbackup_shared::step::{Applied, Change as _, ChangeNote, Decision, Step, Wait};
use futures::future::{try_join_all, try_join3};

use crate::cluster::client::{Reader, Writer};
use crate::cluster::deployments::{Deployment, Rollout as Progress, of_release};
use crate::cluster::pods::{Pod, of_deployments};
use crate::cluster::rehearsal::Trial;
use crate::cluster::storage_locations::StorageLocation;
use crate::cluster::watch::Since;
use crate::platform::Cluster;
use crate::steps::context::Context;
use crate::steps::gate::{Gate, gate};
use crate::steps::goal::Goal;
use crate::steps::injection::{Webhook, lack, live, refuse_halted, webhook};
use crate::steps::obstacles::refuse;
use crate::steps::passing::Around;

mod changes;

pub(crate) use changes::RolloutChange;

/// A deployment, and what the rollout of a pod of it depended on.
type Cause = (String, Option<String>);

/// The step.
pub(crate) struct Rollout {
    context: Rc<Context>,
    trials: bool,
    /// The pods that were deleted, by deployment and cause.
    replaced: RefCell<BTreeMap<Cause, BTreeSet<String>>>,
    /// Since when the webhook does not see an annotation.
    behind: Cell<Option<Instant>>,
    /// Whether everything was asked for, and only the rollout itself is left.
    rolling: Cell<bool>,
}

impl Rollout {
    /// The step of one run. `trials` allows trial pods; a command that only reads goes without.
    pub(crate) fn new(context: Rc<Context>, trials: bool) -> Self {
        Self {
            context,
            trials,
            replaced: RefCell::default(),
            behind: Cell::default(),
            rolling: Cell::default(),
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
    trials: Vec<Trial>,
    around: Around,
    since: Since,
}

impl Step for Rollout {
    type Platform = Cluster;
    type Seen = Seen;
    type Change = RolloutChange;

    fn name(&self) -> StepName {
        StepName::Rollout
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let lists = try_join3(reader.deployments(), reader.pods(), reader.storage_locations());
        let (deployments, pods, locations) = lists.await?;
        let own = of_release(&deployments.items);
        let mut seen = Seen {
            namespace: reader.namespace().to_owned(),
            pods: of_deployments(pods.items, &own),
            deployments: own,
            locations: locations.items,
            trials: Vec::new(),
            around: Around::default(),
            since: Since {
                deployments: deployments.version,
                pods: pods.version,
                storage_locations: locations.version,
            },
        };
        self.context.deployments.replace(seen.deployments.clone());
        if self.trials
            && let Some(goal) = Goal::of(state)
        {
            let tried = self.to_try(&seen, &goal, state);
            seen.trials = try_join_all(tried.into_iter().map(|deployment| reader.trial(deployment))).await?;
            seen.around = Around::of(reader, &seen.trials).await?;
        }
        Ok(seen)
    }

    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<RolloutChange>> {
        self.rolling.set(false);
        if seen.deployments.is_empty() {
            return self.context.not_installed(&seen.namespace);
        }
        let Some(goal) = Goal::of(state) else {
            let turn = self
                .context
                .prepare("the state file has neither an identity nor an issuer yet");
            return Ok(Decision::Blocked(Vec::new(), vec![turn]));
        };
        refuse(&seen.deployments, &[], &goal, &seen.namespace)?;
        refuse_halted(&seen.deployments, &seen.namespace)?;
        let due = seen.due(&goal);
        if !due.is_empty() {
            let confirmation = self.context.confirmation.borrow();
            confirmation.confirmed(&goal.client_id)?;
            return match gate(&seen.locations, &seen.pods, state, &self.context)? {
                Gate::Turn(turn) => Ok(Decision::Blocked(Vec::new(), vec![turn])),
                Gate::Closed(why) => Ok(Decision::Wait(Wait::for_(why))),
                Gate::Open => self.unless_behind(seen, &goal, seen.labels(&due, &goal)),
            };
        }
        let missed = seen.missed(&goal);
        if !missed.is_empty() {
            self.refuse_replaced(&missed, &goal)?;
            return self.unless_behind(seen, &goal, seen.replacements(&missed));
        }
        self.rolling.set(true);
        seen.finished(&goal)
    }

    fn goes_on(&self, _seen: &Seen) -> bool {
        self.rolling.get()
    }

    async fn apply(&self, writer: &Writer, change: &RolloutChange) -> Outcome<Applied> {
        match change {
            RolloutChange::Label { deployment, cause, .. } => {
                writer.patcher().label_template(deployment, Some(cause)).await?;
            }
            RolloutChange::Replace { pod, .. } => {
                self.replaced
                    .borrow_mut()
                    .entry(key(pod))
                    .or_default()
                    .insert(pod.uid.clone());
                writer.delete_pod(pod).await?;
            }
        }
        Ok(Applied::Done)
    }

    fn record(&self, seen: &Seen, tables: &mut ClusterTables) {
        tables.rollout = Some(RolloutTable {
            deployments: seen.deployments.iter().map(|own| own.name.clone()).collect(),
            written: None,
        });
    }

    fn foresee(&self, state: &State) -> Vec<ChangeNote> {
        let (deployments, pods) = (self.context.deployments.borrow(), self.context.pods.borrow());
        let seen = Seen {
            namespace: self.context.namespace.clone(),
            deployments: deployments.clone(),
            pods: pods.clone(),
            locations: Vec::new(),
            trials: Vec::new(),
            around: Around::default(),
            since: Since::default(),
        };
        self.after_wait(&seen, state)
    }

    fn after_wait(&self, seen: &Seen, state: &State) -> Vec<ChangeNote> {
        let Some(goal) = Goal::of(state) else {
            return Vec::new();
        };
        let mut changes = seen.labels(&seen.due(&goal), &goal);
        if changes.is_empty() {
            changes = seen.replacements(&seen.missed(&goal));
        }
        changes.iter().map(|change| change.note()).collect()
    }

    async fn stirred(&self, reader: &Reader, seen: &Seen) {
        // Nothing in the cluster tells when the webhook has caught up: who waits for that looks by the clock.
        let unseen = Cell::new(false);
        let watched = if seen.trials.is_empty() {
            &self.context.watched
        } else {
            &unseen
        };
        self.context.watched.set(false);
        reader.stirred(&seen.since, self.context.calm(), watched).await;
    }

    fn is_watched(&self) -> bool {
        self.context.watched.get()
    }
}

impl Rollout {
    /// The deployments whose webhook has to be tried: those that are about to be rolled out once the storage is proved,
    /// and those with a pod that missed the injection.
    fn to_try<'a>(&self, seen: &'a Seen, goal: &Goal, state: &State) -> Vec<&'a Deployment> {
        let due = seen.due(goal);
        if !due.is_empty() {
            let open = matches!(gate(&seen.locations, &seen.pods, state, &self.context), Ok(Gate::Open));
            return if open { due } else { Vec::new() };
        }
        let missed = seen.missed(goal);
        let has_missed = |own: &&Deployment| {
            missed
                .iter()
                .any(|pod| pod.deployment.as_deref() == Some(own.name.as_str()))
        };
        seen.deployments.iter().filter(has_missed).collect()
    }

    fn unless_behind(&self, seen: &Seen, goal: &Goal, changes: Vec<RolloutChange>) -> Outcome<Decision<RolloutChange>> {
        let why = match webhook(&seen.trials, &seen.around, &goal.expected(), &self.context)? {
            Webhook::Ready => {
                self.behind.set(None);
                return Ok(Decision::Change(changes));
            }
            Webhook::Behind(why) => why,
        };
        let since = self.behind.get().unwrap_or_else(Instant::now);
        self.behind.set(Some(since));
        let patience = self.context.webhook_patience();
        if since.elapsed() < patience {
            return Ok(Decision::Wait(Wait::for_(why)));
        }
        Failure::failed("the workload identity webhook isn't using the annotations of the service accounts")
            .because(why)
            .because(format!(
                "its cache normally updates within seconds; no change for {}",
                human(patience)
            ))
            .hint(fix![
                "check the webhook's pods: ",
                shell("kubectl get pods --namespace kube-system --selector azure-workload-identity.io/system=true")
            ])
            .hint(fix![
                "to let AKS configure the webhook again, run: ",
                shell(format!("az aks update {}", self.context.cluster_flags))
            ])
            .err()
    }

    /// A pod that took the place of a deleted one, and missed the injection as well.
    ///
    /// # Errors
    /// There is one: deleting it too would never end, and Velero would not run in the meantime.
    fn refuse_replaced(&self, missed: &[&Pod], goal: &Goal) -> Outcome<()> {
        let replaced = self.replaced.borrow();
        let again = |pod: &&&Pod| replaced.get(&key(pod)).is_some_and(|all| !all.contains(&pod.uid));
        let Some(pod) = missed.iter().find(again) else {
            return Ok(());
        };
        let deployment = pod.deployment.as_deref().unwrap_or_default();
        let namespace = &self.context.namespace;
        Failure::failed(format!("pods of deployment {deployment} repeatedly lack workload identity"))
            .because(lack(pod, &goal.expected()).unwrap_or_default())
            .because("the pod replaced one that was deleted for the same reason, and a trial pod was injected; no more pods are deleted")
            .hint(fix!["find out what changes the pod after the workload identity webhook: ", shell(format!(
                "kubectl get pod {} --namespace {namespace} \
                 -o yaml",
                pod.name
            ))])
            .hint("then run the same command again")
            .err()
    }
}

/// What a pod's replacement is counted by.
fn key(pod: &Pod) -> Cause {
    (pod.deployment.clone().unwrap_or_default(), pod.cause.clone())
}

impl Seen {
    fn due(&self, goal: &Goal) -> Vec<&Deployment> {
        goal.due(&self.deployments, &self.pods)
    }

    fn labels(&self, due: &[&Deployment], goal: &Goal) -> Vec<RolloutChange> {
        due.iter()
            .map(|own| RolloutChange::label(own, goal, &self.namespace))
            .collect()
    }

    /// The pods of the current templates that the webhook did not give the identity to.
    fn missed(&self, goal: &Goal) -> Vec<&Pod> {
        let of = |own: &Deployment| {
            let cause = own.cause.clone();
            live(own, &self.pods)
                .into_iter()
                .filter(move |pod| pod.labelled && pod.cause == cause)
        };
        self.deployments
            .iter()
            .flat_map(of)
            .filter(|pod| !pod.uses(&goal.expected()))
            .collect()
    }

    fn replacements(&self, missed: &[&Pod]) -> Vec<RolloutChange> {
        let replace = |pod: &&Pod| RolloutChange::Replace {
            pod: Box::new((*pod).clone()),
            namespace: self.namespace.clone(),
        };
        missed.iter().map(replace).collect()
    }

    fn finished(&self, goal: &Goal) -> Outcome<Decision<RolloutChange>> {
        let mut going = Vec::new();
        for deployment in &self.deployments {
            let name = &deployment.name;
            match &deployment.rollout {
                // Who was halted has been refused before anything else.
                Progress::Paused | Progress::Empty => {}
                Progress::Complete => going.extend(self.unreplaced(deployment, goal)),
                Progress::Going(why) => going.push(format!("deployment {name}: {why}{}", self.troubles(deployment))),
                Progress::Stuck(why) => return self.stuck(deployment, why),
            }
        }
        Ok(match going.is_empty() {
            true => Decision::Done(format!(
                "{} deployments run with client ID {}",
                self.deployments.len(),
                goal.client_id
            )),
            false => Decision::Wait(Wait::for_(going.join("; "))),
        })
    }

    /// What a deployment's pods lack whose status says that it is complete: for a moment after a pod was deleted, the
    /// status is still that of the old one.
    fn unreplaced(&self, deployment: &Deployment, goal: &Goal) -> Option<String> {
        let (name, wanted) = (&deployment.name, deployment.replicas);
        let live = live(deployment, &self.pods);
        let running = live
            .iter()
            .filter(|pod| pod.ready && pod.uses(&goal.expected()))
            .count();
        (running < wanted).then(|| {
            let why = live.iter().find_map(|pod| lack(pod, &goal.expected()));
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            format!(
                "deployment {name}: {running} of {wanted} pods run with workload identity{why}{}",
                self.troubles(deployment)
            )
        })
    }

    fn troubles(&self, deployment: &Deployment) -> String {
        let pods = live(deployment, &self.pods);
        let told = pods
            .iter()
            .filter_map(|pod| Some(format!(" (pod {}: {})", pod.name, pod.trouble.as_ref()?)));
        told.collect()
    }

    fn stuck<T>(&self, deployment: &Deployment, why: &str) -> Outcome<T> {
        let name = &deployment.name;
        let mut failure = Failure::failed(format!("the new pods of deployment {name} aren't becoming ready"))
            .because(why.to_owned())
            .code("ProgressDeadlineExceeded");
        for pod in live(deployment, &self.pods) {
            if let Some(trouble) = &pod.trouble {
                failure = failure.because(format!("pod {}: {trouble}", pod.name));
            }
        }
        failure
            .hint(shell(format!("kubectl describe pods --namespace {}", self.namespace)))
            .hint("fix the cause, then run this command again; the old pods keep running")
            .err()
    }
}

#[cfg(test)]
mod tests;
