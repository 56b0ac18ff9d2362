//! The command line: `kubectl aksbackup COMMAND`.

use std::time::Duration;

use aksbackup_shared::args::{CommonArgs, HandoffArgs, StatusArgs, duration};
use aksbackup_shared::chain::args::{DoctorArgs, VerifyArgs};
use aksbackup_shared::files::{DiffArgs, MergeArgs, MigrateArgs};
use aksbackup_shared::ids::ClientId;
use aksbackup_shared::report::ReportArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;

use crate::cluster::flags::ConnectionFlags;

/// Set up keyless Azure Backup for an AKS cluster: the cluster side
///
/// The work is handed from team to team by a state file: `az aksbackup` does what Azure Resource Manager does, `kubectl
/// aksbackup` what the cluster's API server does. Every command looks before it writes, and can be run again at any
/// time.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl aksbackup",
    bin_name = "kubectl aksbackup",
    version,
    disable_help_subcommand = true,
    after_help = EXAMPLES,
    after_long_help = concat!(
        "Examples:\n",
        "  kubectl aksbackup configure               # cluster admin, after: az aksbackup grant\n",
        "  kubectl aksbackup configure --dry-run     # what would change, with the right for each change\n",
        "  kubectl aksbackup verify                  # proof that workload identity works; needs no state file\n",
        "  kubectl aksbackup logs --follow           # what Velero says\n",
        "  kubectl aksbackup status                  # what is done, and whose turn it is\n\n",
        "Exit codes:\n",
        "    0  done; nothing left for this command\n",
        "    1  failed\n",
        "    2  wrong usage\n",
        "    3  the named resource does not exist\n",
        "    4  not permitted, or not signed in\n",
        "    5  waiting for another person: who, which permission, and the command are printed\n",
        "    6  the state file is held by another process\n",
        "    7  the state file is unreadable, newer, or in conflict\n",
        "    8  changes pending (--dry-run, status --check) or findings (verify, doctor)\n",
        "  124  timed out while waiting; run the command again to resume\n",
        "  130  interrupted; nothing is lost",
    ),
)]
pub(crate) struct Cli {
    /// Flags of both binaries.
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// kubectl's flags.
    #[command(flatten)]
    pub(crate) connection: ConnectionFlags,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  kubectl aksbackup configure               # cluster admin, after: az aksbackup grant
  kubectl aksbackup verify                  # proof that workload identity works; needs no state file
  kubectl aksbackup logs --follow           # what Velero says
  kubectl aksbackup status                  # what is done, and whose turn it is

More: kubectl aksbackup --help";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let the extension's pods use workload identity: annotations, one rollout, proof (steps 6, 9, 10)
    #[command(after_help = "Examples:
  kubectl aksbackup configure
  kubectl aksbackup configure --context aks-demo --state aks-demo.toml
  kubectl aksbackup configure --client-id 00000000-0000-0000-0000-000000000000 --yes   # as the platform team told you
  kubectl aksbackup configure --dry-run          # list the changes, send nothing
  kubectl aksbackup configure --dry-run=server   # let the cluster's admission judge them too")]
    Configure(ConfigureArgs),
    /// Prove that the running pods use workload identity and reach their storage (step 10); changes nothing
    #[command(after_help = "Examples:
  kubectl aksbackup verify
  kubectl aksbackup verify --context aks-demo -o json   # findings end 8
  kubectl aksbackup verify --pre                        # before the extension is installed
  kubectl aksbackup verify --wait --timeout 10m         # until nothing is wrong; 124 if that takes longer
  kubectl aksbackup verify --watch                      # show what becomes different
  kubectl aksbackup verify --with cloud.json            # one chain with the result of: az aksbackup verify -o json
  kubectl aksbackup verify --metrics aks.prom           # also as Prometheus metrics, for the textfile collector
  kubectl aksbackup verify --save --fail-on error       # keep the result for az aksbackup verify; warnings end 0")]
    Verify(VerifyFlags),
    /// Say what is wrong, why, and what to type: the checks of verify, logs and events, and every failure that is known
    #[command(after_help = "Examples:
  kubectl aksbackup doctor
  kubectl aksbackup doctor -o json                # findings end 8, the cause first
  kubectl aksbackup doctor explain WI-POD-STALE   # all that is known of one failure; list names all
  kubectl aksbackup doctor --with cloud.json      # one chain with the result of: az aksbackup doctor -o json
  kubectl aksbackup doctor --fix                  # asks, and runs kubectl aksbackup configure
  kubectl aksbackup doctor --fix --client-id 00000000-0000-0000-0000-000000000000 --yes   # as the platform team told you")]
    Doctor(DoctorFlags),
    /// Show which steps are done, and whose turn it is
    #[command(after_help = "Examples:
  kubectl aksbackup status
  kubectl aksbackup status --offline   # the state file alone
  kubectl aksbackup status --check     # exits with code 8 if anything is left")]
    Status(StatusArgs),
    /// Print a message for whoever is next: what was done, what to run, which rights, and a digest of the state file
    #[command(after_help = "Examples:
  kubectl aksbackup handoff                       # plain text, ready to mail
  kubectl aksbackup handoff --format markdown     # for a ticket
  kubectl aksbackup handoff -o json")]
    Handoff(HandoffArgs),
    /// Make one page for the hand-off and the audit: the chain, who did what, what is wrong and what cures it
    #[command(after_help = "Examples:
  kubectl aksbackup report --out report.html      # to read, to print, to send
  kubectl aksbackup report --offline --with cloud.json --out report.html
  kubectl aksbackup report --format markdown      # for a ticket
  kubectl aksbackup report -o json                # with the findings as SARIF
  kubectl aksbackup report --bundle cluster.tar   # for a supporter: with objects and logs of the cluster")]
    Report(ReportArgs),
    /// Print the log of Velero in the extension's agent
    #[command(after_help = "Examples:
  kubectl aksbackup logs
  kubectl aksbackup logs --tail 200 --since 1h
  kubectl aksbackup logs --tail -1 --timestamps --all-containers
  kubectl aksbackup logs --follow -c kubernetes-agent")]
    Logs(LogsArgs),
    /// Take back what `configure` changed, and only that
    #[command(after_help = "Examples:
  kubectl aksbackup unconfigure
  kubectl aksbackup unconfigure --dry-run

A value that configure --force-conflicts replaced is removed and not restored.")]
    Unconfigure(DryRunArgs),
    /// Merge copies of the state file into it, table by table
    #[command(after_help = "Examples:
  kubectl aksbackup merge from-cluster-team.toml
  kubectl aksbackup merge a.toml b.toml --dry-run
  kubectl aksbackup merge b.toml --theirs cluster --ours cloud.roles   # where both sides changed a table")]
    Merge(MergeArgs),
    /// Show how two state files differ
    #[command(after_help = "Examples:
  kubectl aksbackup diff from-cluster-team.toml   # against the state file
  kubectl aksbackup diff a.toml b.toml -o json    # exits with code 8 if they differ")]
    Diff(DiffArgs),
    /// Upgrade the state file to the current schema version
    #[command(after_help = "Examples:
  kubectl aksbackup migrate --dry-run
  kubectl aksbackup migrate --yes")]
    Migrate(MigrateArgs),
    /// Print the JSON Schema of the state file
    #[command(after_help = "Examples:
  kubectl aksbackup schema > aksbackup.schema.json   # beside the state file, for editors")]
    Schema,
    /// Print the completion script of a shell
    #[command(after_help = "Examples:
  kubectl aksbackup completion bash > /etc/bash_completion.d/kubectl-aksbackup
  kubectl aksbackup completion zsh > \"${fpath[1]}/_kubectl-aksbackup\"")]
    Completion {
        /// The shell
        shell: Shell,
    },
    /// Print the candidates for the last of WORDS, for kubectl_complete-aksbackup
    #[command(
        name = "__complete",
        hide = true,
        after_help = "Examples:\n  kubectl-aksbackup __complete verify --cont"
    )]
    Complete {
        /// What was typed after `kubectl aksbackup`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<std::ffi::OsString>,
    },
    /// Write the man pages into a folder
    #[command(
        name = "__man",
        hide = true,
        after_help = "Examples:\n  kubectl-aksbackup __man man1"
    )]
    Man {
        /// The folder
        folder: std::path::PathBuf,
    },
    /// Print the version
    #[command(after_help = "Examples:
  kubectl aksbackup version -o json")]
    Version,
}

