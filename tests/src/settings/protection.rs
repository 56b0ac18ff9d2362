//! What vault, groups and backup instance have been through before a client comes, or go through while it works.

use serde::{Deserialize, Serialize};

/// How vault, groups and protection are. A text that is empty and a switch that is off stand for nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Protection {
    /// A vault `bv-by-hand` in rg-backup with settings of its own and no identity, and in it a policy `by-hand`, which
    /// keeps weekly backups for 30 days.
    pub vault_by_hand: bool,
    /// Level of a lock `freeze` on rg-backup: `CanNotDelete` or `ReadOnly`.
    pub backup_group_lock: String,
    /// A deny assignment keeps everybody from writing in rg-backup.
    pub backup_group_denied: bool,
    /// So many protections end in an error before one is configured.
    pub protection_errors: u32,
    /// Set to a protection state, it is that of every backup instance; `SoftDeleted` deletes them softly.
    pub instance_state: String,
    /// What befalls every recovery point when it is set: `partial`, `expired`, or `vault` for one that is in the vault tier only.
    pub point_fate: String,
    /// Set to anything, it lets every validation of a restore fail.
    pub restore_refusal: String,
    /// So many restore jobs fail before one completes.
    pub restore_failures: u32,
    /// So many restore jobs complete with warnings before one completes without.
    pub restore_warnings: u32,
}
