//! The workload identity webhook: its own handler in a process, and its objects as AKS has them.
//!
//! The one difference from AKS: the webhook's service has no endpoints in the cluster, it is an external name for
//! loopback, and its port is the process's own.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Error;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::api::kubeconfig;
use super::cluster::Inner;
use super::process::Process;
use crate::kubernetes::{Fault, path_of, place, webhook};

/// Name that the certificate has to have, beside loopback's.
pub(crate) const HOST: &str = "azure-wi-webhook-webhook-service.kube-system.svc";

/// User that the webhook reads service accounts as.
pub(crate) fn user() -> String {
    format!("system:serviceaccount:{}:{}", webhook::NAMESPACE, webhook::ACCOUNT)
}

/// Starts the process and makes the objects of the add-on.
///
/// # Errors
/// The API server refuses an object.
pub(crate) async fn switch_on(inner: &Inner) -> Result<(), Error> {
    for (path, role) in roles() {
        inner.api.create_at(&path, &role).await?;
    }
    start(inner).await;
    inner.api.create(&service(), "addon-manager").await?;
    for (plural, mut object) in webhook::objects() {
        object = typed(plural, object);
        if plural == "mutatingwebhookconfigurations" {
            let client = &mut object["webhooks"][0]["clientConfig"];
            client["caBundle"] = json!(STANDARD.encode(&inner.ca_pem));
            client["service"]["port"] = json!(inner.webhook_port);
        }
        inner.api.create(&object, "addon-manager").await?;
    }
    Ok(())
}

/// Takes process and objects away.
///
/// # Errors
/// The API server refuses.
pub(crate) async fn switch_off(inner: &Inner) -> Result<(), Error> {
    for (plural, object) in webhook::objects() {
        let options = json!({ "propagationPolicy": "Background" });
        inner
            .api
            .delete(&path_of(&typed(plural, object), true), &options)
            .await?;
    }
    inner.api.delete(&path_of(&service(), true), &Value::Null).await?;
    stop(inner).await;
    Ok(())
}

/// Starts the process, unless it runs, and waits until it answers. Its cache of service accounts fills with the first pod.
pub(crate) async fn start(inner: &Inner) {
    let mut running = inner.webhook.lock().await;
    let folder = &inner.dir;
    let file = |name: &str| folder.join(name).display().to_string();
    let config = kubeconfig(&inner.server, &inner.ca_pem, &inner.own_tokens.webhook);
    if running.is_some() || std::fs::write(folder.join("webhook.kubeconfig"), config).is_err() {
        return;
    }
    let flags = [
        format!("--port={}", inner.webhook_port),
        format!("--webhook-cert-dir={}", file("webhook")),
    ];
    let environment = [
        ("KUBECONFIG", file("webhook.kubeconfig")),
        ("AZURE_TENANT_ID", inner.settings.tenant_id.clone()),
        ("AZURE_ENVIRONMENT", "AzurePublicCloud".to_owned()),
    ];
    let program = &inner.binaries.webhook;
    *running = Process::start("webhook", program, &flags, &environment, folder).ok();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        if TcpStream::connect(("127.0.0.1", inner.webhook_port)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Kills the process.
pub(crate) async fn stop(inner: &Inner) {
    inner.webhook.lock().await.take();
}

/// Takes the webhook down with its pods, or lets them come up again; its configuration stays.
///
/// # Errors
/// The API server refuses.
pub(crate) async fn set_down(inner: &Inner, down: bool) -> Result<(), Error> {
    let manager = webhook::MANAGER.to_owned();
    if !down {
        inner.state().faults.remove(&manager);
        start(inner).await;
        return Ok(());
    }
    inner.state().faults.insert(manager, Fault::CrashLoopBackOff);
    stop(inner).await;
    for pod in inner.pods.list() {
        if pod["spec"]["serviceAccountName"] == webhook::ACCOUNT && place(&pod).0 == webhook::NAMESPACE {
            inner.api.delete(&path_of(&pod, true), &Value::Null).await?;
        }
    }
    Ok(())
}

fn typed(plural: &str, mut object: Value) -> Value {
    if let Some(resource) = crate::kubernetes::named(plural) {
        object["apiVersion"] = json!(resource.api_version());
        object["kind"] = json!(resource.kind);
    }
    object
}

fn service() -> Value {
    let name = HOST.split('.').next().unwrap_or_default();
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "namespace": webhook::NAMESPACE },
        "spec": { "type": "ExternalName", "externalName": "localhost" },
    })
}

/// What the add-on's cluster role allows, as far as injection needs it.
fn roles() -> [(String, Value); 2] {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let name = "azure-wi-webhook-manager-role";
    let version = format!("{GROUP}/v1");
    let rule = json!({ "apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "list", "watch"] });
    let role = json!({ "apiVersion": version, "kind": "ClusterRole", "metadata": { "name": name }, "rules": [rule] });
    let binding = json!({
        "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": { "name": name },
        "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": webhook::ACCOUNT, "namespace": webhook::NAMESPACE }],
    });
    [
        (format!("/apis/{GROUP}/v1/clusterroles"), role),
        (format!("/apis/{GROUP}/v1/clusterrolebindings"), binding),
    ]
}
