//! What the trials stand on.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::bodies::{
    account, account_body, binding, binding_body, extension, extension_body, policy_body, vault, vault_body,
};
use crate::azure::answer::Answer;
use crate::azure::call::Call;
use crate::azure::doom::Doom;
use crate::azure::path::Target;
use crate::azure::personas::persona;
use crate::azure::rights::Principal;
use crate::azure::{Azure, ids};
use crate::planes::{Cluster, ExtensionRelease, StorageLocationStatus};
use crate::settings::Settings;

/// A cluster that remembers what it was told and says what it was told to say.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) released: Mutex<Vec<ExtensionRelease>>,
    pub(crate) uninstalled: Mutex<u32>,
    pub(crate) issuer: Mutex<Option<String>>,
    pub(crate) workload_identity: Mutex<bool>,
    pub(crate) location: Mutex<Option<StorageLocationStatus>>,
    pub(crate) healthy: Mutex<bool>,
}

impl Cluster for Told {
    fn install(&self, release: ExtensionRelease) {
        *self.healthy.lock().unwrap() = true;
        let phase = "Available".to_owned();
        *self.location.lock().unwrap() = Some(StorageLocationStatus {
            phase,
            message: String::new(),
        });
        self.released.lock().unwrap().push(release);
    }

    fn uninstall(&self) {
        *self.uninstalled.lock().unwrap() += 1;
    }

    fn set_issuer(&self, issuer: Option<String>) {
        *self.issuer.lock().unwrap() = issuer;
    }

    fn set_workload_identity(&self, on: bool) {
        *self.workload_identity.lock().unwrap() = on;
    }

    fn storage_location(&self) -> Option<StorageLocationStatus> {
        self.location.lock().unwrap().clone()
    }

    fn healthy(&self) -> bool {
        *self.healthy.lock().unwrap()
    }
}

/// A model with a cluster that only listens.
pub(crate) struct Stage {
    pub(crate) azure: Arc<Azure>,
    pub(crate) told: Arc<Told>,
}

impl Stage {
    /// A world with these switches. The clock runs at the wall's pace, so that only [`Stage::skip`] moves it.
    pub(crate) fn new(switches: &[&str]) -> Self {
        let mut settings = Settings::default();
        for switch in switches {
            settings.set(switch).unwrap();
        }
        let (azure, told) = (Azure::new(settings, "https://127.0.0.1:1"), Arc::new(Told::default()));
        azure.attach(&(Arc::clone(&told) as Arc<dyn Cluster>));
        Self { azure, told }
    }

    /// One call; `target` is path and query.
    pub(crate) fn call(&self, who: &str, method: &str, target: &str, body: Value) -> Answer {
        self.call_with(who, method, target, body, &[])
    }

    /// One call with headers.
    pub(crate) fn call_with(
        &self,
        who: &str,
        method: &str,
        target: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let call = Call {
            headers,
            ..Self::asked(who, method, target, body)
        };
        self.azure.answer(call)
    }

    /// One call by the persona who may do everything, whose operation has this end in store.
    pub(crate) fn doomed(&self, method: &str, target: &str, body: Value, doom: Option<Doom>) -> Answer {
        let call = Call {
            doom,
            ..Self::asked("everything", method, target, body)
        };
        self.azure.answer(call)
    }

    fn asked(who: &str, method: &str, target: &str, body: Value) -> Call {
        let persona = persona(who);
        let caller = Principal {
            name: persona.name,
            client_id: persona.client_id,
            object_id: persona.object_id,
            tenant: ids::TENANT.to_owned(),
        };
        let target = Target::parse(target.strip_prefix("https://127.0.0.1:1").unwrap_or(target));
        Call {
            method: method.to_owned(),
            target,
            body,
            caller,
            ..Call::default()
        }
    }

    /// A call by the persona who may do everything, which has to succeed.
    pub(crate) fn make(&self, method: &str, target: &str, body: Value) -> Answer {
        let answer = self.call("everything", method, target, body);
        assert!(
            answer.status < 300,
            "{method} {target}: {} {:?}",
            answer.status,
            answer.body
        );
        answer
    }

    /// Reads a resource as the persona who may do everything.
    pub(crate) fn read(&self, target: &str) -> Value {
        self.make("GET", target, Value::Null).body.unwrap_or_default()
    }

    pub(crate) fn skip(&self, seconds: f64) {
        self.azure.skip(seconds);
    }

    /// Account, container, vault, policy, extension, trusted access, and all roles: everything in force.
    pub(crate) fn prepared(switches: &[&str]) -> Self {
        let stage = Self::new(switches);
        stage.make("PUT", &account(""), account_body());
        stage.make("PUT", &vault(""), vault_body());
        stage.make("PUT", &extension(), extension_body());
        stage.skip(240.0);
        stage.make(
            "PUT",
            &account("/blobServices/default/containers/aks-backups"),
            json!({}),
        );
        stage.make("PUT", &vault("/backupPolicies/policy-aks"), policy_body());
        stage.make("PUT", &binding(), binding_body());
        for (principal, role, scope) in stage.roles() {
            stage.azure.assign(&principal, role, &scope).unwrap();
        }
        stage.skip(300.0);
        stage
    }

    /// The roles that the operational tier needs.
    pub(crate) fn roles(&self) -> Vec<(String, &'static str, String)> {
        let text = |id: &str, pointer: &str| {
            let body = self.azure.resource(id).unwrap_or_default();
            body.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let own = text(&id(&extension()), "/properties/aksAssignedIdentity/principalId");
        let vault_principal = text(&id(&vault("")), "/identity/principalId");
        let cluster = text(&ids::cluster_id(), "/identity/principalId");
        let snapshots = ids::group_id(ids::SNAPSHOT_GROUP);
        vec![
            (own, "Storage Blob Data Contributor", id(&account(""))),
            (vault_principal.clone(), "Reader", ids::cluster_id()),
            (vault_principal, "Reader", snapshots.clone()),
            (cluster, "Contributor", snapshots),
        ]
    }

    /// The error of the operation that a call started, after everything due has happened; empty if it succeeded.
    pub(crate) fn verdict(&self, started: &Answer) -> String {
        let address = header(started, "Azure-AsyncOperation");
        self.skip(300.0);
        let body = self.read(&address);
        match body["status"].as_str() {
            Some("Succeeded") => String::new(),
            Some("Failed") => body["error"]["code"].as_str().unwrap_or_default().to_owned(),
            other => format!("{other:?}"),
        }
    }
}

/// A header of an answer, empty where it is missing.
pub(crate) fn header(answer: &Answer, name: &str) -> String {
    let found = answer
        .headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or_else(String::new, |(_, value)| value.clone())
}

/// A target without its query.
pub(crate) fn id(target: &str) -> String {
    target.split('?').next().unwrap_or_default().to_owned()
}
