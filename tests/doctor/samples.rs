//! The texts of `samples.toml`.

use serde::Deserialize;

/// Where a text is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// Message of the backup storage location.
    StorageLocation,
    /// Velero's log.
    VeleroLog,
    /// Log of another pod of the extension.
    PodLog,
    /// An event of a ReplicaSet.
    Event,
    /// Status and error of the extension.
    Extension,
    /// Protection error of the backup instance.
    Protection,
    /// Error of a backup job.
    Job,
    /// Answer of Resource Manager, to a read: `doctor` writes nothing.
    Refusal,
    /// Answer of Entra to whoever signs in.
    SignIn,
    /// Nowhere in the simulated world.
    Unit,
    /// It is said, and is no failure.
    Harmless,
}

impl Place {
    /// What stands in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::StorageLocation => "message of the storage location",
            Self::VeleroLog => "the Velero log",
            Self::PodLog => "log of another pod",
            Self::Event => "event",
            Self::Extension => "status of the extension",
            Self::Protection => "protection error",
            Self::Job => "error of a job",
            Self::Refusal => "error of Azure Resource Manager",
            Self::SignIn => "error of Microsoft Entra ID",
            Self::Unit => "message only",
            Self::Harmless => "message only",
        }
    }
}

/// A text that names a failure.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sample {
    pub(crate) id: String,
    pub(crate) place: Place,
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct File {
    sample: Vec<Sample>,
}

/// All of them.
pub(crate) fn all() -> Vec<Sample> {
    let file: File = toml::from_str(include_str!("samples.toml")).unwrap();
    file.sample
}
