//! The two programs, split by side, so that each runs where its credentials are.

use serde::{Deserialize, Serialize};

/// One of the two programs. Files and JSON name them by their side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Program {
    /// `az aksbackup`.
    #[serde(rename = "cloud")]
    Az,
    /// `kubectl aksbackup`.
    #[serde(rename = "cluster")]
    Kubectl,
}

impl Program {
    /// Returns how people type it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Az => "az aksbackup",
            Self::Kubectl => "kubectl aksbackup",
        }
    }

    /// Returns the name of its file, without an extension.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Az => "az-aksbackup",
            Self::Kubectl => "kubectl-aksbackup",
        }
    }

    /// Returns the side that it is for, as files and JSON name it.
    #[must_use]
    pub const fn side(self) -> &'static str {
        match self {
            Self::Az => "cloud",
            Self::Kubectl => "cluster",
        }
    }

    /// Returns the other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Az => Self::Kubectl,
            Self::Kubectl => Self::Az,
        }
    }
}
