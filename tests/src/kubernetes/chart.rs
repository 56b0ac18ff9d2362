//! The extension's Helm chart, as far as its shape is known: names, labels, containers, storage location.

use serde_json::{Map, Value, json};

use crate::planes::ExtensionRelease;

/// The API group of Velero.
pub(crate) const GROUP: &str = "velero.io";
const PREFIX: &str = "configuration.backupStorageLocation.";
const REGISTRY: &str = "mcr.microsoft.com/azurebackup/dataprotection-microsoft";

/// Every object of the release, without what the API server adds.
pub(crate) fn manifest(release: &ExtensionRelease, version: &str, sets_client_id: bool) -> Vec<Value> {
    let chart = Chart { release, version };
    let controller = chart.deployment(
        "dataprotection-microsoft-controller",
        "dataprotection-microsoft-controller-sa",
        &json!({ "control-plane": "dataprotection-microsoft-controller" }),
        vec![chart.container("manager"), chart.container("kube-rbac-proxy")],
    );
    let geneva = chart.deployment(
        "dataprotection-microsoft-geneva-service",
        "dataprotection-microsoft-geneva-sa",
        &json!({ "app.kubernetes.io/component": "geneva-service" }),
        vec![chart.container("geneva"), chart.container("fluentd")],
    );
    vec![
        chart.account("dataprotection-microsoft-controller-sa"),
        chart.account("dataprotection-microsoft-kubernetes-agent-server"),
        chart.account("dataprotection-microsoft-geneva-sa"),
        chart.location(),
        controller,
        chart.agent(sets_client_id),
        geneva,
    ]
}

struct Chart<'a> {
    release: &'a ExtensionRelease,
    version: &'a str,
}

impl Chart<'_> {
    fn metadata(&self, name: &str, part_of: &str) -> Value {
        json!({
            "name": name, "namespace": self.release.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "Helm",
                "app.kubernetes.io/instance": self.release.name,
                "app.kubernetes.io/name": part_of,
                "helm.sh/chart": format!("dataprotection-microsoft-kubernetes-{}", self.version),
            },
            "annotations": {
                "meta.helm.sh/release-name": self.release.name,
                "meta.helm.sh/release-namespace": self.release.namespace,
            },
        })
    }

    fn account(&self, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": self.metadata(name, "dataprotection-microsoft-kubernetes"),
        })
    }

    fn deployment(&self, name: &str, account: &str, selector: &Value, containers: Vec<Value>) -> Value {
        let geneva = name.ends_with("geneva-service");
        let part_of = if geneva {
            "azure-arc-k8s"
        } else {
            "dataprotection-microsoft-kubernetes"
        };
        let mut metadata = self.metadata(name, part_of);
        let mut labels = json!({
            "app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": self.release.name,
            "app.kubernetes.io/name": part_of,
        });
        for (key, value) in selector.as_object().into_iter().flatten() {
            labels[key] = value.clone();
            metadata["labels"][key] = value.clone();
        }
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {
                "replicas": 1,
                "selector": { "matchLabels": selector },
                "template": {
                    "metadata": { "labels": labels },
                    "spec": { "serviceAccountName": account, "containers": containers },
                },
            },
        })
    }

    fn container(&self, name: &str) -> Value {
        json!({ "name": name, "image": format!("{REGISTRY}/{name}:{}", self.version) })
    }

    /// The deployment that Velero runs in.
    fn agent(&self, sets_client_id: bool) -> Value {
        let mut velero = self.container("velero");
        velero["args"] = json!(["server", "--features=EnableCSI", "--log-format=text"]);
        velero["volumeMounts"] = json!([{ "name": "plugins", "mountPath": "/plugins" }]);
        let mut env = vec![json!({ "name": "VELERO_SCRATCH_DIR", "value": "/scratch" })];
        if sets_client_id {
            env.push(json!({ "name": "AZURE_CLIENT_ID", "value": self.release.client_id }));
        }
        velero["env"] = json!(env);
        velero["resources"] = self.resources();
        let mut plugin = self.container("velero-plugin-for-microsoft-azure");
        plugin["volumeMounts"] = json!([{ "name": "plugins", "mountPath": "/target" }]);
        let mut agent = self.deployment(
            "dataprotection-microsoft-kubernetes-agent",
            "dataprotection-microsoft-kubernetes-agent-server",
            &json!({ "name": "velero" }),
            vec![velero, self.container("kubernetes-agent")],
        );
        let pod = &mut agent["spec"]["template"]["spec"];
        pod["initContainers"] = json!([plugin]);
        pod["volumes"] = json!([{ "name": "plugins", "emptyDir": {} }]);
        agent
    }

    fn resources(&self) -> Value {
        let mut resources = json!({});
        for (key, value) in &self.release.settings {
            let mut parts = key.split('.');
            if let (Some("resources"), Some(kind @ ("limits" | "requests")), Some(what @ ("cpu" | "memory")), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            {
                resources[kind][what] = json!(value);
            }
        }
        resources
    }

    /// The storage location from the settings' wire keys; what they leave out is missing in it.
    fn location(&self) -> Value {
        let setting = |key: &str| self.release.settings.get(&format!("{PREFIX}{key}")).cloned();
        let config: Map<String, Value> = self
            .release
            .settings
            .iter()
            .filter_map(|(key, value)| {
                let key = key.strip_prefix(PREFIX)?.strip_prefix("config.")?;
                Some((key.to_owned(), json!(value)))
            })
            .collect();
        json!({
            "apiVersion": "velero.io/v1", "kind": "BackupStorageLocation",
            "metadata": self.metadata("default", "dataprotection-microsoft-kubernetes"),
            "spec": {
                "provider": "azure", "default": true, "accessMode": "ReadWrite",
                "objectStorage": { "bucket": setting("bucket").unwrap_or_default() },
                "config": config,
            },
        })
    }
}

