//! What the guide knows of each step.

use crate::guide::{Person, StepName};
use crate::program::Program;
use crate::schema::{State, Written};

/// What the guide knows of a step.
pub(super) struct StepInfo {
    pub(super) name: StepName,
    /// The guide's number, where the guide has the step.
    pub(super) number: Option<u8>,
    pub(super) title: &'static str,
    pub(super) program: Program,
    /// Who usually does it.
    pub(super) person: Person,
    /// The command of the step's program.
    pub(super) command: &'static str,
    /// The steps whose results it needs.
    pub(super) needs: &'static [StepName],
    /// What its writes need.
    pub(super) permissions: &'static [Requirement],
    /// The table of the state file that has its result.
    pub(super) table: Option<&'static str>,
    /// What that table says.
    pub(super) recorded: fn(&State) -> Option<Recorded<'_>>,
    /// Why that no longer holds, from the file only.
    pub(super) stale: fn(&State) -> Option<String>,
}

/// A permission that the writes of a step need.
#[derive(Debug, Clone, Copy)]
pub struct Requirement {
    /// The action. Those of Azure are in Microsoft's list of resource provider operations:
    /// <https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations>.
    pub action: &'static str,
    /// Where.
    pub scope: Scope,
    /// What it is for.
    pub why: &'static str,
}

/// Where a permission is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The cluster.
    Cluster,
    /// The resource group of the cluster's nodes, which is known from step 1 on.
    NodeGroup,
    /// The resource group of the storage account.
    StorageGroup,
    /// The resource group of the vault.
    VaultGroup,
    /// The snapshot resource group.
    SnapshotGroup,
    /// The extension's namespace in the cluster.
    Namespace,
}

/// What the state file says of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded<'a> {
    /// What was observed.
    pub evidence: String,
    /// By whom and when.
    pub written: Option<&'a Written>,
    /// What is wrong with it, such as a backup that finished with warnings.
    pub warning: Option<String>,
}

/// Returns a record without a warning.
pub(super) fn recorded(evidence: String, written: Option<&Written>) -> Option<Recorded<'_>> {
    Some(Recorded {
        evidence,
        written,
        warning: None,
    })
}

/// Returns a requirement.
pub(super) const fn requires(action: &'static str, scope: Scope, why: &'static str) -> Requirement {
    Requirement { action, scope, why }
}
