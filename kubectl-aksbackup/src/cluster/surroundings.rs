//! What the extension would be installed into: nodes, another Velero, the webhook, quotas. A cluster's user may often
//! see none of it: what may not be read is `None`, which is not the same as nothing.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::names::NAMESPACE;
use futures::future::{try_join, try_join5};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Node as LiveNode, Pod, ResourceQuota};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use kube::api::Api;

use crate::cluster::client::Reader;
use crate::cluster::error::{Doing, is_missing};
use crate::cluster::lists::{Wanted, unless_forbidden};
use crate::cluster::neighbours::Webhook;
use crate::cluster::quantity::{bytes, millis};
use crate::cluster::velero::is_image;

/// Name of the webhook of AKS's workload identity, in whatever configuration it is.
pub(crate) const WEBHOOK: &str = "mutation.azure-workload-identity.io";

/// What stands around the extension. `None` is what the caller may not read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Surroundings {
    /// Phase of the extension's namespace; empty text where there is no such namespace.
    pub(crate) namespace: Option<String>,
    /// The labels of that namespace; `None` where it may not be read.
    pub(crate) labels: Option<BTreeMap<String, String>>,
    /// Deployments elsewhere that run Velero, each as `NAMESPACE/NAME`.
    pub(crate) veleros: Option<Vec<String>>,
    /// Webhook configurations that hold the webhook of workload identity.
    pub(crate) webhooks: Option<Vec<Webhook>>,
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
    /// Whether it is no machine but a virtual node, where nothing is injected.
    pub(crate) is_virtual: bool,
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
    /// Looks at everything at once. The room on nodes costs a look at every pod of the cluster, so that it is only taken,
    /// as are the quotas, with `room`.
    ///
    /// # Errors
    /// The API server cannot be reached, or does not accept the login. What may not be read is no error.
    pub(crate) async fn surroundings(&self, room: bool) -> Outcome<Surroundings> {
        let (place, veleros, webhooks, nodes, quotas) = try_join5(
            self.place(),
            self.veleros(),
            self.webhooks(),
            self.nodes(room),
            self.quotas(room),
        )
        .await?;
        Ok(Surroundings {
            namespace: place.as_ref().map(|(phase, _)| phase.clone()),
            labels: place.map(|(_, labels)| labels),
            veleros,
            webhooks,
            nodes,
            quotas,
        })
    }

    async fn quotas(&self, wanted: bool) -> Outcome<Option<Vec<Quota>>> {
        if !wanted {
            return Ok(None);
        }
        let mut all = Wanted::everywhere("resourcequotas");
        all.doing = Doing::new("list", "resourcequotas", "resource quotas", self.namespace());
        let api = |client| Api::namespaced(client, self.namespace());
        let listed = self.every(&all, api, |live: ResourceQuota| Some(bounds(&live))).await?;
        Ok(listed.map(|all| all.into_iter().flatten().collect()))
    }

    async fn nodes(&self, room: bool) -> Outcome<Option<Vec<Node>>> {
        let pods = async {
            match room {
                true => self.every(&Wanted::everywhere("pods"), Api::all, taken).await,
                false => Ok(None),
            }
        };
        let of_nodes = Wanted::everywhere("nodes");
        let (nodes, pods) = try_join(self.every(&of_nodes, Api::all, Some::<LiveNode>), pods).await?;
        let pods = pods.unwrap_or_default();
        Ok(nodes.map(|all| all.iter().map(|node| Node::from_live(node, &pods)).collect()))
    }

    /// Phase and labels of the extension's namespace; the phase is empty where there is no such namespace.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn place(&self) -> Outcome<Option<(String, BTreeMap<String, String>)>> {
        let doing = Doing::new("get", "namespaces", format!("namespace {}", self.namespace()), "");
        let got = self
            .connection()
            .send(&doing, async |client| {
                Api::<Namespace>::all(client).get(self.namespace()).await
            })
            .await;
        match got {
            Ok(found) => {
                // Empty text is for a namespace that is not there.
                let phase = found.status.and_then(|status| status.phase);
                let labels = found.metadata.labels.unwrap_or_default();
                Ok(Some((phase.unwrap_or_else(|| "Active".to_owned()), labels)))
            }
            Err(failure) if is_missing(&failure) => Ok(Some((String::new(), BTreeMap::new()))),
            Err(failure) => unless_forbidden(failure),
        }
    }
}

