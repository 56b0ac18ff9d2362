//! `[cluster.*]`: what the cluster plane saw, for the cloud plane to build on.

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, NamespaceName, ObjectName};
use crate::state::schema::{Removal, Written};

/// What the cluster plane saw, one table a step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterTables {
    /// The service accounts that the extension's deployments really use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workloads: Option<WorkloadsTable>,
    /// Step 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentityTable>,
    /// Step 9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutTable>,
    /// Step 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationTable>,
    /// Tables that were taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removal>,
}

/// Deployments and their service accounts, as read from the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
pub struct WorkloadIdentityTable {
    /// The client id that they carry.
    pub client_id: ClientId,
    /// The service accounts.
    pub service_accounts: Vec<ObjectName>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 9: rolled out deployments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutTable {
    /// The deployments.
    pub deployments: Vec<ObjectName>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 10: what was seen of the running pods and the backup storage location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerificationTable {
    /// The client id that the running pods were injected with.
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
