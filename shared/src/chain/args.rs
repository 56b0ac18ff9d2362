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
    /// Result of the other program (its -o json), for the checks that only it can run
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,
    /// Save the result next to the state file, for the other program to use
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
    /// Repeat the checks until there are no findings, or until --timeout
    #[arg(long, conflicts_with = "watch")]
    pub wait: bool,
    /// Keep checking, and print only changes
    #[arg(long)]
    pub watch: bool,
    /// Write the result as Prometheus metrics too, for the textfile collector of node_exporter
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
    /// Omit to diagnose; `list` prints every known failure, `explain ID` describes one
    #[arg(value_name = "WORDS", num_args = 0..=2)]
    pub words: Vec<String>,
    /// Run the aksbackup command that fixes the first finding, after confirmation
    #[arg(long)]
    pub fix: bool,
    /// How the chain is examined.
    #[command(flatten)]
    pub examine: ExamineArgs,
}
