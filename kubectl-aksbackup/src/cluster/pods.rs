//! Pods: whose they are, what the webhook put into them, and what keeps them from running.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::names::USE_LABEL;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod as Live, PodStatus};

use crate::cluster::client::{Listed, Reader};
use crate::cluster::deployments::{CAUSE_ANNOTATION, Deployment};
use crate::cluster::injected::{Expected, Injected, injected, is_skipped};
use crate::cluster::velero;

/// Annotation of a pod: containers that the webhook leaves alone, separated by `;`.
pub(crate) const SKIP_ANNOTATION: &str = "azure.workload.identity/skip-containers";

/// A pod as the steps need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    /// Its name.
    pub(crate) name: String,
    /// Its uid.
    pub(crate) uid: String,
    /// The deployment that it belongs to, where it belongs to one.
    pub(crate) deployment: Option<String>,
    /// Whether it carries the label that the webhook selects pods by.
    pub(crate) labelled: bool,
    /// What the rollout that made it depended on.
    pub(crate) cause: Option<String>,
    /// Whether it is on its way out, or has ended.
    pub(crate) ending: bool,
    /// Whether all its containers are ready.
    pub(crate) ready: bool,
    /// What the webhook put into each of its containers that it does not skip.
    pub(crate) containers: Vec<Injected>,
    /// The container that Velero runs in.
    pub(crate) velero: Option<String>,
    /// Since when Velero runs in it, by the cluster's clock.
    pub(crate) velero_since: Option<Timestamp>,
    /// What keeps it from running, in Kubernetes' words.
    pub(crate) trouble: Option<String>,
    /// When it was made, by the cluster's clock.
    pub(crate) created: Option<Timestamp>,
    /// The service account that it runs under.
    pub(crate) service_account: String,
    /// The node that it runs on.
    pub(crate) node: Option<String>,
    /// Why the scheduler has not found a node for it.
    pub(crate) unscheduled: Option<String>,
    /// Whether the webhook was told to leave Velero's container alone.
    pub(crate) skips_velero: bool,
    /// How each of its containers is.
    pub(crate) states: Vec<ContainerState>,
}

/// How a container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerState {
    /// The container.
    pub(crate) container: String,
    /// Why it waits: Kubernetes' word, and its sentence.
    pub(crate) waiting: Option<(String, String)>,
    /// How it ended when it last did: Kubernetes' word, such as `OOMKilled`.
    pub(crate) ended: Option<String>,
    /// How often it was started again.
    pub(crate) restarts: i32,
}

impl Pod {
    /// Whether every container has what `expected` says.
    pub(crate) fn uses(&self, expected: &Expected) -> bool {
        let right = |own: &Injected| own.lacks(expected).is_empty();
        !self.containers.is_empty() && self.containers.iter().all(right)
    }

    /// Whether any container has a token file: its programs use workload identity and nothing else.
    pub(crate) fn is_injected(&self) -> bool {
        self.containers.iter().any(|own| own.token_file)
    }

    /// Whether Velero is one of its containers.
    pub(crate) fn runs_velero(&self) -> bool {
        self.velero.is_some()
    }

    /// The pod as the steps need it.
    pub(crate) fn from_live(live: Live) -> Self {
        let meta = live.metadata;
        let (spec, status) = (live.spec.unwrap_or_default(), live.status.unwrap_or_default());
        let label = |key: &str| meta.labels.as_ref().and_then(|all| all.get(key)).map(String::as_str);
        let annotation = |key: &str| meta.annotations.as_ref().and_then(|all| all.get(key)).cloned();
        let set = meta
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.kind == "ReplicaSet")
            .map(|owner| owner.name.as_str());
        let deployment = set
            .zip(label("pod-template-hash"))
            .and_then(|(set, hash)| deployment_of(set, hash));
        let skipped = annotation(SKIP_ANNOTATION).unwrap_or_default();
        let velero = velero::container(&spec);
        let phase = status.phase.as_deref().unwrap_or_default();
        Self {
            ending: meta.deletion_timestamp.is_some() || matches!(phase, "Succeeded" | "Failed"),
            deployment: deployment.map(str::to_owned),
            labelled: label(USE_LABEL) == Some("true"),
            cause: annotation(CAUSE_ANNOTATION),
            ready: condition(&status, "Ready").is_some_and(|own| own == "True"),
            containers: injected(&spec, &skipped),
            velero_since: velero.and_then(|own| velero_since(&status, own)),
            trouble: trouble(&status),
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            service_account: spec.service_account_name.clone().unwrap_or_default(),
            node: spec.node_name.clone(),
            unscheduled: unscheduled(&status),
            skips_velero: velero.is_some_and(|own| is_skipped(&skipped, own)),
            velero: velero.map(str::to_owned),
            states: states(&status),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
        }
    }
}

