//! The flags of the commands that change Azure, and of `jobs` and `list`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::WriteArgs;
use crate::commands::selection::Selection;
use crate::steps::confirm::{Named, NamedGroup};

/// Flags of `prepare`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PrepareArgs {
    /// Additional subject that requires a federated credential (repeatable): system:serviceaccount:NAMESPACE:NAME
    #[arg(long = "subject", value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Which steps run.
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Create an empty storage account or container to replace one that no longer exists; a deleted account can't be
    /// recovered afterwards
    #[arg(long)]
    pub(crate) recreate_storage: bool,
    /// Backup vault to apply permanent changes to, such as locked immutability; must match the state file
    #[arg(long, value_name = "RESOURCE-GROUP/VAULT")]
    pub(crate) irreversible: Option<Named>,
    /// Don't wait for operations that Azure has accepted, such as the installation of the extension; exits with code 8 while other steps wait for them
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// File to save the --dry-run plan to, for use with `apply`
    #[arg(long, value_name = "FILE", requires = "dry_run", conflicts_with_all = ["subjects", "only", "skip", "recreate_storage", "irreversible"])]
    pub(crate) plan_out: Option<PathBuf>,
    /// What gets access.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// What protects less.
    #[command(flatten)]
    pub(crate) reduce: ReduceArgs,
    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Which roles are assigned, and on what.
#[derive(Debug, Clone, Args)]
pub(crate) struct RoleArgs {
    /// Assign the storage role at the scope of the container instead of the storage account
    #[arg(long)]
    pub(crate) on_container: bool,
    /// What gets access.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
}

/// What gets access, in the words of the person who runs the command. The ids of the flags are not those of `init`, whose
/// values are completed from the state file.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfirmArgs {
    /// Expected cluster (must match the state file): RESOURCE-GROUP/NAME in the subscription of --subscription, or a
    /// resource ID
    #[arg(long = "cluster", value_name = "RESOURCE")]
    pub(crate) confirm_cluster: Option<Named>,
    /// Expected Backup vault (must match the state file): RESOURCE-GROUP/NAME or a resource ID
    #[arg(long = "vault", value_name = "RESOURCE")]
    pub(crate) confirm_vault: Option<Named>,
    /// Expected storage account (must match the state file): RESOURCE-GROUP/NAME or a resource ID
    #[arg(long = "storage-account", value_name = "RESOURCE")]
    pub(crate) confirm_account: Option<Named>,
    /// Expected snapshot resource group (must match the state file): name or resource ID
    #[arg(
        long = "snapshot-resource-group",
        alias = "snapshot-group",
        value_name = "RESOURCE-GROUP"
    )]
    pub(crate) confirm_snapshots: Option<NamedGroup>,
    /// Expected user-assigned identity of the vault, if the state file has one (must match it): RESOURCE-GROUP/NAME or a resource ID
    #[arg(long = "vault-identity", value_name = "RESOURCE")]
    pub(crate) confirm_identity: Option<Named>,
}

/// Agreement to what protects less.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReduceArgs {
    /// Confirm changes that reduce protection, such as fewer namespaces or a shorter retention; --yes doesn't confirm
    /// them
    #[arg(long)]
    pub(crate) reduce_protection: bool,
    /// Resource ID of the Resource Guard request that authorizes the operation (repeatable): GUARD-ID/KIND/default
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub(crate) operation_requests: Vec<aksbackup_shared::ids::ResourceId>,
}

