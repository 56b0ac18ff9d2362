//! The seam between the sandbox's two planes.
//!
//! The Azure half knows roles, federated credentials and extensions; the Kubernetes half knows deployments, pods and
//! the backup storage location. Each asks the other only through the traits below, so that neither reads the other's
//! mind: what Velero may do is decided by Azure, whether the storage location is Available is decided by Velero.

use std::collections::BTreeMap;
use std::time::Duration;

/// A clock that can run faster than the wall: every duration of the model is multiplied by `scale`.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Real seconds for one second of the model: 1.0 is Azure's own speed, 0.01 a hundred times as fast.
    pub scale: f64,
}

impl Clock {
    /// The wall-clock time that `seconds` of the model take.
    #[must_use]
    pub fn real(self, seconds: f64) -> Duration {
        Duration::from_secs_f64((seconds * self.scale).max(0.0))
    }
}

/// What a pod presents to Entra: a projected service account token, as far as Entra looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountToken {
    /// `iss`, byte for byte.
    pub issuer: String,
    /// `sub`: `system:serviceaccount:{namespace}:{name}`.
    pub subject: String,
    /// `aud`.
    pub audience: String,
}

/// Who a workload turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Object id of the managed identity's service principal.
    pub principal_id: String,
    /// Its client ID.
    pub client_id: String,
}

/// What the Kubernetes half asks of the Azure half.
pub trait Cloud: Send + Sync {
    /// Entra's token endpoint with a client assertion.
    ///
    /// # Errors
    /// Entra's own text, beginning with its AADSTS code.
    fn exchange(&self, client_id: &str, tenant_id: &str, token: &ServiceAccountToken) -> Result<Workload, String>;

    /// The instance metadata service of a node: managed identity without any token file.
    ///
    /// # Errors
    /// The metadata service's own text where no such identity is bound to the nodes.
    fn instance_metadata(&self, client_id: Option<&str>) -> Result<Workload, String>;

    /// Lists the container with the rights of `principal_id` (network rules, role propagation, existence).
    ///
    /// # Errors
    /// The data plane's error as Velero stores it in `status.message`: `desc = CODE: text`.
    fn touch_container(&self, principal_id: &str, account: &str, container: &str) -> Result<(), String>;
}

/// What the Azure half hands to the cluster when it installs the extension.
#[derive(Debug, Clone, Default)]
pub struct ExtensionRelease {
    /// The extension's name, which is Helm's release name.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// The opaque settings of the extension resource, by wire key.
    pub settings: BTreeMap<String, String>,
    /// Client id of the identity that the extension was given.
    pub client_id: String,
    /// Tenant of the subscription.
    pub tenant_id: String,
}

/// A backup storage location as Velero last wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageLocationStatus {
    /// `Available`, `Unavailable`, or empty before the first validation.
    pub phase: String,
    /// Velero's message, empty when Available.
    pub message: String,
}

/// What the Azure half asks of the Kubernetes half.
pub trait Cluster: Send + Sync {
    /// Helm install or upgrade of the extension: namespace, service accounts, deployments, storage location.
    fn install(&self, release: ExtensionRelease);
    /// Helm uninstall: everything of the release goes.
    fn uninstall(&self);
    /// The issuer that the API server advertises and signs tokens with from now on; `None` while OIDC is off.
    fn set_issuer(&self, issuer: Option<String>);
    /// Switches the workload identity webhook on or off.
    fn set_workload_identity(&self, on: bool);
    /// The default storage location, `None` where the extension is not installed.
    fn storage_location(&self) -> Option<StorageLocationStatus>;
    /// Whether every deployment of the extension is rolled out and available.
    fn healthy(&self) -> bool;
}
