//! The command line: `az aksbackup COMMAND`.

use aksbackup_shared::args::{CommonArgs, HandoffArgs};
use aksbackup_shared::files::{DiffArgs, MergeArgs, MigrateArgs};
use aksbackup_shared::ids::CloudName;
use aksbackup_shared::report::ReportArgs;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::flags::{DoctorFlags, StatusFlags, VerifyFlags};
use crate::commands::init::flags::InitArgs;
use crate::login::Auth;

mod flags;
mod fleet;
mod repeatable;
mod restore;
pub(crate) mod shard;

pub(crate) use flags::{
    ApplyArgs, BackupArgs, ConfirmArgs, ExportArgs, ExportForm, GrantArgs, JobsArgs, LifecycleArgs, ListArgs,
    PrepareArgs, ProtectArgs, ReducingArgs, RoleArgs, RolePerson, TeardownArgs, UndeleteArgs, UpArgs,
};
pub(crate) use fleet::{
    AT_ONCE, FleetApplyArgs, FleetArgs, FleetCommand, FleetInitArgs, FleetListArgs, FleetPlanArgs, FleetStatusArgs,
    FleetVerifyArgs,
};
pub(crate) use restore::{Conflict, PointsArgs, RestoreArgs, Volumes};

/// Set up keyless Azure Backup for an AKS cluster: the Azure side
///
/// Several teams share the work through a state file: `az aksbackup` configures Azure resources, and `kubectl
/// aksbackup` configures the cluster. Every command checks the live state before it changes anything, and can be run
/// again at any time.
#[derive(Debug, Parser)]
#[command(
    name = "az aksbackup",
    bin_name = "az aksbackup",
    version,
    disable_help_subcommand = true,
    after_help = EXAMPLES,
    after_long_help = concat!(
        "Examples:\n",
        "  az aksbackup init -g rg-aks -n aks-demo   # choose what to protect and where to store backups\n",
        "  az aksbackup prepare                      # platform team\n",
        "  az aksbackup grant                        # subscription owner\n",
        "  kubectl aksbackup configure               # cluster admin\n",
        "  az aksbackup protect                      # platform team\n",
        "  az aksbackup status                       # anyone\n\n",
        "Exit codes:\n",
        "    0  done; nothing left for this command\n",
        "    1  failed\n",
        "    2  incorrect usage\n",
        "    3  the named resource does not exist\n",
        "    4  not authorized, or not signed in\n",
        "    5  waiting for another person; the output names the person, the permission, and the command\n",
        "    6  the state file is locked by another process\n",
        "    7  the state file is unreadable, newer, or in conflict\n",
        "    8  changes pending (--dry-run, status --check) or findings (verify, doctor, list --check)\n",
        "  124  timed out while waiting; run the command again to resume\n",
        "  130  interrupted; all progress is saved",
    ),
)]
pub(crate) struct Cli {
    /// Flags of both binaries.
    #[command(flatten, next_help_heading = "Global options")]
    pub(crate) common: CommonArgs,
    /// Flags of this one.
    #[command(flatten, next_help_heading = "Global options")]
    pub(crate) azure: AzureArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  az aksbackup init -g rg-aks -n aks-demo   # choose what to protect and where to store backups
  az aksbackup prepare                      # platform team
  az aksbackup grant                        # subscription owner
  kubectl aksbackup configure               # cluster admin
  az aksbackup protect                      # platform team
  az aksbackup status                       # anyone

More: az aksbackup --help";

/// Which Azure, and who.
#[derive(Debug, Clone, Args)]
pub(crate) struct AzureArgs {
    /// Name or ID of the subscription that contains the cluster
    #[arg(long, global = true, value_name = "SUBSCRIPTION")]
    pub(crate) subscription: Option<String>,
    /// Name of the Azure cloud in the Azure CLI: AzureCloud, AzureUSGovernment, AzureChinaCloud, or a cloud from
    /// ARM_CLOUD_METADATA_URL
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) cloud: Option<CloudName>,
    /// Sign-in method
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WAY")]
    pub(crate) auth: Auth,
}