/// Flags of `grant`.
#[derive(Debug, Clone, Args)]
pub(crate) struct GrantArgs {
    /// Which roles.
    #[command(flatten)]
    pub(crate) roles: RoleArgs,
    /// Don't wait for operations that Azure has accepted; the next run continues
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// File to save the --dry-run plan to, for use with `apply`
    #[arg(long, value_name = "FILE", requires = "dry_run", conflicts_with = "on_container")]
    pub(crate) plan_out: Option<PathBuf>,
    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Flags of `protect`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProtectArgs {
    /// Don't wait until the cluster side is verified
    #[arg(long)]
    pub(crate) without_verification: bool,
    /// Don't wait until the cluster is protected; the next run reports the result
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Also delete vault policies that this tool created for the cluster and that no backup instance uses anymore
    #[arg(long)]
    pub(crate) remove_unused_policies: bool,
    /// File to save the --dry-run plan to, for use with `apply`
    #[arg(
        long,
        value_name = "FILE",
        requires = "dry_run",
        conflicts_with_all = ["without_verification", "remove_unused_policies"]
    )]
    pub(crate) plan_out: Option<PathBuf>,
    /// What gets access.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// What protects less.
    #[command(flatten)]
    pub(crate) reduce: ReduceArgs,
    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Flags of `backup`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BackupArgs {
    /// Name of the backup rule, if the policy has several
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,
    /// Retention tag of this backup [default: the policy's default]
    #[arg(long, value_name = "TAG")]
    pub(crate) retention_tag: Option<String>,
    /// Don't wait for the job; the next run resumes waiting, and `jobs` shows the status
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Flags of `suspend` and `stop`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReducingArgs {
    /// Whether less protection is confirmed.
    #[command(flatten)]
    pub(crate) reduce: ReduceArgs,
    /// Those of all commands of this kind.
    #[command(flatten)]
    pub(crate) change: LifecycleArgs,
}

/// Flags of `undelete`.
#[derive(Debug, Clone, Args)]
pub(crate) struct UndeleteArgs {
    /// Keep protection stopped: no scheduled backups run, and no recovery points expire
    #[arg(long)]
    pub(crate) keep_stopped: bool,
    /// Those of all commands of this kind.
    #[command(flatten)]
    pub(crate) change: LifecycleArgs,
}

/// Flags of the commands that end protection, or bring it back.
#[derive(Debug, Clone, Args)]
pub(crate) struct LifecycleArgs {
    /// Don't wait for Azure to finish; the next run reports the result
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// What is changed.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Flags of `up`: those of all that it does.
#[derive(Debug, Clone, Args)]
pub(crate) struct UpArgs {
    /// Additional subject that requires a federated credential (repeatable): system:serviceaccount:NAMESPACE:NAME
    #[arg(long = "subject", value_name = "SUBJECT")]
    pub(crate) subjects: Vec<String>,
    /// Which roles.
    #[command(flatten)]
    pub(crate) roles: RoleArgs,
    /// Don't wait until the cluster side is verified
    #[arg(long)]
    pub(crate) without_verification: bool,
    /// Don't wait for what Azure has accepted, such as the installation of the extension; exits with code 8 while other steps wait for it
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// What protects less.
    #[command(flatten)]
    pub(crate) reduce: ReduceArgs,
    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Flags of `teardown`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TeardownArgs {
    /// Cluster whose backups are deleted permanently; must match the state file [default: keep the backups]
    #[arg(long, value_name = "RESOURCE-GROUP/CLUSTER")]
    pub(crate) delete_backups: Option<Named>,
    /// What protects less.
    #[command(flatten)]
    pub(crate) reduce: ReduceArgs,
    /// What is undone.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// Flags of writing commands.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Flags of `jobs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct JobsArgs {
    /// ID of the job to show
    #[arg(value_name = "JOBID")]
    pub(crate) job: Option<String>,
    /// List all jobs of the vault, not only those of this cluster
    #[arg(long)]
    pub(crate) all: bool,
    /// Resource ID of the vault, if there is no state file
    #[arg(long, value_name = "ID")]
    pub(crate) vault_id: Option<aksbackup_shared::ids::ResourceId>,
    /// Maximum number of jobs to list, most recent first
    #[arg(long, default_value = "20", value_name = "COUNT")]
    pub(crate) limit: usize,
}

/// Flags of `list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    /// List the clusters of all subscriptions that the signed-in account can read in its tenant
    #[arg(long)]
    pub(crate) all_subscriptions: bool,
    /// Name of the resource group whose clusters are listed
    #[arg(long, short = 'g', value_name = "NAME")]
    pub(crate) resource_group: Option<aksbackup_shared::ids::ResourceGroupName>,
    /// List only clusters without a backup instance
    #[arg(long)]
    pub(crate) unprotected: bool,
    /// Exit with code 8 if a listed cluster has a finding
    #[arg(long)]
    pub(crate) check: bool,
    /// File to write the list to as Prometheus metrics, for the textfile collector of node_exporter
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics: Option<aksbackup_shared::metrics::MetricsFile>,
}

/// What an export is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportForm {
    /// An Azure Resource Manager template for a subscription deployment
    Arm,
    /// Terraform resources of the azapi provider, with import blocks
    Terraform,
    /// A custom role with the permissions that the commands of --person require
    Role,
}

/// Whose commands a role is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RolePerson {
    /// prepare, protect, backup, suspend, stop, resume, undelete, restore
    PlatformTeam,
    /// grant
    SubscriptionOwner,
    /// status, verify, doctor, jobs, list, points, export
    Reader,
}

/// Flags of `export`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExportArgs {
    /// Export format
    #[arg(
        long,
        value_enum,
        default_value = "arm",
        value_name = "FORM",
        requires_if("role", "person")
    )]
    pub(crate) format: ExportForm,
    /// Person whose commands the custom role allows; used with --format role
    #[arg(long, value_enum, value_name = "PERSON")]
    pub(crate) person: Option<RolePerson>,
    /// File to write the export to instead of standard output; an existing file is replaced only after confirmation or
    /// with --yes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Flags of `apply`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ApplyArgs {
    /// Plan file saved by --plan-out
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Backup vault to change permanently, if the plan says so; must match the state file
    #[arg(long, value_name = "RESOURCE-GROUP/VAULT")]
    pub(crate) irreversible: Option<Named>,
    /// What gets access.
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// What protects less.
    #[command(flatten)]
    pub(crate) reduce: ReduceArgs,
}