/// How far a dry run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum DryRun {
    /// None: change what has to be changed
    #[default]
    None,
    /// Send no change
    Client,
    /// Send each change with dryRun=All: admission and validation run, nothing is kept
    Server,
}

impl DryRun {
    /// Whether nothing is to be changed.
    pub(crate) fn is_dry(self) -> bool {
        self != Self::None
    }
}

/// Flags of commands that change something.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DryRunArgs {
    /// Show what would change, with the right that each change needs, and change nothing
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_value = "none",
        default_missing_value = "client",
        value_name = "HOW"
    )]
    pub(crate) dry_run: DryRun,
}

/// Flags of `configure`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigureArgs {
    /// How far to go.
    #[command(flatten)]
    pub(crate) dry: DryRunArgs,
    /// Take fields over that another field manager has set to another value
    #[arg(long)]
    pub(crate) force_conflicts: bool,
    /// Whose identity the pods get.
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

/// Whose identity the pods get, in the words of the person who runs the command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct IdentityArgs {
    /// Client ID of the extension's identity, from the platform team; must match the state file
    #[arg(long, value_name = "CLIENT-ID")]
    pub(crate) client_id: Option<ClientId>,
}

/// Flags of `doctor`: those of both programs, and those of the command that `--fix` runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorFlags {
    /// Those of both programs.
    #[command(flatten)]
    pub(crate) shared: DoctorArgs,
    /// Whose identity the pods get, for --fix.
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

