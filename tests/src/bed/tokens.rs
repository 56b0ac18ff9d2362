//! The projected service account tokens of pods, as the kubelet holds them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Method;
use kube::Error;
use serde_json::{Value, json};

use super::api::JSON;
use super::cluster::Inner;
use crate::kubernetes::velero::projection;
use crate::kubernetes::{place, uid};

/// Tokens for Azure, by the uid of the pod.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    mounted: Mutex<BTreeMap<String, (String, Instant)>>,
}

impl Tokens {
    /// Asks for the token that the pod's volume for Azure wants, bound to the pod. The kubelet does so before the
    /// containers start, and again after four fifths of the token's life.
    ///
    /// # Errors
    /// The API server does not give it.
    pub(crate) async fn mount(&self, inner: &Inner, pod: &Value) -> Result<(), Error> {
        let wanted = projection(pod);
        let fresh = |until: &Instant| *until > Instant::now();
        let held = self.of(pod).is_some_and(|(_, until)| fresh(&until));
        if wanted.is_null() || held {
            return Ok(());
        }
        let (namespace, name) = place(pod);
        let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {
                "audiences": [wanted["audience"]],
                "expirationSeconds": wanted["expirationSeconds"],
                "boundObjectRef": { "apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid(pod) },
            },
        });
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let answer = inner.api.send(Method::POST, &path, JSON, &request).await?;
        let token = answer["status"]["token"].as_str().unwrap_or_default().to_owned();
        let life = answer["spec"]["expirationSeconds"].as_u64().unwrap_or_default();
        let until = Instant::now() + Duration::from_secs(life * 4 / 5);
        self.lock().insert(uid(pod), (token, until));
        Ok(())
    }

    /// The pod's token for Azure, if it has a volume for one, and until when it is good.
    pub(crate) fn of(&self, pod: &Value) -> Option<(String, Instant)> {
        self.lock().get(&uid(pod)).cloned()
    }

    /// The pod is gone.
    pub(crate) fn unmount(&self, pod: &Value) {
        self.lock().remove(&uid(pod));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (String, Instant)>> {
        self.mounted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
