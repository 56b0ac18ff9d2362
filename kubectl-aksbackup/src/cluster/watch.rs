//! Ends as soon as anything in the namespace changes, so that a wait ends with the event and not with the next look.

use std::cell::Cell;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, WatchEvent, WatchParams};
use serde::de::DeserializeOwned;

use crate::cluster::client::Reader;
use crate::cluster::storage_locations;

/// From where to watch: the versions of the lists that were looked at. An empty one is not watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Since {
    /// Of the deployments.
    pub(crate) deployments: String,
    /// Of the pods.
    pub(crate) pods: String,
    /// Of the storage locations.
    pub(crate) storage_locations: String,
}

impl Reader {
    /// Ends when a deployment, pod or storage location has changed since it was looked at, and a little later when a watch
    /// breaks off, so that the next look can begin it anew. Where watching is not allowed it never ends: looking by the
    /// clock is then the only way to notice. `watched` becomes true while nothing can change unnoticed.
    ///
    /// Changes come in bursts; after the first one the others are waited for during `calm`, so that one look sees them
    /// all.
    pub(crate) async fn stirred(&self, since: &Since, calm: Duration, watched: &Cell<bool>) {
        watched.set(false);
        let Ok(client) = self.connection().client().await else {
            return std::future::pending().await;
        };
        let versions = [&since.deployments, &since.pods, &since.storage_locations];
        let missing = Cell::new(versions.iter().filter(|version| !version.is_empty()).count());
        let opened = || {
            missing.set(missing.get().saturating_sub(1));
            watched.set(missing.get() == 0);
        };
        let namespace = self.namespace();
        let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);
        let pods = Api::<Pod>::namespaced(client.clone(), namespace);
        let locations = Api::<DynamicObject>::namespaced_with(client, namespace, &storage_locations::resource());
        let ending = tokio::select! {
            ending = changed(&deployments, &since.deployments, opened) => ending,
            ending = changed(&pods, &since.pods, opened) => ending,
            ending = changed(&locations, &since.storage_locations, opened) => ending,
        };
        tokio::time::sleep(match ending {
            Ending::Changed => calm,
            Ending::Broken => calm * 4,
        })
        .await;
    }
}

/// Why a watch is over.
enum Ending {
    /// There was a change.
    Changed,
    /// The connection is gone, or what was looked at is too old to go on from.
    Broken,
}

/// Watches one kind; calls `opened` when the watch stands.
async fn changed<K>(api: &Api<K>, version: &str, opened: impl Fn()) -> Ending
where
    K: Clone + DeserializeOwned + Debug,
{
    if version.is_empty() {
        return std::future::pending().await;
    }
    let events = match api.watch(&WatchParams::default().disable_bookmarks(), version).await {
        Ok(events) => events,
        Err(kube::Error::Api(refusal)) if refusal.code == 403 => return std::future::pending().await,
        Err(_) => return Ending::Broken,
    };
    opened();
    match pin!(events.into_stream()).next().await {
        Some(Ok(WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_))) => Ending::Changed,
        _ => Ending::Broken,
    }
}
