//! The extension's deployments: whose they are, what their pod templates carry, how far their rollouts are.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::ObjectName;
use aksbackup_shared::names::{AGENT_DEPLOYMENT, USE_LABEL};
use k8s_openapi::api::apps::v1::{Deployment as Live, DeploymentStatus, DeploymentStrategy};
use k8s_openapi::api::core::v1::{Container, EnvVar, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::cluster::client::{Listed, Reader};
use crate::cluster::injected::CLIENT_ID;
use crate::cluster::ownership::{self, Field};
use crate::cluster::pods::SKIP_ANNOTATION;
use crate::cluster::velero;

/// Annotation of a pod template: what its rollout depended on, so that a new client ID is a cause of its own.
pub(crate) const CAUSE_ANNOTATION: &str = "aksbackup.io/workload-identity";

/// Name of Helm's release on every object of it.
const RELEASE_ANNOTATION: &str = "meta.helm.sh/release-name";
/// The same by the common labels, for charts whose objects lack the annotation.
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
/// How the names of the extension's deployments begin.
const NAME_PREFIX: &str = "dataprotection-microsoft";

/// A deployment as the steps need it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Deployment {
    /// Its name.
    pub(crate) name: ObjectName,
    /// Its uid.
    pub(crate) uid: String,
    /// Helm's release, where it names one.
    pub(crate) release: Option<String>,
    /// The service account of its pods.
    pub(crate) service_account: ObjectName,
    /// The template's value of `azure.workload.identity/use`.
    pub(crate) label: Option<String>,
    /// The template's note of what its rollout depended on.
    pub(crate) cause: Option<String>,
    /// Whether label or note of the template are this program's.
    pub(crate) ours: bool,
    /// Another field manager that set the label.
    pub(crate) other_manager: Option<String>,
    /// How many pods there should be.
    pub(crate) replicas: usize,
    /// Whether an old pod goes before a new one comes: a rollout needs no room for more pods than there are.
    pub(crate) in_place: bool,
    /// The whole pod template.
    pub(crate) template: PodTemplateSpec,
    /// How far its rollout is.
    pub(crate) rollout: Rollout,
    /// Why the API server refuses its new pods, in its words.
    pub(crate) refused: Option<String>,
}

/// How far a rollout is, as `kubectl rollout status` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rollout {
    /// Every pod is of the current template, and available.
    Complete,
    /// It goes on; what is missing.
    Going(String),
    /// Kubernetes gave up waiting for it.
    Stuck(String),
    /// Somebody has paused it: nothing will happen.
    Paused,
    /// Somebody has scaled it to zero: it has no pods, and gets none.
    Empty,
}

impl Deployment {
    /// Whether the webhook selects this deployment's new pods: the label's value is exactly `true`.
    pub(crate) fn is_labelled(&self) -> bool {
        self.label.as_deref() == Some("true")
    }

    /// Whether it is the agent: by its name, or because Velero is one of its containers.
    pub(crate) fn is_agent(&self) -> bool {
        self.name.as_str() == AGENT_DEPLOYMENT || self.velero().is_some()
    }

    /// The container that Velero runs in.
    pub(crate) fn velero(&self) -> Option<&str> {
        self.template.spec.as_ref().and_then(velero::container)
    }

    /// Whether its name is one of the extension's.
    fn is_of_extension(&self) -> bool {
        is_of_extension(self.name.as_str())
    }

    /// A value of `AZURE_CLIENT_ID` that the chart itself sets on a container, which the webhook never overwrites.
    pub(crate) fn preset_client_id(&self) -> Option<(&str, &str)> {
        let mut all = self.variables().filter(|(_, own)| own.name == CLIENT_ID);
        all.find_map(|(container, own)| Some((container.name.as_str(), own.value.as_deref()?)))
    }

