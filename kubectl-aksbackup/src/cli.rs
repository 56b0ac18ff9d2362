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
/// Several teams share the work through a state file: `az aksbackup` configures Azure resources, and `kubectl
/// aksbackup` configures the cluster. Every command checks the live state before it changes anything, and can be run
/// again at any time.
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
        "  kubectl aksbackup configure --dry-run     # list the changes and the permission that each requires\n",
        "  kubectl aksbackup verify                  # check workload identity; requires no state file\n",
        "  kubectl aksbackup logs --follow           # print the Velero log\n",
        "  kubectl aksbackup status                  # show completed steps, and who can run the next one\n\n",
        "Exit codes:\n",
        "    0  done; nothing left for this command\n",
        "    1  failed\n",
        "    2  incorrect usage\n",
        "    3  the named resource does not exist\n",
        "    4  not authorized, or not signed in\n",
        "    5  waiting for another person; the output names the person, the permission, and the command\n",
        "    6  the state file is locked by another process\n",
        "    7  the state file is unreadable, newer, or in conflict\n",
        "    8  changes pending (--dry-run, status --check) or findings (verify, doctor)\n",
        "  124  timed out while waiting; run the command again to resume\n",
        "  130  interrupted; all progress is saved",
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
  kubectl aksbackup verify                  # check workload identity; requires no state file
  kubectl aksbackup logs --follow           # print the Velero log
  kubectl aksbackup status                  # show completed steps, and who can run the next one

More: kubectl aksbackup --help";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Configure the extension's pods to use workload identity: annotate, roll out once, and verify (steps 6, 9, and
    /// 10)
    #[command(after_help = "Examples:
  kubectl aksbackup configure
  kubectl aksbackup configure --context aks-demo --state aks-demo.toml
  kubectl aksbackup configure --client-id 00000000-0000-0000-0000-000000000000 --yes   # use the client ID from the platform team
  kubectl aksbackup configure --no-wait --yes    # start the rollout; the next configure verifies it
  kubectl aksbackup configure --dry-run          # list the changes without sending them
  kubectl aksbackup configure --dry-run=server   # also run the cluster's admission and validation")]
    Configure(ConfigureArgs),
    /// Check that the running pods use workload identity and can access their storage (step 10, read-only)
    #[command(after_help = "Examples:
  kubectl aksbackup verify
  kubectl aksbackup verify --context aks-demo -o json   # exits with code 8 if there are findings
  kubectl aksbackup verify --pre                        # check the prerequisites before the extension is installed
  kubectl aksbackup verify --wait --timeout 10m         # wait until there are no findings; exits with code 124 on timeout
  kubectl aksbackup verify --watch                      # print only changes
  kubectl aksbackup verify --with cloud.json            # combine with the result of: az aksbackup verify -o json
  kubectl aksbackup verify --metrics aks.prom           # also write Prometheus metrics for the textfile collector
  kubectl aksbackup verify --save --fail-on error       # save the result for az aksbackup verify; ignore warnings")]
    Verify(VerifyFlags),
    /// Diagnose failures from logs, events, and the checks of verify: print the root cause first, and a fix for each
    #[command(after_help = "Examples:
  kubectl aksbackup doctor
  kubectl aksbackup doctor -o json                # exits with code 8 if there are findings; root cause first
  kubectl aksbackup doctor explain WI-POD-STALE   # describe a known failure; doctor list prints all of them
  kubectl aksbackup doctor --with cloud.json      # combine with the result of: az aksbackup doctor -o json
  kubectl aksbackup doctor --fix                  # run kubectl aksbackup configure after confirmation
  kubectl aksbackup doctor --fix --client-id 00000000-0000-0000-0000-000000000000 --yes   # use the client ID from the platform team")]
    Doctor(DoctorFlags),
    /// Show completed steps, the next step, and who can run it
    #[command(after_help = "Examples:
  kubectl aksbackup status
  kubectl aksbackup status --offline   # show only what the state file records
  kubectl aksbackup status --check     # exits with code 8 if anything is left")]
    Status(StatusArgs),
    /// Print a message for the next person: completed steps, the command to run, required permissions, and a digest of
    /// the state file
    #[command(after_help = "Examples:
  kubectl aksbackup handoff                       # print plain text, for an email
  kubectl aksbackup handoff --format markdown     # print Markdown, for a ticket
  kubectl aksbackup handoff -o json")]
    Handoff(HandoffArgs),
    /// Create a single-page report for handoff and audit: the chain, who did what, findings, and fixes
    #[command(after_help = "Examples:
  kubectl aksbackup report --out report.html      # create an HTML page to read, print, or send
  kubectl aksbackup report --offline --with cloud.json --out report.html
  kubectl aksbackup report --format markdown      # print Markdown, for a ticket
  kubectl aksbackup report -o json                # print JSON, with the findings as SARIF
  kubectl aksbackup report --bundle cluster.tar   # bundle the report, objects, and logs for a support case")]
    Report(ReportArgs),
    /// Print the Velero log of the extension's agent
    #[command(after_help = "Examples:
  kubectl aksbackup logs
  kubectl aksbackup logs --tail 200 --since 1h
  kubectl aksbackup logs --tail -1 --timestamps --all-containers
  kubectl aksbackup logs --follow -c kubernetes-agent")]
    Logs(LogsArgs),
    /// Revert only the changes made by `configure`
    #[command(after_help = "Examples:
  kubectl aksbackup unconfigure
  kubectl aksbackup unconfigure --dry-run

