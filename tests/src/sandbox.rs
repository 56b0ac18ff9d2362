//! A whole sandbox: both planes on loopback ports, and the files that clients need.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::azure::personas::{self, Persona};
use crate::azure::{Azure, certificate, ids};
use crate::backend::{Backend, TestCluster};
use crate::bed::Bed;
use crate::clusters::Clusters;
use crate::kubernetes::{Kubernetes, kubeconfig_of};
use crate::log::RequestLog;
use crate::settings::Settings;
use crate::tls::Authority;

/// A sandbox that answers until it is dropped. It runs on threads of its own.
pub struct Sandbox {
    runtime: Option<Runtime>,
    azure: Arc<Azure>,
    clusters: Clusters,
    log: RequestLog,
    dir: PathBuf,
    endpoint: String,
    time_scale: f64,
}

impl Sandbox {
    /// Starts a sandbox and writes what its clients need into `dir`, which has to exist: `ca.pem`, `kubeconfig`,
    /// `requests.jsonl`, `sandbox.json`, and `env/PERSONA.sh` for each persona of Azure and of
    /// Kubernetes. Not to be called from a task of an
    /// async runtime: it waits for its own.
    ///
    /// # Errors
    /// No port is free, or a file cannot be written.
    pub fn start(settings: Settings, dir: &Path) -> io::Result<Self> {
        Self::start_on(Backend::Small, settings, dir)
    }

