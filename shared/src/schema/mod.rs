//! What stands in the state file. Each table belongs to one program: `target` and `cloud` to `az aksbackup`, `cluster`
//! to `kubectl aksbackup`.

mod cloud;
mod cluster;
mod retention;
mod scope;
pub mod settings;
mod target;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use cloud::{
    ApiServerAccess, BackupTable, CloudTables, CredentialRecord, ExtensionTable, FederationTable, IdentityTable,
    InstanceTable, Intent, Pause, PrerequisitesTable, RoleRecord, RolesTable, StorageTable, TrustedAccessTable,
    VaultTable,
};
pub use cluster::{ClusterTables, RolloutTable, VerificationTable, WorkloadIdentityTable, WorkloadsTable};
pub use retention::{FirstBackup, PolicyRules};
pub use scope::Kind;
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
    /// Schema version of the file. Written by the program that creates the file, changed only by `migrate`; read by
    /// every command.
    pub schema: u32,
    /// What to protect, and where to store backups. Written by `az aksbackup init`; read by every command of `az
    /// aksbackup`, and by `kubectl aksbackup` for the names in its messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// What the Azure side reported: the tables of `az aksbackup`.
    #[serde(default)]
    pub cloud: CloudTables,
    /// What the cluster side reported: the tables of `kubectl aksbackup`.
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

/// Author and time of a table, and the version of the table that it replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Written {
    /// Unique ID of this version of the table.
    pub id: String,
    /// IDs of the versions before this one, the latest first; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<String>,
    /// When the values were observed, UTC.
    pub observed_at: Timestamp,
    /// Signed-in principal or Kubernetes user.
    pub by: String,
    /// Name and version of the program.
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

/// A table that its program removed, so that `merge` doesn't restore it from an older copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Removal {
    /// Name of the table.
    pub table: String,
    /// Author and time of the removal.
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
