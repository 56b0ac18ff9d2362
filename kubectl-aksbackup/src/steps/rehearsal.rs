//! Before the first write: every change of the run is sent for trial, and so is a pod of each template that is going to be
//! rolled out. A conflict, a policy that refuses or removes the label, a webhook that passes the pods by, a quota, a Velero that validates nothing: all are
//! known while nothing has been changed.

use aksbackup_shared::failure::Outcome;
use futures::future::{try_join_all, try_join3};

use crate::cluster::client::{Reader, Rehearsal};
use crate::cluster::deployments::Deployment;
use crate::cluster::pods::Pod;
use crate::cluster::service_accounts::ServiceAccount;
use crate::steps::context::Context;
use crate::steps::goal::Goal;
use crate::steps::injection::webhook;
use crate::steps::passing::Around;
use crate::steps::silence::refuse_never;

/// What is going to be changed.
pub(crate) struct Due<'a> {
    accounts: Vec<&'a ServiceAccount>,
    deployments: Vec<&'a Deployment>,
}

impl<'a> Due<'a> {
    /// The changes that `goal` asks for.
    pub(crate) fn of(
        deployments: &'a [Deployment],
        pods: &[Pod],
        accounts: Vec<&'a ServiceAccount>,
        goal: &Goal,
    ) -> Self {
        let deployments = goal.due(deployments, pods);
        Self { accounts, deployments }
    }
}

/// Sends everything that is due for trial, once in a run, where the command is going to write at all.
///
/// # Errors
/// What the API server would refuse, or what keeps the webhook from its work. That the webhook does not see an annotation
/// yet is no error: it is not there yet.
pub(crate) async fn rehearse(due: &Due<'_>, reader: &Reader, goal: &Goal, context: &Context) -> Outcome<()> {
    if due.accounts.is_empty() && due.deployments.is_empty() {
        return Ok(());
    }
    let taken = context.rehearsal.borrow_mut().take();
    let Some(rehearsal) = taken else { return Ok(()) };
    let locations = reader.storage_locations().await?;
    refuse_never(&locations.items, reader.namespace())?;
    let trials = try_join_all(due.deployments.iter().map(|own| reader.trial(own)));
    let (trials, ..) = try_join3(
        trials,
        accounts(due, &rehearsal, goal),
        templates(due, &rehearsal, goal),
    )
    .await?;
    let around = Around::of(reader, &trials).await?;
    webhook(&trials, &around, &goal.expected(), context).map(|_| ())
}

async fn accounts(due: &Due<'_>, rehearsal: &Rehearsal, goal: &Goal) -> Outcome<()> {
    let all = due
        .accounts
        .iter()
        .map(|own| rehearsal.patcher().annotate(own, Some(&goal.client_id)));
    try_join_all(all).await.map(|_| ())
}

async fn templates(due: &Due<'_>, rehearsal: &Rehearsal, goal: &Goal) -> Outcome<()> {
    let all = due.deployments.iter().map(async |own| {
        let cause = goal.cause(own);
        rehearsal.patcher().label_template(own, Some(&cause)).await
    });
    try_join_all(all).await.map(|_| ())
}