A value that was replaced by configure --force-conflicts is removed, but the original value isn't restored.")]
    Unconfigure(DryRunArgs),
    /// Merge copies of the state file, table by table
    #[command(after_help = "Examples:
  kubectl aksbackup merge from-cluster-team.toml
  kubectl aksbackup merge a.toml b.toml --dry-run
  kubectl aksbackup merge b.toml --theirs cluster --ours cloud.roles   # choose versions of tables that both sides changed")]
    Merge(MergeArgs),
    /// Show how two state files differ
    #[command(after_help = "Examples:
  kubectl aksbackup diff from-cluster-team.toml   # compare with the state file
  kubectl aksbackup diff a.toml b.toml -o json    # exits with code 8 if they differ")]
    Diff(DiffArgs),
    /// Upgrade the state file to the current schema version
    #[command(after_help = "Examples:
  kubectl aksbackup migrate --dry-run
  kubectl aksbackup migrate --yes")]
    Migrate(MigrateArgs),
    /// Print the JSON Schema of the state file
    #[command(after_help = "Examples:
  kubectl aksbackup schema > aksbackup.schema.json   # store the schema next to the state file, for editors")]
    Schema,
    /// Print the completion script for a shell
    #[command(after_help = "Examples:
  kubectl aksbackup completion bash > /etc/bash_completion.d/kubectl-aksbackup
  kubectl aksbackup completion zsh > \"${fpath[1]}/_kubectl-aksbackup\"")]
    Completion {
        /// Name of the shell
        shell: Shell,
    },
    /// Print the candidates for the last of WORDS, for kubectl_complete-aksbackup
    #[command(
        name = "__complete",
        hide = true,
        after_help = "Examples:\n  kubectl-aksbackup __complete verify --cont"
    )]
    Complete {
        /// Words typed after `kubectl aksbackup`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<std::ffi::OsString>,
    },
    /// Write the man pages to a directory
    #[command(
        name = "__man",
        hide = true,
        after_help = "Examples:\n  kubectl-aksbackup __man man1"
    )]
    Man {
        /// Directory for the man pages
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
    /// Apply the changes
    #[default]
    None,
    /// Print the changes without sending them
    Client,
    /// Submit each change with dryRun=All: admission and validation run, but nothing is persisted
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
    /// Print the planned changes and the permission that each requires, without applying them
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
    /// Take over fields that another field manager has set to a different value
    #[arg(long)]
    pub(crate) force_conflicts: bool,
    /// Start the rollout, and don't follow it: exits with code 8, and the next run continues with the verification
    #[arg(long)]
    pub(crate) no_wait: bool,
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
    /// Check the prerequisites before the extension is installed
    #[arg(long)]
    pub(crate) pre: bool,
    /// Those of both programs.
    #[command(flatten)]
    pub(crate) shared: VerifyArgs,
}

/// Flags of `logs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogsArgs {
    /// Number of lines from the end of each log; -1 for all
    #[arg(long, default_value_t = 20, value_name = "LINES", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..))]
    pub(crate) tail: i64,
    /// Print only lines newer than this duration, such as 5m or 1h
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub(crate) since: Option<Duration>,
    /// Print only lines since this time, such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    pub(crate) since_time: Option<Timestamp>,
    /// Prefix each line with its timestamp
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// Stream new lines
    #[arg(long, short = 'f')]
    pub(crate) follow: bool,
    /// Name of the container [default: the Velero container]
    #[arg(long, short = 'c', value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// Print the logs of all containers, including init containers
    #[arg(long, conflicts_with = "container")]
    pub(crate) all_containers: bool,
    /// Print the log of the previous run of the container
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

    /// Fails before: a short flag that a repeated command doesn't know was printed twice, or hid the `y` next to it.
    #[test]
    fn a_repeated_command_knows_every_short_flag_and_every_other_name() {
        let unknown =
            aksbackup_shared::command_line::unknown(aksbackup_shared::program::Program::Kubectl, &Cli::command());
        assert_eq!(unknown, Vec::<String>::new());
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