/// Those of `pods` that belong to `deployments`. Another Velero in the same namespace says nothing about the extension's.
pub(crate) fn of_deployments(mut pods: Vec<Pod>, deployments: &[Deployment]) -> Vec<Pod> {
    pods.retain(|pod| {
        deployments
            .iter()
            .any(|own| pod.deployment.as_deref() == Some(own.name.as_str()))
    });
    pods
}

/// A replica set's name is that of its deployment, a dash, and the hash that its pods carry as a label.
fn deployment_of<'a>(replica_set: &'a str, hash: &str) -> Option<&'a str> {
    replica_set.strip_suffix(hash)?.strip_suffix('-')
}

fn condition<'a>(status: &'a PodStatus, kind: &str) -> Option<&'a str> {
    let conditions = status.conditions.iter().flatten();
    conditions
        .into_iter()
        .find(|own| own.type_ == kind)
        .map(|own| own.status.as_str())
}

fn velero_since(status: &PodStatus, container: &str) -> Option<Timestamp> {
    let velero = status
        .container_statuses
        .iter()
        .flatten()
        .find(|own| own.name == container)?;
    let running = velero.state.as_ref()?.running.as_ref()?;
    running.started_at.as_ref().map(|time| time.0)
}

/// Why a pod does not run: the scheduler's reason, or what a container waits for.
fn trouble(status: &PodStatus) -> Option<String> {
    unscheduled(status).or_else(|| all_statuses(status).find_map(container_trouble))
}

fn unscheduled(status: &PodStatus) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    conditions
        .find(|own| own.type_ == "PodScheduled" && own.status == "False")
        .map(|own| told(own.reason.as_deref(), own.message.as_deref()))
}

fn all_statuses(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    let first = status.init_container_statuses.iter().flatten();
    first.chain(status.container_statuses.iter().flatten())
}

fn states(status: &PodStatus) -> Vec<ContainerState> {
    let state = |own: &ContainerStatus| {
        let now = own.state.as_ref();
        let waiting = now.and_then(|state| state.waiting.as_ref());
        let over = now.and_then(|state| state.terminated.as_ref());
        let last = own.last_state.as_ref().and_then(|last| last.terminated.as_ref());
        ContainerState {
            container: own.name.clone(),
            waiting: waiting.map(|own| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                (text(&own.reason), text(&own.message))
            }),
            ended: over
                .or(last)
                .map(|own| own.reason.clone().unwrap_or_else(|| "Error".to_owned())),
            restarts: own.restart_count,
        }
    };
    all_statuses(status).map(state).collect()
}

fn container_trouble(container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    if matches!(reason, "" | "ContainerCreating" | "PodInitializing") {
        return None;
    }
    let ended = container
        .last_state
        .as_ref()
        .and_then(|last| last.terminated.as_ref())
        .map(|last| {
            let reason = last.reason.as_deref().unwrap_or("Error");
            format!(" (last exited with code {}, {reason})", last.exit_code)
        });
    let told = told(Some(reason), waiting.message.as_deref());
    Some(format!(
        "container {}: {told}{}",
        container.name,
        ended.unwrap_or_default()
    ))
}

fn told(reason: Option<&str>, message: Option<&str>) -> String {
    match (reason.unwrap_or_default(), message.unwrap_or_default()) {
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

impl Reader {
    /// Every pod of the namespace.
    ///
    /// # Errors
    /// As the API server says.
    pub(crate) async fn pods(&self) -> Outcome<Listed<Pod>> {
        let list = self.list("pods", "pods").await?;
        Listed::convert(list, |live| Ok(Pod::from_live(live)))
    }
}

#[cfg(test)]
mod tests;
