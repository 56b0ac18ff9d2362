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
mod restore;

pub(crate) use flags::{
    ApplyArgs, BackupArgs, ConfirmArgs, ExportArgs, ExportForm, GrantArgs, JobsArgs, LifecycleArgs, ListArgs,
    PrepareArgs, ProtectArgs, ReducingArgs, RoleArgs, RolePerson, TeardownArgs, UndeleteArgs, UpArgs,
};
pub(crate) use restore::{Conflict, PointsArgs, RestoreArgs, Volumes};

/// Set up keyless Azure Backup for an AKS cluster: the cloud side
///
/// The work is handed from team to team by a state file: `az aksbackup` does what Azure Resource Manager does, `kubectl
/// aksbackup` what the cluster's API server does. Every command looks before it writes, and can be run again at any time.
#[derive(Debug, Parser)]
#[command(
    name = "az aksbackup",
    bin_name = "az aksbackup",
    version,
    disable_help_subcommand = true,
    after_help = EXAMPLES,
    after_long_help = concat!(
        "Examples:\n",
        "  az aksbackup init -g rg-aks -n aks-demo   # what to protect, and with what\n",
        "  az aksbackup prepare                      # platform team\n",
        "  az aksbackup grant                        # subscription owner\n",
        "  kubectl aksbackup configure               # cluster admin\n",
        "  az aksbackup protect                      # platform team\n",
        "  az aksbackup status                       # anyone\n\n",
        "Exit codes:\n",
        "    0  done; nothing left for this command\n",
        "    1  failed\n",
        "    2  wrong usage\n",
        "    3  the named resource does not exist\n",
        "    4  not permitted, or not signed in\n",
        "    5  waiting for another person: who, which permission, and the command are printed\n",
        "    6  the state file is held by another process\n",
        "    7  the state file is unreadable, newer, or in conflict\n",
        "    8  changes pending (--dry-run, status --check) or findings (verify, doctor, list --check)\n",
        "  124  timed out while waiting; run the command again to resume\n",
        "  130  interrupted; nothing is lost",
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
  az aksbackup init -g rg-aks -n aks-demo   # what to protect, and with what
  az aksbackup prepare                      # platform team
  az aksbackup grant                        # subscription owner
  kubectl aksbackup configure               # cluster admin
  az aksbackup protect                      # platform team
  az aksbackup status                       # anyone

More: az aksbackup --help";

/// Which Azure, and who.
#[derive(Debug, Clone, Args)]
pub(crate) struct AzureArgs {
    /// Subscription of the cluster, by id or name
    #[arg(long, global = true, value_name = "SUBSCRIPTION")]
    pub(crate) subscription: Option<String>,
    /// Cloud, by its name in az: AzureCloud, AzureUSGovernment, AzureChinaCloud, or one of ARM_CLOUD_METADATA_URL
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) cloud: Option<CloudName>,
    /// How to sign in
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WAY")]
    pub(crate) auth: Auth,
}