    /// Each variable of each container of the template.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&Container, &EnvVar)> {
        let containers = self.template.spec.iter().flat_map(|spec| &spec.containers);
        containers.flat_map(|container| container.env.iter().flatten().map(move |own| (container, own)))
    }

    /// The template's list of containers that the webhook is to leave alone; empty where there is none.
    pub(crate) fn skipped(&self) -> &str {
        let all = self
            .template
            .metadata
            .as_ref()
            .and_then(|meta| meta.annotations.as_ref());
        all.and_then(|all| all.get(SKIP_ANNOTATION)).map_or("", String::as_str)
    }

    /// Who keeps the template's label at another value than the webhook needs; a change is then a conflict.
    pub(crate) fn rival(&self) -> Option<&str> {
        self.other_manager
            .as_deref()
            .filter(|_| self.label.is_some() && !self.is_labelled())
    }

    /// Reads one as Kubernetes has it.
    ///
    /// # Errors
    /// It has a name that Kubernetes doesn't allow.
    pub(crate) fn from_live(live: Live) -> Outcome<Self> {
        let meta = live.metadata;
        let spec = live.spec.unwrap_or_default();
        let name = meta.name.clone().unwrap_or_default();
        let annotation = |key: &str| meta.annotations.as_ref().and_then(|all| all.get(key)).cloned();
        let release = annotation(RELEASE_ANNOTATION)
            .or_else(|| meta.labels.as_ref().and_then(|all| all.get(INSTANCE_LABEL)).cloned());
        let in_place = spec.strategy.as_ref().is_some_and(is_in_place);
        let template = spec.template;
        let account = template.spec.as_ref().and_then(|pod| pod.service_account_name.clone());
        let of_template = template.metadata.clone().unwrap_or_default();
        let goal = Goal {
            generation: meta.generation.unwrap_or(0),
            replicas: spec.replicas.unwrap_or(1),
            paused: spec.paused.unwrap_or(false),
        };
        let status = live.status.unwrap_or_default();
        let fields = meta.managed_fields.as_deref().unwrap_or_default();
        let ours = ownership::owns(fields, &Field::template_label(USE_LABEL))
            || ownership::owns(fields, &Field::template_annotation(CAUSE_ANNOTATION));
        Ok(Self {
            name: object_name(&name)?,
            uid: meta.uid.clone().unwrap_or_default(),
            release,
            service_account: object_name(account.as_deref().unwrap_or("default"))?,
            label: of_template.labels.and_then(|mut all| all.remove(USE_LABEL)),
            cause: of_template.annotations.and_then(|mut all| all.remove(CAUSE_ANNOTATION)),
            ours,
            other_manager: ownership::other_owner(fields, &Field::template_label(USE_LABEL)).map(str::to_owned),
            replicas: usize::try_from(goal.replicas).unwrap_or(0),
            in_place,
            template,
            refused: refused(&status).map(str::to_owned),
            rollout: rollout(&goal, &status),
        })
    }
}

/// Whether the name of a deployment is one of the extension's.
pub(crate) fn is_of_extension(name: &str) -> bool {
    name.starts_with(NAME_PREFIX)
}

fn is_in_place(strategy: &DeploymentStrategy) -> bool {
    let surge = strategy.rolling_update.as_ref().and_then(|own| own.max_surge.as_ref());
    strategy.type_.as_deref() == Some("Recreate")
        || match surge {
            Some(IntOrString::Int(count)) => *count == 0,
            Some(IntOrString::String(part)) => part == "0%",
            None => false,
        }
}

/// A name that Kubernetes gave, as a type.
///
/// # Errors
/// It is none: the API server is not what it claims to be.
pub(crate) fn object_name(name: &str) -> Outcome<ObjectName> {
    name.parse().or_else(|error| {
        Failure::failed(format!("the API server returned an invalid object name {name:?}"))
            .because(format!("{error}"))
            .err()
    })
}

/// Why the API server refuses new pods.
fn refused(status: &DeploymentStatus) -> Option<&str> {
    let mut conditions = status.conditions.iter().flatten();
    let failure = conditions.find(|own| own.type_ == "ReplicaFailure" && own.status == "True")?;
    failure.message.as_deref()
}

