//! What a test can do to the cluster while it runs.

use std::sync::Arc;

use serde_json::Value;

use super::access::Persona;
use super::cluster::{Fault, Kubernetes};
use super::other_webhook::OtherWebhook;
use super::settings::Dialect;
use super::store::Options;
use super::{extension, resources, webhook};

impl Kubernetes {
    /// Orders (or with `None` ends) what goes wrong with new pods of `deployment`.
    pub fn set_fault(&self, deployment: &str, fault: Option<Fault>) {
        let mut state = self.state();
        match fault {
            Some(fault) => state.faults.insert(deployment.to_owned(), fault),
            None => state.faults.remove(deployment),
        };
        drop(state);
        self.stir();
    }

    /// Whether no webhook pod answers; its failure policy is Fail, so labelled pods are then not created at all.
    pub fn set_webhook_down(&self, down: bool) {
        self.state().webhook_down = down;
        webhook::set_down(self, down);
    }

    /// What a webhook or policy of somebody else does from now on.
    pub fn set_other_webhook(&self, other: Option<OtherWebhook>) {
        self.state().other_webhook = other;
    }

    /// How many seconds of the model the webhook's service account cache lags behind.
    pub fn set_webhook_lag(&self, seconds: f64) {
        self.state().webhook_lag = seconds;
    }

    /// Adds so many `seconds` of the model to every answer from now on.
    pub fn set_latency(&self, seconds: f64) {
        self.state().latency = seconds;
    }

    /// How Velero words `status.message` from now on.
    pub fn set_dialect(&self, dialect: Dialect) {
        self.state().dialect = dialect;
    }

    /// Adds a persona, or gives one of that name other rights.
    pub fn set_persona(&self, persona: Persona) {
        let mut state = self.state();
        state.personas.retain(|own| own.name != persona.name);
        state.personas.push(persona);
    }

    /// Makes every watch from an older revision end in 410 Gone.
    pub fn forget_history(&self) {
        self.store.compact();
    }

    /// One object by kind, namespace (empty for cluster-wide ones) and name.
    #[must_use]
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        resources::of_kind(kind)
            .and_then(|resource| self.store.get(resource.plural, namespace, name))
            .map(Arc::unwrap_or_clone)
    }

    /// Makes an object as if by another hand, of a kind that the cluster serves; it needs a name, and a namespace where
    /// its kind has them.
    ///
    /// # Panics
    /// There is no such kind, or such an object is there.
    pub fn place(&self, object: Value) {
        self.place_all(vec![object]);
    }

    /// The same for many, after which the controllers look once.
    ///
    /// # Panics
    /// As [`Kubernetes::place`].
    pub fn place_all(&self, objects: Vec<Value>) {
        objects.into_iter().for_each(|object| self.put(object));
        self.stir();
    }

    fn put(&self, object: Value) {
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let Some(resource) = resources::of_kind(&kind) else {
            panic!("no kind is called {kind}")
        };
        let made = self.store.create(resource, object, &Options::by("sandbox", None));
        assert!(made.is_ok(), "{kind} cannot be made: {made:?}");
    }

    /// Changes an object as if by another hand, its status too.
    ///
    /// # Panics
    /// There is no such object.
    pub fn alter(&self, kind: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let Some(resource) = resources::of_kind(kind) else {
            panic!("no kind is called {kind}")
        };
        let altered = self
            .store
            .modify(resource, namespace, name, &Options::by("somebody", None), |live| {
                let mut live = live.clone();
                change(&mut live);
                Ok(live)
            });
        assert!(altered.is_ok(), "{kind} {name} cannot be changed: {altered:?}");
        self.stir();
    }

    /// Whether Velero hangs: it runs, and validates no more.
    pub fn set_velero_hangs(&self, hangs: bool) {
        self.state().velero_hangs = hangs;
        self.stir();
    }

    /// Adds a line to the log of a container, as if it had been written there.
    pub fn write_log(&self, pod: &Value, container: &str, line: String) {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        self.logs.push(uid, container, line);
    }

    /// Forgets what the containers of `pod` have written.
    pub fn clear_logs(&self, pod: &Value) {
        self.logs.clear(pod["metadata"]["uid"].as_str().unwrap_or_default());
    }

    /// Every object of a kind.
    #[must_use]
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        resources::of_kind(kind)
            .map(|resource| self.store.list(resource.plural, None).0)
            .unwrap_or_default()
            .into_iter()
            .map(Arc::unwrap_or_clone)
            .collect()
    }

    /// Deletes a service account of the extension and makes it anew as the chart has it: annotations are gone.
    pub fn recreate_service_account(&self, name: &str) {
        extension::recreate(self, "ServiceAccount", name);
    }

    /// An upgrade of the extension whose chart has begun to own the label `azure.workload.identity/use`: the label
    /// goes from the pod template of `deployment`, and the deployment rolls.
    pub fn helm_upgrade_drops_label(&self, deployment: &str) {
        extension::drop_label(self, deployment);
    }

    /// An unattended upgrade of the extension to another chart version.
    pub fn helm_upgrade(&self, chart_version: &str) {
        let Some(installed) = self.state().release.clone() else {
            return;
        };
        extension::install(self, installed.release.clone(), chart_version);
    }
}
