//! Velero's backup storage location: where backups go, and what Velero last found when it looked there.

use std::collections::BTreeMap;

use aksbackup_shared::diagnosis::mask::mask;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::names::STORAGE_LOCATION;
use jiff::Timestamp;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde::Deserialize;

use crate::cluster::client::{Listed, Reader};
use crate::cluster::error::{Doing, is_missing};

/// A backup storage location as the steps need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageLocation {
    /// Its name.
    pub(crate) name: String,
    /// Velero's word: `Available`, `Unavailable`, or empty before its first look.
    pub(crate) phase: String,
    /// Velero's reason, without the secrets that older versions left in it.
    pub(crate) message: String,
    /// When Velero last looked, by the cluster's clock.
    pub(crate) validated: Option<Timestamp>,
    /// How often Velero looks, as Go writes durations; `None` is Velero's default of a minute.
    pub(crate) frequency: Option<String>,
    /// Whether somebody has set it to read-only.
    pub(crate) read_only: bool,
    /// The container.
    pub(crate) container: String,
    /// The storage account.
    pub(crate) account: String,
    /// All settings of Velero's plugin.
    pub(crate) config: BTreeMap<String, String>,
    /// Whether it is the one that Velero takes where a backup names none.
    pub(crate) default: bool,
    /// Whether it names a secret with credentials of its own.
    pub(crate) credential: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Live {
    spec: Specification,
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Specification {
    object_storage: Bucket,
    validation_frequency: Option<String>,
    access_mode: String,
    config: BTreeMap<String, String>,
    default: bool,
    credential: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Bucket {
    bucket: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: String,
    message: String,
    last_validation_time: Option<Timestamp>,
}

impl StorageLocation {
    /// Whether Velero found it usable.
    pub(crate) fn is_available(&self) -> bool {
        self.phase == "Available"
    }

    fn from_live(object: DynamicObject) -> Self {
        let live: Live = serde_json::from_value(object.data).unwrap_or_default();
        Self {
            name: object.metadata.name.unwrap_or_default(),
            phase: live.status.phase,
            message: mask(&live.status.message),
            validated: live.status.last_validation_time,
            frequency: live.spec.validation_frequency,
            read_only: live.spec.access_mode == "ReadOnly",
            container: live.spec.object_storage.bucket,
            account: live.spec.config.get("storageAccount").cloned().unwrap_or_default(),
            config: live.spec.config,
            default: live.spec.default,
            credential: live.spec.credential.is_some(),
        }
    }
}

/// The resource, which needs no discovery.
pub(crate) fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("velero.io", "v1", "BackupStorageLocation");
    ApiResource::from_gvk_with_plural(&kind, "backupstoragelocations")
}

/// The location that the extension makes.
pub(crate) fn default_of(all: &[StorageLocation]) -> Option<&StorageLocation> {
    all.iter().find(|own| own.name == STORAGE_LOCATION)
}

impl Reader {
    /// Every storage location of the namespace; none where Velero's kinds are not installed.
    ///
    /// # Errors
    /// As the API server says.
    pub(crate) async fn storage_locations(&self) -> Outcome<Listed<StorageLocation>> {
        let doing = Doing::new(
            "list",
            "backupstoragelocations.velero.io",
            "backup storage locations",
            self.namespace(),
        );
        let list = self
            .connection()
            .send(&doing, async |client| {
                let api = Api::<DynamicObject>::namespaced_with(client, self.namespace(), &resource());
                api.list(&ListParams::default()).await
            })
            .await;
        match list {
            Ok(list) => Listed::convert(list, |object| Ok(StorageLocation::from_live(object))),
            Err(failure) if is_missing(&failure) => Ok(Listed::default()),
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_read_with_velero_s_words() {
        let object = serde_json::json!({
            "apiVersion": "velero.io/v1", "kind": "BackupStorageLocation", "metadata": { "name": "default" },
            "spec": { "objectStorage": { "bucket": "b" }, "config": { "storageAccount": "a", "useAAD": "true" } },
            "status": { "phase": "Unavailable", "message": "m", "lastValidationTime": "2026-01-01T00:00:00Z" },
        });
        let location = StorageLocation::from_live(serde_json::from_value(object).unwrap());
        assert_eq!((location.container.as_str(), location.account.as_str()), ("b", "a"));
        assert!(!location.is_available());
        assert_eq!(location.validated, "2026-01-01T00:00:00Z".parse().ok());
    }
}