/// A command that changes something.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WriteArgs {
    /// Print the planned changes and the permission that each requires, without applying them
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Choose what to protect and where to store backups, and write these settings to the state file
    #[command(after_help = "Examples:
  az aksbackup init                                   # prompt for what to protect and where to store backups
  az aksbackup init -g rg-aks -n aks-demo --yes       # use the defaults
  az aksbackup init --cluster-id /subscriptions/.../managedClusters/aks-demo \\
      --storage-account stbackup --storage-resource-group rg-backup --container aks-demo \\
      --vault bv-demo --vault-resource-group rg-backup --snapshot-group rg-snapshots \\
      --retention 30d                                 # use custom names
  az aksbackup init --retention 30d --dry-run         # show the difference from the state file")]
    Init(Box<InitArgs>),
    /// Create the storage, vault, policy, extension, and federated credentials (platform team)
    #[command(after_help = "Examples:
  az aksbackup prepare --dry-run                      # show the changes
  az aksbackup prepare --yes                          # don't prompt
  az aksbackup prepare --only storage --only vault-and-policy   # run only these steps
  az aksbackup prepare --no-wait --yes                # don't wait; the next prepare continues
  az aksbackup prepare \\
      --subject system:serviceaccount:dataprotection-microsoft:my-account   # for an additional service account")]
    Prepare(PrepareArgs),
    /// Assign the roles that backups require (subscription owner)
    #[command(after_help = "Examples:
  az aksbackup grant --dry-run                        # show the role assignments
  az aksbackup grant --subscription contoso --cluster rg-aks/aks-demo --vault rg-backup/bv-demo \\
      --storage-account rg-backup/stbackup --snapshot-resource-group rg-snapshots \\
      --yes                                           # in a script: confirm the expected resources
  az aksbackup grant --on-container                   # assign the storage role on the container only")]
    Grant(GrantArgs),
    /// Create the backup instance that protects the cluster (platform team)
    #[command(after_help = "Examples:
  az aksbackup protect                                # after kubectl aksbackup configure
  az aksbackup protect --without-verification         # protect even if the cluster side isn't verified yet
  az aksbackup protect --no-wait --yes                # the next run reports the result")]
    Protect(ProtectArgs),
    /// Start an on-demand backup and wait for it to finish (platform team)
    #[command(after_help = "Examples:
  az aksbackup backup                                 # use the policy's only backup rule
  az aksbackup backup --rule BackupDaily --retention-tag Default --timeout 2h   # use a specific rule and tag
  az aksbackup backup --no-wait --yes                 # the next run resumes waiting for the job")]
    Backup(BackupArgs),
    /// List backup jobs, or show one job
    #[command(after_help = "Examples:
  az aksbackup jobs                                   # list the jobs of this cluster
  az aksbackup jobs --all -o json                     # list the jobs of the whole vault, as JSON
  az aksbackup jobs 11111111-2222-3333-4444-555555555555   # show one job with its errors")]
    Jobs(JobsArgs),
    /// List the AKS clusters that the signed-in account can read, with their protection status and last backup
    #[command(after_help = "Examples:
  az aksbackup list                                   # list the clusters of the default subscription
  az aksbackup list --all-subscriptions -o json       # list the clusters of every subscription, as JSON
  az aksbackup list --unprotected                     # list only clusters without a backup instance
  az aksbackup list -g rg-aks --check                 # exits with code 8 if a cluster has a finding")]
    List(ListArgs),
    /// Set up and check many clusters from a folder of state files (one file for each cluster)
    #[command(
        subcommand,
        after_help = "Examples:
  az aksbackup fleet init fleet --dry-run             # which clusters would get a state file"
    )]
    Fleet(FleetCommand),
    /// List the recovery points of the cluster's backup instance
    #[command(after_help = "Examples:
  az aksbackup points                                 # list the recovery points, newest first
  az aksbackup points --limit 100 -o json             # list up to 100 recovery points, as JSON
  az aksbackup points --at 2026-11-29T06:00:00Z       # show the newest recovery point no later than this time
  az aksbackup points -g rg-aks -n aks-demo           # for a cluster without a state file")]
    Points(PointsArgs),
    /// Restore namespaces of the cluster from a recovery point (platform team)
    #[command(after_help = "Examples:
  az aksbackup restore --namespace shop=shop-restored --plan   # validate the restore without running it
  az aksbackup restore --namespace shop=shop-restored          # restore from the newest recovery point
  az aksbackup restore --namespace shop --in-place rg-aks/aks-demo --volumes none   # restore deleted resources
  az aksbackup restore --namespace shop=shop-before --at 2026-11-29T06:00:00Z \\
      --no-wait --yes                                 # the jobs command shows the progress")]
    Restore(Box<RestoreArgs>),
    /// Suspend scheduled backups; recovery points still expire (platform team)
    #[command(after_help = "Examples:
  az aksbackup suspend --dry-run                      # show the changes
  az aksbackup suspend                                # run resume to revert this
  az aksbackup suspend --yes --reduce-protection      # don't prompt")]
    Suspend(ReducingArgs),
    /// Stop protection and keep every recovery point until protection is resumed (platform team)
    #[command(after_help = "Examples:
  az aksbackup stop --dry-run                         # show the changes
  az aksbackup stop                                   # run resume to revert this
  az aksbackup stop --yes --reduce-protection         # don't prompt")]
    Stop(ReducingArgs),
    /// Resume suspended or stopped protection (platform team)
    #[command(after_help = "Examples:
  az aksbackup resume --dry-run                       # show the changes
  az aksbackup resume                                 # wait until the cluster is protected
  az aksbackup resume --no-wait --yes                 # the next run reports the result")]
    Resume(LifecycleArgs),
    /// Restore a soft-deleted backup instance and resume its protection (platform team)
    #[command(after_help = "Examples:
  az aksbackup undelete --dry-run                     # show what would be restored
  az aksbackup undelete --keep-stopped                # restore it without resuming scheduled backups
  az aksbackup undelete                               # restore it and resume scheduled backups")]
    Undelete(UndeleteArgs),
    /// Run every cloud step that you have permission for, and list the remaining steps and who can run them
    #[command(after_help = "Examples:
  az aksbackup up --dry-run                           # show the changes
  az aksbackup up --yes                               # don't prompt")]
    Up(UpArgs),
    /// Apply a plan saved by a dry run of prepare, grant, or protect, if the planned changes are still the same
    #[command(after_help = "Examples:
  az aksbackup prepare --dry-run --plan-out plan.json   # save the plan
  az aksbackup apply plan.json                        # apply the plan after a review; prompts for confirmation
  az aksbackup apply plan.json --yes                  # don't prompt; exits with code 8 if anything differs from the plan")]
    Apply(ApplyArgs),
    /// Stop protection and keep the backups, or delete everything that this tool created
    #[command(after_help = "Examples:
  az aksbackup teardown --dry-run                     # show what would be deleted, what would be kept, and why
  az aksbackup teardown                               # stop protection and keep the backups
  az aksbackup teardown --delete-backups rg-aks/aks-demo   # the backups are deleted permanently, too
  az aksbackup teardown --subscription contoso --cluster rg-aks/aks-demo --vault rg-backup/bv-demo \\
      --storage-account rg-backup/stbackup --snapshot-resource-group rg-snapshots \\
      --yes --reduce-protection                       # in a script: confirm what is deleted")]
    Teardown(TeardownArgs),
    /// Show completed steps, the next step, and who can run it
    #[command(after_help = "Examples:
  az aksbackup status                                 # check the live state in Azure
  az aksbackup status --offline                       # show only what the state file records, without signing in
  az aksbackup status -g rg-aks -n aks-demo           # for a cluster without a state file
  az aksbackup status --check                         # exits with code 8 if anything is left")]
    Status(StatusFlags),
    /// Check every part of the backup chain that is visible in Azure (read-only)
    #[command(after_help = "Examples:
  az aksbackup verify                                   # compare Azure with the state file
  az aksbackup verify -g rg-aks -n aks-demo -o json     # exits with code 8 if there are findings
  az aksbackup verify --pre                             # check the prerequisites before the setup
  az aksbackup verify --wait --timeout 1h               # wait until there are no findings; exits with code 124 on timeout
  az aksbackup verify --watch                           # print only changes
  az aksbackup verify --with cluster.json               # combine with the result of: kubectl aksbackup verify -o json
  az aksbackup verify --metrics aks.prom                # also write Prometheus metrics for the textfile collector
  az aksbackup verify --save --fail-on error            # save the result for kubectl aksbackup; ignore warnings")]
    Verify(VerifyFlags),
    /// Diagnose failures from the checks and Azure's messages, with the root cause first and a fix for each
    #[command(after_help = "Examples:
  az aksbackup doctor                                   # diagnose this cluster
  az aksbackup doctor list                              # list the known failures
  az aksbackup doctor explain FIC-ISSUER                # describe a known failure
  az aksbackup doctor -g rg-aks -n aks-demo -o json     # exits with code 8 if there are findings
  az aksbackup doctor --with cluster.json               # combine with the result of: kubectl aksbackup doctor -o json
  az aksbackup doctor --fix                             # run the aksbackup command that fixes the first finding")]
    Doctor(DoctorFlags),
    /// Print a message for the next person: completed steps, the command to run, required permissions, and a digest of
    /// the state file
    #[command(after_help = "Examples:
  az aksbackup handoff                                # print plain text, for an email
  az aksbackup handoff --format markdown              # print Markdown, for a ticket
  az aksbackup handoff -o json                        # print JSON, for a program")]
    Handoff(HandoffArgs),
    /// Create a single-page report for handoff and audit: the chain, who did what, findings, and fixes
    #[command(after_help = "Examples:
  az aksbackup report --out report.html                    # create an HTML page to read, print, or send
  az aksbackup report --offline --with cluster.json --out report.html   # create the report only from files
  az aksbackup report --format markdown                    # print Markdown, for a ticket
  az aksbackup report -o json                              # print JSON, with the findings as SARIF
  az aksbackup report --bundle support.tar                 # bundle report, state file, and checks for a support case")]
    Report(ReportArgs),
    /// Export the setup as a template or as Terraform configuration, or a person's permissions as a custom role
    #[command(after_help = "Examples:
  az aksbackup export --out backup.json                    # create a template for a subscription deployment
  az aksbackup export --format terraform --out backup.tf   # use Terraform's azapi provider, with import blocks
  az aksbackup export --format role --person platform-team --out role.json   # create a custom role for the platform team")]
    Export(ExportArgs),
    /// Merge copies of the state file, table by table
    #[command(after_help = "Examples:
  az aksbackup merge from-cluster-team.toml             # take newer tables from the copy
  az aksbackup merge a.toml b.toml --dry-run            # show which tables would be taken
  az aksbackup merge b.toml --theirs cluster --ours cloud.roles   # choose versions of tables that both sides changed")]
    Merge(MergeArgs),
    /// Show how two state files differ
    #[command(after_help = "Examples:
  az aksbackup diff from-cluster-team.toml   # compare with the state file
  az aksbackup diff a.toml b.toml -o json    # exits with code 8 if they differ")]
    Diff(DiffArgs),
    /// Upgrade the state file to the current schema version
    #[command(after_help = "Examples:
  az aksbackup migrate --dry-run   # show the change
  az aksbackup migrate --yes       # don't prompt")]
    Migrate(MigrateArgs),
    /// Print the JSON Schema of the state file
    #[command(after_help = "Examples:
  az aksbackup schema > aksbackup.schema.json   # store the schema next to the state file, for editors")]
    Schema,
    /// Print the completion script for a shell
    #[command(after_help = "Examples:
  source <(az-aksbackup completion bash)                 # enable completion in the current bash session
  az-aksbackup completion zsh > ~/.zfunc/_az-aksbackup   # for zsh, in a directory of $fpath")]
    Completion {
        /// Name of the shell
        shell: Shell,
    },
    /// Print the commands as data, for the Azure CLI extension
    #[command(
        name = "__describe",
        hide = true,
        after_help = "Examples:\n  az-aksbackup __describe"
    )]
    Describe,
    /// Print the possible values of an option, for the Azure CLI extension
    #[command(
        name = "__complete",
        hide = true,
        after_help = "Examples:\n  az-aksbackup __complete vault"
    )]
    Complete {
        /// Name of the option in the description
        option: String,
        /// Arguments that precede it
        before: Vec<String>,
    },
    /// Write the man pages to a directory
    #[command(name = "__man", hide = true, after_help = "Examples:\n  az-aksbackup __man man1")]
    Man {
        /// Directory for the man pages
        folder: std::path::PathBuf,
    },
    /// Print the version
    #[command(after_help = "Examples:
  az aksbackup version              # print text
  az aksbackup version -o json      # print JSON, for a program")]
    Version,
}

