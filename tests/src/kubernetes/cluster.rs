//! The cluster as a whole, and what a test can do to it while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::access::{Persona, User};
use super::extension;
use super::logs::Logs;
use super::other_webhook::OtherWebhook;
use super::resources;
use super::settings::{Dialect, Settings};
use super::store::{Options, Store};
use super::tokens::Signer;
use super::webhook;
use crate::planes::{Clock, Cloud, Cluster, ExtensionRelease, ServiceAccountToken, StorageLocationStatus, Workload};

/// What goes wrong with the next pods of a deployment. Pods that run already are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The image cannot be pulled.
    ImagePullBackOff,
    /// The first container ends as soon as it has started.
    CrashLoopBackOff,
    /// No node has room.
    Unschedulable,
}

/// A cluster: objects, controllers and an API server. Nothing runs until `serve` is awaited.
#[derive(Debug)]
pub struct Kubernetes {
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) logs: Arc<Logs>,
    pub(crate) signer: Signer,
    pub(crate) cloud: Box<CloudBehind>,
    state: Mutex<State>,
    stop: watch::Sender<bool>,
    stirred: watch::Sender<u64>,
}

/// The Azure half; a newtype, because a trait object has no `Debug`.
pub(crate) struct CloudBehind(pub(crate) Arc<dyn Cloud>);

impl std::fmt::Debug for CloudBehind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CloudBehind")
    }
}

/// What changes while the cluster runs, beside its objects.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) issuer: Option<String>,
    pub(crate) workload_identity: bool,
    pub(crate) webhook_down: bool,
    pub(crate) other_webhook: Option<OtherWebhook>,
    /// Whether Velero has stopped to validate.
    pub(crate) velero_hangs: bool,
    pub(crate) webhook_lag: f64,
    pub(crate) latency: f64,
    pub(crate) dialect: Dialect,
    pub(crate) faults: BTreeMap<String, Fault>,
    pub(crate) personas: Vec<Persona>,
    /// Who the tokens of TokenRequest stand for.
    pub(crate) tokens: BTreeMap<String, User>,
    pub(crate) release: Option<Arc<Installed>>,
}

/// The Helm release as it was last installed.
#[derive(Debug, Clone)]
pub(crate) struct Installed {
    pub(crate) release: ExtensionRelease,
    pub(crate) chart_version: String,
    pub(crate) manifest: Vec<Value>,
}

/// Nothing is behind a cluster that stands alone.
struct NoCloud;

impl Cloud for NoCloud {
    fn exchange(&self, _: &str, _: &str, _: &ServiceAccountToken) -> Result<Workload, String> {
        Err("AADSTS90002: Tenant not found.".to_owned())
    }

    fn instance_metadata(&self, _: Option<&str>) -> Result<Workload, String> {
        Err("Identity not found".to_owned())
    }

    fn touch_container(&self, _: &str, _: &str, _: &str) -> Result<(), String> {
        Err("ContainerNotFound: The specified container does not exist.".to_owned())
    }
}

impl Kubernetes {
    /// A cluster with one node and its system namespaces, in front of `cloud`.
    #[must_use]
    pub fn new(clock: Clock, settings: Settings, cloud: Arc<dyn Cloud>) -> Arc<Self> {
        let state = State {
            issuer: None,
            workload_identity: false,
            webhook_down: settings.webhook_down,
            other_webhook: None,
            velero_hangs: false,
            webhook_lag: settings.webhook_lag,
            latency: settings.latency,
            dialect: settings.dialect,
            faults: settings.faults.clone(),
            personas: settings.personas.clone(),
            tokens: BTreeMap::new(),
            release: None,
        };
        let cluster = Arc::new(Self {
            clock,
            store: Store::new(settings.watch_history),
            settings,
            logs: Arc::default(),
            signer: Signer::default(),
            cloud: Box::new(CloudBehind(cloud)),
            state: Mutex::new(state),
            stop: watch::Sender::new(false),
            stirred: watch::Sender::new(0),
        });
        cluster.furnish();
        cluster
    }

    /// A cluster without an extension and without Azure behind it, whose tokens say `issuer` and whose nodes are in a node resource
    /// group of its own.
    #[must_use]
    pub fn empty(clock: Clock, issuer: &str) -> Arc<Self> {
        let mut settings = Settings::default();
        settings.node_provider_id = settings
            .node_provider_id
            .replace("mc_rg-aks_aks-demo_", "mc_rg-aks_aks-other_");
        let cluster = Self::new(clock, settings, Arc::new(NoCloud));
        cluster.state().issuer = Some(issuer.to_owned());
        cluster
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the controllers look again although no object has changed.
    pub(crate) fn stir(&self) {
        self.stirred.send_modify(|count| *count += 1);
    }

    pub(crate) fn stirred(&self) -> watch::Receiver<u64> {
        self.stirred.subscribe()
    }

    /// Becomes true when the cluster shuts down.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Ends every open watch and makes `serve` return.
    pub fn shut_down(&self) {
        self.stop.send_replace(true);
    }

    /// The issuer that tokens carry now.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.state()
            .issuer
            .clone()
            .unwrap_or_else(|| self.settings.default_issuer.clone())
    }

    fn furnish(&self) {
        let options = Options::by("kube-apiserver", None);
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            self.create_namespace(name, &options);
        }
        if let Some(nodes) = resources::named("nodes") {
            let _ = self.store.create(
                nodes,
                super::kubelet::node(&self.settings),
                &Options::by("kubelet", None),
            );
        }
    }

    /// A namespace with its `default` service account, unless it is there.
    pub(crate) fn create_namespace(&self, name: &str, options: &Options) {
        let object = json!({
            "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
            "spec": { "finalizers": ["kubernetes"] }, "status": { "phase": "Active" },
        });
        let account = json!({ "metadata": { "name": "default", "namespace": name } });
        for (plural, object) in [("namespaces", object), ("serviceaccounts", account)] {
            if let Some(resource) = resources::named(plural) {
                let _ = self.store.create(resource, object, options);
            }
        }
    }
}

impl Cluster for Kubernetes {
    fn install(&self, release: ExtensionRelease) {
        let installed = self
            .state()
            .release
            .as_ref()
            .map(|installed| installed.chart_version.clone());
        let version = installed.unwrap_or_else(|| self.settings.chart_version.clone());
        extension::install(self, release, &version);
    }

    fn uninstall(&self) {
        extension::uninstall(self);
    }

    fn set_issuer(&self, issuer: Option<String>) {
        self.state().issuer = issuer;
    }

    fn set_workload_identity(&self, on: bool) {
        self.state().workload_identity = on;
        webhook::furnish(self, on);
        self.stir();
    }

    fn storage_location(&self) -> Option<StorageLocationStatus> {
        let namespace = self
            .state()
            .release
            .as_ref()
            .map(|installed| installed.release.namespace.clone())?;
        let location = self
            .store
            .get("backupstoragelocations", &namespace, "default")
            .unwrap_or_default();
        let text = |key: &str| location["status"][key].as_str().unwrap_or_default().to_owned();
        Some(StorageLocationStatus {
            phase: text("phase"),
            message: text("message"),
        })
    }

    fn healthy(&self) -> bool {
        let Some(installed) = self.state().release.clone() else {
            return false;
        };
        let (deployments, _) = self.store.list("deployments", Some(&installed.release.namespace));
        !deployments.is_empty()
            && deployments
                .iter()
                .all(|deployment| super::deployments::complete(deployment))
    }
}