    /// The same on a cluster of the caller's choice. A real control plane works in `bed` below `dir`.
    ///
    /// # Errors
    /// As [`Sandbox::start`], and as [`Bed::start`] says.
    pub fn start_on(backend: Backend, mut settings: Settings, dir: &Path) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let log = RequestLog::new(Some(&dir.join("requests.jsonl")))?;
        let authority = Authority::new()?;
        fs::write(dir.join("ca.pem"), authority.pem())?;
        let listener = runtime.block_on(authority.listen())?;
        let endpoint = format!("https://{}", listener.address());
        let time_scale = settings.time_scale;
        let personas = settings.kubernetes.personas.clone();
        let azure = Azure::new(settings.clone(), &endpoint);
        settings.kubernetes.personas.extend(personas::in_cluster());
        let clusters = match backend {
            Backend::Small => Clusters::small(&runtime, &authority, settings, &azure, &log)?,
            Backend::Real => Clusters::real(&runtime, &authority, settings, &azure, &log, &dir.join("bed"))?,
        };
        let [server, other] = &clusters.servers;
        let kubeconfig = kubeconfig_of(server, other, authority.pem(), &personas);
        azure.set_cluster_access(server, authority.pem());
        write_kubeconfigs(dir, &kubeconfig, time_scale)?;
        runtime.spawn(Arc::clone(&azure).run());
        runtime.spawn(Arc::clone(&azure).serve(listener, log.clone()));
        let sandbox = Self {
            runtime: Some(runtime),
            azure,
            clusters,
            log,
            dir: dir.to_owned(),
            endpoint,
            time_scale,
        };
        sandbox.write_files()?;
        Ok(sandbox)
    }

    fn write_files(&self) -> io::Result<()> {
        let all = personas::all();
        let folder = self.dir.join("env");
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(self.dir.join("certificates"))?;
        for persona in &all {
            if let Some(pem) = certificate::of(&persona.name) {
                fs::write(self.dir.join(format!("certificates/{}.pem", persona.name)), pem)?;
            }
            let lines = self
                .env(&persona.name)
                .into_iter()
                .map(|(key, value)| format!("export {key}='{value}'\n"));
            // Whoever was signed in before in the same shell signs out.
            let before = "unset AZURE_CLIENT_SECRET AZURE_CLIENT_CERTIFICATE_PATH\n".to_owned();
            let lines: String = std::iter::once(before).chain(lines).collect();
            fs::write(folder.join(format!("{}.sh", persona.name)), lines)?;
        }
        let description = serde_json::to_string_pretty(&self.description(&all)).map_err(io::Error::other)?;
        fs::write(self.dir.join("sandbox.json"), description)
    }

    fn description(&self, all: &[Persona]) -> Value {
        json!({
            "pid": std::process::id(),
            "endpoint": self.endpoint,
            "timeScale": self.time_scale,
            "kubernetes": { "server": self.clusters.servers[0], "other": self.clusters.servers[1] },
            "tenant": ids::TENANT,
            "subscription": ids::SUBSCRIPTION,
            "otherSubscription": ids::OTHER_SUBSCRIPTION,
            "otherTenant": ids::OTHER_TENANT,
            "foreignSubscription": ids::FOREIGN_SUBSCRIPTION,
            "location": ids::LOCATION,
            "cluster": ids::cluster_id(),
            "nodeGroup": ids::group_id(ids::NODE_GROUP),
            "backupGroup": ids::group_id(ids::BACKUP_GROUP),
            "snapshotGroup": ids::group_id(ids::SNAPSHOT_GROUP),
            "personas": all,
        })
    }

    /// The environment of a client that works as `persona`.
    #[must_use]
    pub fn env(&self, persona: &str) -> Vec<(String, String)> {
        let persona = personas::persona(persona);
        let tenant = persona.tenant();
        let proof = match certificate::of(&persona.name) {
            Some(_) => {
                let file = self.dir.join("certificates").join(format!("{}.pem", persona.name));
                ("AZURE_CLIENT_CERTIFICATE_PATH", file.display().to_string())
            }
            None => ("AZURE_CLIENT_SECRET", persona.secret),
        };
        let file = |name: &str| self.dir.join(name).display().to_string();
        let pairs = [
            ("SSL_CERT_FILE", file("ca.pem")),
            (
                "ARM_CLOUD_METADATA_URL",
                format!("{}/metadata/endpoints?api-version=2020-06-01", self.endpoint),
            ),
            ("AZURE_AUTHORITY_HOST", format!("{}/", self.endpoint)),
            ("AZURE_TENANT_ID", tenant.to_owned()),
            ("AZURE_CLIENT_ID", persona.client_id),
            proof,
            ("KUBECONFIG", file("kubeconfig")),
            ("AKSBACKUP_TIME_SCALE", self.time_scale.to_string()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Every request that was answered so far.
    #[must_use]
    pub fn log(&self) -> RequestLog {
        self.log.clone()
    }

    /// `https://127.0.0.1:PORT` of Entra and ARM, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Real seconds for one second of the model.
    #[must_use]
    pub fn time_scale(&self) -> f64 {
        self.time_scale
    }

    /// The folder with the files that clients need.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The Azure half, for looking into the model and for changes behind the clients' backs.
    #[must_use]
    pub fn azure(&self) -> &Azure {
        &self.azure
    }

    /// The small Kubernetes half, for looking into the cluster and for changes behind the clients' backs. Where the
    /// cluster is a real one, nobody calls this one.
    #[must_use]
    pub fn kubernetes(&self) -> &Kubernetes {
        &self.clusters.kubernetes
    }

    /// The real control plane, where the sandbox was started on one.
    #[must_use]
    pub fn bed(&self) -> Option<&Bed> {
        self.clusters.bed.as_deref()
    }

    /// The cluster, whichever it is.
    #[must_use]
    pub fn cluster(&self) -> &dyn TestCluster {
        match self.bed() {
            Some(bed) => bed,
            None => self.kubernetes(),
        }
    }

    /// Assigns a role by name to a persona or an object id, in force at once.
    ///
    /// # Errors
    /// The model knows no such role.
    pub fn assign_role(&self, principal: &str, role: &str, scope: &str) -> Result<(), String> {
        self.azure.assign(principal, role, scope)
    }

    /// Sets a switch (`key=value`) while the sandbox runs.
    ///
    /// # Errors
    /// No such switch, or a wrong value.
    pub fn set(&self, assignment: &str) -> Result<(), String> {
        self.azure.set(assignment)
    }

    /// The body of a resource by its ARM id.
    #[must_use]
    pub fn resource(&self, id: &str) -> Option<Value> {
        self.azure.resource(id)
    }

    /// All role assignments, as ARM shows them.
    #[must_use]
    pub fn role_assignments(&self) -> Vec<Value> {
        self.azure.role_assignments()
    }
}

/// The kubeconfig with every context, and for each person one that begins with theirs, named by `env/PERSON.sh`. These
/// people hold no Azure login.
fn write_kubeconfigs(dir: &Path, kubeconfig: &str, time_scale: f64) -> io::Result<()> {
    let (own, env) = (dir.join("kubeconfigs"), dir.join("env"));
    fs::create_dir_all(&own)?;
    fs::create_dir_all(&env)?;
    fs::write(dir.join("kubeconfig"), kubeconfig)?;
    let mut config: Value = serde_json::from_str(kubeconfig)?;
    let contexts = config["contexts"].as_array().cloned().unwrap_or_default();
    for name in contexts.iter().filter_map(|context| context["name"].as_str()) {
        config["current-context"] = name.into();
        let path = own.join(name);
        fs::write(&path, serde_json::to_string_pretty(&config)?)?;
        let path = path.display();
        let lines = format!("export KUBECONFIG='{path}'\nexport AKSBACKUP_TIME_SCALE='{time_scale}'\n");
        fs::write(env.join(format!("{name}.sh")), lines)?;
    }
    Ok(())
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.clusters.shut_down();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
