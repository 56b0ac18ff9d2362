//! The flags of the commands that judge the chain.

use aksbackup_shared::chain::args::{self, VerifyArgs};
use aksbackup_shared::ids::ResourceId;
use clap::Args;

use crate::cli::RoleArgs;

/// Flags of `verify`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyFlags {
    /// Cluster, by its ARM id, where there is no state file of it
    #[arg(long, value_name = "ID")]
    pub(crate) cluster_id: Option<ResourceId>,
    /// Before anything is set up: look for what would stand in its way
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
    /// Cluster, by its ARM id, where there is no state file of it
    #[arg(long, value_name = "ID")]
    pub(crate) cluster_id: Option<ResourceId>,
    /// Which roles, for --fix.
    #[command(flatten)]
    pub(crate) roles: RoleArgs,
}
