//! A program between client and API server that answers for it where a test says so: what a busy, a forgetful or a
//! suspicious API server looks like from outside.

use std::net::SocketAddr;
use std::sync::Arc;

use aksbackup_tests::harness::{Run, Stage, finish};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A request on its way: method, path with query, and the bearer token.
pub(crate) struct Call {
    pub(crate) line: String,
    pub(crate) token: String,
}

type Judge = dyn Fn(&Call) -> Option<Value> + Send + Sync;

/// The program; it ends with the test.
pub(crate) struct Between {
    address: SocketAddr,
    _runtime: Runtime,
}

#[derive(Clone)]
struct Shared {
    client: Client,
    judge: Arc<Judge>,
}

impl Between {
    /// What `judge` gives a Status for is answered with it; everything else goes on to the cluster, as cluster-admin.
    pub(crate) fn of(stage: &Stage, judge: impl Fn(&Call) -> Option<Value> + Send + Sync + 'static) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Runtime::new().unwrap();
        let kubeconfig = Kubeconfig::read_from(stage.folder().join("kubeconfig")).unwrap();
        let address = runtime.block_on(async {
            let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .unwrap();
            config.default_retry = false;
            let shared = Shared {
                client: Client::try_from(config).unwrap(),
                judge: Arc::new(judge),
            };
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = Router::new().fallback(pass).with_state(shared);
            tokio::spawn(async move { axum::serve(listener, router).await });
            address
        });
        Self {
            address,
            _runtime: runtime,
        }
    }

    /// Runs `kubectl aksbackup ARGUMENTS` through it, with `user` as the kubeconfig's login.
    pub(crate) fn run<T: AsRef<str>>(&self, stage: &Stage, user: &Value, arguments: &[T]) -> Run {
        let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        let server = format!("http://{}", self.address);
        let path = stage.folder().join("kubeconfig-between");
        std::fs::write(&path, kubeconfig(&server, user).to_string()).unwrap();
        let mut command = stage.kubectl_command("through", &arguments);
        finish(command.env("KUBECONFIG", path))
    }
}

/// A kubeconfig whose only context is `through`.
pub(crate) fn kubeconfig(server: &str, user: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "through",
        "clusters": [{ "name": "c", "cluster": { "server": server } }],
        "users": [{ "name": "u", "user": user }],
        "contexts": [{ "name": "through", "context": { "cluster": "c", "user": "u" } }],
    })
}

/// A Status of Kubernetes.
pub(crate) fn status(code: u16, reason: &str, details: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": format!("{reason}, says the test"), "details": details,
    })
}

async fn pass(State(shared): State<Shared>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let header = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
    let call = Call {
        line: format!("{} {}", parts.method, parts.uri),
        token: header.unwrap_or_default().trim_start_matches("Bearer ").to_owned(),
    };
    if let Some(answer) = (shared.judge)(&call) {
        let code = answer["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok())
            .unwrap();
        let headers = [("content-type", "application/json")];
        return (
            axum::http::StatusCode::from_u16(code).unwrap(),
            headers,
            answer.to_string(),
        )
            .into_response();
    }
    for own in ["authorization", "host", "content-length"] {
        parts.headers.remove(own);
    }
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let onward = axum::http::Request::from_parts(parts, kube::client::Body::from(body.to_vec()));
    match shared.client.send(onward).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => (axum::http::StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
