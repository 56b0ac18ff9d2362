//! The running model: one lock around the world, the events that come due, and what has to be told to the cluster.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

use super::answer::Answer;
use super::arm;
use super::call::Call;
use super::personas;
use super::replay::{Replay, Replays};
use super::rights;
use super::seed;
use super::tokens::Mint;
use super::world::{ClusterAccess, ClusterView, Effect, World};
use crate::planes::Cluster;
use crate::settings::Settings;

/// The Azure half of the sandbox.
pub struct Azure {
    world: Mutex<World>,
    settling: Mutex<()>,
    cluster: OnceLock<Weak<dyn Cluster>>,
    changed: Notify,
    pub(crate) replays: Replays,
    pub(crate) mint: Mint,
    pub(crate) endpoint: String,
}

impl Azure {
    /// A fresh world behind `endpoint` (`https://127.0.0.1:PORT`, no slash at the end).
    #[must_use]
    pub fn new(settings: Settings, endpoint: &str) -> Arc<Self> {
        let mut world = World::new(settings, endpoint);
        seed::seed(&mut world);
        Arc::new(Self {
            world: Mutex::new(world),
            settling: Mutex::new(()),
            cluster: OnceLock::new(),
            changed: Notify::new(),
            replays: Replays::default(),
            mint: Mint::new(),
            endpoint: endpoint.to_owned(),
        })
    }

    /// Introduces the cluster, once, and tells it what it has to know from the start.
    pub fn attach(&self, cluster: &Arc<dyn Cluster>) {
        if self.cluster.set(Arc::downgrade(cluster)).is_err() {
            return;
        }
        let settings = self.lock().settings.clone();
        let issuer = settings.start.issuer_on.then(super::providers::cluster_body::issuer);
        cluster.set_issuer(issuer);
        cluster.set_workload_identity(settings.start.workload_identity_on);
    }

    /// Answers requests as recorded from now on, instead of by the model.
    pub fn replay(&self, replay: Replay) {
        self.replays.add(replay);
    }

