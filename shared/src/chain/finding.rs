//! What `doctor` finds: known failures, and the texts that they are recognised by.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::chain::check::Verdict;
use crate::chain::link::Link;
use crate::command_line::{CommandLine, Fix, az, kubectl};
use crate::program::Program;

/// Where a text was seen. The names are those of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeenIn {
    /// An error of Azure Resource Manager.
    Arm,
    /// Status messages of the extension.
    Ext,
    /// Message of the backup storage location.
    Bsl,
    /// Log of Velero.
    Vlog,
    /// Log of another pod.
    Plog,
    /// An event.
    Evt,
    /// Condition of a pod or deployment, or why a container waits.
    Cond,
    /// Protection error of the backup instance, or of its validation.
    Bi,
    /// Error or warning of a backup job.
    Job,
    /// An answer of the API server, or of kubectl.
    Kube,
    /// The Azure CLI, or the token endpoint.
    Cli,
}

/// A text that may name a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Where it was seen.
    pub seen_in: SeenIn,
    /// The object that said it, such as `pod dataprotection-microsoft-…/velero`.
    pub object: String,
    /// The link of the chain that the object belongs to.
    pub link: Link,
    /// When it was said, by the remote's clock.
    pub at: Option<Timestamp>,
    /// Whether it is known to be history: said before what it is about was last changed.
    pub past: bool,
    /// The words.
    pub text: String,
}

/// How sure it is that a finding is the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The state itself was seen.
    Proved,
    /// A text says so.
    Likely,
}

/// A command of ours that mends a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// `az aksbackup prepare`.
    Prepare,
    /// `az aksbackup grant`.
    Grant,
    /// `kubectl aksbackup configure`.
    Configure,
    /// `az aksbackup protect`.
    Protect,
    /// `az aksbackup backup`.
    Backup,
}

impl Remedy {
    /// The command line, ready to paste.
    #[must_use]
    pub fn command(self) -> CommandLine {
        match self {
            Self::Prepare => az("prepare"),
            Self::Grant => az("grant"),
            Self::Configure => kubectl("configure"),
            Self::Protect => az("protect"),
            Self::Backup => az("backup"),
        }
    }

    /// Which program has it.
    #[must_use]
    pub const fn program(self) -> Program {
        match self {
            Self::Configure => Program::Kubectl,
            Self::Prepare | Self::Grant | Self::Protect | Self::Backup => Program::Az,
        }
    }
}

/// A finding of the two programs' views together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Joint {
    /// The finding; of one that the other program alone has seen, what the catalogue says.
    #[serde(flatten)]
    pub finding: Finding,
    /// Whose view has it.
    pub seen_by: Vec<Program>,
    /// The id of the finding, of either view, that brings it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows_from: Option<String>,
}

/// A known failure that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// Its id in the catalogue. Never changes its meaning.
    pub id: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// [`Verdict::Error`], or [`Verdict::Warning`].
    pub severity: Verdict,
    /// The link of the chain that is broken.
    pub link: Link,
    /// The object that it was seen at.
    pub object: String,
    /// What is wrong, in a sentence.
    pub cause: String,
    /// What was seen: facts and quoted texts, masked.
    pub evidence: Vec<String>,
    /// What to do.
    pub fix: Fix,
    /// What to do just here, with the names of this world; where a command of ours does it, that with its flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Fix>,
    /// The command of ours that does it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// Ids of findings that this one explains: wrappers and consequences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explains: Vec<String>,
}