/// A command that changes something.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct WriteArgs {
    /// Show what would change, with the right that each change needs, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Choose what to protect and with what, and write it into the state file
    #[command(after_help = "Examples:
  az aksbackup init                                   # asks
  az aksbackup init -g rg-aks -n aks-demo --yes       # with defaults
  az aksbackup init --cluster-id /subscriptions/.../managedClusters/aks-demo \\
      --storage-account stbackup --storage-resource-group rg-backup --container aks-demo \\
      --vault bv-demo --vault-resource-group rg-backup --snapshot-group rg-snapshots \\
      --retention 30d                                 # with names of your choice
  az aksbackup init --retention 30d --dry-run         # shows the difference to the state file")]
    Init(Box<InitArgs>),
    /// Create storage, vault, policy, extension and federated credentials (platform team)
    #[command(after_help = "Examples:
  az aksbackup prepare --dry-run                      # show the changes
  az aksbackup prepare --yes                          # without asking
  az aksbackup prepare --only storage --only vault-and-policy   # these steps only
  az aksbackup prepare \\
      --subject system:serviceaccount:dataprotection-microsoft:my-account   # one more account")]
    Prepare(PrepareArgs),
    /// Assign the roles that backup needs (subscription owner)
    #[command(after_help = "Examples:
  az aksbackup grant --dry-run                        # show the role assignments
  az aksbackup grant --subscription contoso --cluster rg-aks/aks-demo --vault rg-backup/bv-demo \\
      --storage-account rg-backup/stbackup --snapshot-resource-group rg-snapshots \\
      --yes                                           # in a script: name what gets access
  az aksbackup grant --on-container                   # the narrower scope")]
    Grant(GrantArgs),
    /// Put the cluster under protection: the backup instance (platform team)
    #[command(after_help = "Examples:
  az aksbackup protect                                # after kubectl aksbackup configure
  az aksbackup protect --without-verification         # although the cluster side has not reported yet
  az aksbackup protect --no-wait --yes                # the next protect tells how it ended")]
    Protect(ProtectArgs),
    /// Take a backup now, and wait for it (platform team)
    #[command(after_help = "Examples:
  az aksbackup backup                                 # by the only rule of the policy
  az aksbackup backup --rule BackupDaily --retention-tag Default --timeout 2h   # by that rule
  az aksbackup backup --no-wait --yes                 # the next backup follows it")]
    Backup(BackupArgs),
    /// List backup jobs, or show one
    #[command(after_help = "Examples:
  az aksbackup jobs                                   # of this cluster
  az aksbackup jobs --all -o json                     # of the whole vault
  az aksbackup jobs 11111111-2222-3333-4444-555555555555   # one job, with its errors")]
    Jobs(JobsArgs),
    /// List the AKS clusters that the signed-in account can see, with their protection and last backup
    #[command(after_help = "Examples:
  az aksbackup list                                   # of the default subscription
  az aksbackup list --all-subscriptions -o json       # of every subscription, for a program
  az aksbackup list --unprotected                     # clusters without a backup instance
  az aksbackup list -g rg-aks --check                 # exits with code 8 if a cluster has a finding")]
    List(ListArgs),
    /// List the recovery points of the cluster's backup instance
    #[command(after_help = "Examples:
  az aksbackup points                                 # the newest first
  az aksbackup points --limit 100 -o json             # for a program
  az aksbackup points --at 2026-11-29T06:00:00Z       # the newest that isn't later
  az aksbackup points -g rg-aks -n aks-demo           # of a cluster without a state file")]
    Points(PointsArgs),
    /// Restore namespaces of the cluster from a recovery point (platform team)
    #[command(after_help = "Examples:
  az aksbackup restore --namespace shop=shop-restored --plan   # let Azure validate it, and restore nothing
  az aksbackup restore --namespace shop=shop-restored          # from the newest recovery point
  az aksbackup restore --namespace shop --in-place rg-aks/aks-demo --volumes none   # resources that were deleted
  az aksbackup restore --namespace shop=shop-before --at 2026-11-29T06:00:00Z \\
      --no-wait --yes                                 # jobs shows how it goes")]
    Restore(Box<RestoreArgs>),
    /// Suspend scheduled backups; recovery points still expire (platform team)
    #[command(after_help = "Examples:
  az aksbackup suspend --dry-run                      # show what no longer happens
  az aksbackup suspend                                # resume is the way back
  az aksbackup suspend --yes --reduce-protection      # in a script")]
    Suspend(ReducingArgs),
    /// Stop protection and keep every recovery point until it is resumed (platform team)
    #[command(after_help = "Examples:
  az aksbackup stop --dry-run                         # show what no longer happens
  az aksbackup stop                                   # resume is the way back
  az aksbackup stop --yes --reduce-protection         # in a script")]
    Stop(ReducingArgs),
    /// Resume what was suspended or stopped (platform team)
    #[command(after_help = "Examples:
  az aksbackup resume --dry-run                       # show what begins again
  az aksbackup resume                                 # until the cluster is protected
  az aksbackup resume --no-wait --yes                 # the next resume tells how it ended")]
    Resume(LifecycleArgs),
    /// Bring a soft-deleted backup instance back and resume its protection (platform team)
    #[command(after_help = "Examples:
  az aksbackup undelete --dry-run                     # show what comes back
  az aksbackup undelete --keep-stopped                # no scheduled backups yet
  az aksbackup undelete                               # with scheduled backups")]
    Undelete(UndeleteArgs),
    /// Do every cloud step that you may, and say what is left for whom
    #[command(after_help = "Examples:
  az aksbackup up --dry-run                           # show the changes
  az aksbackup up --yes                               # without asking")]
    Up(UpArgs),
    /// Apply the plan that a dry run of prepare, grant or protect has saved, if it is still exactly what would be done
    #[command(after_help = "Examples:
  az aksbackup prepare --dry-run --plan-out plan.json   # save the plan
  az aksbackup apply plan.json                        # after a review; asks, as prepare does
  az aksbackup apply plan.json --yes                  # exits with code 8 if anything differs from the plan")]
    Apply(ApplyArgs),
    /// Stop the protection and keep the backups, or undo everything that this tool created
    #[command(after_help = "Examples:
  az aksbackup teardown --dry-run                     # show what goes, what stays, and why
  az aksbackup teardown                               # stop the protection, keep the backups
  az aksbackup teardown --delete-backups rg-aks/aks-demo   # with all backups, for good
  az aksbackup teardown --subscription contoso --cluster rg-aks/aks-demo --vault rg-backup/bv-demo \\
      --storage-account rg-backup/stbackup --snapshot-resource-group rg-snapshots \\
      --yes --reduce-protection                       # in a script: name what is undone")]
    Teardown(TeardownArgs),
    /// Show what is done, what is next, and whose turn it is
    #[command(after_help = "Examples:
  az aksbackup status                                 # by what Azure shows
  az aksbackup status --offline                       # from the state file alone, without a login
  az aksbackup status -g rg-aks -n aks-demo           # of a cluster without a state file
  az aksbackup status --check                         # exits with code 8 if anything is left")]
    Status(StatusFlags),
    /// Check every link of the chain that Azure shows; changes nothing
    #[command(after_help = "Examples:
  az aksbackup verify                                   # against the state file
  az aksbackup verify -g rg-aks -n aks-demo -o json     # exits with code 8 if there are findings
  az aksbackup verify --pre                             # before anything is set up
  az aksbackup verify --wait --timeout 1h               # until nothing is wrong; 124 if that takes longer
  az aksbackup verify --watch                           # show what becomes different
  az aksbackup verify --with cluster.json               # one chain with the result of: kubectl aksbackup verify -o json
  az aksbackup verify --metrics aks.prom                # also as Prometheus metrics, for the textfile collector
  az aksbackup verify --save --fail-on error            # keep the result for kubectl aksbackup; warnings end 0")]
    Verify(VerifyFlags),
    /// Name the known failures behind what Azure shows and says, the cause first, each with its cure
    #[command(after_help = "Examples:
  az aksbackup doctor                                   # what is wrong with this cluster
  az aksbackup doctor list                              # every known failure
  az aksbackup doctor explain FIC-ISSUER                # all about one
  az aksbackup doctor -g rg-aks -n aks-demo -o json     # exits with code 8 if there are findings
  az aksbackup doctor --with cluster.json               # one chain with the result of: kubectl aksbackup doctor -o json
  az aksbackup doctor --fix                             # run our own commands against it, each after asking")]
    Doctor(DoctorFlags),
    /// Print a message for whoever is next: what was done, what to run, which rights, and a digest of the state file
    #[command(after_help = "Examples:
  az aksbackup handoff                                # plain text, ready to mail
  az aksbackup handoff --format markdown              # for a ticket
  az aksbackup handoff -o json                        # for a program")]
    Handoff(HandoffArgs),
    /// Make one page for the hand-off and the audit: the chain, who did what, what is wrong and what cures it
    #[command(after_help = "Examples:
  az aksbackup report --out report.html                    # to read, to print, to send
  az aksbackup report --offline --with cluster.json --out report.html   # from files alone
  az aksbackup report --format markdown                    # for a ticket
  az aksbackup report -o json                              # with the findings as SARIF
  az aksbackup report --bundle support.tar                 # for a supporter: the page, the state file, the checks")]
    Report(ReportArgs),
    /// Export what was set up as a template or for Terraform, or a person's permissions as a custom role
    #[command(after_help = "Examples:
  az aksbackup export --out backup.json                    # a template for a deployment in the subscription
  az aksbackup export --format terraform --out backup.tf   # for Terraform's provider azapi, with import blocks
  az aksbackup export --format role --person platform-team --out role.json   # a custom role for the platform team")]
    Export(ExportArgs),
    /// Merge copies of the state file into it, table by table
    #[command(after_help = "Examples:
  az aksbackup merge from-cluster-team.toml             # take what is later
  az aksbackup merge a.toml b.toml --dry-run            # show what would be taken
  az aksbackup merge b.toml --theirs cluster --ours cloud.roles   # where both sides changed a table")]
    Merge(MergeArgs),
    /// Show how two state files differ
    #[command(after_help = "Examples:
  az aksbackup diff from-cluster-team.toml   # against the state file
  az aksbackup diff a.toml b.toml -o json    # exits with code 8 if they differ")]
    Diff(DiffArgs),
    /// Upgrade the state file to the current schema version
    #[command(after_help = "Examples:
  az aksbackup migrate --dry-run   # show the change
  az aksbackup migrate --yes       # without asking")]
    Migrate(MigrateArgs),
    /// Print the JSON Schema of the state file
    #[command(after_help = "Examples:
  az aksbackup schema > aksbackup.schema.json   # beside the state file, for editors")]
    Schema,
    /// Print the completion script of a shell
    #[command(after_help = "Examples:
  source <(az-aksbackup completion bash)                 # bash, in this session
  az-aksbackup completion zsh > ~/.zfunc/_az-aksbackup   # zsh, in a folder of $fpath")]
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Print the commands as data, for az's extension
    #[command(
        name = "__describe",
        hide = true,
        after_help = "Examples:\n  az-aksbackup __describe"
    )]
    Describe,
    /// Print the values that an option may take, for az's extension
    #[command(
        name = "__complete",
        hide = true,
        after_help = "Examples:\n  az-aksbackup __complete vault"
    )]
    Complete {
        /// The option, by its name in the description
        option: String,
        /// The words that it has already
        before: Vec<String>,
    },
    /// Write the man pages into a folder
    #[command(name = "__man", hide = true, after_help = "Examples:\n  az-aksbackup __man man1")]
    Man {
        /// The folder
        folder: std::path::PathBuf,
    },
    /// Print the version
    #[command(after_help = "Examples:
  az aksbackup version              # of the program
  az aksbackup version -o json      # for a program")]
    Version,
}

impl Command {
    /// Whether the person agrees beforehand that protection is reduced.
    pub(crate) fn reduce_protection(&self) -> bool {
        match self {
            Self::Protect(args) => args.reduce.reduce_protection,
            Self::Up(args) => args.reduce.reduce_protection,
            Self::Apply(args) => args.reduce.reduce_protection,
            Self::Suspend(args) | Self::Stop(args) => args.reduce.reduce_protection,
            Self::Teardown(args) => args.reduce.reduce_protection,
            _ => false,
        }
    }

    /// Whether what goes on by itself is to be left to itself.
    pub(crate) fn no_wait(&self) -> bool {
        match self {
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
