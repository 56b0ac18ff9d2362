//! `[cluster.*]`: what the cluster side saw, for the Azure side to build on.

use serde::{Deserialize, Serialize};

use crate::ids::{ClientId, NamespaceName, ObjectName};
use crate::schema::{Removal, Written};

/// What the cluster side reported, one table for each step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClusterTables {
    /// Deployments and service accounts of the extension. Written by `kubectl aksbackup configure`; read by `az
    /// aksbackup prepare`, which creates a federated credential for each service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workloads: Option<WorkloadsTable>,
    /// Step 6. Written by `kubectl aksbackup configure`, removed by `unconfigure`; read by `status` in both programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentityTable>,
    /// Step 9. Written by `kubectl aksbackup configure`, removed by `unconfigure`; read by `unconfigure` and by
    /// `status` in both programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutTable>,
    /// Step 10. Written by `kubectl aksbackup configure`, removed by `unconfigure`; read by `az aksbackup protect`, as
    /// a hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationTable>,
    /// Removed tables of this program. Written with any table of the program; read by `merge`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removal>,
}

/// Deployments and their service accounts, as read from the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkloadsTable {
    /// Namespace of the deployments and service accounts.
    pub namespace: NamespaceName,
    /// Deployments of the extension.
    pub deployments: Vec<ObjectName>,
    /// Service accounts of the deployments, without duplicates.
    pub service_accounts: Vec<ObjectName>,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 6: annotated service accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WorkloadIdentityTable {
    /// Client ID annotation of the service accounts.
    pub client_id: ClientId,
    /// Annotated service accounts.
    pub service_accounts: Vec<ObjectName>,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 9: rolled out deployments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RolloutTable {
    /// Deployments that were rolled out.
    pub deployments: Vec<ObjectName>,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}

/// Step 10: what was seen of the running pods and the backup storage location.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VerificationTable {
    /// Client ID that was injected into the running pods.
    pub client_id: ClientId,
    /// Backup storage location.
    pub storage_location: ObjectName,
    /// Blob container of the location.
    pub container: String,
    /// Storage account of the location.
    pub account: String,
    /// Number of checked pods.
    pub pods: u32,
    /// Author and time of the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
}
