//! What the bed knows of the API server's objects, kept by watches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use kube::Error;
use kube::core::WatchEvent;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::api::Api;
use crate::kubernetes::{Resource, named, uid};

/// The objects of one resource in all namespaces, as the last event told them.
#[derive(Debug)]
pub(crate) struct Mirror {
    resource: &'static str,
    objects: Mutex<BTreeMap<String, Value>>,
}

impl Mirror {
    pub(crate) fn new(resource: &'static str) -> Arc<Self> {
        Arc::new(Self {
            resource,
            objects: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn list(&self) -> Vec<Value> {
        self.lock().values().cloned().collect()
    }

    /// Follows the API server for ever; every change is told to `stirred`.
    pub(crate) async fn follow(self: Arc<Self>, api: Api, stirred: watch::Sender<u64>) {
        let Some(resource) = named(self.resource) else { return };
        loop {
            // A watch that ends, an API server that restarts, a kind that is not defined yet: all begin anew.
            let _ = self.round(&api, resource, &stirred).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn round(&self, api: &Api, resource: &Resource, stirred: &watch::Sender<u64>) -> Result<(), Error> {
        let path = resource.path("");
        let list = api.get(&path).await?.unwrap_or_default();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let fresh = items
            .into_iter()
            .map(|item| (uid(&item), whole(resource, item)))
            .collect();
        *self.lock() = fresh;
        stirred.send_modify(|count| *count += 1);
        let Some(revision) = list["metadata"]["resourceVersion"].as_str() else {
            return Ok(());
        };
        let mut events = std::pin::pin!(api.watch(&path, revision).await?);
        while let Some(event) = events.next().await {
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    self.lock().insert(uid(&object), whole(resource, object));
                }
                WatchEvent::Deleted(object) => {
                    self.lock().remove(&uid(&object));
                }
                WatchEvent::Bookmark(_) => continue,
                WatchEvent::Error(_) => return Ok(()),
            }
            stirred.send_modify(|count| *count += 1);
        }
        Ok(())
    }
}

/// Lists leave out what an object is.
fn whole(resource: &Resource, mut object: Value) -> Value {
    object["apiVersion"] = json!(resource.api_version());
    object["kind"] = json!(resource.kind);
    object
}
