//! The flags of `fleet`.

use std::path::PathBuf;

use aksbackup_shared::args::StatusArgs;
use aksbackup_shared::chain::args::FailOn;
use aksbackup_shared::ids::ResourceGroupName;
use aksbackup_shared::metrics::MetricsFile;
use clap::{Args, Subcommand};

use super::WriteArgs;
use super::flags::ReduceArgs;
use super::shard::ShardArg;

/// Commands for a folder of state files.
#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Create a state file for each AKS cluster that has none, without changing anything in Azure
    #[command(after_help = "Examples:
  az aksbackup fleet init fleet --dry-run             # show which files would be written
  az aksbackup fleet init fleet --all-subscriptions --yes   # for the clusters of every subscription
  az aksbackup fleet init fleet -g rg-aks             # for the clusters of one resource group")]
    Init(FleetInitArgs),
    /// List the clusters of the folder with their protection and last backup, from Azure Resource Graph
    #[command(after_help = "Examples:
  az aksbackup fleet list fleet                       # also lists clusters that have no state file
  az aksbackup fleet list fleet --check -o json       # for scripts: exits with code 8 if there is a finding")]
    List(FleetListArgs),
    /// Show the status of each cluster's steps
    #[command(after_help = "Examples:
  az aksbackup fleet status fleet                     # check the live state in Azure
  az aksbackup fleet status fleet --offline           # only read the state files, without a sign-in
  az aksbackup fleet status fleet --check             # exits with code 8 if any step is incomplete")]
    Status(FleetStatusArgs),
    /// Check the backup chain of each cluster; read-only
    #[command(after_help = "Examples:
  az aksbackup fleet verify fleet                     # exits with code 8 if there are findings
  az aksbackup fleet verify fleet --metrics aks.prom  # also write Prometheus metrics for the textfile collector
  az aksbackup fleet verify fleet --shard 0/4 -o json   # for scripts: the first of four parts")]
    Verify(FleetVerifyArgs),
    /// Show what `fleet apply` would change
    #[command(after_help = "Examples:
  az aksbackup fleet plan fleet                       # exits with code 8 if changes are pending
  az aksbackup fleet plan fleet -o json               # lists every change, for a review")]
    Plan(FleetPlanArgs),
    /// Run the steps of prepare and protect for each cluster, as far as you have permission (platform team)
    #[command(after_help = "Examples:
  az aksbackup fleet apply fleet                      # show the changes of all clusters, and prompt once
  az aksbackup fleet apply fleet --yes --max-failures 5   # starts no clusters after 5 failures
  az aksbackup fleet apply fleet --yes --resume       # skips clusters whose state file reports every step
  az aksbackup fleet apply fleet --yes --shard 1/4 --handoff-ok   # in a Kubernetes Job: the second of four parts")]
    Apply(FleetApplyArgs),
}

/// So many clusters are processed at the same time.
pub(crate) const AT_ONCE: u8 = 16;

/// Flags of all commands over the clusters of a folder.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetArgs {
    /// Folder of the state files
    #[arg(value_name = "DIR", default_value = "fleet")]
    pub(crate) folder: PathBuf,
    /// Part of the clusters to process, such as 0/4 for the first of four; with only the count (4), JOB_COMPLETION_INDEX is the index
    #[arg(long, value_name = "INDEX/COUNT")]
    pub(crate) shard: Option<ShardArg>,
    /// Number of clusters to process at the same time
    #[arg(long, value_name = "COUNT", default_value_t = AT_ONCE, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) parallel: u8,
    /// File to append a line of JSON to when each cluster is finished
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
}

impl FleetArgs {
    /// Returns the number of clusters that are processed at the same time.
    pub(crate) fn at_once(&self) -> usize {
        usize::from(self.parallel.max(1))
    }
}

/// Flags of `fleet list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetListArgs {
    /// Folder of the state files
    #[arg(value_name = "DIR", default_value = "fleet")]
    pub(crate) folder: PathBuf,
    /// Exit with code 8 if a cluster has a finding or no state file
    #[arg(long)]
    pub(crate) check: bool,
}

/// Flags of `fleet status`.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetStatusArgs {
    /// Those of all commands over a folder.
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    /// Those of `status`.
    #[command(flatten)]
    pub(crate) status: StatusArgs,
}

/// Flags of `fleet verify`.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetVerifyArgs {
    /// Those of all commands over a folder.
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    /// Lowest severity that causes exit code 8
    #[arg(long, value_enum, default_value = "warning", value_name = "VERDICT")]
    pub(crate) fail_on: FailOn,
    /// File to write the results of all clusters to as Prometheus metrics, for the textfile collector of node_exporter
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<MetricsFile>,
}

/// Flags of `fleet plan`.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetPlanArgs {
    /// Those of all commands over a folder.
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
}

/// Flags of `fleet apply`.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetApplyArgs {
    /// Those of all commands over a folder.
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    /// Number of failures after which no further clusters are started
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_failures: Option<u32>,
    /// Skip clusters whose state file reports every step of this command as complete, without checking them
    #[arg(long)]
    pub(crate) resume: bool,
    /// Exit with code 0 if only other people must act next
    #[arg(long)]
    pub(crate) handoff_ok: bool,
    /// Don't wait until the cluster side is verified
    #[arg(long)]
    pub(crate) without_verification: bool,
    /// Don't wait until clusters are protected; the next run reports the result
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// What protects less.
    #[command(flatten)]
    pub(crate) reduce: ReduceArgs,
}

/// Flags of `fleet init`.
#[derive(Debug, Clone, Args)]
pub(crate) struct FleetInitArgs {
    /// Folder of the state files
    #[arg(value_name = "DIR", default_value = "fleet")]
    pub(crate) folder: PathBuf,
    /// File with the settings of all clusters [default: fleet.toml in the folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// Find the clusters of all subscriptions that the signed-in account can read in its tenant
    #[arg(long)]
    pub(crate) all_subscriptions: bool,
    /// Find only the clusters in this resource group
    #[arg(long, short = 'g', value_name = "NAME")]
    pub(crate) resource_group: Option<ResourceGroupName>,
    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}
