//! Recovery points of a backup instance.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::ResourceId;
use jiff::Timestamp;
use serde::Deserialize;

use crate::arm::client::Reader;
use crate::arm::versions;

/// The tier whose data is disk snapshots and blobs of the subscription.
pub(crate) const OPERATIONAL: &str = "OperationalStore";

/// A recovery point.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RecoveryPoint {
    /// Its name.
    name: String,
    /// The rest.
    properties: Properties,
}

/// Properties of a recovery point. Recorded: state and expiry of a good one are null.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    recovery_point_id: Option<String>,
    recovery_point_time: Option<Timestamp>,
    recovery_point_state: Option<String>,
    retention_tag_name: Option<String>,
    expiry_time: Option<Timestamp>,
    recovery_point_data_stores_details: Option<Vec<Store>>,
}

/// A tier that a recovery point is in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Store {
    /// Such as `OperationalStore` or `VaultStore`.
    #[serde(rename = "type")]
    pub(crate) tier: Option<String>,
    /// Such as `COMMITTED`.
    pub(crate) state: Option<String>,
    /// When it leaves the tier, where Azure says so.
    pub(crate) expiry_time: Option<Timestamp>,
    /// Whether it can be used.
    pub(crate) visible: Option<bool>,
}

impl RecoveryPoint {
    /// Returns the ID that a restore names.
    pub(crate) fn id(&self) -> &str {
        let own = self.properties.recovery_point_id.as_deref();
        own.filter(|id| !id.is_empty()).unwrap_or(&self.name)
    }

    /// Returns when it was taken.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        self.properties.recovery_point_time
    }

    /// Returns Azure's word for its state: `Completed`, `Partial`, or nothing.
    pub(crate) fn state(&self) -> Option<&str> {
        self.properties.recovery_point_state.as_deref()
    }

    /// Returns how long it is kept, by the name of a retention rule.
    pub(crate) fn retention_tag(&self) -> Option<&str> {
        self.properties.retention_tag_name.as_deref()
    }

    /// Returns the tiers that it is in.
    pub(crate) fn stores(&self) -> &[Store] {
        let stores = self.properties.recovery_point_data_stores_details.as_deref();
        stores.unwrap_or_default()
    }

    /// Returns the operational tier's part of it.
    pub(crate) fn operational(&self) -> Option<&Store> {
        let is_operational = |own: &&Store| own.tier.as_deref() == Some(OPERATIONAL);
        self.stores().iter().find(is_operational)
    }

    /// Returns when Azure deletes it, where Azure says so.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        let of_tier = self.stores().iter().filter_map(|own| own.expiry_time).max();
        self.properties.expiry_time.or(of_tier)
    }
}

/// The recovery points of an instance. Microsoft documents no order.
pub(crate) async fn of_instance(reader: &Reader, instance: &ResourceId) -> Outcome<Vec<RecoveryPoint>> {
    let path = format!("{instance}/recoveryPoints");
    reader.list(&path, versions::DATA_PROTECTION).await
}
