//! The state of the model: resources, role assignments, operations, and what is still to come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::doom::Doom;
use super::ids;
use super::operations::Operation;
use super::path::covers;
use super::rights::Assignment;
use super::throttle::Buckets;
use crate::planes::{ExtensionRelease, StorageLocationStatus};
use crate::settings::Settings;

/// What the cluster looks like from outside, read just before an event that may ask for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClusterView {
    pub(crate) storage_location: Option<StorageLocationStatus>,
    pub(crate) healthy: bool,
}

/// Address of an API server, and the certificate of its authority (PEM).
#[derive(Debug, Clone, Default)]
pub(crate) struct ClusterAccess {
    pub(crate) server: String,
    pub(crate) authority: String,
}

/// What has to be told to the cluster once the lock on the world is released.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Install(ExtensionRelease),
    Uninstall,
    Issuer(String),
    WorkloadIdentity(bool),
}

/// Something that happens later.
pub(crate) type Event = Box<dyn FnOnce(&mut World, &ClusterView) + Send>;

/// A resource as its provider stores it.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// The body that GET answers, with `id`, `name` and `type`.
    pub(crate) body: Value,
    /// Model time of its creation.
    pub(crate) born: f64,
    /// Model time from which on it has its effect outside ARM.
    pub(crate) effective: f64,
}

/// Everything that Azure knows.
pub(crate) struct World {
    pub(crate) settings: Settings,
    /// `https://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    /// By lower-case id.
    pub(crate) resources: BTreeMap<String, Resource>,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) operations: BTreeMap<String, Operation>,
    /// Registration state by subscription and lower-case namespace.
    pub(crate) registrations: BTreeMap<(String, String), String>,
    pub(crate) buckets: Buckets,
    pub(crate) effects: Vec<Effect>,
    /// What becomes of the operation that the call under way begins.
    pub(crate) doom: Option<Doom>,
    /// The operation that the call under way has begun.
    pub(crate) begun: Option<String>,
    /// Where the API server of the cluster is, for kubeconfigs.
    pub(crate) cluster_access: ClusterAccess,
    /// Until when somebody else writes a credential on an identity, by its lower-case id.
    pub(crate) identity_writes: BTreeMap<String, f64>,
    /// Until when Entra remembers that it knew no such credential, by client ID, issuer and subject.
    pub(crate) unknown_credentials: BTreeMap<String, f64>,
    /// The backup instances that a Resource Guard lets be deleted, by their lower-case IDs.
    pub(crate) unlocked: BTreeSet<String>,
    agenda: Vec<(f64, u64, Event)>,
    sequence: u64,
    start: Instant,
    skipped: f64,
}

impl World {
    /// An empty world.
    pub(crate) fn new(settings: Settings, endpoint: &str) -> Self {
        Self {
            settings,
            endpoint: endpoint.to_owned(),
            resources: BTreeMap::new(),
            assignments: Vec::new(),
            operations: BTreeMap::new(),
            registrations: BTreeMap::new(),
            buckets: Buckets::default(),
            effects: Vec::new(),
            doom: None,
            begun: None,
            cluster_access: ClusterAccess::default(),
            identity_writes: BTreeMap::new(),
            unknown_credentials: BTreeMap::new(),
            unlocked: BTreeSet::new(),
            agenda: Vec::new(),
            sequence: 0,
            start: Instant::now(),
            skipped: 0.0,
        }
    }

    /// Model seconds since the start.
    pub(crate) fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64() / self.settings.time_scale.max(1e-6) + self.skipped
    }

    /// Moves the model's clock forward.
    pub(crate) fn skip(&mut self, seconds: f64) {
        self.skipped += seconds;
    }

    /// Lets `event` happen `seconds` of the model from now.
    pub(crate) fn after(&mut self, seconds: f64, event: impl FnOnce(&mut World, &ClusterView) + Send + 'static) {
        let due = self.now() + seconds;
        self.sequence += 1;
        self.agenda.push((due, self.sequence, Box::new(event)));
    }

    /// Model time of the next event.
    pub(crate) fn next_due(&self) -> Option<f64> {
        self.agenda.iter().map(|(due, _, _)| *due).min_by(f64::total_cmp)
    }

    /// Takes the earliest event that is due.
    pub(crate) fn take_due(&mut self) -> Option<Event> {
        let now = self.now();
        let due = self.agenda.iter().enumerate().filter(|(_, (due, _, _))| *due <= now);
        let first = due
            .min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map(|(index, _)| index)?;
        Some(self.agenda.swap_remove(first).2)
    }

    /// The body of a resource.
    pub(crate) fn get(&self, id: &str) -> Option<&Value> {
        self.resources
            .get(&id.to_ascii_lowercase())
            .map(|resource| &resource.body)
    }

    /// The body of a resource, to be changed.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Value> {
        self.resources
            .get_mut(&id.to_ascii_lowercase())
            .map(|resource| &mut resource.body)
    }

    /// A text of a resource's body, empty where it is missing.
    pub(crate) fn text(&self, id: &str, pointer: &str) -> String {
        self.get(id)
            .map_or_else(String::new, |body| text(body, pointer).to_owned())
    }

    /// Stores a resource under the id in its body, which takes effect `delay` model seconds from now if it is new.
    pub(crate) fn put(&mut self, body: Value, delay: f64) {
        let key = text(&body, "/id").to_ascii_lowercase();
        let now = self.now();
        let fresh = Resource {
            body: Value::Null,
            born: now,
            effective: now + delay,
        };
        self.resources.entry(key).or_insert(fresh).body = body;
    }

    /// Removes a resource and all below it.
    pub(crate) fn remove(&mut self, id: &str) {
        self.resources.retain(|key, _| !covers(id, key));
        self.assignments.retain(|assignment| !covers(id, &assignment.scope));
    }

    /// Sets `properties.provisioningState`.
    pub(crate) fn set_state(&mut self, id: &str, state: &str) {
        if let Some(body) = self.get_mut(id) {
            body["properties"]["provisioningState"] = json!(state);
        }
    }

    /// Bodies of all resources of a type at or below `scope`, in order of their ids.
    pub(crate) fn list(&self, scope: &str, kind: &str) -> Vec<&Value> {
        let all = self
            .resources
            .iter()
            .filter(|(key, _)| covers(scope, key))
            .map(|(_, resource)| &resource.body);
        all.filter(|body| text(body, "/type").eq_ignore_ascii_case(kind))
            .collect()
    }

    /// Whether there is such a subscription, in whichever tenant.
    pub(crate) fn has_subscription(subscription: &str) -> bool {
        ids::tenant_of(subscription).is_some()
    }
}

/// A text in a JSON value, empty where it is missing.
pub(crate) fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The wall-clock time as ARM writes it, to seven digits.
pub(crate) fn stamp() -> String {
    format!("{:.7}", Timestamp::now())
}
