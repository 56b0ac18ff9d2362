//! What the rollout changes, as people read it.

use aksbackup_shared::step::{Change, ChangeNote, Right};

use crate::cluster::deployments::Deployment;
use crate::cluster::pods::Pod;
use crate::steps::goal::Goal;

/// What the step changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RolloutChange {
    /// Puts label and cause onto a pod template, which rolls the deployment out.
    Label {
        /// The deployment as it was seen.
        deployment: Box<Deployment>,
        /// What the rollout depends on.
        cause: String,
        /// Its namespace.
        namespace: String,
    },
    /// Deletes a pod that missed the injection.
    Replace {
        /// The pod as it was seen.
        pod: Box<Pod>,
        /// Its namespace.
        namespace: String,
    },
}

impl RolloutChange {
    /// The change that rolls a deployment out.
    pub(super) fn label(deployment: &Deployment, goal: &Goal, namespace: &str) -> Self {
        Self::Label {
            deployment: Box::new(deployment.clone()),
            cause: goal.cause(deployment),
            namespace: namespace.to_owned(),
        }
    }
}

impl Change for RolloutChange {
    fn note(&self) -> ChangeNote {
        let note = |summary, action: &str, namespace: &str, warning| ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary,
            right: Right::new(action, format!("namespace {namespace}")),
            creates: None,
            warning,
        };
        match self {
            Self::Label {
                deployment, namespace, ..
            } => {
                let replaced = "its pods will be replaced; a backup that is running at that time will fail";
                let rival = deployment.rival().map(|manager| {
                    let value = deployment.label.as_deref().unwrap_or_default();
                    format!(
                        "replaces label value {value:?}, set by {manager}; requires \
                         --force-conflicts; unconfigure does not restore it"
                    )
                });
                let replaced = deployment.is_agent().then(|| replaced.to_owned());
                let warning = match (rival, replaced) {
                    (Some(rival), Some(replaced)) => Some(format!("{rival}; {replaced}")),
                    (rival, replaced) => rival.or(replaced),
                };
                let summary = format!(
                    "add the label to deployment {}'s pod template and restart its pods once",
                    deployment.name
                );
                note(summary, "patch deployments.apps", namespace, warning)
            }
            Self::Replace { pod, namespace } => {
                let summary = format!(
                    "delete pod {}, which was created without workload identity injection",
                    pod.name
                );
                note(summary, "delete pods", namespace, None)
            }
        }
    }
}
