//! The bed's own hands on the API server: plain JSON, and patience while it restarts.

use std::io;
use std::time::{Duration, Instant};

use axum::http::{Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::Stream;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::WatchEvent;
use kube::{Client, Config, Error};
use serde_json::{Value, json};

use crate::kubernetes::path_of;

/// How long a request is repeated while the API server is not there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of the API server.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
}

/// A kubeconfig of one user.
pub(crate) fn kubeconfig(server: &str, ca_pem: &str, token: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bed",
        "clusters": [{ "name": "bed", "cluster": {
            "server": server, "certificate-authority-data": STANDARD.encode(ca_pem),
        } }],
        "users": [{ "name": "bed", "user": { "token": token } }],
        "contexts": [{ "name": "bed", "context": { "cluster": "bed", "user": "bed" } }],
    })
    .to_string()
}

impl Api {
    /// A client by a kubeconfig's text. Proxies of the environment are not for loopback.
    ///
    /// # Errors
    /// The kubeconfig makes no client.
    pub(crate) async fn connect(kubeconfig: &str) -> io::Result<Self> {
        let kubeconfig = Kubeconfig::from_yaml(kubeconfig).map_err(io::Error::other)?;
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(io::Error::other)?;
        config.proxy_url = None;
        let client = Client::try_from(config).map_err(io::Error::other)?;
        Ok(Self { client })
    }

    /// One request, repeated while nobody answers or the API server says that it cannot yet. The answer's body.
    ///
    /// # Errors
    /// What the API server refuses, or that it does not come back.
    pub(crate) async fn send(&self, method: Method, path: &str, kind: &str, body: &Value) -> Result<Value, Error> {
        let begun = Instant::now();
        loop {
            let request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header("content-type", kind);
            let body = if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            };
            let request = request.body(body).map_err(Error::HttpError)?;
            let outcome = self.client.request::<Value>(request).await;
            match outcome {
                Err(error) if passing(&error) && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                other => return other,
            }
        }
    }

    /// Whether the API server is ready.
    pub(crate) async fn ready(&self) -> bool {
        let Ok(request) = Request::builder().uri("/readyz").body(Vec::new()) else {
            return false;
        };
        self.client.request_text(request).await.is_ok_and(|text| text == "ok")
    }

    /// Reads one object or list; `None` where there is none, or no such kind yet.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub(crate) async fn get(&self, path: &str) -> Result<Option<Value>, Error> {
        match self.send(Method::GET, path, JSON, &Value::Null).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an object of a kind that the sandbox knows, unless it is there.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub(crate) async fn create(&self, object: &Value, manager: &str) -> Result<(), Error> {
        let path = format!("{}?fieldManager={manager}", path_of(object, false));
        self.create_at(&path, object).await
    }

    /// The same for any kind, by the path of its list.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub(crate) async fn create_at(&self, path: &str, object: &Value) -> Result<(), Error> {
        match self.send(Method::POST, path, JSON, object).await {
            Err(error) if code(&error) == Some(StatusCode::CONFLICT.as_u16()) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Deletes what is at `path`, if it is there.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Result<(), Error> {
        match self.send(Method::DELETE, path, JSON, options).await {
            Err(error) if missing(&error) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// A merge patch.
    ///
    /// # Errors
    /// As [`Api::send`].
    pub(crate) async fn merge(&self, path: &str, patch: &Value) -> Result<Value, Error> {
        self.send(Method::PATCH, path, "application/merge-patch+json", patch)
            .await
    }

    /// Follows a list from `revision` on.
    ///
    /// # Errors
    /// The API server does not answer, or refuses.
    pub(crate) async fn watch(
        &self,
        path: &str,
        revision: &str,
    ) -> Result<impl Stream<Item = Result<WatchEvent<Value>, Error>> + use<>, Error> {
        let uri = format!("{path}?watch=true&resourceVersion={revision}");
        let request = Request::builder().uri(uri).body(Vec::new()).map_err(Error::HttpError)?;
        self.client.request_events::<Value>(request).await
    }
}

pub(crate) const JSON: &str = "application/json";

/// The status code of a refusal.
pub(crate) fn code(error: &Error) -> Option<u16> {
    match error {
        Error::Api(status) => Some(status.code),
        _ => None,
    }
}

fn missing(error: &Error) -> bool {
    code(error) == Some(StatusCode::NOT_FOUND.as_u16())
}

/// Nobody answered, or the API server is starting, stopping or busy.
fn passing(error: &Error) -> bool {
    match code(error) {
        Some(code) => code == 429 || code >= 502,
        None => !matches!(error, Error::SerdeError(_) | Error::HttpError(_)),
    }
}
