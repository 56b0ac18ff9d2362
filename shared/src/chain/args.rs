//! Flags of `verify`, `doctor` and `report`, the same in both programs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::chain::check::Verdict;
use crate::metrics::MetricsFile;

/// What makes a command end 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Exit with code 8 for warnings and errors
    Warning,
    /// Exit with code 8 only for errors
    Error,
}

impl FailOn {
    /// Whether this verdict counts.
    #[must_use]
    pub fn counts(self, verdict: Verdict) -> bool {
        match self {
            Self::Warning => matches!(verdict, Verdict::Warning | Verdict::Error),
            Self::Error => verdict == Verdict::Error,
        }
    }
}

/// Flags of commands that examine the chain.
#[derive(Debug, Clone, Args)]
pub struct ExamineArgs {
    /// File with the other program's result (-o json), for the checks that only that program can run
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,
    /// Save the result next to the state file, for use by the other program
    #[arg(long)]
    pub save: bool,
    /// Lowest severity that causes exit code 8
    #[arg(long, value_enum, default_value = "warning", value_name = "VERDICT")]
    pub fail_on: FailOn,
}

/// Flags of `verify`.
#[derive(Debug, Clone, Args)]
#[group(skip)] // A program's own flags of the command may bear the same name.
pub struct VerifyArgs {
    /// Repeat the checks until there are no findings or --timeout is reached
    #[arg(long, conflicts_with = "watch")]
    pub wait: bool,
    /// Repeat the checks continuously and print only changes
    #[arg(long)]
    pub watch: bool,
    /// File to write the result to as Prometheus metrics, for the textfile collector of node_exporter
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<MetricsFile>,
    /// How the chain is examined.
    #[command(flatten)]
    pub examine: ExamineArgs,
}

/// Flags and words of `doctor`.
#[derive(Debug, Clone, Args)]
#[group(skip)] // A program's own flags of the command may bear the same name.
pub struct DoctorArgs {
    /// `list` to print every known failure, or `explain ID` to describe one [default: diagnose the cluster]
    #[arg(value_name = "WORDS", num_args = 0..=2)]
    pub words: Vec<String>,
    /// Run the aksbackup command that fixes the first finding, after confirmation
    #[arg(long)]
    pub fix: bool,
    /// How the chain is examined.
    #[command(flatten)]
    pub examine: ExamineArgs,
}
