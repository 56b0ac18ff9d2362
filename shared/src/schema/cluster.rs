//! `[cluster.*]`: what the cluster side saw, for the Azure side to build on.

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, NamespaceName, ObjectName};
use crate::schema::{Removal, Written};

/// What the cluster side saw, one table a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClusterTables {
    /// Deployments and service accounts as they are. Written by `kubectl aksbackup configure`; read by `az aksbackup
    /// prepare`, which makes a federated credential for each account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workloads: Option<WorkloadsTable>,
    /// Step 6. Written by `kubectl aksbackup configure`, taken away by `unconfigure`; read by `status` in both
    /// programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentityTable>,
    /// Step 9. Written by `kubectl aksbackup configure`, taken away by `unconfigure`; read by `unconfigure` and by
    /// `status` in both programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutTable>,
    /// Step 10. Written by `kubectl aksbackup configure`, taken away by `unconfigure`; read by `az aksbackup protect`,
    /// as a hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationTable>,
    /// Tables of this program that were taken away. Written with any table of the program; read by `merge`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removal>,
}

/// Deployments and their service accounts, as read from the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkloadsTable {
    /// Their namespace.
    pub namespace: NamespaceName,
    /// The deployments.
    pub deployments: Vec<ObjectName>,
    /// The service accounts that they use, without repetition.
    pub service_accounts: Vec<ObjectName>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 6: annotated service accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkloadIdentityTable {
    /// The client ID that they carry.
    pub client_id: ClientId,
    /// The service accounts.
    pub service_accounts: Vec<ObjectName>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 9: rolled out deployments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RolloutTable {
    /// The deployments.
    pub deployments: Vec<ObjectName>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 10: what was seen of the running pods and the backup storage location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VerificationTable {
    /// The client ID that the running pods were injected with.
    pub client_id: ClientId,
    /// The backup storage location.
    pub storage_location: ObjectName,
    /// Its container.
    pub container: String,
    /// Its storage account.
    pub account: String,
    /// Number of pods that were looked at.
    pub pods: u32,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}