impl Reader {
    /// Returns the deployments in other namespaces that run Velero, each as `NAMESPACE/NAME`; `None` if the user isn't authorized to list
    /// them.
    ///
    /// # Errors
    /// As [`Reader::surroundings`].
    pub(crate) async fn veleros(&self) -> Outcome<Option<Vec<String>>> {
        let own = self.namespace();
        self.every(&Wanted::everywhere("deployments.apps"), Api::all, |live: Deployment| {
            velero(&live, own)
        })
        .await
    }
}

/// Returns the namespace of the extension, if it is one of these deployments. Only Azure Backup's own one counts: everyone who can create
/// deployments can give one of theirs the name and the image.
pub(crate) fn extension_elsewhere(veleros: Option<&[String]>) -> Option<&str> {
    let mut all = veleros?.iter().filter_map(|own| own.split_once('/'));
    all.find(|(place, _)| *place == NAMESPACE)
        .map(|(namespace, _)| namespace)
}

/// The name of a deployment outside `namespace` one of whose images is Velero's.
fn velero(own: &Deployment, namespace: &str) -> Option<String> {
    let place = own.namespace().unwrap_or_default();
    let pod = own.spec.as_ref()?.template.spec.as_ref()?;
    let mut images = pod.containers.iter().filter_map(|own| own.image.as_deref());
    (place != namespace && images.any(is_image)).then(|| format!("{place}/{}", own.name_any()))
}

/// What a pod takes from its node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    node: String,
    cpu: i128,
    memory: i128,
}

/// What a pod that has not ended takes.
fn taken(pod: Pod) -> Option<Taken> {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let node = pod.spec.as_ref()?.node_name.clone()?;
    (!matches!(phase, Some("Succeeded" | "Failed"))).then(|| Taken {
        node,
        cpu: asked(&pod, "cpu", millis),
        memory: asked(&pod, "memory", bytes),
    })
}

impl Node {
    fn from_live(live: &LiveNode, pods: &[Taken]) -> Self {
        let label = |key: &str| live.labels().get(key).cloned().unwrap_or_default();
        let room = live.status.as_ref().and_then(|status| status.allocatable.as_ref());
        let of_node = |key: &str, read: fn(&Quantity) -> i128| room.and_then(|all| all.get(key)).map_or(0, read);
        let name = live.name_any();
        let own = || pods.iter().filter(|pod| pod.node == name);
        Self {
            platform: format!("{}/{}", label("kubernetes.io/os"), label("kubernetes.io/arch")),
            is_virtual: label("type") == "virtual-kubelet",
            closed: closed(live),
            cpu: of_node("cpu", millis) - own().map(|pod| pod.cpu).sum::<i128>(),
            memory: of_node("memory", bytes) - own().map(|pod| pod.memory).sum::<i128>(),
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
    fn a_node_s_room_is_what_its_pods_leave() {
        let node = serde_json::from_value(json!({
            "metadata": { "name": "n", "labels": { "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" } },
            "status": { "allocatable": { "cpu": "2", "memory": "1Gi" }, "conditions": [{ "type": "Ready", "status": "True" }] },
        }))
        .unwrap();
        let pod =
            |phase: &str| {
                let requests = json!({ "cpu": "500m", "memory": "512Mi" });
                taken(serde_json::from_value(json!({
                "spec": { "nodeName": "n", "containers": [{ "name": "c", "resources": { "requests": requests } }] },
                "status": { "phase": phase },
            }))
            .unwrap())
            };
        let pods: Vec<Taken> = [pod("Running"), pod("Succeeded")].into_iter().flatten().collect();
        let node = Node::from_live(&node, &pods);
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
