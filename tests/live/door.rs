//! The two servers that are asked: Resource Manager with the Azure CLI's login, and the API server with the kubeconfig.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Uri, header};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::process::Command;

/// The largest answer that is read.
const BOUND: usize = 8 << 20;

/// Who asks.
const AGENT: &str = concat!("aksbackup-live/", env!("CARGO_PKG_VERSION"));

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer, of whatever status.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// What was requested: path and query.
    pub(crate) target: String,
    /// Names of its headers, in lower case. Their values can hold signed addresses, and no claim needs them.
    pub(crate) headers: Vec<String>,
    pub(crate) body: Value,
}

/// What came of a request.
#[derive(Debug, Clone)]
pub(crate) enum Reading {
    Answered(Answer),
    /// Nothing was asked, or no answer came, and why.
    Missing(String),
}

impl Reading {
    /// Returns the body of an answer that isn't an error.
    pub(crate) fn body(&self) -> Option<&Value> {
        match self {
            Self::Answered(answer) if answer.status < 300 => Some(&answer.body),
            _ => None,
        }
    }

    /// Returns the api-version that was answered; empty without an answer.
    pub(crate) fn version(&self) -> &str {
        let Self::Answered(answer) = self else { return "" };
        answer
            .target
            .rsplit_once("api-version=")
            .map_or("", |(_, version)| version)
    }

    /// Returns the HTTP status, if there was an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(answer) => Some(answer.status),
            Self::Missing(_) => None,
        }
    }

    /// Returns the code of an error of Azure or Kubernetes; empty if there is none.
    pub(crate) fn code(&self) -> &str {
        let Self::Answered(answer) = self else { return "" };
        let code = answer.body.pointer("/error/code").or_else(|| answer.body.get("reason"));
        code.and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns what came of it in a few words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Missing(why) => why.clone(),
            Self::Answered(answer) => format!("HTTP {} {}", answer.status, self.code()).trim_end().to_owned(),
        }
    }
}

/// A server with the credentials for it. kube's client is the HTTP client of both: no other one is linked for this.
pub(crate) struct Door {
    client: Client,
    token: Option<String>,
}

impl Door {
    /// Opens Resource Manager with the Azure CLI's login, which is asked for a token of this subscription.
    pub(crate) async fn azure(subscription: &str) -> Result<Self, String> {
        let endpoint = ["cloud", "show", "--query", "endpoints.resourceManager"];
        let endpoint = az(&endpoint).await?;
        let token = [
            "account",
            "get-access-token",
            "--subscription",
            subscription,
            "--query",
            "accessToken",
        ];
        let token = az(&token).await?;
        let endpoint: Uri = endpoint
            .trim_end_matches('/')
            .parse()
            .map_err(|error| format!("cannot use the Azure CLI's cloud: {error}"))?;
        let mut config = Config::new(endpoint);
        config.root_cert_file = std::env::var_os("SSL_CERT_FILE").map(Into::into);
        Ok(Self {
            client: client(config)?,
            token: Some(token),
        })
    }

    /// Opens the API server of a context of the kubeconfig, the current one by default.
    pub(crate) async fn kubernetes(context: Option<&str>) -> Result<Self, String> {
        let kubeconfig = Kubeconfig::read().map_err(|error| format!("cannot read the kubeconfig: {error}"))?;
        let options = KubeConfigOptions {
            context: context.map(str::to_owned),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|error| format!("cannot use the kubeconfig: {error}"))?;
        Ok(Self {
            client: client(config)?,
            token: None,
        })
    }

    /// Reads `target`, a path with its query.
    pub(crate) async fn get(&self, target: &str) -> Reading {
        self.send(&Method::GET, target, None, None).await
    }

    /// Reads `path` in the first of `versions` that the region has.
    pub(crate) async fn get_in(&self, path: &str, versions: &[&str]) -> Reading {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut last = Reading::Missing("no api-version is known for it".to_owned());
        for version in versions {
            last = self.get(&format!("{path}{joint}api-version={version}")).await;
            let unknown = [
                "NoRegisteredProviderFound",
                "InvalidApiVersionParameter",
                "InvalidResourceType",
            ];
            if !unknown.contains(&last.code()) {
                break;
            }
        }
        last
    }

    /// Queries Resource Graph. A POST request, but it only reads.
    pub(crate) async fn query(&self, subscription: &str, query: &str) -> Reading {
        let body =
            json!({ "subscriptions": [subscription], "query": query, "options": { "resultFormat": "objectArray" } });
        let target = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01";
        self.send(&Method::POST, target, Some(&body), None).await
    }

    /// Asks for the action at the end of `target`.
    pub(crate) async fn act(&self, target: &str) -> Reading {
        self.send(&Method::POST, target, None, None).await
    }

    /// Changes members of a resource.
    pub(crate) async fn patch(&self, target: &str, body: &Value) -> Reading {
        self.send(&Method::PATCH, target, Some(body), None).await
    }

    /// Replaces a resource, if it still has this eTag.
    pub(crate) async fn put(&self, target: &str, body: &Value, etag: Option<&str>) -> Reading {
        self.send(&Method::PUT, target, Some(body), etag).await
    }

    async fn send(&self, method: &Method, target: &str, body: Option<&Value>, etag: Option<&str>) -> Reading {
        let sending = tokio::time::timeout(PATIENCE, self.exchange(method, target, body, etag));
        match sending.await {
            Ok(Ok(answer)) => Reading::Answered(answer),
            Ok(Err(error)) => Reading::Missing(format!("no answer: {error}")),
            Err(_) => Reading::Missing(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn exchange(
        &self,
        method: &Method,
        target: &str,
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder()
            .method(method)
            .header(header::USER_AGENT, AGENT)
            .uri(target.replace(' ', "%20"));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(etag) = etag {
            request = request.header(header::IF_MATCH, etag);
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                kube::client::Body::from(body.to_string().into_bytes())
            }
            None => kube::client::Body::empty(),
        };
        let request = request.body(body).map_err(|error| error.to_string())?;
        let response = self.client.send(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(Body::new(body), BOUND)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Answer {
            status: parts.status.as_u16(),
            target: target.to_owned(),
            headers: parts.headers.keys().map(ToString::to_string).collect(),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }
}

fn client(config: Config) -> Result<Client, String> {
    Client::try_from(config).map_err(|error| format!("cannot open a connection: {error}"))
}

/// Runs the Azure CLI and returns the one value that it prints.
async fn az(arguments: &[&str]) -> Result<String, String> {
    let program = if cfg!(windows) { "az.cmd" } else { "az" };
    let output = Command::new(program).args(arguments).args(["--output", "tsv"]).output();
    let output = output.await.map_err(|error| format!("cannot run az: {error}"))?;
    let value = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !value.is_empty() {
        return Ok(value);
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("az {} failed: {words}", arguments.first().unwrap_or(&"")))
}
