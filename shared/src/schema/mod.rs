//! What stands in the state file. Each table belongs to one program: `target` and `cloud` to `az aksbackup`, `cluster`
//! to `kubectl aksbackup`.

mod cloud;
mod cluster;
pub mod settings;
mod target;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use cloud::{
    ApiServerAccess, BackupTable, CloudTables, CredentialRecord, ExtensionTable, FederationTable, IdentityTable,
    InstanceTable, Intent, PrerequisitesTable, RoleRecord, RolesTable, StorageTable, TrustedAccessTable, VaultTable,
};
pub use cluster::{ClusterTables, RolloutTable, VerificationTable, WorkloadIdentityTable, WorkloadsTable};
pub use target::{ExtensionTarget, InstanceTarget, PolicyTarget, SnapshotTarget, StorageTarget, Target, VaultTarget};

/// The number of the format that this program writes into files of its own.
pub const SCHEMA: u32 = 2;

/// How many ancestors a writing names at the most. Copies that are further apart are not told from copies that went
/// different ways: `merge` then asks which one is meant.
pub const ANCESTORS: usize = 64;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct State {
    /// Number of the file's format. Written by the program that makes the file, raised by `migrate` alone; read by every
    /// command.
    pub schema: u32,
    /// What is wanted. Written by `az aksbackup init`; read by every command of `az aksbackup`, and by `kubectl aksbackup`
    /// for the names in its messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What the Azure side saw: the tables of `az aksbackup`.
    #[serde(default)]
    pub cloud: CloudTables,
    /// What the cluster side saw: the tables of `kubectl aksbackup`.
    #[serde(default)]
    pub cluster: ClusterTables,
}

impl Default for State {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            target: None,
            cloud: CloudTables::default(),
            cluster: ClusterTables::default(),
        }
    }
}

/// Who wrote a table, when, and which writing it replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Written {
    /// Unique to this writing.
    pub id: String,
    /// The writings that led to it, the one that it replaced first; 64 at the most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<String>,
    /// When the values were seen, UTC.
    pub observed_at: Timestamp,
    /// The signed-in principal or Kubernetes user.
    pub by: String,
    /// Program and version.
    pub tool: String,
}

impl Written {
    /// This writing and those that led to it, the latest first.
    pub fn line(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.ancestors).map(String::as_str)
    }

    /// Whether the writing `other` led to this one, as far back as this one remembers.
    #[must_use]
    pub fn follows(&self, other: &Self) -> bool {
        self.ancestors.contains(&other.id)
    }
}

/// A table that its program took away, so that `merge` does not bring it back from an older copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Removal {
    /// Name of the table.
    pub table: String,
    /// Who took it away.
    pub written: Written,
}

impl State {
    /// Whether both say the same, whoever wrote it and when.
    #[must_use]
    pub fn same_values(&self, other: &Self) -> bool {
        self == other || self.values() == other.values()
    }

    /// The values alone, without who wrote them and when.
    #[must_use]
    pub fn values(&self) -> toml::Table {
        let mut table = toml::Table::try_from(self).unwrap_or_default();
        forget_writers(&mut table);
        table
    }
}

fn forget_writers(table: &mut toml::Table) {
    table.remove("written");
    for (_, value) in table.iter_mut() {
        if let toml::Value::Table(table) = value {
            forget_writers(table);
        }
    }
}
