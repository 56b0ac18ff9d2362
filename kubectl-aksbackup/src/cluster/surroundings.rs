//! What the extension would be installed into: nodes, another Velero, the webhook, quotas. A cluster's user may often
//! see none of it: what may not be read is `None`, which is not the same as nothing.

use std::fmt::Debug;

use aksbackup_shared::failure::{Failure, Outcome};
use futures::future::try_join;
use futures::future::try_join5;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Node as LiveNode, Pod, ResourceQuota};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams, ObjectList};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use crate::cluster::client::Reader;
use crate::cluster::error::{Doing, is_missing};
use crate::cluster::quantity::{bytes, millis};

/// Name of the webhook of AKS's workload identity, in whatever configuration it is.
pub(crate) const WEBHOOK: &str = "mutation.azure-workload-identity.io";

/// What stands around the extension. `None` is what the caller may not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// Phase of the extension's namespace; empty text where there is no such namespace.
    pub(crate) namespace: Option<String>,
    /// Deployments elsewhere that run Velero, each as `NAMESPACE/NAME`.
    pub(crate) veleros: Option<Vec<String>>,
    /// Webhook configurations that hold the webhook of workload identity.
    pub(crate) webhooks: Option<Vec<String>>,
    /// The nodes.
    pub(crate) nodes: Option<Vec<Node>>,
    /// The quotas of the extension's namespace.
    pub(crate) quotas: Option<Vec<Quota>>,
}

/// A node, as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// Operating system and processor, as its labels name them: `linux/amd64`.
    pub(crate) platform: String,
    /// Why no ordinary pod is put onto it, whatever its room: not ready, cordoned, tainted.
    pub(crate) closed: Option<String>,
    /// What is left for new pods, in thousandths of a processor.
    pub(crate) cpu: i128,
    /// What is left for new pods, in bytes.
    pub(crate) memory: i128,
}

/// One bound of a resource quota.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The quota.
    pub(crate) name: String,
    /// What it bounds: `pods`, `requests.cpu`.
    pub(crate) resource: String,
    /// What is left of it: a number, thousandths of a processor, or bytes.
    pub(crate) left: i128,
    /// Both its sides as the API server tells them: `3 of 3`.
    pub(crate) told: String,
}

impl Reader {
    /// Looks at everything at once.
    ///
    /// # Errors
    /// The API server cannot be reached, or does not accept the login. What may not be read is no error.
    pub(crate) async fn surroundings(&self) -> Outcome<Surroundings> {
        let own = self.namespace();
        let nodes = try_join(
            self.everywhere::<LiveNode>("nodes", Api::all),
            self.everywhere::<Pod>("pods", Api::all),
        );
        let (phase, deployments, webhooks, (nodes, pods), quotas) = try_join5(
            self.phase(),
            self.everywhere::<Deployment>("deployments.apps", Api::all),
            self.everywhere::<MutatingWebhookConfiguration>("mutatingwebhookconfigurations", Api::all),
            nodes,
            self.everywhere::<ResourceQuota>("resourcequotas", |client| Api::namespaced(client, own)),
        )
        .await?;
        let pods = pods.unwrap_or_default();
        Ok(Surroundings {
            namespace: phase,
            veleros: deployments.map(|all| veleros(&all, own)),
            webhooks: webhooks.map(|all| with_webhook(&all)),
            nodes: nodes.map(|all| all.iter().map(|node| Node::from_live(node, &pods)).collect()),
            quotas: quotas.map(|all| all.iter().flat_map(bounds).collect()),
        })
    }

    /// Phase of the extension's namespace; empty where there is none.
    async fn phase(&self) -> Outcome<Option<String>> {
        let doing = Doing::new("get", "namespaces", format!("namespace {}", self.namespace()), "");
        let got = self
            .connection()
            .send(&doing, async |client| {
                Api::<Namespace>::all(client).get(self.namespace()).await
            })
            .await;
        match got {
            Ok(found) => Ok(Some(found.status.and_then(|status| status.phase).unwrap_or_default())),
            Err(failure) if is_missing(&failure) => Ok(Some(String::new())),
            Err(failure) => unless_forbidden(failure),
        }
    }