/// Velero's schema of a storage location (`pkg/apis/velero/v1/backupstoragelocation_types.go`). There is no status
/// endpoint: Velero writes the whole object.
fn location_schema() -> Value {
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time", "nullable": true });
    let access = json!({ "type": "string", "enum": ["ReadOnly", "ReadWrite"] });
    let credential = json!({
        "type": "object", "required": ["key"], "x-kubernetes-map-type": "atomic",
        "properties": { "key": text, "name": { "type": "string", "default": "" }, "optional": { "type": "boolean" } },
    });
    let object_storage = json!({
        "type": "object", "required": ["bucket"],
        "properties": { "bucket": text, "prefix": text, "caCert": { "type": "string", "format": "byte" } },
    });
    json!({
        "type": "object",
        "properties": {
            "apiVersion": text, "kind": text, "metadata": { "type": "object" },
            "spec": {
                "type": "object", "required": ["objectStorage", "provider"],
                "properties": {
                    "accessMode": access, "backupSyncPeriod": { "type": "string", "nullable": true },
                    "config": { "type": "object", "additionalProperties": text }, "credential": credential,
                    "default": { "type": "boolean" }, "objectStorage": object_storage, "provider": text,
                    "validationFrequency": { "type": "string", "nullable": true },
                },
            },
            "status": {
                "type": "object",
                "properties": {
                    "accessMode": access, "lastSyncedRevision": text, "lastSyncedTime": time,
                    "lastValidationTime": time, "message": text,
                    "phase": { "type": "string", "enum": ["Available", "Unavailable"] },
                },
            },
        },
    })
}

/// The definition of Velero's storage locations.
pub(crate) fn definition() -> Value {
    let column = |name: &str, path: &str, kind: &str| json!({ "name": name, "jsonPath": path, "type": kind });
    let columns = [
        column("Phase", ".status.phase", "string"),
        column("Last Validated", ".status.lastValidationTime", "date"),
        column("Age", ".metadata.creationTimestamp", "date"),
        column("Default", ".spec.default", "boolean"),
    ];
    let schema = location_schema();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "backupstoragelocations.velero.io", "labels": { "component": "velero" } },
        "spec": {
            "group": "velero.io", "scope": "Namespaced",
            "names": {
                "kind": "BackupStorageLocation", "listKind": "BackupStorageLocationList",
                "plural": "backupstoragelocations", "singular": "backupstoragelocation", "shortNames": ["bsl"],
            },
            "versions": [{
                "name": "v1", "served": true, "storage": true, "additionalPrinterColumns": columns,
                "schema": { "openAPIV3Schema": schema },
            }],
        },
        "status": { "conditions": [
            { "type": "Established", "status": "True", "reason": "InitialNamesAccepted" },
            { "type": "NamesAccepted", "status": "True", "reason": "NoConflicts" },
        ] },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(settings: &[(&str, &str)]) -> Value {
        let settings = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let release = ExtensionRelease {
            settings,
            ..ExtensionRelease::default()
        };
        Chart {
            release: &release,
            version: "1",
        }
        .location()
    }

    #[test]
    fn only_the_wire_keys_make_a_storage_location() {
        let spec = &location(&[
            ("configuration.backupStorageLocation.bucket", "backups"),
            ("configuration.backupStorageLocation.config.storageAccount", "account"),
        ])["spec"];
        assert_eq!(spec["objectStorage"]["bucket"], "backups");
        assert_eq!(spec["config"], json!({ "storageAccount": "account" }));
        let spec = &location(&[("blobContainer", "backups"), ("storageAccount", "account")])["spec"];
        assert_eq!(
            (&spec["objectStorage"]["bucket"], &spec["config"]),
            (&json!(""), &json!({}))
        );
    }
}
