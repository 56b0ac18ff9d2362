//! The way back: label, cause and annotations that this program set are taken off again, and nothing else.

use std::rc::Rc;

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::schema::{ClusterTables, State};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Wait};
use futures::future::try_join;

use crate::cluster::client::{Reader, Writer};
use crate::cluster::deployments::{Deployment, Rollout};
use crate::cluster::service_accounts::ServiceAccount;
use crate::cluster::watch::Since;
use crate::platform::Cluster;
use crate::steps::context::Context;
use crate::steps::injection::halted;

/// The step.
pub(crate) struct Unconfiguration {
    context: Rc<Context>,
}

impl Unconfiguration {
    /// The step of one run.
    pub(crate) fn new(context: Rc<Context>) -> Self {
        Self { context }
    }
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    namespace: String,
    deployments: Vec<Deployment>,
    accounts: Vec<ServiceAccount>,
    since: Since,
}

/// What is taken back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TakeBack {
    /// Label and cause of a pod template, which rolls the deployment out.
    Label {
        /// The deployment as it was seen.
        deployment: Box<Deployment>,
        /// Its namespace.
        namespace: String,
    },
    /// The annotation of a service account.
    Annotation {
        /// The service account as it was seen.
        account: ServiceAccount,
        /// Its namespace.
        namespace: String,
    },
}

impl Change for TakeBack {
    fn note(&self) -> ChangeNote {
        let (summary, action, namespace, warning) = match self {
            Self::Label { deployment, namespace } => (
                format!(
                    "remove the label from deployment {}'s pod template and restart its pods once",
                    deployment.name
                ),
                "patch deployments.apps",
                namespace,
                Some("its pods will use the node's identity again".to_owned()),
            ),
            Self::Annotation { account, namespace } => (
                format!("remove the client ID from service account {}", account.name),
                "patch serviceaccounts",
                namespace,
                None,
            ),
        };
        ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary,
            right: Right::new(action, format!("namespace {namespace}")),
            creates: None,
            warning,
        }
    }
}

impl Step for Unconfiguration {
    type Platform = Cluster;
    type Seen = Seen;
    type Change = TakeBack;

    fn name(&self) -> StepName {
        StepName::WorkloadIdentity
    }

    async fn observe(&self, reader: &Reader, _: &State) -> Outcome<Seen> {
        let (deployments, accounts) = try_join(reader.deployments(), reader.service_accounts()).await?;
        Ok(Seen {
            namespace: reader.namespace().to_owned(),
            deployments: deployments.items,
            accounts: accounts.items,
            since: Since {
                deployments: deployments.version,
                ..Since::default()
            },
        })
    }

    /// The labels go first: a pod that is made with the label but without the annotation would have no identity at all.
    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<TakeBack>> {
        let labels = seen
            .deployments
            .iter()
            .filter(|own| own.ours)
            .map(|own| TakeBack::Label {
                deployment: Box::new(own.clone()),
                namespace: seen.namespace.clone(),
            });
        let annotations = seen
            .accounts
            .iter()
            .filter(|own| own.ours)
            .map(|own| TakeBack::Annotation {
                account: own.clone(),
                namespace: seen.namespace.clone(),
            });
        let changes: Vec<TakeBack> = labels.chain(annotations).collect();
        seen.refuse_paused(state, !changes.is_empty())?;
        if !changes.is_empty() {
            return Ok(Decision::Change(changes));
        }
        if state.cluster.rollout.is_some()
            && let Some(wait) = seen.rolling()?
        {
            return Ok(Decision::Wait(wait));
        }
        Ok(Decision::Done(format!(
            "no changes of configure are left in namespace {}",
            seen.namespace
        )))
    }

    async fn apply(&self, writer: &Writer, change: &TakeBack) -> Outcome<Applied> {
        match change {
            TakeBack::Label { deployment, .. } => writer.patcher().label_template(deployment, None).await?,
            TakeBack::Annotation { account, .. } => writer.patcher().annotate(account, None).await?,
        }
        Ok(Applied::Done)
    }

    fn record(&self, _: &Seen, tables: &mut ClusterTables) {
        tables.workload_identity = None;
        tables.rollout = None;
        tables.verification = None;
    }

    async fn stirred(&self, reader: &Reader, seen: &Seen) {
        let (calm, watched) = (self.context.calm(), &self.context.watched);
        reader.stirred(&seen.since, calm, watched).await;
    }

    fn is_watched(&self) -> bool {
        self.context.watched.get()
    }
}

impl Seen {
    /// A paused deployment keeps its labelled pods, and makes more of them that find no client ID any more.
    ///
    /// # Errors
    /// There is one that `configure` rolled out, with the command that lets it go on.
    fn refuse_paused(&self, state: &State, changes: bool) -> Outcome<()> {
        let rolled = state.cluster.rollout.as_ref();
        let of_file = |own: &Deployment| rolled.is_some_and(|table| table.deployments.contains(&own.name));
        let mut paused = self.deployments.iter().filter(|own| own.rollout == Rollout::Paused);
        let Some(own) = paused.find(|own| own.ours || of_file(own)) else {
            return Ok(());
        };
        let failure = Failure::failed(format!("deployment {} is paused", own.name));
        let failure = match changes {
            true => failure.because("no changes were made: its pods would keep the label and lose the client ID"),
            false => failure.because("its current pods still have the label but no client ID"),
        };
        match halted(&own.rollout, own.name.as_str(), &self.namespace) {
            Some((_, fix)) => failure.hint(fix).hint("then run the same command again").err(),
            None => failure.err(),
        }
    }

    fn rolling(&self) -> Outcome<Option<Wait>> {
        for deployment in &self.deployments {
            let name = &deployment.name;
            match &deployment.rollout {
                Rollout::Going(why) => return Ok(Some(Wait::for_(format!("deployment {name}: {why}")))),
                Rollout::Stuck(why) => {
                    return Failure::failed(format!("the new pods of deployment {name} aren't becoming ready"))
                        .because(why.clone())
                        .hint(shell(format!("kubectl describe pods --namespace {}", self.namespace)))
                        .err();
                }
                Rollout::Complete | Rollout::Paused | Rollout::Empty => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
