//! The bed as Azure sees it: orders go into a queue, answers come from what the watches have told.

use super::cluster::Bed;
use super::orders::Order;
use crate::kubernetes::{deployments, place};
use crate::planes::{Cluster, ExtensionRelease, StorageLocationStatus};

impl Cluster for Bed {
    fn install(&self, release: ExtensionRelease) {
        self.order(Order::Install(release, None));
    }

    fn uninstall(&self) {
        self.order(Order::Uninstall);
    }

    fn set_issuer(&self, issuer: Option<String>) {
        self.order(Order::Issuer(issuer));
    }

    fn set_workload_identity(&self, on: bool) {
        self.order(Order::WorkloadIdentity(on));
    }

    fn storage_location(&self) -> Option<StorageLocationStatus> {
        let held = self.inner.state().release.clone()?;
        let mut all = self.inner.locations.list().into_iter();
        let own = all.find(|location| place(location) == (held.release.namespace.as_str(), "default"));
        let status = own.unwrap_or_default()["status"].clone();
        let text = |key: &str| status[key].as_str().unwrap_or_default().to_owned();
        Some(StorageLocationStatus {
            phase: text("phase"),
            message: text("message"),
        })
    }

    fn healthy(&self) -> bool {
        let Some(held) = self.inner.state().release.clone() else {
            return false;
        };
        let mut all = self.inner.deployments.list();
        all.retain(|deployment| place(deployment).0 == held.release.namespace);
        !all.is_empty() && all.iter().all(deployments::complete)
    }
}