struct Goal {
    generation: i64,
    replicas: i32,
    paused: bool,
}

/// The conditions of `kubectl rollout status`, in its order. The `Progressing` condition alone is still that of the
/// rollout before until the controller has seen the new template.
fn rollout(goal: &Goal, status: &DeploymentStatus) -> Rollout {
    if goal.paused {
        return Rollout::Paused;
    }
    if goal.replicas == 0 {
        return Rollout::Empty;
    }
    if status.observed_generation.unwrap_or(0) < goal.generation {
        return Rollout::Going("the deployment controller hasn't observed the new template yet".into());
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let refused = refused(status).map(str::to_owned);
    let exceeded = conditions
        .iter()
        .any(|own| own.type_ == "Progressing" && own.reason.as_deref() == Some("ProgressDeadlineExceeded"));
    if exceeded {
        return Rollout::Stuck(refused.unwrap_or_else(|| "the progress deadline was exceeded".into()));
    }
    let count = |number: Option<i32>| number.unwrap_or(0);
    let updated = count(status.updated_replicas);
    let going = if updated < goal.replicas {
        Some(format!("{updated} of {} pods are updated", goal.replicas))
    } else if count(status.replicas) > updated {
        Some(match count(status.replicas) - updated {
            1 => "1 old pod remains".to_owned(),
            left => format!("{left} old pods remain"),
        })
    } else if count(status.available_replicas) < updated {
        Some(format!(
            "{} of {updated} updated pods are available",
            count(status.available_replicas)
        ))
    } else {
        None
    };
    match (going, refused) {
        (None, _) => Rollout::Complete,
        (Some(going), None) => Rollout::Going(going),
        (Some(going), Some(refused)) => Rollout::Going(format!("{going}: {refused}")),
    }
}

/// The deployment that Velero runs in: the one of the known name, else the one with Velero's container, of those with a name of the
/// extension's first.
pub(crate) fn agent(all: &[Deployment]) -> Option<&Deployment> {
    let named = all.iter().find(|own| own.name.as_str() == AGENT_DEPLOYMENT);
    let mut others = all.iter().filter(|own| own.is_agent());
    let ours = || all.iter().find(|own| own.is_agent() && own.is_of_extension());
    named.or_else(ours).or_else(|| others.next())
}

/// What there is of the extension in `namespace` where none of its deployments runs Velero; `None` where one does, or there is none.
pub(crate) fn without_velero(all: &[Deployment], namespace: &str) -> Option<String> {
    let found: Vec<&Deployment> = all.iter().filter(|own| own.is_of_extension()).collect();
    let first = found.first().filter(|_| agent(all).is_none())?;
    let release = first.release.as_ref().map(|own| format!(" of release {own}"));
    let names: Vec<&str> = found.iter().map(|own| own.name.as_str()).collect();
    Some(format!(
        "deployments{} found in namespace {namespace} ({}), but none of them has a container with Velero",
        release.unwrap_or_default(),
        names.join(", ")
    ))
}

/// The deployments of the extension's release: the agent, and all that Helm installed with it.
pub(crate) fn of_release(all: &[Deployment]) -> Vec<Deployment> {
    let Some(agent) = agent(all) else {
        return Vec::new();
    };
    let belongs = |own: &&Deployment| match (&agent.release, &own.release) {
        (Some(agent), Some(own)) => agent == own,
        _ => own.is_of_extension(),
    };
    all.iter().filter(belongs).cloned().collect()
}

impl Reader {
    /// Every deployment of the namespace; none where the namespace does not exist.
    ///
    /// # Errors
    /// As the API server says.
    pub(crate) async fn deployments(&self) -> Outcome<Listed<Deployment>> {
        let list = self.list("deployments", "deployments").await?;
        Listed::convert(list, Deployment::from_live)
    }
}

#[cfg(test)]
mod tests;