    /// All objects of a kind that `api` lists; `None` where the caller may not.
    async fn everywhere<K>(&self, resource: &'static str, api: impl Fn(Client) -> Api<K>) -> Outcome<Option<Vec<K>>>
    where
        K: Resource + Clone + Debug + DeserializeOwned,
    {
        let doing = Doing::new("list", resource, resource, "");
        let listed: Outcome<ObjectList<K>> = self
            .connection()
            .send(&doing, async |client| api(client).list(&ListParams::default()).await)
            .await;
        match listed {
            Ok(list) => Ok(Some(list.items)),
            // A kind that the API server does not know has no objects.
            Err(failure) if is_missing(&failure) => Ok(Some(Vec::new())),
            Err(failure) => unless_forbidden(failure),
        }
    }
}

fn unless_forbidden<T>(failure: Box<Failure>) -> Outcome<Option<T>> {
    match failure.has_code("Forbidden") {
        true => Ok(None),
        false => Err(failure),
    }
}

/// The deployments outside `namespace` whose images are Velero's.
fn veleros(all: &[Deployment], namespace: &str) -> Vec<String> {
    let runs = |own: &&Deployment| {
        let pod = own.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        let mut containers = pod.into_iter().flat_map(|pod| &pod.containers);
        containers.any(|container| container.image.as_deref().is_some_and(is_velero))
    };
    let elsewhere = all.iter().filter(|own| own.namespace().as_deref() != Some(namespace));
    let found = elsewhere.filter(runs);
    found
        .map(|own| format!("{}/{}", own.namespace().unwrap_or_default(), own.name_any()))
        .collect()
}

/// Whether an image's own name, without registry and tag, is Velero's.
fn is_velero(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split([':', '@']).next() == Some("velero")
}

fn with_webhook(all: &[MutatingWebhookConfiguration]) -> Vec<String> {
    let holds =
        |own: &&MutatingWebhookConfiguration| own.webhooks.iter().flatten().any(|webhook| webhook.name == WEBHOOK);
    all.iter().filter(holds).map(|own| own.name_any()).collect()
}

impl Node {
    fn from_live(live: &LiveNode, pods: &[Pod]) -> Self {
        let label = |key: &str| live.labels().get(key).cloned().unwrap_or_default();
        let room = live.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let of_node = |key: &str, read: fn(&Quantity) -> i128| room.and_then(|all| all.get(key)).map_or(0, read);
        let name = live.name_any();
        let own = pods.iter().filter(|pod| {
            let spec = pod.spec.as_ref();
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            spec.and_then(|spec| spec.node_name.as_deref()) == Some(name.as_str())
                && !matches!(phase, Some("Succeeded" | "Failed"))
        });
        let own: Vec<&Pod> = own.collect();
        let taken =
            |key: &str, read: fn(&Quantity) -> i128| -> i128 { own.iter().map(|pod| asked(pod, key, read)).sum() };
        Self {
            platform: format!("{}/{}", label("kubernetes.io/os"), label("kubernetes.io/arch")),
            closed: closed(live),
            cpu: of_node("cpu", millis) - taken("cpu", millis),
            memory: of_node("memory", bytes) - taken("memory", bytes),
            name,
        }
    }
}

/// What a pod's containers have asked for together.
fn asked(pod: &Pod, key: &str, read: fn(&Quantity) -> i128) -> i128 {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let requests = containers.filter_map(|container| container.resources.as_ref()?.requests.as_ref()?.get(key));
    requests.map(read).sum()
}

fn closed(node: &LiveNode) -> Option<String> {
    let spec = node.spec.clone().unwrap_or_default();
    let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions
        .into_iter()
        .any(|own| own.type_ == "Ready" && own.status == "True");
    if !ready {
        return Some("is not ready".into());
    }
    if spec.unschedulable == Some(true) {
        return Some("is cordoned".into());
    }
    let taints = spec.taints.unwrap_or_default();
    let taint = taints.iter().find(|own| own.effect != "PreferNoSchedule")?;
    Some(format!("has taint {}:{}", taint.key, taint.effect))
}

/// The bounds of a quota that concern the extension's pods.
fn bounds(quota: &ResourceQuota) -> Vec<Quota> {
    let status = quota.status.clone().unwrap_or_default();
    let spec = quota.spec.clone().unwrap_or_default();
    let hard = status.hard.or(spec.hard).unwrap_or_default();
    let used = status.used.unwrap_or_default();
    let bound = |(resource, hard): (String, Quantity)| {
        let read = match resource.trim_start_matches("requests.") {
            "cpu" => millis,
            "memory" | "pods" | "count/pods" => bytes,
            _ => return None,
        };
        let taken = used.get(&resource);
        Some(Quota {
            name: quota.name_any(),
            left: read(&hard) - taken.map_or(0, read),
            told: format!("{} of {}", taken.map_or("0", |taken| taken.0.as_str()), hard.0),
            resource,
        })
    };
    hard.into_iter().filter_map(bound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_velero_is_known_by_its_image() {
        assert!(is_velero("velero/velero:v1.15.0") && is_velero("registry:5000/velero@sha256:00"));
        assert!(!is_velero("velero/velero-plugin-for-aws:v1") && !is_velero("nginx"));
    }

    #[test]
    fn a_node_s_room_is_what_its_pods_leave() {
        let node = serde_json::from_value(json!({
            "metadata": { "name": "n", "labels": { "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" } },
            "status": { "allocatable": { "cpu": "2", "memory": "1Gi" }, "conditions": [{ "type": "Ready", "status": "True" }] },
        }))
        .unwrap();
        let pod = |phase: &str| {
            let requests = json!({ "cpu": "500m", "memory": "512Mi" });
            serde_json::from_value(json!({
                "spec": { "nodeName": "n", "containers": [{ "name": "c", "resources": { "requests": requests } }] },
                "status": { "phase": phase },
            }))
            .unwrap()
        };
        let node = Node::from_live(&node, &[pod("Running"), pod("Succeeded")]);
        assert_eq!((node.cpu, node.memory), (1500, 512 << 20));
        assert_eq!((node.platform.as_str(), node.closed), ("linux/amd64", None));
    }

    #[test]
    fn what_keeps_pods_off_a_node_is_told() {
        let node = |spec: serde_json::Value, ready: &str| {
            let conditions = json!([{ "type": "Ready", "status": ready }]);
            closed(&serde_json::from_value(json!({ "spec": spec, "status": { "conditions": conditions } })).unwrap())
        };
        let taint = |effect: &str| json!({ "taints": [{ "key": "k", "effect": effect }] });
        assert_eq!(node(json!({}), "True"), None);
        assert_eq!(node(taint("PreferNoSchedule"), "True"), None);
        assert_eq!(
            node(taint("NoSchedule"), "True").as_deref(),
            Some("has taint k:NoSchedule")
        );
        assert_eq!(
            node(json!({ "unschedulable": true }), "True").as_deref(),
            Some("is cordoned")
        );
        assert_eq!(node(json!({}), "Unknown").as_deref(), Some("is not ready"));
    }
}
