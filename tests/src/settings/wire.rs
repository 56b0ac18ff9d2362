//! Switches of the wire: how long-running operations are told of, and where Azure says that it is.

use serde::{Deserialize, Serialize};

/// How Azure tells of its operations. Every provider has its own way; these switches make all of them do it alike.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wire {
    /// How writes of resources tell of their operation: empty for each provider's own way, `async` for
    /// `Azure-AsyncOperation` alone, `location` for `Location` alone, `state` for `provisioningState` alone.
    pub operation_style: String,
    /// Origin of the addresses of operations, such as `https://127.0.0.1:1234`; empty for the sandbox's own.
    pub operation_host: String,
    /// The word for an operation that runs; empty for each provider's own (`Inprogress`, `InProgress`, `Creating`).
    pub operation_word: String,
    /// Where the metadata document says that the Resource Manager is; empty for the sandbox itself.
    pub resource_manager: String,
}
