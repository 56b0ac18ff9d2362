//! Step 6: the service accounts of the extension have the client ID of its identity.
//!
//! The service accounts are those that the deployments really use. One that has no federated credential yet is only
//! recorded: annotated too early, its pods would lose their storage.

use std::collections::BTreeSet;
use std::rc::Rc;

use aksbackup_shared::command_line::{CommandLine, az, shell};
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{IssuerUrl, NamespaceName, ObjectName};
use aksbackup_shared::schema::{ClusterTables, State, WorkloadIdentityTable, WorkloadsTable};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn};
use futures::future::try_join3;

use crate::cluster::client::{Reader, Writer};
use crate::cluster::deployments::{Deployment, of_release};
use crate::cluster::pods::of_deployments;
use crate::cluster::service_accounts::ServiceAccount;
use crate::platform::Cluster;
use crate::steps::context::Context;
use crate::steps::goal::Goal;
use crate::steps::obstacles::refuse;
use crate::steps::rehearsal;

/// The step.
pub(crate) struct WorkloadIdentity {
    context: Rc<Context>,
}

impl WorkloadIdentity {
    /// The step of one run.
    pub(crate) fn new(context: Rc<Context>) -> Self {
        Self { context }
    }
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    namespace: NamespaceName,
    deployments: Vec<Deployment>,
    accounts: Vec<ServiceAccount>,
}

/// Sets the annotation of one service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Annotate {
    /// The service account as it was seen.
    pub(crate) account: ServiceAccount,
    /// The client ID that it is to carry.
    pub(crate) client_id: String,
    /// Its namespace.
    pub(crate) namespace: NamespaceName,
}

impl Change for Annotate {
    fn note(&self) -> ChangeNote {
        let Self { account, client_id, .. } = self;
        let warning = account.client_id.as_ref().map(|old| match &account.other_manager {
            Some(manager) => {
                format!(
                    "replaces client ID {old}, set by {manager}; requires --force-conflicts; unconfigure does \
                     not restore it"
                )
            }
            None => format!("replaces client ID {old}"),
        });
        ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary: format!("annotate service account {} with client ID {client_id}", account.name),
            right: Right::new("patch serviceaccounts", format!("namespace {}", self.namespace)),
            creates: None,
            warning,
        }
    }
}

impl Step for WorkloadIdentity {
    type Platform = Cluster;
    type Seen = Seen;
    type Change = Annotate;

    fn name(&self) -> StepName {
        StepName::WorkloadIdentity
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let lists = try_join3(reader.deployments(), reader.service_accounts(), reader.pods());
        let (deployments, accounts, pods) = lists.await?;
        let deployments = of_release(&deployments.items);
        self.context.pods.replace(of_deployments(pods.items, &deployments));
        self.context.deployments.replace(deployments.clone());
        let seen = Seen {
            namespace: reader.namespace_name().clone(),
            deployments,
            accounts: accounts.items,
        };
        if let Some(goal) = self.possible(&seen, state)? {
            let due = rehearsal::Due::of(
                &seen.deployments,
                &self.context.pods.borrow(),
                seen.to_annotate(&goal),
                &goal,
            );
            rehearsal::rehearse(&due, reader, &goal, &self.context).await?;
        }
        Ok(seen)
    }

    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<Annotate>> {
        if seen.deployments.is_empty() {
            return self.context.not_installed(seen.namespace.as_str());
        }
        let Some(identity) = &state.cloud.identity else {
            let turn = self
                .context
                .prepare("the state file doesn't have the extension's identity yet");
            return Ok(Decision::Blocked(Vec::new(), vec![turn]));
        };
        let wanted = used(&seen.deployments);
        if let Some(turn) = self.unready(seen, state, &wanted) {
            return Ok(Decision::Blocked(Vec::new(), vec![turn]));
        }
        self.possible(seen, state)?;
        let client_id = identity.client_id.as_str();
        let mut changes: Vec<Annotate> = seen
            .to_annotate_with(client_id)
            .into_iter()
            .map(|account| Annotate {
                account: account.clone(),
                client_id: client_id.to_owned(),
                namespace: seen.namespace.clone(),
            })
            .collect();
        // What another manager may hold on to is asked for first: if that fails, nothing was written.
        changes.sort_by_key(|change| change.account.other_manager.is_none());
        Ok(match changes.is_empty() {
            true => Decision::Done(match wanted.len() {
                1 => format!("1 service account has client ID {client_id}"),
                count => format!("{count} service accounts have client ID {client_id}"),
            }),
            false => Decision::Change(changes),
        })
    }

    async fn apply(&self, writer: &Writer, change: &Annotate) -> Outcome<Applied> {
        writer
            .patcher()
            .annotate(&change.account, Some(&change.client_id))
            .await?;
        Ok(Applied::Done)
    }

    fn record(&self, seen: &Seen, tables: &mut ClusterTables) {
        self.record_blocked(seen, tables);
        let wanted = used(&seen.deployments);
        let annotated = wanted
            .iter()
            .find_map(|name| seen.account(name)?.client_id.as_deref()?.parse().ok());
        if let Some(client_id) = annotated {
            tables.workload_identity = Some(WorkloadIdentityTable {
                client_id,
                service_accounts: wanted.into_iter().collect(),
                written: None,
            });
        }
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut ClusterTables) {
        if seen.deployments.is_empty() {
            return;
        }
        tables.workloads = Some(WorkloadsTable {
            namespace: seen.namespace.clone(),
            deployments: seen.deployments.iter().map(|own| own.name.clone()).collect(),
            service_accounts: used(&seen.deployments).into_iter().collect(),
            written: None,
        });
    }
}

