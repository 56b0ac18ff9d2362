//! Volumes, the claims on them, and the pods that mount them: the data that backups are about.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, Pod};
use kube::ResourceExt as _;
use kube::api::Api;

use crate::cluster::client::Reader;
use crate::cluster::lists::Wanted;
use crate::cluster::quantity::bytes;

/// The driver of Azure's disks.
const DISKS: &str = "disk.csi.azure.com";
/// The driver of Azure's file shares.
const SHARES: &str = "file.csi.azure.com";

/// What a volume is, as far as Azure Backup tells volumes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// An Azure disk.
    Disk,
    /// A file share of Azure Files that is reached by SMB.
    Share,
    /// Anything else, which Azure Backup skips.
    Other,
}

/// A volume that is bound to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Its name.
    pub(crate) name: String,
    /// The namespace of its claim.
    pub(crate) namespace: String,
    /// The name of its claim.
    pub(crate) claim: String,
    /// Its capacity.
    pub(crate) bytes: i128,
    /// What it is.
    pub(crate) medium: Medium,
    /// Why Azure Backup skips it whatever its settings, such as `of blob.csi.azure.com`.
    pub(crate) unsupported: Option<String>,
    /// Why a disk isn't copied to the vault tier; `None` where nothing is known to keep it out.
    pub(crate) untiered: Option<String>,
}

/// A claim on a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Kubernetes' word for how it is.
    pub(crate) phase: String,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
}

/// A pod that mounts claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Its namespace.
    pub(crate) namespace: String,
    /// The claims.
    pub(crate) claims: Vec<String>,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
}

impl Volume {
    fn from_live(live: PersistentVolume) -> Option<Self> {
        // A volume that was released keeps the name of a claim that is gone: it is in no namespace, and so in no backup.
        let phase = live.status.as_ref().and_then(|status| status.phase.as_deref());
        let name = live.name_any();
        let spec = live.spec.filter(|_| phase.is_none_or(|phase| phase == "Bound"))?;
        let claim = spec.claim_ref.clone()?;
        let size = spec.capacity.as_ref().and_then(|all| all.get("storage"));
        let (medium, unsupported) = medium(&spec);
        Some(Self {
            name,
            namespace: claim.namespace.unwrap_or_default(),
            claim: claim.name.unwrap_or_default(),
            bytes: size.map_or(0, bytes),
            untiered: untiered(&spec),
            medium,
            unsupported,
        })
    }
}

/// What a volume is, and why Azure Backup skips it (Microsoft's support matrix of AKS backup, January 2026).
fn medium(spec: &PersistentVolumeSpec) -> (Medium, Option<String>) {
    let driver = spec.csi.as_ref().map(|csi| csi.driver.as_str());
    let has = |key: &str, value: &str| attribute(spec, key).is_some_and(|own| own.eq_ignore_ascii_case(value));
    let medium = match driver {
        Some(DISKS) => Medium::Disk,
        Some(SHARES) => Medium::Share,
        Some(other) => return (Medium::Other, Some(format!("CSI driver {other}"))),
        None => return (Medium::Other, Some("without a CSI driver".into())),
    };
    let nfs = medium == Medium::Share && has("protocol", "nfs");
    let private = medium == Medium::Share && has("networkEndpointType", "privateEndpoint");
    let unclassed = spec.storage_class_name.as_ref().is_none_or(String::is_empty);
    let why = match (nfs, private, unclassed) {
        (true, ..) => "Azure Files with NFS",
        (_, true, _) => "Azure Files with a private endpoint",
        (.., true) => "without a storage class",
        _ => return (medium, None),
    };
    (medium, Some(why.into()))
}

/// What the storage class asked of the driver; the drivers ignore the case of a key.
fn attribute<'a>(spec: &'a PersistentVolumeSpec, key: &str) -> Option<&'a str> {
    let attributes = spec.csi.as_ref()?.volume_attributes.as_ref()?;
    let found = attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(key));
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// The size above which a disk isn't copied to the vault tier: 1 TiB (support matrix of AKS backup, January 2026).
const TIERED: i128 = 1 << 40;

/// Why a volume's disk isn't copied to the vault tier, by its size and by what its storage class asked of the disk driver.
fn untiered(spec: &PersistentVolumeSpec) -> Option<String> {
    let size = spec.capacity.as_ref().and_then(|all| all.get("storage"));
    if size.is_some_and(|size| bytes(size) > TIERED) {
        return Some("larger than 1 TiB".into());
    }
    let value = |key: &str| attribute(spec, key);
    let access = value("networkAccessPolicy").filter(|own| !own.eq_ignore_ascii_case("AllowAll"));
    let closed = value("publicNetworkAccess").filter(|own| own.eq_ignore_ascii_case("Disabled"));
    match (access.or(closed), value("diskEncryptionSetID")) {
        (Some(_), _) => Some("without public network access".into()),
        (None, Some(_)) => Some("with a disk encryption set".into()),
        (None, None) => None,
    }
}

