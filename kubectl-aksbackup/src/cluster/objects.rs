//! Objects of the cluster for a support bundle, without what could be a secret.

use aksbackup_shared::diagnosis::mask;
use aksbackup_shared::failure::Outcome;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::{Value, json};

use crate::cluster::client::Reader;
use crate::cluster::error::Doing;

/// The kinds that say how the extension is set up, with group, version, plural, and whether they are in the namespace. No secrets, and no
/// configuration maps.
pub(crate) const KINDS: [(&str, &str, &str, &str, bool); 6] = [
    ("apps", "v1", "Deployment", "deployments", true),
    ("", "v1", "ServiceAccount", "serviceaccounts", true),
    ("", "v1", "Pod", "pods", true),
    ("", "v1", "Event", "events", true),
    (
        "velero.io",
        "v1",
        "BackupStorageLocation",
        "backupstoragelocations",
        true,
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        false,
    ),
];

/// How many objects of a kind are read.
const MOST: u32 = 500;

impl Reader {
    /// Returns the objects of one of [`KINDS`] as a JSON document; what can't be read says why in it.
    pub(crate) async fn for_support(&self, kind: (&'static str, &str, &str, &'static str, bool)) -> Value {
        match self.objects(kind).await {
            Ok(objects) => json!({ "items": objects }),
            Err(failure) => json!({ "not_read": mask(&failure.to_string()) }),
        }
    }

    async fn objects(&self, kind: (&'static str, &str, &str, &'static str, bool)) -> Outcome<Vec<Value>> {
        let (group, version, name, plural, namespaced) = kind;
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, name), plural);
        let namespace = if namespaced { self.namespace() } else { "" };
        let doing = Doing::new("list", plural, plural, namespace);
        let list = self
            .connection()
            .send(&doing, async |client| {
                let api: Api<DynamicObject> = match namespaced {
                    true => Api::namespaced_with(client, namespace, &resource),
                    false => Api::all_with(client, &resource),
                };
                api.list(&ListParams::default().limit(MOST)).await
            })
            .await?;
        let objects = list.items.into_iter().filter_map(|own| serde_json::to_value(own).ok());
        Ok(objects.map(without_secrets).collect())
    }
}

/// An object without values of environment variables, without what `kubectl apply` keeps of it, and without managed fields.
fn without_secrets(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(notes) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            notes.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    mask_environment(&mut object);
    object
}

fn mask_environment(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, own) in fields {
                match (key.as_str(), own) {
                    ("env", Value::Array(variables)) => variables.iter_mut().for_each(mask_variable),
                    (_, own) => mask_environment(own),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_environment),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn mask_variable(variable: &mut Value) {
    if let Some(value) = variable.get_mut("value") {
        *value = Value::from("[masked]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_an_environment_variable_is_left_wherever_it_stands() {
        let object = json!({
            "metadata": { "managedFields": [1], "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "s3cret" } },
            "spec": { "template": { "spec": {
                "containers": [{ "env": [{ "name": "A", "value": "s3cret" }, { "name": "B", "valueFrom": { "fieldRef": {} } }] }],
                "initContainers": [{ "env": [{ "name": "C", "value": "s3cret" }] }],
            } } },
        });
        let clean = without_secrets(object).to_string();
        assert!(!clean.contains("s3cret") && !clean.contains("managedFields"), "{clean}");
        assert!(clean.contains("fieldRef") && clean.contains("\"A\""), "{clean}");
    }
}
