//! Flags of `verify`, `doctor` and `report`, the same in both programs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::chain::check::Verdict;
use crate::metrics::MetricsFile;

/// What makes a command end 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Warnings and errors
    Warning,
    /// Errors alone
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
    /// Result of the other program (its -o json), for the links that only it can see
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,
    /// Keep the result beside the state file, where the other program finds it
    #[arg(long)]
    pub save: bool,
    /// What ends 8
    #[arg(long, value_enum, default_value = "warning", value_name = "VERDICT")]
    pub fail_on: FailOn,
}

/// Flags of `verify`.
#[derive(Debug, Clone, Args)]
#[group(skip)] // A program's own flags of the command may bear the same name.
pub struct VerifyArgs {
    /// Look again until there is no finding, or until --timeout
    #[arg(long, conflicts_with = "watch")]
    pub wait: bool,
    /// Go on, and show what becomes different
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
    /// Nothing, to look for what is wrong; `list`, for every failure that is known; `explain ID`, for one of them
    #[arg(value_name = "WORDS", num_args = 0..=2)]
    pub words: Vec<String>,
    /// Run our own command for the first finding, after asking
    #[arg(long)]
    pub fix: bool,
    /// How the chain is examined.
    #[command(flatten)]
    pub examine: ExamineArgs,
}