impl Claim {
    fn from_live(live: PersistentVolumeClaim) -> Option<Self> {
        let phase = live.status.as_ref().and_then(|status| status.phase.clone())?;
        Some(Self {
            namespace: live.namespace().unwrap_or_default(),
            name: live.name_any(),
            created: live.creation_timestamp().map(|time| time.0),
            labels: live.metadata.labels.unwrap_or_default(),
            phase,
        })
    }
}

impl Mount {
    fn from_live(live: Pod) -> Option<Self> {
        let namespace = live.namespace().unwrap_or_default();
        let volumes = live.spec?.volumes.unwrap_or_default();
        let claims: Vec<String> = volumes
            .into_iter()
            .filter_map(|own| Some(own.persistent_volume_claim?.claim_name))
            .collect();
        (!claims.is_empty()).then(|| Self {
            namespace,
            claims,
            labels: live.metadata.labels.unwrap_or_default(),
        })
    }
}

impl Reader {
    /// Every volume that is bound to a claim; `None` if the signed-in user isn't authorized to list them.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn volumes(&self) -> Outcome<Option<Vec<Volume>>> {
        let wanted = Wanted::everywhere("persistentvolumes");
        self.every(&wanted, Api::all, Volume::from_live).await
    }

    /// Every claim; `None` if the signed-in user isn't authorized to list them.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn claims(&self) -> Outcome<Option<Vec<Claim>>> {
        let wanted = Wanted::everywhere("persistentvolumeclaims");
        self.every(&wanted, Api::all, Claim::from_live).await
    }

    /// Every pod that mounts a claim, if `wanted`; `None` if the signed-in user isn't authorized to list them.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn mounts(&self, wanted: bool) -> Outcome<Option<Vec<Mount>>> {
        if !wanted {
            return Ok(None);
        }
        let wanted = Wanted::everywhere("pods");
        self.every(&wanted, Api::all, Mount::from_live).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn volume(spec: &Value) -> Option<Volume> {
        let status = &spec["phase"];
        Volume::from_live(
            serde_json::from_value(json!({ "metadata": { "name": "v" }, "spec": spec, "status": { "phase": status } }))
                .unwrap(),
        )
    }

    fn claimed(driver: &str, attributes: &Value, class: &str) -> Volume {
        let csi = json!({ "driver": driver, "volumeHandle": "h", "volumeAttributes": attributes });
        let claim = json!({ "name": "c", "namespace": "n" });
        volume(&json!({ "claimRef": claim, "csi": csi, "storageClassName": class, "capacity": { "storage": "5Gi" } }))
            .unwrap()
    }

    /// Fails before: a volume that was released counted as one of its former namespace.
    #[test]
    fn only_bound_volumes_count() {
        assert_eq!(volume(&json!({})), None);
        let claim = json!({ "name": "c", "namespace": "n" });
        let of_phase =
            |phase: Value| volume(&json!({ "claimRef": claim, "phase": phase })).map(|own| (own.namespace, own.claim));
        let bound = Some(("n".to_owned(), "c".to_owned()));
        assert_eq!(
            (of_phase(json!("Bound")), of_phase(Value::Null)),
            (bound.clone(), bound)
        );
        assert_eq!((of_phase(json!("Released")), of_phase(json!("Failed"))), (None, None));
    }

    #[test]
    fn what_azure_backup_skips_is_told_by_driver_protocol_and_class() {
        let none = json!({});
        let nfs = json!({ "Protocol": "NFS" });
        let private = json!({ "networkEndpointType": "privateEndpoint" });
        for (driver, attributes, class, medium, why) in [
            (DISKS, &none, "managed-csi", Medium::Disk, None),
            (DISKS, &none, "", Medium::Disk, Some("without a storage class")),
            (SHARES, &none, "azurefile-csi", Medium::Share, None),
            (
                SHARES,
                &nfs,
                "azurefile-csi",
                Medium::Share,
                Some("Azure Files with NFS"),
            ),
            (
                SHARES,
                &private,
                "x",
                Medium::Share,
                Some("Azure Files with a private endpoint"),
            ),
            (
                "blob.csi.azure.com",
                &none,
                "x",
                Medium::Other,
                Some("CSI driver blob.csi.azure.com"),
            ),
        ] {
            let own = claimed(driver, attributes, class);
            assert_eq!(
                (own.medium, own.unsupported.as_deref(), own.bytes),
                (medium, why, 5 << 30),
                "{driver} {class}"
            );
        }
        let in_tree = volume(&json!({ "claimRef": { "name": "c", "namespace": "n" } })).unwrap();
        assert_eq!(in_tree.unsupported.as_deref(), Some("without a CSI driver"));
    }

    #[test]
    fn a_pod_counts_by_the_claims_that_it_mounts() {
        let pod = |volumes: Value| {
            let metadata = json!({ "name": "p", "namespace": "n", "labels": { "app": "web" } });
            let spec = json!({ "containers": [], "volumes": volumes });
            Mount::from_live(serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap())
        };
        assert_eq!(pod(json!([{ "name": "x", "emptyDir": {} }])), None);
        let own = pod(json!([{ "name": "x", "persistentVolumeClaim": { "claimName": "c" } }])).unwrap();
        assert_eq!((own.claims[0].as_str(), own.labels["app"].as_str()), ("c", "web"));
    }
}