impl WorkloadIdentity {
    /// What the pods are to run with, where the work can begin: nobody else's turn comes first.
    ///
    /// # Errors
    /// Something keeps workload identity out of the pods for good; or a change is due and nobody but the file says whose
    /// client ID it is.
    fn possible(&self, seen: &Seen, state: &State) -> Outcome<Option<Goal>> {
        let ready = !seen.deployments.is_empty() && self.unready(seen, state, &used(&seen.deployments)).is_none();
        let Some(goal) = Goal::of(state).filter(|_| ready) else {
            return Ok(None);
        };
        refuse(&seen.deployments, &seen.accounts, &goal, seen.namespace.as_str())?;
        let confirmation = self.context.confirmation.borrow();
        confirmation.compare(&goal.client_id)?;
        let pods = self.context.pods.borrow();
        if !seen.to_annotate(&goal).is_empty() || !goal.due(&seen.deployments, &pods).is_empty() {
            confirmation.confirmed(&goal.client_id)?;
        }
        Ok(Some(goal))
    }

    /// Whose turn it is before any of the service accounts may be annotated.
    fn unready(&self, seen: &Seen, state: &State, wanted: &BTreeSet<ObjectName>) -> Option<Turn> {
        let absent: Vec<&ObjectName> = wanted.iter().filter(|name| seen.account(name).is_none()).collect();
        if !absent.is_empty() {
            let (names, namespace) = (named(&absent), &seen.namespace);
            // Azure does not look for it: an extension without it is Succeeded all the same.
            return Some(Turn {
                who: Person::ClusterAdmin,
                why: format!("the extension's {names} doesn't exist in namespace {namespace}"),
                command: creation(&absent, namespace),
                right: Some(Right::new("create serviceaccounts", format!("namespace {namespace}"))),
                also: Vec::new(),
            });
        }
        let bare = wanted.iter().filter(|name| !covered(state, &seen.namespace, name));
        let uncovered: Vec<&ObjectName> = bare.collect();
        (!uncovered.is_empty()).then(|| self.no_credential(&uncovered, &seen.namespace))
    }

    fn no_credential(&self, uncovered: &[&ObjectName], namespace: &NamespaceName) -> Turn {
        let subjects: String = uncovered
            .iter()
            .map(|name| format!(" --subject {}", IssuerUrl::subject(namespace, name)))
            .collect();
        Turn {
            who: Person::PlatformTeam,
            why: format!("{} has no federated credential", named(uncovered)),
            command: az(format!("prepare{subjects}")),
            right: None,
            also: Vec::new(),
        }
    }
}

impl Seen {
    fn to_annotate(&self, goal: &Goal) -> Vec<&ServiceAccount> {
        self.to_annotate_with(&goal.client_id)
    }

    fn to_annotate_with(&self, client_id: &str) -> Vec<&ServiceAccount> {
        to_annotate(&self.deployments, &self.accounts, client_id)
    }

    fn account(&self, name: &ObjectName) -> Option<&ServiceAccount> {
        self.accounts.iter().find(|own| own.name == *name)
    }
}

/// The service accounts of `deployments` that have another client ID, or none.
pub(crate) fn to_annotate<'a>(
    deployments: &[Deployment],
    accounts: &'a [ServiceAccount],
    client_id: &str,
) -> Vec<&'a ServiceAccount> {
    let has = |own: &ServiceAccount| {
        let id = own.client_id.as_ref();
        id.is_some_and(|id| id.eq_ignore_ascii_case(client_id))
    };
    let names = used(deployments);
    let named = names
        .iter()
        .filter_map(|name| accounts.iter().find(|own| own.name == *name));
    named.filter(|own| !has(own)).collect()
}

fn named(names: &[&ObjectName]) -> String {
    let list = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match names.len() {
        1 => format!("service account {list}"),
        _ => format!("each of the service accounts {list}"),
    }
}

/// The command that makes service accounts anew; `configure` then annotates them.
pub(crate) fn creation(names: &[&ObjectName], namespace: &NamespaceName) -> CommandLine {
    let each = names
        .iter()
        .map(|name| format!("kubectl create serviceaccount {name} --namespace {namespace}"));
    shell(each.collect::<Vec<_>>().join(" && "))
}

/// The service accounts that deployments use, without repetition.
pub(crate) fn used(deployments: &[Deployment]) -> BTreeSet<ObjectName> {
    deployments.iter().map(|own| own.service_account.clone()).collect()
}

/// Whether the file has a credential for a service account, on the identity and under the issuer that count now.
pub(crate) fn covered(state: &State, namespace: &NamespaceName, account: &ObjectName) -> bool {
    let cloud = &state.cloud;
    let (Some(table), Some(identity), Some(prerequisites)) = (&cloud.federation, &cloud.identity, &cloud.prerequisites)
    else {
        return false;
    };
    let subject = IssuerUrl::subject(namespace, account);
    table.identity == identity.identity
        && table.issuer == prerequisites.issuer
        && table.credentials.iter().any(|own| own.subject == subject)
}

#[cfg(test)]
mod tests;
