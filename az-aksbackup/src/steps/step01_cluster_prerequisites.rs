//! Step 1, "Verify AKS Cluster Prerequisites": OIDC issuer and workload identity, and the resource providers that the guide
//! takes for registered.
//!
//! Stands for `az provider register` and `az aks update --enable-oidc-issuer --enable-workload-identity`, as one change of
//! the cluster. The issuer cannot be switched off again: <https://learn.microsoft.com/azure/aks/use-oidc-issuer>.
//!
//! Rights: `Microsoft.ContainerService/managedClusters/{read,write}` on the cluster, `NAMESPACE/register/action` on the
//! subscription where one is not registered.

use std::cell::Cell;

use crate::arm::providers::PROVIDERS;
use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{IssuerUrl, PrincipalId, ResourceGroupName, ResourceId, SubscriptionId};
use aksbackup_shared::schema::{CloudTables, PrerequisitesTable, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};

use crate::arm::client::{Reader, Writer};
use crate::arm::clusters::{self, Cluster};
use crate::arm::providers::{self, Provider};
use crate::arm::versions;
use crate::arm::visible::{self, Sight};
use crate::platform::Azure;
use crate::steps::fresh::JustRead;
use crate::steps::registration;
use crate::steps::turns;
use crate::target_ids;

/// Step 1.
pub(crate) struct ClusterPrerequisites {
    /// What the steps have just read for one another.
    pub(crate) read: JustRead,
    /// Whether this run has sent the change of the cluster.
    pub(crate) asked: Cell<bool>,
}

/// What is there.
pub(crate) struct Seen {
    target: Target,
    cluster: Cluster,
    /// Each provider with its registration state; hidden ones are unknown.
    providers: Vec<(&'static str, Sight<Provider>)>,
}

/// What can be changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PrerequisiteChange {
    /// Registers a resource provider.
    Register {
        namespace: &'static str,
        subscription: SubscriptionId,
    },
    /// Switches on what is off, by writing the whole cluster.
    Enable {
        cluster: ResourceId,
        body: String,
        etag: Option<String>,
        issuer: bool,
        workload_identity: bool,
    },
}

impl Change for PrerequisiteChange {
    /// The OIDC issuer can't be switched off again.
    fn is_final(&self) -> bool {
        matches!(self, Self::Enable { issuer: true, .. })
    }

    fn note(&self) -> ChangeNote {
        match self {
            Self::Register {
                namespace,
                subscription,
            } => ChangeNote {
                reduces: Vec::new(),
                keeps: None,
                summary: format!("register resource provider {namespace} in subscription {subscription}"),
                right: Right::new(
                    format!("{namespace}/register/action"),
                    format!("/subscriptions/{subscription}"),
                ),
                creates: None,
                warning: None,
            },
            Self::Enable {
                cluster,
                issuer,
                workload_identity,
                ..
            } => {
                let flags = [(*issuer, "OIDC issuer"), (*workload_identity, "workload identity")];
                let flags: Vec<&str> = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
                let warning = "the API server restarts (brief outage)";
                let undo = if *issuer {
                    ", and the OIDC issuer can't be disabled again"
                } else {
                    ""
                };
                ChangeNote {
                    reduces: Vec::new(),
                    keeps: None,
                    summary: format!("enable {} on cluster {}", flags.join(" and "), cluster.with_group()),
                    right: Right::new("Microsoft.ContainerService/managedClusters/write", cluster),
                    creates: None,
                    warning: Some(format!("{warning}{undo}")),
                }
            }
        }
    }
}

impl Step for ClusterPrerequisites {
    type Platform = Azure;
    type Seen = Seen;
    type Change = PrerequisiteChange;

