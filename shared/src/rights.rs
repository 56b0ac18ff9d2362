//! The rights of each step's writes, as data: for whoever has to be asked for them, without a login.
//!
//! The binaries check what the caller may do against the full lists of their own programs; these are the few that decide
//! who can do a step at all.

use serde::Serialize;

use crate::guide::{Requirement, Scope, StepName};
use crate::ids::ResourceId;
use crate::names::NAMESPACE;
use crate::schema::State;
use crate::step::Right;

/// A right with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// The right.
    pub right: Right,
    /// What it is for.
    pub why: &'static str,
}

/// Returns what a step's writes need, on the scopes that the state file names. What it doesn't name is left out: all of Azure before the file
/// says what to protect, and the resource group of the cluster's nodes until step 1 has found it.
#[must_use]
pub fn of(step: StepName, state: &State) -> Vec<Needed> {
    let needed = |requirement: &Requirement| {
        let right = Right::new(requirement.action, scope(requirement.scope, state)?);
        let why = requirement.why;
        Some(Needed { right, why })
    };
    step.permissions().iter().filter_map(needed).collect()
}

fn scope(scope: Scope, state: &State) -> Option<String> {
    let target = state.target.as_ref();
    let group = |name| Some(ResourceId::group(&target?.subscription, name).to_string());
    match scope {
        Scope::Namespace => Some(format!("namespace {NAMESPACE}")),
        Scope::Cluster => Some(target?.cluster.to_string()),
        Scope::NodeGroup => group(&state.cloud.prerequisites.as_ref()?.node_resource_group),
        Scope::StorageGroup => group(&target?.storage.resource_group),
        Scope::VaultGroup => group(&target?.vault.resource_group),
        Scope::SnapshotGroup => group(&target?.snapshots.resource_group),
    }
}