    /// Tells where the cluster's API server is, for the kubeconfigs that are handed out. `authority` is PEM.
    pub fn set_cluster_access(&self, server: &str, authority: &str) {
        let (server, authority) = (server.to_owned(), authority.to_owned());
        self.lock().cluster_access = ClusterAccess { server, authority };
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> ClusterView {
        let cluster = self.cluster.get().and_then(Weak::upgrade);
        cluster.map_or_else(ClusterView::default, |cluster| ClusterView {
            storage_location: cluster.storage_location(),
            healthy: cluster.healthy(),
        })
    }

    /// Lets everything happen that is due. The cluster is never called with the world locked: it may ask back.
    pub(crate) fn settle(&self) {
        if let Ok(turn) = self.settling.try_lock() {
            self.settle_as(turn);
        }
    }

    fn settle_as(&self, _turn: MutexGuard<'_, ()>) {
        loop {
            let Some(event) = self.lock().take_due() else { return };
            let view = self.view();
            let effects = {
                let mut world = self.lock();
                event(&mut world, &view);
                std::mem::take(&mut world.effects)
            };
            self.tell(effects);
        }
    }

    fn tell(&self, effects: Vec<Effect>) {
        let Some(cluster) = self.cluster.get().and_then(Weak::upgrade) else {
            return;
        };
        for effect in effects {
            match effect {
                Effect::Install(release) => cluster.install(release),
                Effect::Uninstall => cluster.uninstall(),
                Effect::Issuer(issuer) => cluster.set_issuer(Some(issuer)),
                Effect::WorkloadIdentity(on) => cluster.set_workload_identity(on),
            }
        }
    }

    /// Answers a call to ARM by an authenticated caller.
    pub(crate) fn answer(&self, call: Call) -> Answer {
        self.settle();
        let answer = arm::answer(&mut self.lock(), call);
        self.changed.notify_one();
        answer
    }

    /// Lets events happen when they are due, also while nobody asks. Never ends.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.settle();
            let wait = {
                let world = self.lock();
                let scale = world.settings.time_scale.max(1e-6);
                world
                    .next_due()
                    .map(|due| Duration::from_secs_f64(((due - world.now()) * scale).clamp(0.0, 3600.0)))
            };
            let wait = wait.unwrap_or(Duration::from_secs(3600));
            let _ = tokio::time::timeout(wait, self.changed.notified()).await;
        }
    }

    /// Moves the model's clock forward and lets happen what comes due.
    pub fn skip(&self, seconds: f64) {
        self.lock().skip(seconds);
        self.settle();
        self.changed.notify_one();
    }

    /// The body of a resource by its ARM id, in whatever case.
    #[must_use]
    pub fn resource(&self, id: &str) -> Option<Value> {
        self.settle();
        self.lock().get(id).cloned()
    }

    /// Bodies of all resources of a type, in order of their ids.
    #[must_use]
    pub fn resources(&self, kind: &str) -> Vec<Value> {
        self.settle();
        self.lock().list("/", kind).into_iter().cloned().collect()
    }

    /// All role assignments, as ARM shows them.
    #[must_use]
    pub fn role_assignments(&self) -> Vec<Value> {
        self.lock().assignments.iter().map(rights::Assignment::body).collect()
    }

    /// Assigns a role by name to a persona or an object id, in force at once: the hand of somebody in the portal.
    ///
    /// # Errors
    /// The model knows no such role.
    pub fn assign(&self, principal: &str, role: &str, scope: &str) -> Result<(), String> {
        let role = rights::role(role)?;
        let known = personas::NAMES.contains(&principal);
        let principal = if known {
            personas::persona(principal).object_id
        } else {
            principal.to_owned()
        };
        self.lock()
            .assign(&super::ids::fresh(), &principal, "ServicePrincipal", role, scope, true);
        Ok(())
    }

    /// Assigns a custom role with these actions to an object ID, in force at once.
    pub fn assign_custom(&self, principal: &str, actions: &[String], scope: &str) {
        let role = super::roles::custom(actions);
        self.lock()
            .assign(&super::ids::fresh(), principal, "ServicePrincipal", role, scope, true);
    }

    /// Removes every assignment of a role that a persona or object id has at exactly `scope`. Gives how many.
    pub fn unassign(&self, principal: &str, role: &str, scope: &str) -> usize {
        let known = personas::NAMES.contains(&principal);
        let principal = if known {
            personas::persona(principal).object_id
        } else {
            principal.to_owned()
        };
        let mut world = self.lock();
        let before = world.assignments.len();
        world.assignments.retain(|held| {
            !(held.principal.eq_ignore_ascii_case(&principal)
                && held.role.name.eq_ignore_ascii_case(role)
                && held.scope.eq_ignore_ascii_case(scope))
        });
        before - world.assignments.len()
    }

    /// Lets every role assignment be years old, by the time that it tells.
    pub fn age_roles(&self) {
        for held in &mut self.lock().assignments {
            "2020-01-01T00:00:00.0000000Z".clone_into(&mut held.created);
        }
    }

    /// Stores a resource as if somebody had made it by hand; it needs `id`, `name` and `type`. It is in effect at once.
    pub fn place(&self, body: Value) {
        self.lock().put(body, 0.0);
    }

    /// Removes a resource and all below it, as if by hand.
    pub fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// How often the faults on order are still going to strike.
    #[must_use]
    pub fn strikes_left(&self) -> u32 {
        self.lock().settings.faults.iter().map(|fault| fault.times).sum()
    }

    /// Sets a switch while the sandbox runs. What it makes happen at once has happened when this returns.
    ///
    /// # Errors
    /// No such switch, or a wrong value.
    pub fn set(&self, assignment: &str) -> Result<(), String> {
        let mut world = self.lock();
        world.settings.set(assignment)?;
        let key = assignment.split('=').next().unwrap_or_default().replace('-', "_");
        seed::switched(&mut world, &key);
        drop(world);
        self.settle_as(self.settling.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
        Ok(())
    }
}