    fn name(&self) -> StepName {
        StepName::ClusterPrerequisites
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let states = PROVIDERS.map(|namespace| providers::provider(reader, &target.subscription, namespace));
        let cluster = async {
            match self.read.cluster.take() {
                Some(cluster) => Ok(cluster),
                None => clusters::existing(reader, &target.cluster).await,
            }
        };
        let (cluster, states) = futures::join!(cluster, futures::future::join_all(states));
        let sights = states.into_iter().map(Sight::of).collect::<Outcome<Vec<_>>>()?;
        let providers = PROVIDERS.into_iter().zip(sights).collect();
        Ok(Seen {
            cluster: cluster?,
            providers,
            target,
        })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<PrerequisiteChange>> {
        let (cluster, name) = (&seen.cluster, seen.target.cluster.with_group());
        let mut changes = registrations(seen);
        let on = cluster.has_issuer() && cluster.has_workload_identity();
        if !cluster.has_issuer() && cluster.has_locked_node_group() {
            // Without a federated credential in the node resource group the issuer is of no use, and it can't be switched off again.
            let turn = turns::unlock_nodes(&seen.target.cluster);
            return Ok(Decision::Blocked(changes, vec![turn]));
        }
        if !on && cluster.is_settled() {
            changes.push(PrerequisiteChange::Enable {
                cluster: seen.target.cluster.clone(),
                body: cluster.with_workload_identity(),
                etag: cluster.etag().map(str::to_owned),
                issuer: !cluster.has_issuer(),
                workload_identity: !cluster.has_workload_identity(),
            });
        }
        if !changes.is_empty() {
            return Ok(Decision::Change(changes));
        }
        if !cluster.is_settled() || !on {
            return Ok(Decision::Wait(Wait::for_(format!(
                "cluster {name}: {}",
                cluster.provisioning_state()
            ))));
        }
        if let Some((namespace, state)) = unregistered(seen).next() {
            return Ok(Decision::Wait(Wait::for_(format!(
                "resource provider {namespace}: {state}"
            ))));
        }
        let (issuer, ..) = facts(seen)?;
        Ok(Decision::Done(format!(
            "issuer {issuer}, workload identity enabled, {}",
            registration::told(&seen.providers)
        )))
    }

    async fn apply(&self, writer: &Writer, change: &PrerequisiteChange) -> Outcome<Applied> {
        let title = change.note().summary;
        match change {
            PrerequisiteChange::Register {
                namespace,
                subscription,
            } => {
                providers::register(writer, subscription, namespace).await?;
                Ok(Applied::Done)
            }
            PrerequisiteChange::Enable {
                cluster, body, etag, ..
            } => match clusters::put(writer, cluster, body, etag.as_deref()).await {
                Ok(answer) => {
                    self.asked.set(true);
                    Ok(answer.applied(writer, title, (cluster.to_string(), versions::MANAGED_CLUSTERS)))
                }
                Err(failure) if is_stale(&failure) => Ok(Applied::Busy(turns::look_again(format!(
                    "cluster {} has changed",
                    cluster.with_group()
                )))),
                Err(failure) => {
                    let refused = (failure, &turns::CLUSTER_BUSY[..], title.as_str());
                    registration::patience(writer, &cluster.subscription(), PROVIDERS[0], refused).await
                }
            },
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let Ok((issuer, node_resource_group, cluster_principal)) = facts(seen) else {
            return;
        };
        let registered = seen
            .providers
            .iter()
            .filter(|(_, sight)| registration::state(sight) == Some("Registered"));
        tables.prerequisites = Some(PrerequisitesTable {
            issuer,
            node_resource_group,
            cluster_principal,
            providers: registered.map(|(namespace, _)| (*namespace).to_owned()).collect(),
            api_server: seen.cluster.api_server_access(),
            written: None,
        });
    }

    /// The operation of another person on the cluster may still keep this step's own change from being sent.
    fn goes_on(&self, seen: &Seen) -> bool {
        self.asked.get() || seen.cluster.has_issuer() && seen.cluster.has_workload_identity()
    }

    fn is_last(&self, change: &PrerequisiteChange) -> bool {
        matches!(change, PrerequisiteChange::Enable { .. })
    }

    fn hand_over(&self, change: &PrerequisiteChange, failure: &Failure) -> Option<Turn> {
        let refused = visible::is_refused(failure);
        match change {
            PrerequisiteChange::Register {
                namespace,
                subscription,
            } => refused.then(|| registration::turn(namespace, subscription)),
            PrerequisiteChange::Enable { cluster, .. } => {
                registration::of_failure(failure, PROVIDERS[0], &cluster.subscription())
                    .or_else(|| refused.then(|| turns::not_ours(change.note(), az("prepare"))))
            }
        }
    }
}

/// The providers that are not registered, with their states.
fn unregistered(seen: &Seen) -> impl Iterator<Item = (&'static str, &str)> {
    let states = seen
        .providers
        .iter()
        .filter_map(|(namespace, sight)| Some((*namespace, registration::state(sight)?)));
    states.filter(|(_, state)| !state.eq_ignore_ascii_case("Registered"))
}

fn registrations(seen: &Seen) -> Vec<PrerequisiteChange> {
    unregistered(seen)
        .filter(|(_, state)| !state.eq_ignore_ascii_case("Registering"))
        .map(|(namespace, _)| PrerequisiteChange::Register {
            namespace,
            subscription: seen.target.subscription.clone(),
        })
        .collect()
}

/// Whether somebody changed the cluster after it was read.
fn is_stale(failure: &Failure) -> bool {
    ["PreConditionFailed", "EtagMismatch", "412"]
        .iter()
        .any(|code| failure.has_code(code))
}

/// What later steps build on.
fn facts(seen: &Seen) -> Outcome<(IssuerUrl, ResourceGroupName, PrincipalId)> {
    let cluster = &seen.cluster;
    let facts = (
        cluster.issuer().cloned(),
        cluster.node_resource_group().cloned(),
        cluster.principal(),
    );
    match facts {
        (Some(issuer), Some(group), Some(principal)) => Ok((issuer, group, principal)),
        (issuer, group, principal) => {
            let missing = [
                (issuer.is_none(), "issuer URL"),
                (group.is_none(), "node resource group"),
                (principal.is_none(), "managed identity"),
            ];
            let missing = missing
                .iter()
                .filter(|(missing, _)| *missing)
                .map(|(_, what)| *what)
                .collect::<Vec<_>>();
            Failure::failed(format!(
                "cluster {} doesn't meet the prerequisites for backups",
                seen.target.cluster.with_group()
            ))
            .because(format!("Azure reports no {} for the cluster", missing.join(" and no ")))
            .err()
        }
    }
}

#[cfg(test)]
mod tests;
