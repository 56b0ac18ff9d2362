//! A cluster on loopback with a cloud that does as it is told, for tests with the real kubectl.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::resources;
use super::store::Options;
use super::{Kubernetes, Settings, deployments, kubeconfig_of};
use crate::log::RequestLog;
use crate::planes::{Clock, Cloud, Cluster as _, ExtensionRelease, ServiceAccountToken, Workload};
use crate::tls::Authority;

pub(crate) const NAMESPACE: &str = "dataprotection-microsoft";
pub(crate) const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
pub(crate) const AGENT_ACCOUNT: &str = "dataprotection-microsoft-kubernetes-agent-server";
pub(crate) const CLIENT_ID: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const ISSUER: &str = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/";

/// What the cloud answers from now on.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) exchange: Option<String>,
    pub(crate) metadata: Option<String>,
    pub(crate) container: Option<String>,
    /// The tokens that were shown to it.
    pub(crate) shown: Vec<(String, ServiceAccountToken)>,
}

/// A cloud that refuses what it was told to refuse.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeCloud(pub(crate) Arc<Mutex<Answers>>);

fn workload(refusal: Option<&String>) -> Result<Workload, String> {
    match refusal {
        Some(text) => Err(text.clone()),
        None => Ok(Workload {
            principal_id: "principal".to_owned(),
            client_id: CLIENT_ID.to_owned(),
        }),
    }
}

impl Cloud for FakeCloud {
    fn exchange(&self, client_id: &str, _: &str, token: &ServiceAccountToken) -> Result<Workload, String> {
        let mut answers = self.0.lock().unwrap();
        answers.shown.push((client_id.to_owned(), token.clone()));
        workload(answers.exchange.as_ref())
    }

    fn instance_metadata(&self, _: Option<&str>) -> Result<Workload, String> {
        workload(self.0.lock().unwrap().metadata.as_ref())
    }

    fn touch_container(&self, _: &str, _: &str, _: &str) -> Result<(), String> {
        self.0.lock().unwrap().container.clone().map_or(Ok(()), Err)
    }
}

/// A running cluster and everything that is needed to talk to it.
pub(crate) struct Trial {
    pub(crate) cluster: Arc<Kubernetes>,
    pub(crate) cloud: FakeCloud,
    pub(crate) log: RequestLog,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

impl Trial {
    /// Starts a cluster a hundred times as fast as a real one, with the extension installed and OIDC on.
    pub(crate) fn start(settings: Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let cloud = FakeCloud::default();
        let log = RequestLog::new(None).unwrap();
        let personas = settings.personas.clone();
        let clock = Clock { scale: 0.01 };
        let cluster = Kubernetes::new(clock, settings, Arc::new(cloud.clone()));
        let authority = Authority::new().unwrap();
        let listener = runtime.block_on(authority.listen()).unwrap();
        let server = format!("https://{}", listener.address());
        let folder = tempfile::tempdir().unwrap();
        let config = kubeconfig_of(&server, &server, authority.pem(), &personas);
        std::fs::write(folder.path().join("kubeconfig"), config).unwrap();
        let (serving, own) = (Arc::clone(&cluster), log.clone());
        runtime.spawn(async move { serving.serve(listener, own).await });
        cluster.set_issuer(Some(ISSUER.to_owned()));
        Self {
            cluster,
            cloud,
            log,
            runtime,
            folder,
        }
    }

    /// Starts a cluster, installs the extension, and waits until it is healthy.
    pub(crate) fn with_extension(settings: Settings) -> Self {
        let trial = Self::start(settings);
        trial.cluster.install(release());
        trial.until("the extension is healthy", |cluster| cluster.healthy());
        trial
    }

    /// The kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Runs kubectl as `persona` with the words of `line`.
    pub(crate) fn kubectl(&self, persona: &str, line: &str) -> Output {
        kubectl(&self.kubeconfig(), persona, line)
    }

    /// Runs kubectl as the cluster's administrator, which must succeed; gives what it printed.
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.kubectl("cluster-admin", line);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "kubectl {line}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until `done` holds, looking again after each change of the cluster.
    pub(crate) fn until(&self, what: &str, done: impl Fn(&Kubernetes) -> bool) {
        let end = Instant::now() + Duration::from_secs(90);
        let mut revisions = self.cluster.store.subscribe();
        while !done(&self.cluster) {
            assert!(Instant::now() < end, "never: {what}");
            let changed = async { tokio::time::timeout(Duration::from_millis(200), revisions.changed()).await };
            let _ = self.runtime.block_on(changed);
        }
    }

