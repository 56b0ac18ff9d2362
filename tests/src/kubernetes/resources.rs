//! The resources that this API server knows.

use serde_json::{Value, json};

/// When `metadata.generation` is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// The resource has none.
    Absent,
    /// A change of `spec` raises it; `status` has an endpoint of its own.
    Spec,
    /// A custom resource without a status endpoint: every change outside `metadata` raises it.
    AllButMetadata,
}

/// One resource of the API.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) short: &'static [&'static str],
    pub(crate) namespaced: bool,
    pub(crate) subresources: &'static [(&'static str, &'static str)],
    pub(crate) generation: Generation,
    /// Answered on the spot, never stored.
    pub(crate) review: bool,
    /// Whether a strategic merge patch is understood (built-in types only).
    pub(crate) strategic: bool,
}

const STORED: Resource = Resource {
    group: "",
    version: "v1",
    plural: "",
    kind: "",
    short: &[],
    namespaced: true,
    subresources: &[],
    generation: Generation::Absent,
    review: false,
    strategic: true,
};
/// A custom resource of Velero's.
const VELERO: Resource = Resource {
    group: "velero.io",
    generation: Generation::AllButMetadata,
    strategic: false,
    ..STORED
};
const REVIEW: Resource = Resource {
    namespaced: false,
    review: true,
    ..STORED
};

/// Every resource that this API server knows.
pub(crate) static RESOURCES: &[Resource] = &[
    Resource {
        plural: "namespaces",
        kind: "Namespace",
        short: &["ns"],
        namespaced: false,
        ..STORED
    },
    Resource {
        plural: "nodes",
        kind: "Node",
        short: &["no"],
        namespaced: false,
        ..STORED
    },
    Resource {
        plural: "pods",
        kind: "Pod",
        short: &["po"],
        subresources: &[("log", "Pod"), ("status", "Pod")],
        ..STORED
    },
    Resource {
        plural: "serviceaccounts",
        kind: "ServiceAccount",
        short: &["sa"],
        subresources: &[("token", "TokenRequest")],
        ..STORED
    },
    Resource {
        plural: "configmaps",
        kind: "ConfigMap",
        short: &["cm"],
        ..STORED
    },
    Resource {
        plural: "secrets",
        kind: "Secret",
        ..STORED
    },
    Resource {
        plural: "services",
        kind: "Service",
        short: &["svc"],
        ..STORED
    },
    Resource {
        plural: "resourcequotas",
        kind: "ResourceQuota",
        short: &["quota"],
        ..STORED
    },
    Resource {
        plural: "persistentvolumeclaims",
        kind: "PersistentVolumeClaim",
        short: &["pvc"],
        ..STORED
    },
    Resource {
        plural: "persistentvolumes",
        kind: "PersistentVolume",
        short: &["pv"],
        namespaced: false,
        ..STORED
    },
    Resource {
        plural: "events",
        kind: "Event",
        short: &["ev"],
        ..STORED
    },
    Resource {
        group: "apps",
        plural: "deployments",
        kind: "Deployment",
        short: &["deploy"],
        subresources: &[("scale", "Scale"), ("status", "Deployment")],
        generation: Generation::Spec,
        ..STORED
    },
    Resource {
        group: "apps",
        plural: "replicasets",
        kind: "ReplicaSet",
        short: &["rs"],
        subresources: &[("status", "ReplicaSet")],
        generation: Generation::Spec,
        ..STORED
    },
    Resource {
        plural: "backupstoragelocations",
        kind: "BackupStorageLocation",
        short: &["bsl"],
        ..VELERO
    },
    Resource {
        plural: "backups",
        kind: "Backup",
        ..VELERO
    },
    Resource {
        plural: "restores",
        kind: "Restore",
        ..VELERO
    },
    Resource {
        plural: "schedules",
        kind: "Schedule",
        ..VELERO
    },
    Resource {
        plural: "volumesnapshotlocations",
        kind: "VolumeSnapshotLocation",
        short: &["vsl"],
        ..VELERO
    },
    Resource {
        plural: "serverstatusrequests",
        kind: "ServerStatusRequest",
        short: &["ssr"],
        ..VELERO
    },
    Resource {
        group: "admissionregistration.k8s.io",
        plural: "mutatingwebhookconfigurations",
        kind: "MutatingWebhookConfiguration",
        namespaced: false,
        generation: Generation::AllButMetadata,
        ..STORED
    },
    Resource {
        group: "apiextensions.k8s.io",
        plural: "customresourcedefinitions",
        kind: "CustomResourceDefinition",
        short: &["crd", "crds"],
        namespaced: false,
        generation: Generation::Spec,
        ..STORED
    },
    Resource {
        group: "authorization.k8s.io",
        plural: "selfsubjectaccessreviews",
        kind: "SelfSubjectAccessReview",
        ..REVIEW
    },
    Resource {
        group: "authorization.k8s.io",
        plural: "selfsubjectrulesreviews",
        kind: "SelfSubjectRulesReview",
        ..REVIEW
    },
    Resource {
        group: "authentication.k8s.io",
        plural: "selfsubjectreviews",
        kind: "SelfSubjectReview",
        ..REVIEW
    },
];

impl Resource {
    /// `deployments.apps`, or `pods` in the core group.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `apps/v1`, or `v1` in the core group.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Path of the list in a namespace, or of all objects where that is empty.
    pub(crate) fn path(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let version = self.api_version();
        if self.namespaced && !namespace.is_empty() {
            return format!("{root}/{version}/namespaces/{namespace}/{}", self.plural);
        }
        format!("{root}/{version}/{}", self.plural)
    }

    /// `details` of a Status about `name`.
    pub(crate) fn details(&self, name: &str) -> Value {
        let mut details = json!({ "kind": self.plural });
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        if !self.group.is_empty() {
            details["group"] = json!(self.group);
        }
        details
    }

    /// The label of a field selector, `None` where the API server knows none such for this resource.
    pub(crate) fn selectable(&self, field: &str) -> bool {
        match (self.plural, field) {
            (_, "metadata.name") => true,
            (_, "metadata.namespace") => self.namespaced,
            ("pods", "spec.nodeName" | "spec.serviceAccountName" | "status.phase" | "spec.restartPolicy") => true,
            ("events", "reason" | "type" | "source") => true,
            ("events", other) => other.starts_with("involvedObject."),
            ("replicasets", "status.replicas") => true,
            _ => false,
        }
    }
}

/// The resource with this plural name; plural names are unique here.
pub(crate) fn named(plural: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.plural == plural)
}

/// The resource of `group` and `version` with this plural name.
pub(crate) fn lookup(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    RESOURCES
        .iter()
        .find(|resource| resource.group == group && resource.version == version && resource.plural == plural)
}

/// The resource of `kind`; kinds are unique here.
pub(crate) fn of_kind(kind: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| resource.kind == kind)
}

/// Path of the list of `kind` in a namespace; empty for a kind that is not known here.
pub(crate) fn path_of_kind(kind: &str, namespace: &str) -> String {
    of_kind(kind)
        .map(|resource| resource.path(namespace))
        .unwrap_or_default()
}

/// Path of an object, `with_name`, or of the list that it belongs into.
pub(crate) fn path_of(object: &Value, with_name: bool) -> String {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    let list = path_of_kind(object["kind"].as_str().unwrap_or_default(), text("namespace"));
    if with_name {
        return format!("{list}/{}", text("name"));
    }
    list
}
