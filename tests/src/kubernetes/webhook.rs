//! The workload identity webhook of AKS (azure-workload-identity v1.6.0): what it does to a pod that is created.

use rustls::SupportedCipherSuite;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use serde_json::{Value, json};

use super::cluster::{Fault, Kubernetes};
use super::controllers::place;
use super::resources;
use super::selectors::selects;
use super::status::Refusal;
use super::store::Options;

pub(crate) const NAMESPACE: &str = "kube-system";
pub(crate) const MANAGER: &str = "azure-wi-webhook-controller-manager";
pub(crate) const ACCOUNT: &str = "azure-wi-webhook-admin";
const NAME: &str = "mutation.azure-workload-identity.io";
const CONFIGURATION: &str = "azure-wi-webhook-mutating-webhook-configuration";
const VOLUME_PREFIX: &str = "azure-workload-identity-reserved-";
const MOUNT: &str = "/var/run/secrets/azure/wi";
const TOKEN: &str = "token/azure-identity-token";
const UNREACHABLE: &str = concat!(
    "failed calling webhook \"mutation.azure-workload-identity.io\": failed to call webhook: ",
    "Post \"https://azure-wi-webhook-webhook-service.kube-system.svc:443/mutate-v1-pod?timeout=10s\": ",
    "no endpoints available for service \"azure-wi-webhook-webhook-service\""
);
const AUDIENCE: &str = "api://AzureADTokenExchange";
const EXPIRATION: &str = "azure.workload.identity/service-account-token-expiration";

/// Sends a new pod through the webhook, if that is on and its object selector fits.
///
/// # Errors
/// 500 where no webhook pod answers, 400 where the webhook refuses the pod.
pub(crate) fn mutate(cluster: &Kubernetes, mut pod: Value, generated: bool) -> Result<Value, Refusal> {
    let state = cluster.state().clone();
    let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
    let (namespace, name, prefix) = (text("namespace"), text("name"), text("generateName"));
    let Some(webhook) = chosen(cluster, &pod, &namespace).filter(|_| state.workload_identity) else {
        return Ok(pod);
    };
    if state.webhook_down {
        return match webhook["failurePolicy"] == "Ignore" {
            true => Ok(pod),
            false => Err(Refusal::internal(UNREACHABLE)),
        };
    }
    let own = pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
    let cached = cluster
        .store
        .lagging_account(&namespace, own, cluster.clock.real(state.webhook_lag));
    let live = || cluster.store.get("serviceaccounts", &namespace, own);
    let account = cached.or_else(live).unwrap_or_default();
    let expiration = expiration(&pod, &account)?;
    // A name that the API server will only generate is not there yet when the webhook is asked.
    let volume = volume_name(&if generated { format!("{prefix} (prefix)") } else { name });
    inject(&mut pod, &variables(cluster, &account), &volume);
    let token = json!({ "path": TOKEN, "expirationSeconds": expiration, "audience": AUDIENCE });
    let sources = json!([{ "serviceAccountToken": token }]);
    let projected = json!({ "name": volume, "projected": { "sources": sources, "defaultMode": 420 } });
    if !has(&pod["spec"]["volumes"], &volume) {
        push(&mut pod["spec"]["volumes"], projected);
    }
    Ok(pod)
}

/// The webhook of a configuration whose selectors choose the pod and its namespace.
fn chosen(cluster: &Kubernetes, pod: &Value, namespace: &str) -> Option<Value> {
    let place = cluster.store.get("namespaces", "", namespace).unwrap_or_default();
    let fits = |webhook: &&Value| {
        webhook["name"] == NAME
            && selects(&webhook["namespaceSelector"], &place["metadata"]["labels"])
            && selects(&webhook["objectSelector"], &pod["metadata"]["labels"])
    };
    let (all, _) = cluster.store.list("mutatingwebhookconfigurations", None);
    let mut webhooks = all
        .iter()
        .flat_map(|own| own["webhooks"].as_array().into_iter().flatten());
    webhooks.find(fits).cloned()
}

/// Whether it is asked again about a pod that another webhook has changed.
pub(crate) fn is_reinvoked(cluster: &Kubernetes) -> bool {
    let (all, _) = cluster.store.list("mutatingwebhookconfigurations", None);
    let mut webhooks = all
        .iter()
        .flat_map(|own| own["webhooks"].as_array().into_iter().flatten());
    webhooks.any(|own| own["name"] == NAME && own["reinvocationPolicy"] == "IfNeeded")
}