/// Flags of `verify`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyFlags {
    /// Before the extension is installed: look for what would stand in its way
    #[arg(long)]
    pub(crate) pre: bool,
    /// Those of both programs.
    #[command(flatten)]
    pub(crate) shared: VerifyArgs,
}

/// Flags of `logs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogsArgs {
    /// Lines from the end of each log; -1 for all
    #[arg(long, default_value_t = 20, value_name = "LINES", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..))]
    pub(crate) tail: i64,
    /// Lines that are not older, such as 5m or 1h
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub(crate) since: Option<Duration>,
    /// Lines from this time on, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    pub(crate) since_time: Option<Timestamp>,
    /// Begin each line with the time at which it was written
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// Go on with what is written from now on
    #[arg(long, short = 'f')]
    pub(crate) follow: bool,
    /// Name of the container [default: the one with Velero]
    #[arg(long, short = 'c', value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Print the log of every container, also of those that run before the others
    #[arg(long, conflicts_with = "container")]
    pub(crate) all_containers: bool,
    /// Of the container that ran before
    #[arg(long, short = 'p')]
    pub(crate) previous: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    fn dry_run(arguments: &[&str]) -> DryRun {
        let cli = Cli::try_parse_from([&["x", "configure"], arguments].concat()).unwrap();
        match cli.command {
            Command::Configure(arguments) => arguments.dry.dry_run,
            _ => panic!("another command"),
        }
    }

    #[test]
    fn dry_run_takes_kubectl_s_words_and_none_is_client() {
        assert_eq!(dry_run(&[]), DryRun::None);
        assert_eq!(dry_run(&["--dry-run"]), DryRun::Client);
        assert_eq!(dry_run(&["--dry-run=server"]), DryRun::Server);
        assert_eq!(dry_run(&["--dry-run=none"]), DryRun::None);
    }

    #[test]
    fn help_speaks_of_kubectl_aksbackup_under_any_name() {
        let error = Cli::try_parse_from(["/opt/kubectl-aksbackup", "configure", "--help"]).unwrap_err();
        let help = error.to_string();
        assert!(help.contains("Usage: kubectl aksbackup configure"), "{help}");
        for flag in [
            "--kubeconfig",
            "--context",
            "--as-group",
            "--request-timeout",
            "--namespace",
        ] {
            assert!(help.contains(flag), "{flag}");
        }
    }
}
