//! The bed as a whole.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::Error;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use super::api::{Api, kubeconfig};
use super::binaries::Binaries;
use super::control_plane::{self, ControlPlane};
use super::mirror::Mirror;
use super::orders::{self, Order};
use super::people::{self, OwnTokens};
use super::places::Place;
use super::process::Process;
use super::tokens::Tokens;
use super::{kubelet, kubelet_logs, stand_ins, webhook};
use crate::kubernetes::logs::Logs;
use crate::kubernetes::{Dialect, Fault, Installed, Persona, Settings};
use crate::planes::{Clock, Cloud};
use crate::tls::Authority;

/// A real control plane with its stand-ins. It ends when it is dropped.
pub struct Bed {
    pub(crate) inner: Arc<Inner>,
    pub(crate) handle: Handle,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) cloud: Arc<dyn Cloud>,
    pub(crate) api: Api,
    pub(crate) server: String,
    pub(crate) ca_pem: String,
    pub(crate) dir: PathBuf,
    pub(crate) binaries: Binaries,
    pub(crate) own_tokens: OwnTokens,
    pub(crate) webhook_port: u16,
    pub(crate) kubelet_port: u16,
    pub(crate) pods: Arc<Mirror>,
    pub(crate) deployments: Arc<Mirror>,
    pub(crate) locations: Arc<Mirror>,
    pub(crate) tokens: Tokens,
    pub(crate) logs: Arc<Logs>,
    /// Becomes true when the bed ends.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) stirred: watch::Sender<u64>,
    /// How many orders are not carried out yet.
    pub(crate) pending: watch::Sender<usize>,
    pub(crate) webhook: tokio::sync::Mutex<Option<Process>>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    plane: tokio::sync::Mutex<ControlPlane>,
    state: Mutex<State>,
}

/// What changes while the bed runs, beside the API server's objects.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) workload_identity: bool,
    pub(crate) dialect: Dialect,
    pub(crate) faults: BTreeMap<String, Fault>,
    pub(crate) personas: Vec<Persona>,
    pub(crate) release: Option<Installed>,
    /// The API server's public keys, as it publishes them for its issuer.
    pub(crate) keys: Value,
    /// Orders that could not be carried out.
    pub(crate) troubles: Vec<String>,
}

impl Bed {
    /// Starts a control plane in `dir`, in front of `cloud`, whose tokens say `issuer`. It runs on `handle`'s runtime.
    /// `authority` issues its certificates. Waits for a place where other beds have taken them all.
    ///
    /// # Errors
    /// The programs cannot be had, or one of them does not start; the text holds the end of its log.
    pub fn start(
        handle: &Handle,
        authority: &Authority,
        (clock, settings): (Clock, Settings),
        issuer: Option<String>,
        cloud: Arc<dyn Cloud>,
        dir: &Path,
    ) -> io::Result<Arc<Self>> {
        let binaries = Binaries::find()?;
        let place = Place::take()?;
        std::fs::create_dir_all(dir)?;
        let server = format!("https://127.0.0.1:{}", place.api_server);
        let own_tokens = OwnTokens::new();
        control_plane::write_files(dir, authority, &own_tokens, &settings, &server)?;
        let issuer = issuer.unwrap_or_else(|| settings.default_issuer.clone());
        let webhook_port = place.webhook;
        let kubelet = handle.block_on(authority.listen())?;
        let kubelet_port = kubelet.address().port();
        let mut plane = ControlPlane::start(binaries.clone(), dir, place, vec![issuer])?;
        let config = kubeconfig(&server, authority.pem(), &own_tokens.bed);
        let api = handle.block_on(Api::connect(&config))?;
        handle.block_on(plane.ready(&api))?;
        let (orders, received) = mpsc::unbounded_channel();
        let state = State::new(&settings);
        let inner = Arc::new(Inner {
            clock,
            settings,
            cloud,
            api,
            server,
            ca_pem: authority.pem().to_owned(),
            dir: dir.to_owned(),
            binaries,
            own_tokens,
            webhook_port,
            kubelet_port,
            pods: Mirror::new("pods"),
            deployments: Mirror::new("deployments"),
            locations: Mirror::new("backupstoragelocations"),
            tokens: Tokens::default(),
            logs: Arc::default(),
            stopping: watch::Sender::new(false),
            stirred: watch::Sender::new(0),
            pending: watch::Sender::new(0),
            webhook: tokio::sync::Mutex::default(),
            orders,
            plane: tokio::sync::Mutex::new(plane),
            state: Mutex::new(state),
        });
        handle.block_on(inner.furnish()).map_err(io::Error::other)?;
        let mut tasks = inner.run(handle, received);
        tasks.push(handle.spawn(kubelet_logs::serve(Arc::clone(&inner), kubelet)));
        Ok(Arc::new(Self {
            inner,
            handle: handle.clone(),
            tasks,
        }))
    }