/// What a container is told about its identity.
fn variables(cluster: &Kubernetes, account: &Value) -> [(&'static str, String); 4] {
    let annotation = |key: &str| {
        let key = format!("azure.workload.identity/{key}");
        account["metadata"]["annotations"][key.as_str()]
            .as_str()
            .map(str::to_owned)
    };
    let tenant = annotation("tenant-id").unwrap_or_else(|| cluster.settings.tenant_id.clone());
    [
        ("AZURE_CLIENT_ID", annotation("client-id").unwrap_or_default()),
        ("AZURE_TENANT_ID", tenant),
        ("AZURE_FEDERATED_TOKEN_FILE", format!("{MOUNT}/{TOKEN}")),
        ("AZURE_AUTHORITY_HOST", cluster.settings.authority_host.clone()),
    ]
}

/// Seconds that the projected token lives: the pod's annotation before the service account's.
fn expiration(pod: &Value, account: &Value) -> Result<i64, Refusal> {
    let of = |object: &Value| {
        object["metadata"]["annotations"][EXPIRATION]
            .as_str()
            .map(str::to_owned)
    };
    let Some(text) = of(pod).or_else(|| of(account)).filter(|text| !text.is_empty()) else {
        return Ok(3600);
    };
    let refused = |why: &str| {
        let message = format!("admission webhook \"mutation.azure-workload-identity.io\" denied the request: {why}");
        Refusal::bad_request(&message)
    };
    match text.parse::<i64>() {
        Ok(seconds) if (3600..=86400).contains(&seconds) => Ok(seconds),
        Ok(seconds) => Err(refused(&format!(
            "token expiration {seconds} not valid. Expected value to be between 3600 and 86400"
        ))),
        Err(_) => Err(refused(&format!(
            "strconv.ParseInt: parsing \"{text}\": invalid syntax"
        ))),
    }
}

/// Adds what is not there yet and not empty; a variable of the template is never overwritten.
fn inject(pod: &mut Value, variables: &[(&str, String)], volume: &str) {
    let skipped = pod["metadata"]["annotations"]["azure.workload.identity/skip-containers"].as_str();
    let skipped: Vec<String> = skipped
        .unwrap_or_default()
        .split(';')
        .map(|name| name.trim().to_owned())
        .collect();
    for list in ["initContainers", "containers"] {
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            if container["name"]
                .as_str()
                .is_some_and(|name| skipped.iter().any(|own| own == name))
            {
                continue;
            }
            for (name, value) in variables {
                let present = container["env"]
                    .as_array()
                    .is_some_and(|env| env.iter().any(|own| own["name"] == *name));
                if !present && !value.is_empty() {
                    push(&mut container["env"], json!({ "name": name, "value": value }));
                }
            }
            // It may be asked twice about one pod.
            if !has(&container["volumeMounts"], volume) {
                push(
                    &mut container["volumeMounts"],
                    json!({ "name": volume, "mountPath": MOUNT, "readOnly": true }),
                );
            }
        }
    }
}

fn has(list: &Value, name: &str) -> bool {
    list.as_array()
        .is_some_and(|all| all.iter().any(|own| own["name"] == name))
}

fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(list) => list.push(item),
        other => *other = json!([item]),
    }
}

/// The reserved volume name: the start of the SHA-256 of the pod's name, as far as a volume name may be long.
fn volume_name(pod: &str) -> String {
    let digest = match TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider.hash(pod.as_bytes()),
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider.hash(pod.as_bytes()),
    };
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{VOLUME_PREFIX}{}", &hex[..63 - VOLUME_PREFIX.len()])
}

