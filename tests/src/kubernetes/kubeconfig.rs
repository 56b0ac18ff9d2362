//! The kubeconfig of the sandbox: one context for each persona, and one for the other cluster.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::access::Persona;
use super::settings;

/// A kubeconfig (JSON, which is YAML) for the personas of the default settings. `server` and `other_server` are URLs,
/// `ca_pem` is the certificate of the authority of both.
#[must_use]
pub fn kubeconfig(server: &str, other_server: &str, ca_pem: &str) -> String {
    kubeconfig_of(server, other_server, ca_pem, &settings::personas())
}

/// The same for any `personas`. The context of the first one is current; `other-cluster` calls with its token too.
#[must_use]
pub fn kubeconfig_of(server: &str, other_server: &str, ca_pem: &str, personas: &[Persona]) -> String {
    let authority = STANDARD.encode(ca_pem);
    let cluster = |name: &str, server: &str| {
        json!({ "name": name, "cluster": {
        "server": server, "certificate-authority-data": authority,
    } })
    };
    let context = |name: &str, cluster: &str, user: &str| json!({ "name": name, "context": { "cluster": cluster, "user": user } });
    let first = personas
        .first()
        .map(|persona| persona.name.as_str())
        .unwrap_or_default();
    let mut contexts: Vec<Value> = personas
        .iter()
        .map(|persona| context(&persona.name, "aks-demo", &persona.name))
        .collect();
    contexts.push(context("other-cluster", "other", first));
    let users: Vec<Value> = personas
        .iter()
        .map(|persona| json!({ "name": persona.name, "user": { "token": persona.token } }))
        .collect();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": first,
        "clusters": [cluster("aks-demo", server), cluster("other", other_server)],
        "contexts": contexts, "users": users,
    });
    format!("{config:#}\n")
}
