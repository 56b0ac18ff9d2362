//! What the pods are to run with, out of the state file.

use aksbackup_shared::schema::State;

use crate::cluster::deployments::Deployment;
use crate::cluster::injected::Expected;
use crate::cluster::pods::Pod;
use crate::steps::cause::cause;
use crate::steps::injection::live;

/// Client id and issuer that rollouts depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Goal {
    /// Client id of the extension's identity.
    pub(crate) client_id: String,
    /// Issuer of the cluster's tokens.
    pub(crate) issuer: String,
    /// Tenant of the subscription, where the state file names it. No rollout depends on it.
    pub(crate) tenant: Option<String>,
}

impl Goal {
    /// The file's goal; `None` while the Azure side has not recorded it.
    pub(crate) fn of(state: &State) -> Option<Self> {
        Some(Self {
            client_id: state.cloud.identity.as_ref()?.client_id.to_string(),
            issuer: state.cloud.prerequisites.as_ref()?.issuer.to_string(),
            tenant: state.target.as_ref().map(|target| target.tenant.to_string()),
        })
    }

    /// What each container should have.
    pub(crate) fn expected(&self) -> Expected {
        Expected {
            client_id: Some(self.client_id.clone()),
            tenant: self.tenant.clone(),
        }
    }

    /// What the rollout of `deployment` depends on.
    pub(crate) fn cause(&self, deployment: &Deployment) -> String {
        cause(&self.client_id, &self.issuer, deployment.service_account.as_str())
    }

    /// The deployments that need their one rollout.
    pub(crate) fn due<'a>(&self, deployments: &'a [Deployment], pods: &[Pod]) -> Vec<&'a Deployment> {
        let due = |own: &&Deployment| self.is_due(own, &live(own, pods));
        deployments.iter().filter(due).collect()
    }

    /// Whether `deployment` needs its one rollout. Somebody else may have labelled it: then its live pods decide.
    fn is_due(&self, deployment: &Deployment, live: &[&Pod]) -> bool {
        match &deployment.cause {
            _ if !deployment.is_labelled() => true,
            Some(own) => *own != self.cause(deployment),
            None => live.is_empty() || !live.iter().all(|pod| pod.uses(&self.expected())),
        }
    }
}