/// The objects of the add-on, each with its plural name.
pub(crate) fn objects() -> [(&'static str, Value); 3] {
    [
        ("serviceaccounts", account()),
        ("mutatingwebhookconfigurations", configuration()),
        ("deployments", deployment()),
    ]
}

/// Makes (or takes away) the objects of the add-on in `kube-system`.
pub(crate) fn furnish(cluster: &Kubernetes, on: bool) {
    for (plural, object) in objects() {
        let Some(resource) = resources::named(plural) else {
            continue;
        };
        if on {
            let _ = cluster.create(resource, object, &Options::by("addon-manager", None));
        } else {
            let (namespace, name) = place(&object);
            cluster.store.remove(resource.plural, namespace, name);
        }
    }
}

/// Takes the webhook's pods down, or lets them come up again.
pub(crate) fn set_down(cluster: &Kubernetes, down: bool) {
    cluster.set_fault(MANAGER, down.then_some(Fault::CrashLoopBackOff));
    if down {
        for pod in cluster.store.list("pods", Some(NAMESPACE)).0 {
            if pod["spec"]["serviceAccountName"] == ACCOUNT {
                let _ = cluster.end_pod(NAMESPACE, pod["metadata"]["name"].as_str().unwrap_or_default(), None);
            }
        }
    }
}

fn account() -> Value {
    json!({ "metadata": { "name": ACCOUNT, "namespace": NAMESPACE, "labels": labels() } })
}

fn labels() -> Value {
    json!({ "azure-workload-identity.io/system": "true", "kubernetes.azure.com/managedby": "aks" })
}

fn configuration() -> Value {
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "*",
    });
    let service = json!({
        "name": "azure-wi-webhook-webhook-service", "namespace": NAMESPACE, "path": "/mutate-v1-pod", "port": 443,
    });
    json!({
        "metadata": { "name": CONFIGURATION, "labels": labels() },
        "webhooks": [{
            "name": NAME,
            "admissionReviewVersions": ["v1", "v1beta1"],
            // What the add-on fills in once its pods have made their certificate; nothing here checks it.
            "clientConfig": { "service": service, "caBundle": "c2FuZGJveA==" },
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "namespaceSelector": { "matchExpressions": [
                { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [NAMESPACE] },
            ] },
            "objectSelector": { "matchLabels": { "azure.workload.identity/use": "true" } },
            "reinvocationPolicy": "IfNeeded",
            "rules": [rule],
            "sideEffects": "None",
            "timeoutSeconds": 10,
        }],
    })
}

fn deployment() -> Value {
    let container = json!({
        "name": "manager", "image": "mcr.microsoft.com/oss/azure/workload-identity/webhook:v1.6.0",
        "args": ["--log-level=info"],
    });
    json!({
        "metadata": { "name": MANAGER, "namespace": NAMESPACE, "labels": labels() },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "azure-workload-identity.io/system": "true" } },
            "template": {
                "metadata": { "labels": labels() },
                "spec": { "serviceAccountName": ACCOUNT, "containers": [container] },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_the_template_is_never_overwritten_and_empty_ones_are_left_out() {
        let mut pod = json!({ "spec": {
            "initContainers": [{ "name": "first" }],
            "containers": [{ "name": "a", "env": [{ "name": "AZURE_TENANT_ID", "value": "own" }] }],
        } });
        let variables = [
            ("AZURE_CLIENT_ID", String::new()),
            ("AZURE_TENANT_ID", "injected".to_owned()),
        ];
        inject(&mut pod, &variables, "volume");
        assert_eq!(
            pod["spec"]["containers"][0]["env"],
            json!([{ "name": "AZURE_TENANT_ID", "value": "own" }])
        );
        let env = json!([{ "name": "AZURE_TENANT_ID", "value": "injected" }]);
        assert_eq!(pod["spec"]["initContainers"][0]["env"], env);
        assert_eq!(pod["spec"]["initContainers"][0]["volumeMounts"][0]["mountPath"], MOUNT);
    }

    #[test]
    fn the_volume_name_is_as_long_as_a_volume_name_may_be() {
        // The digest of the empty text begins with e3b0c44298fc1c14 (FIPS 180-4 test vector).
        assert!(volume_name("").starts_with("azure-workload-identity-reserved-e3b0c44298fc1c14"));
        assert_eq!(volume_name("pod").len(), 63);
    }

    #[test]
    fn an_expiration_out_of_range_is_refused_in_the_webhooks_words() {
        let account = json!({ "metadata": { "annotations": { EXPIRATION: "60" } } });
        let refusal = expiration(&json!({}), &account).unwrap_err();
        assert!(
            refusal
                .message()
                .contains("token expiration 60 not valid. Expected value to be between 3600 and 86400")
        );
        assert_eq!(expiration(&json!({}), &json!({})), Ok(3600));
    }
}