    /// The status of the default storage location.
    pub(crate) fn location(&self) -> Value {
        let location = self.cluster.object("BackupStorageLocation", NAMESPACE, "default");
        location.unwrap_or_default()["status"].clone()
    }

    /// The pods of the agent that are not on their way out.
    pub(crate) fn agents(&self) -> Vec<Value> {
        let mut pods = self.cluster.objects("Pod");
        pods.retain(|pod| {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            name.starts_with(AGENT) && pod["metadata"]["deletionTimestamp"].is_null()
        });
        pods
    }
}

impl Trial {
    pub(crate) fn change(&self, plural: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let resource = resources::named(plural).unwrap();
        let options = Options::by("test", None);
        let outcome = self.cluster.store.modify(resource, NAMESPACE, name, &options, |live| {
            let mut live = live.clone();
            change(&mut live);
            Ok(live)
        });
        outcome.unwrap();
    }

    pub(crate) fn annotate(&self) {
        self.change("serviceaccounts", AGENT_ACCOUNT, |account| {
            account["metadata"]["annotations"]["azure.workload.identity/client-id"] = json!(CLIENT_ID);
        });
    }

    pub(crate) fn label(&self) {
        self.change("deployments", AGENT, |deployment| {
            deployment["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] = json!("true");
        });
    }

    pub(crate) fn restart(&self, mark: &str) {
        self.change("deployments", AGENT, |deployment| {
            deployment["spec"]["template"]["metadata"]["annotations"]["restartedAt"] = json!(mark);
        });
    }

    pub(crate) fn variable(&self, name: &str) -> Value {
        let pods = self.agents();
        assert_eq!(pods.len(), 1);
        let env = pods[0]["spec"]["containers"][0]["env"].as_array().unwrap().clone();
        env.into_iter()
            .find(|variable| variable["name"] == name)
            .unwrap_or_default()["value"]
            .clone()
    }

    pub(crate) fn rolled(&self, what: &str) {
        self.until(what, |cluster| {
            let deployment = cluster.object("Deployment", NAMESPACE, AGENT).unwrap();
            deployments::complete(&deployment)
        });
    }

    pub(crate) fn message(&self) -> String {
        self.location()["message"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn condition(&self, kind: &str) -> Value {
        let deployment = self.cluster.object("Deployment", NAMESPACE, AGENT).unwrap();
        let conditions = deployment["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        conditions
            .into_iter()
            .find(|condition| condition["type"] == kind)
            .unwrap_or_default()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.cluster.shut_down();
    }
}

/// Runs the real kubectl with `kubeconfig` as `persona`.
pub(crate) fn kubectl(kubeconfig: &Path, persona: &str, line: &str) -> Output {
    Command::new("kubectl")
        .arg("--context")
        .arg(persona)
        .args(line.split_whitespace())
        .env("KUBECONFIG", kubeconfig)
        .env("HOME", kubeconfig.parent().unwrap())
        .output()
        .expect("kubectl is on PATH")
}

/// Settings without a lag between an annotation and the webhook.
pub(crate) fn prompt() -> Settings {
    Settings {
        webhook_lag: 0.0,
        ..Settings::default()
    }
}

/// A release with a usable storage location.
pub(crate) fn release() -> ExtensionRelease {
    let prefix = "configuration.backupStorageLocation.";
    let settings = [
        ("bucket", "backups"),
        ("config.storageAccount", "contosobackups"),
        ("config.resourceGroup", "rg-backup"),
        ("config.subscriptionId", "0b1f6471-1bf0-4dda-aec3-cb9272f09590"),
        ("config.useAAD", "true"),
        (
            "config.storageAccountURI",
            "https://contosobackups.blob.core.windows.net/",
        ),
    ];
    ExtensionRelease {
        name: "azure-aks-backup".to_owned(),
        namespace: NAMESPACE.to_owned(),
        settings: settings
            .iter()
            .map(|(key, value)| (format!("{prefix}{key}"), (*value).to_owned()))
            .collect(),
        client_id: CLIENT_ID.to_owned(),
        tenant_id: Settings::default().tenant_id,
    }
}
