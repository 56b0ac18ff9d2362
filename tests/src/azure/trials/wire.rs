//! A whole sandbox, as seen through TLS.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::azure::ids;
use crate::azure::personas::persona;
use crate::sandbox::Sandbox;
use crate::schema::definitions;
use crate::settings::Settings;

/// Sends one request and gives all that came back, which is nothing where the connection broke.
fn send(sandbox: &Sandbox, head: &str, body: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(sandbox.dir().join("ca.pem")).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
        let stream = TcpStream::connect(sandbox.endpoint().trim_start_matches("https://"))
            .await
            .unwrap();
        let mut stream = connector
            .connect(ServerName::try_from("127.0.0.1").unwrap(), stream)
            .await
            .unwrap();
        let length = body.len();
        let request = format!("{head}\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    })
}

fn token(sandbox: &Sandbox, tenant: &str) -> String {
    let reader = persona("everything");
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={}/.default",
        reader.client_id,
        reader.secret,
        sandbox.endpoint()
    );
    let answer = send(sandbox, &format!("POST /{tenant}/oauth2/v2.0/token HTTP/1.1"), &form);
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

fn start(dir: &Path, switches: &[&str]) -> Sandbox {
    let mut settings = Settings {
        time_scale: 0.001,
        ..Settings::default()
    };
    for switch in switches {
        settings.set(switch).unwrap();
    }
    Sandbox::start(settings, dir).unwrap()
}

fn group(method: &str, name: &str, token: &str) -> String {
    let id = ids::group_id(name);
    format!(
        "{method} {id}?api-version=2024-07-01 HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json"
    )
}

#[test]
fn a_broken_connection_answers_nothing_and_only_the_late_break_has_acted() {
    let dir = tempfile::tempdir().unwrap();
    let faults = ["fault=reset-before@PUT:rg-one:1", "fault=reset-after@PUT:rg-two:1"];
    let sandbox = start(dir.path(), &faults);
    let token = token(&sandbox, ids::TENANT);
    let body = "{\"location\":\"westeurope\"}";
    assert_eq!(send(&sandbox, &group("PUT", "rg-one", &token), body), "");
    assert!(sandbox.resource(&ids::group_id("rg-one")).is_none());
    assert_eq!(send(&sandbox, &group("PUT", "rg-two", &token), body), "");
    assert!(sandbox.resource(&ids::group_id("rg-two")).is_some());
    assert!(send(&sandbox, &group("PUT", "rg-two", &token), body).starts_with("HTTP/1.1 200"));
}

#[test]
fn strangers_to_the_tenant_and_forged_tokens_are_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &[]);
    let foreign = token(&sandbox, ids::OTHER_TENANT);
    let answer = send(&sandbox, &group("GET", ids::CLUSTER_GROUP, &foreign), "");
    assert!(
        answer.starts_with("HTTP/1.1 401") && answer.contains("InvalidAuthenticationTokenTenant"),
        "{answer}"
    );
    assert!(
        answer
            .to_ascii_lowercase()
            .contains("www-authenticate: bearer authorization_uri=")
    );
    let own = token(&sandbox, ids::TENANT);
    let answer = send(&sandbox, &group("GET", ids::CLUSTER_GROUP, &format!("{own}x")), "");
    assert!(answer.contains("InvalidAuthenticationToken"), "{answer}");
    sandbox.set("token_lifetime=0").unwrap();
    let old = token(&sandbox, ids::TENANT);
    let answer = send(&sandbox, &group("GET", ids::CLUSTER_GROUP, &old), "");
    assert!(answer.contains("ExpiredAuthenticationToken"), "{answer}");
}

#[test]
fn what_was_asked_is_in_the_log_and_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), &[]);
    let token = token(&sandbox, ids::TENANT);
    send(
        &sandbox,
        &group("PUT", "rg-new", &token),
        "{\"location\":\"westeurope\"}",
    );
    let entries = sandbox.log().entries();
    let services: Vec<&str> = entries.iter().map(|entry| entry.service.as_str()).collect();
    assert_eq!(services, ["entra", "arm"]);
    assert_eq!(
        (entries[1].persona.as_str(), entries[1].write, entries[1].status),
        ("everything", true, 201)
    );
    let file = fs::read_to_string(dir.path().join("requests.jsonl")).unwrap();
    assert_eq!(file.lines().count(), 2);
    assert!(dir.path().join("env/platform-no-node.sh").is_file() && dir.path().join("kubeconfig").is_file());
}

#[test]
fn what_a_fault_strikes_is_judged_all_the_same() {
    // Without Microsoft's definitions nothing is judged, which the sandbox says itself.
    if definitions().unwrap().is_none() {
        return;
    }
    for kind in ["none", "429", "claims", "reset-before", "reset-after", "truncated"] {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = start(dir.path(), &[]);
        let token = token(&sandbox, ids::TENANT);
        let violations = |body: &str| {
            if kind != "none" {
                sandbox.set(&format!("fault={kind}@PUT:rg-bad:1")).unwrap();
            }
            send(&sandbox, &group("PUT", "rg-bad", &token), body);
            sandbox.log().entries().pop().unwrap().violations
        };
        let wrong = violations("{\"location\":1}");
        assert!(
            wrong.iter().any(|one| one.starts_with("request /location: ")),
            "{kind}: {wrong:?}"
        );
        let none = violations("nothing of the kind");
        assert!(none.iter().any(|one| one.starts_with("request ")), "{kind}: {none:?}");
        assert_eq!(
            violations("{\"location\":\"westeurope\"}"),
            Vec::<String>::new(),
            "{kind}"
        );
    }
}
