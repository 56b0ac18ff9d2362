//! The flags of the commands that judge the chain.

use aksbackup_shared::args::StatusArgs;
use aksbackup_shared::chain::args::{self, VerifyArgs};
use aksbackup_shared::ids::{ClusterName, ResourceGroupName, ResourceId};
use clap::Args;

use crate::cli::RoleArgs;

/// The cluster to look at, where it isn't the state file's.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ClusterFlags {
    /// Resource ID of the cluster, if it has no state file
    #[arg(long, visible_alias = "ids", value_name = "ID", conflicts_with_all = ["resource_group", "cluster_name"])]
    pub(crate) cluster_id: Option<ResourceId>,
    /// Resource group of the cluster, if it has no state file
    #[arg(long, short = 'g', value_name = "NAME", requires = "cluster_name")]
    pub(crate) resource_group: Option<ResourceGroupName>,
    /// Name of the cluster, if it has no state file
    #[arg(long, short = 'n', alias = "name", value_name = "NAME", requires = "resource_group")]
    pub(crate) cluster_name: Option<ClusterName>,
}

impl ClusterFlags {
    /// Returns whether a cluster is named.
    pub(crate) fn is_given(&self) -> bool {
        self.cluster_id.is_some() || self.cluster_name.is_some()
    }
}

/// Flags of `status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatusFlags {
    /// Which cluster.
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
    /// Those of both programs.
    #[command(flatten)]
    pub(crate) shared: StatusArgs,
}

/// Flags of `verify`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyFlags {
    /// Which cluster.
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
    /// Check the prerequisites before anything is set up
    #[arg(long)]
    pub(crate) pre: bool,
    /// Those of both programs.
    #[command(flatten)]
    pub(crate) shared: VerifyArgs,
}

/// Flags of `doctor`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorFlags {
    /// Those of both programs.
    #[command(flatten)]
    pub(crate) shared: args::DoctorArgs,
    /// Which cluster.
    #[command(flatten)]
    pub(crate) cluster: ClusterFlags,
    /// Which roles, for --fix.
    #[command(flatten)]
    pub(crate) roles: RoleArgs,
}