    /// Address of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.inner.server
    }

    /// The kubectl that goes with the control plane, or the one on PATH.
    #[must_use]
    pub fn kubectl(&self) -> &Path {
        &self.inner.binaries.kubectl
    }

    /// Waits until every order has been carried out.
    ///
    /// # Errors
    /// One could not be, or two minutes are over.
    pub fn settled(&self) -> io::Result<()> {
        let begun = Instant::now();
        while *self.inner.pending.borrow() > 0 {
            if begun.elapsed() > Duration::from_secs(120) {
                return Err(io::Error::other("the bed is still busy with its orders"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let troubles = std::mem::take(&mut self.inner.state().troubles);
        if troubles.is_empty() {
            return Ok(());
        }
        Err(io::Error::other(troubles.join("\n")))
    }

    pub(super) fn order(&self, order: Order) {
        self.inner.pending.send_modify(|count| *count += 1);
        if self.inner.orders.send(order).is_err() {
            self.inner.pending.send_modify(|count| *count = count.saturating_sub(1));
        }
    }
}

impl State {
    fn new(settings: &Settings) -> Self {
        Self {
            workload_identity: false,
            dialect: settings.dialect,
            faults: settings.faults.clone(),
            personas: settings.personas.clone(),
            release: None,
            keys: Value::Null,
            troubles: Vec::new(),
        }
    }
}

impl Inner {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node, the people's rights, and the keys that tokens are checked with.
    async fn furnish(&self) -> Result<(), Error> {
        self.api.create(&kubelet::the_node(self), "kubelet").await?;
        let node = kubelet::the_node(self);
        let path = format!("{}/status", crate::kubernetes::path_of(&node, true));
        self.api
            .merge(&path, &serde_json::json!({ "status": node["status"] }))
            .await?;
        let personas = self.state().personas.clone();
        for (path, role) in personas.iter().flat_map(people::roles) {
            if !path.contains("/namespaces/") {
                self.api.create_at(&path, &role).await?;
            }
        }
        let keys = self.api.get("/openid/v1/jwks").await?.unwrap_or_default();
        self.state().keys = keys;
        Ok(())
    }

    fn run(
        self: &Arc<Self>,
        handle: &Handle,
        orders: mpsc::UnboundedReceiver<Order>,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let mut tasks = Vec::new();
        for mirror in [&self.pods, &self.deployments, &self.locations] {
            tasks.push(handle.spawn(Arc::clone(mirror).follow(self.api.clone(), self.stirred.clone())));
        }
        tasks.push(handle.spawn(stand_ins::run(Arc::clone(self))));
        tasks.push(handle.spawn(orders::run(Arc::clone(self), orders)));
        tasks
    }

    /// Makes tokens carry another issuer, which takes a restart.
    pub(super) async fn set_issuer(&self, issuer: Option<String>) -> Result<(), Error> {
        let issuer = issuer.unwrap_or_else(|| self.settings.default_issuer.clone());
        if self.plane.lock().await.issuer() == issuer {
            return Ok(());
        }
        self.begin_anew(Some(issuer)).await
    }

    /// Kills the API server and starts it again.
    pub(super) async fn restart(&self) -> Result<(), Error> {
        self.begin_anew(None).await
    }

    async fn begin_anew(&self, issuer: Option<String>) -> Result<(), Error> {
        let outcome = self.plane.lock().await.restart(&self.api, issuer).await;
        if let Err(error) = outcome {
            self.state().troubles.push(error.to_string());
            return Ok(());
        }
        let on = self.webhook.lock().await.is_some();
        if on {
            // Its cache would come back in its own time, seconds later.
            webhook::stop(self).await;
            webhook::start(self).await;
        }
        Ok(())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.inner.stopping.send_replace(true);
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        // The processes end here, not when the last task has noticed that it is over.
        if let Ok(mut plane) = self.inner.plane.try_lock() {
            plane.stop();
        }
        if let Ok(mut webhook) = self.inner.webhook.try_lock() {
            webhook.take();
        }
    }
}
