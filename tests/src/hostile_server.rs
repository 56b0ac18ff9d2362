//! A server that answers as no server should: raw bytes over TLS, endless, slow, or cut off. It signs anybody in, so that what it
//! answers afterwards is read.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::binary;
use crate::tls::Authority;

/// The tenant of the example.
const TENANT: &str = "4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10";
const ID: &str = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
/// The cluster that is asked for.
pub const CLUSTER: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-aks/providers/\
                                  Microsoft.ContainerService/managedClusters/aks-demo";

/// What comes instead of an answer: a head, then a part again and again, with a pause before each.
#[derive(Debug, Clone, Default)]
pub struct Hostile {
    /// What comes first.
    pub head: Vec<u8>,
    /// What comes again and again.
    pub part: Vec<u8>,
    /// How often.
    pub times: usize,
    /// How long before each.
    pub pause: Duration,
}

impl Hostile {
    /// Bytes as they are, then the end.
    #[must_use]
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            head: bytes.into(),
            ..Self::default()
        }
    }

    /// A whole answer.
    #[must_use]
    pub fn answer(status: &str, headers: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
        );
        Self::raw([head.as_bytes(), body].concat())
    }

    /// Answers with 200 and this body.
    #[must_use]
    pub fn body(body: impl AsRef<[u8]>) -> Self {
        Self::answer("200 OK", "", body.as_ref())
    }

    /// The same bytes, and then `part` again and again.
    #[must_use]
    pub fn then(self, part: impl Into<Vec<u8>>, times: usize, pause: Duration) -> Self {
        let part = part.into();
        Self {
            part,
            times,
            pause,
            ..self
        }
    }

    fn send(&self, stream: &mut impl std::io::Write, over: &AtomicBool) -> std::io::Result<()> {
        stream.write_all(&self.head)?;
        stream.flush()?;
        for _ in 0..self.times {
            thread::sleep(self.pause);
            if over.load(Ordering::Relaxed) {
                break;
            }
            stream.write_all(&self.part)?;
            stream.flush()?;
        }
        Ok(())
    }
}

/// What is answered to a request line; `None` where the answer is what it should be.
pub type Rule = dyn Fn(&str) -> Option<Hostile> + Send + Sync;

/// The server, with the files that its clients need.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    endpoint: String,
    over: Arc<AtomicBool>,
}

impl Server {
    /// Starts one that follows `rule`.
    ///
    /// # Panics
    /// It can't be started.
    #[must_use]
    pub fn start(rule: Box<Rule>) -> Self {
        let authority = Authority::new().unwrap();
        let (certificate, key) = authority.issue(&[]).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        let (over, rule, own) = (Arc::new(AtomicBool::new(false)), Arc::new(rule), endpoint.clone());
        let ends = Arc::clone(&over);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (config, rule, own, over) = (config.clone(), rule.clone(), own.clone(), ends.clone());
                // A client that hangs up ends its thread; that is no failure.
                thread::spawn(move || drop(serve(client, config, &**rule, &own, &over)));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        std::fs::write(
            folder.path().join("kubeconfig"),
            kubeconfig(&endpoint, &json!({ "token": "t" })),
        )
        .unwrap();
        let state = include_str!("../../shared/tests/report/aksbackup.toml");
        let state = state.replace("\"AzureCloud\"", "\"Own\"").replace(TENANT, ID);
        std::fs::write(folder.path().join("aksbackup.toml"), state).unwrap();
        Self { folder, endpoint, over }
    }

    /// A command of this folder, ready to be measured. Pauses of the program are short.
    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(name));
        command.args(arguments).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AKSBACKUP_TIME_SCALE", "0.01")
            .env("RUST_BACKTRACE", "0")
            .current_dir(self.folder.path());
        command
    }

    /// `az aksbackup ARGUMENTS`.
    #[must_use]
    pub fn az(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("az-aksbackup", arguments);
        command
            .env("SSL_CERT_FILE", self.folder.path().join("ca.pem"))
            .env(
                "ARM_CLOUD_METADATA_URL",
                format!("{}/metadata/endpoints", self.endpoint),
            )
            .env("AZURE_AUTHORITY_HOST", format!("{}/", self.endpoint))
            .env("AZURE_TENANT_ID", ID)
            .env("AZURE_CLIENT_ID", ID)
            .env("AZURE_CLIENT_SECRET", "secret");
        command
    }

    /// `kubectl aksbackup ARGUMENTS`.
    #[must_use]
    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("kubectl-aksbackup", arguments);
        command.env("KUBECONFIG", self.folder.path().join("kubeconfig"));
        command
    }

    /// The same, signed in by a credential plugin that never ends.
    ///
    /// # Panics
    /// The folder can't be written to.
    #[must_use]
    pub fn kubectl_with_plugin(&self, arguments: &[&str]) -> Command {
        let plugin = json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["60"], "interactiveMode": "Never",
        } });
        let file = self.folder.path().join("plugin");
        std::fs::write(&file, kubeconfig(&self.endpoint, &plugin)).unwrap();
        let mut command = self.kubectl(arguments);
        command.env("KUBECONFIG", &file);
        command
    }

    /// The folder that commands work in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn kubeconfig(server: &str, user: &serde_json::Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": server, "certificate-authority": "ca.pem" } }],
        "users": [{ "name": "u", "user": user }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    })
    .to_string()
}

fn serve(
    client: TcpStream,
    config: Arc<ServerConfig>,
    rule: &Rule,
    own: &str,
    over: &AtomicBool,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = StreamOwned::new(ServerConnection::new(config)?, client);
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let line = request.lines().next().unwrap_or_default().to_owned();
    let answer = rule(&line).unwrap_or_else(|| proper(&line, own));
    answer.send(&mut stream, over)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}

/// The answers to everything before the first read.
fn proper(line: &str, own: &str) -> Hostile {
    if line.contains("/metadata/") {
        let login = json!({ "loginEndpoint": own, "audiences": [own] });
        return Hostile::body(json!({ "name": "Own", "resourceManager": own, "authentication": login }).to_string());
    }
    if line.contains("/oauth2/") {
        let claims = json!({ "oid": ID, "tid": ID, "upn": "ada@contoso.example" }).to_string();
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims));
        let token = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": token });
        return Hostile::body(token.to_string());
    }
    Hostile::answer("404 Not Found", "", b"{}")
}
