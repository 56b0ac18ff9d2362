//! Ends as soon as anything in the namespace changes, so that a wait ends with the event and not with the next look.

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
    /// Ends when a deployment, pod or storage location has changed since it was looked at. Where watching is not
    /// allowed, or breaks off, it never ends: the next look is then the only way to notice.
    ///
    /// Changes come in bursts; after the first one the others are waited for during `calm`, so that one look sees them
    /// all.
    pub(crate) async fn stirred(&self, since: &Since, calm: Duration) {
        let Ok(client) = self.connection().client().await else {
            return std::future::pending().await;
        };
        let namespace = self.namespace();
        let deployments = Api::<Deployment>::namespaced(client.clone(), namespace);
        let pods = Api::<Pod>::namespaced(client.clone(), namespace);
        let locations = Api::<DynamicObject>::namespaced_with(client, namespace, &storage_locations::resource());
        tokio::select! {
            () = changed(&deployments, &since.deployments) => {}
            () = changed(&pods, &since.pods) => {}
            () = changed(&locations, &since.storage_locations) => {}
        }
        tokio::time::sleep(calm).await;
    }
}

async fn changed<K>(api: &Api<K>, version: &str)
where
    K: Clone + DeserializeOwned + Debug,
{
    if !version.is_empty()
        && let Ok(events) = api.watch(&WatchParams::default().disable_bookmarks(), version).await
    {
        let mut events = pin!(events.into_stream());
        if let Some(Ok(WatchEvent::Added(_) | WatchEvent::Modified(_) | WatchEvent::Deleted(_))) = events.next().await {
            return;
        }
    }
    std::future::pending::<()>().await;
}
