//! What a webhook or policy of somebody else does to new objects, after the workload identity webhook has had its turn.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::resources::Resource;
use super::status::Refusal;

/// A webhook or policy that stands beside that of workload identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OtherWebhook {
    /// Takes the label `azure.workload.identity/use` off pods and pod templates.
    StripsLabel,
    /// Takes the annotation `azure.workload.identity/client-id` off service accounts.
    StripsAnnotation,
    /// Adds a container to each pod, after the workload identity webhook, which is asked again as its policy says.
    AddsContainer,
    /// The same, only to pods that a controller makes.
    AddsContainerToOwned,
    /// A validating admission policy that refuses pods without a controller.
    RefusesBarePods,
    /// A validating webhook that refuses changes of deployments, and says "cannot".
    RefusesDeployments,
}

impl OtherWebhook {
    /// What becomes of a new or changed `object`.
    ///
    /// # Errors
    /// It is refused, in the API server's words.
    pub(crate) fn admit(self, resource: &Resource, mut object: Value) -> Result<Value, Refusal> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let owned = !object["metadata"]["ownerReferences"].is_null();
        match (self, resource.plural) {
            (Self::StripsLabel, "pods") => strip(&mut object["metadata"]),
            (Self::StripsLabel, "deployments") => strip(&mut object["spec"]["template"]["metadata"]),
            (Self::StripsAnnotation, "serviceaccounts") => {
                if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
                    annotations.remove("azure.workload.identity/client-id");
                }
            }
            (Self::AddsContainer, "pods") => add(&mut object),
            (Self::AddsContainerToOwned, "pods") if owned => add(&mut object),
            (Self::RefusesBarePods, "pods") if !owned => {
                let why = "ValidatingAdmissionPolicy 'no-bare-pods' with binding 'no-bare-pods' denied request: \
                           naked pods cannot be created";
                return Err(Refusal::forbidden(resource, &name, why));
            }
            (Self::RefusesDeployments, "deployments") => {
                let message = "admission webhook \"validate.example.com\" denied the request: [psp-readonly] container \
                               velero cannot have a writable root filesystem";
                return Err(Refusal::new(403, "Forbidden", message, json!({})));
            }
            _ => {}
        }
        Ok(object)
    }
}

fn strip(metadata: &mut Value) {
    if let Some(labels) = metadata["labels"].as_object_mut() {
        labels.remove("azure.workload.identity/use");
    }
}

fn add(pod: &mut Value) {
    let container = json!({
        "name": "sidecar", "image": "registry.example.com/sidecar:1", "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resources": {},
    });
    if let Some(containers) = pod["spec"]["containers"].as_array_mut() {
        containers.push(container);
    }
}