impl Command {
    /// What is said to what protects less; `None` of a command that can't.
    fn reduce(&self) -> Option<&flags::ReduceArgs> {
        match self {
            Self::Prepare(args) => Some(&args.reduce),
            Self::Protect(args) => Some(&args.reduce),
            Self::Up(args) => Some(&args.reduce),
            Self::Apply(args) => Some(&args.reduce),
            Self::Suspend(args) | Self::Stop(args) => Some(&args.reduce),
            Self::Teardown(args) => Some(&args.reduce),
            _ => None,
        }
    }

    /// Whether the person agrees beforehand that protection is reduced.
    pub(crate) fn reduce_protection(&self) -> bool {
        self.reduce().is_some_and(|own| own.reduce_protection)
    }

    /// Returns the requests to a Resource Guard that the person names.
    pub(crate) fn operation_requests(&self) -> Vec<aksbackup_shared::ids::ResourceId> {
        self.reduce()
            .map(|own| own.operation_requests.clone())
            .unwrap_or_default()
    }

    /// Whether what goes on by itself is to be left to itself.
    pub(crate) fn no_wait(&self) -> bool {
        match self {
            Self::Prepare(args) => args.no_wait,
            Self::Grant(args) => args.no_wait,
            Self::Up(args) => args.no_wait,
            Self::Protect(args) => args.no_wait,
            Self::Backup(args) => args.no_wait,
            Self::Suspend(args) | Self::Stop(args) => args.change.no_wait,
            Self::Resume(args) => args.no_wait,
            Self::Undelete(args) => args.change.no_wait,
            Self::Restore(args) => args.no_wait,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
