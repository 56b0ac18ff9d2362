//! What a test can look at and do while the bed runs.

use std::io;

use serde_json::Value;

use super::audit::{self, Request};
use super::cluster::Bed;
use super::orders::Order;
use crate::kubernetes::{Dialect, Fault, Persona, path_of_kind};

impl Bed {
    /// Orders (or with `None` ends) what goes wrong with new pods of `deployment`.
    pub fn set_fault(&self, deployment: &str, fault: Option<Fault>) {
        let mut state = self.inner.state();
        match fault {
            Some(fault) => state.faults.insert(deployment.to_owned(), fault),
            None => state.faults.remove(deployment),
        };
        drop(state);
        self.inner.stirred.send_modify(|count| *count += 1);
    }

    /// Kills the webhook, or starts it again; its configuration stays, and its failure policy is Fail.
    ///
    /// # Errors
    /// As [`Bed::settled`].
    pub fn set_webhook_down(&self, down: bool) -> io::Result<()> {
        self.do_now(Order::WebhookDown(down))
    }

    /// How Velero words `status.message` from now on.
    pub fn set_dialect(&self, dialect: Dialect) {
        self.inner.state().dialect = dialect;
    }

    /// Gives a persona of the settings other rights.
    ///
    /// # Errors
    /// As [`Bed::settled`].
    pub fn set_persona(&self, persona: Persona) -> io::Result<()> {
        self.do_now(Order::Rights(persona))
    }

    /// Deletes a service account of the extension and makes it anew as the chart has it: annotations are gone.
    ///
    /// # Errors
    /// As [`Bed::settled`].
    pub fn recreate_service_account(&self, name: &str) -> io::Result<()> {
        let (kind, name) = ("ServiceAccount", name.to_owned());
        self.do_now(Order::Recreate { kind, name })
    }

    /// An upgrade whose chart has begun to own the label `azure.workload.identity/use`: it goes from the pod template.
    ///
    /// # Errors
    /// As [`Bed::settled`].
    pub fn helm_upgrade_drops_label(&self, deployment: &str) -> io::Result<()> {
        self.do_now(Order::DropLabel(deployment.to_owned()))
    }

    /// An unattended upgrade of the extension to another chart version.
    ///
    /// # Errors
    /// As [`Bed::settled`].
    pub fn helm_upgrade(&self, chart_version: &str) -> io::Result<()> {
        let Some(held) = self.inner.state().release.clone() else {
            return Ok(());
        };
        self.do_now(Order::Install(held.release, Some(chart_version.to_owned())))
    }

    /// Kills the API server and starts it again; gives back when it is ready.
    ///
    /// # Errors
    /// As [`Bed::settled`].
    pub fn restart_api_server(&self) -> io::Result<()> {
        self.do_now(Order::Restart)
    }

    fn do_now(&self, order: Order) -> io::Result<()> {
        self.order(order);
        self.settled()
    }

    /// One object by kind, namespace (empty for cluster-wide ones) and name.
    #[must_use]
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let path = format!("{}/{name}", path_of_kind(kind, namespace));
        self.handle.block_on(self.inner.api.get(&path)).ok().flatten()
    }

    /// Every object of a kind.
    #[must_use]
    pub fn objects(&self, kind: &str) -> Vec<Value> {
        let list = self.handle.block_on(self.inner.api.get(&path_of_kind(kind, "")));
        let list = list.ok().flatten().unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Changes an object as somebody with all rights: a merge patch.
    ///
    /// # Errors
    /// The API server refuses.
    pub fn patch(&self, kind: &str, namespace: &str, name: &str, patch: &Value) -> io::Result<Value> {
        let path = format!("{}/{name}?fieldManager=somebody", path_of_kind(kind, namespace));
        let patched = self.handle.block_on(self.inner.api.merge(&path, patch));
        patched.map_err(io::Error::other)
    }

    /// Makes an object as somebody with all rights.
    ///
    /// # Errors
    /// The API server refuses.
    pub fn create(&self, object: &Value) -> io::Result<()> {
        let made = self.handle.block_on(self.inner.api.create(object, "somebody"));
        made.map_err(io::Error::other)
    }

    /// Deletes an object as somebody with all rights.
    ///
    /// # Errors
    /// The API server refuses.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> io::Result<()> {
        let path = format!("{}/{name}", path_of_kind(kind, namespace));
        let deleted = self.handle.block_on(self.inner.api.delete(&path, &Value::Null));
        deleted.map_err(io::Error::other)
    }

    /// The token for Azure that a pod holds, by the pod's uid.
    #[must_use]
    pub fn token_of(&self, pod: &Value) -> Option<String> {
        self.inner.tokens.of(pod).map(|(token, _)| token)
    }

    /// The requests of people so far, from the API server's audit log.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        audit::requests(&self.inner.dir.join("audit.jsonl"))
    }
}
