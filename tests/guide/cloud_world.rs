//! A cluster that is protected, and what somebody changes about it by hand.

use aksbackup_shared::diagnosis::catalogue::Catalogue;
use aksbackup_tests::azure::{Azure, Memory, ids};
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::remedies::{carry_out, printed, promises};
use serde_json::{Value, json};

use crate::part::PARTS;

pub(crate) const BLOBS: &str = "Storage Blob Data Contributor";

/// A whole hand-off, to which every change is taken back.
pub(crate) struct Protected {
    pub(crate) stage: Stage,
    memory: Memory,
    file: String,
}

impl Protected {
    /// The hand-off with its first backup.
    pub(crate) fn new() -> Self {
        // Only previews of the definitions know of the restriction of the metadata service.
        let stage = Stage::new().unwrap().accepting("podLinkLocalAccess");
        stage.init("platform").ok();
        for part in PARTS {
            part.run(&stage).ok();
        }
        let (memory, file) = (stage.sandbox.azure().remember(), stage.state_text());
        Self { stage, memory, file }
    }

    /// Everything as it was.
    pub(crate) fn recall(&self) {
        self.azure().recall(&self.memory);
        std::fs::write(self.stage.state(), &self.file).unwrap();
    }

    pub(crate) fn azure(&self) -> &Azure {
        self.stage.sandbox.azure()
    }

    pub(crate) fn set(&self, switch: &str) {
        self.stage.sandbox.set(switch).unwrap();
    }

    /// Sets a member of a resource.
    pub(crate) fn change(&self, id: &str, pointer: &str, value: Value) {
        assert!(self.azure().change(id, pointer, value), "there is no {id}");
    }

    /// Sets a member of the cluster's properties.
    pub(crate) fn cluster(&self, pointer: &str, value: Value) {
        self.change(&ids::cluster_id(), &format!("/properties{pointer}"), value);
    }

    /// Sets a setting of the extension.
    pub(crate) fn setting(&self, key: &str, value: &str) {
        let id = self.extension();
        let mut settings = self.azure().resource(&id).unwrap()["properties"]["configurationSettings"].clone();
        settings[key] = json!(value);
        self.change(&id, "/properties/configurationSettings", settings);
    }

    pub(crate) fn account(&self) -> String {
        let group = ids::group_id(&self.stage.value("/target/storage/resource_group"));
        let name = self.stage.value("/target/storage/account");
        format!("{group}/providers/Microsoft.Storage/storageAccounts/{name}")
    }

    pub(crate) fn container(&self) -> String {
        let name = self.stage.value("/target/storage/container");
        format!("{}/blobServices/default/containers/{name}", self.account())
    }

    pub(crate) fn snapshots() -> String {
        ids::group_id(ids::SNAPSHOT_GROUP)
    }

    pub(crate) fn extension(&self) -> String {
        self.stage.value("/cloud/extension/extension")
    }

    pub(crate) fn identity(&self) -> String {
        self.stage.value("/cloud/identity/identity")
    }

    pub(crate) fn vault(&self) -> String {
        self.stage.value("/cloud/vault/vault")
    }

    pub(crate) fn policy(&self) -> String {
        self.stage.value("/cloud/vault/policy")
    }

    pub(crate) fn instance(&self) -> String {
        self.stage.value("/cloud/instance/instance")
    }

    pub(crate) fn binding(&self) -> String {
        self.stage.value("/cloud/trusted_access/binding")
    }

    /// The principal of the extension's identity.
    pub(crate) fn principal(&self) -> String {
        self.stage.value("/cloud/identity/principal")
    }

    pub(crate) fn vault_principal(&self) -> String {
        self.stage.value("/cloud/vault/principal")
    }

    pub(crate) fn cluster_principal(&self) -> String {
        self.stage.value("/cloud/prerequisites/cluster_principal")
    }

    /// The federated credentials, as Azure has them.
    pub(crate) fn credentials(&self) -> Vec<Value> {
        let all = self
            .azure()
            .resources("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials");
        let own = self.identity().to_ascii_lowercase();
        let of_extension = |credential: &Value| text(credential, "/id").to_ascii_lowercase().starts_with(&own);
        all.into_iter().filter(of_extension).collect()
    }

    /// Changes every federated credential.
    pub(crate) fn each_credential(&self, pointer: &str, value: impl Fn(&str) -> Value) {
        for own in self.credentials() {
            self.change(text(&own, "/id"), pointer, value(text(&own, pointer)));
        }
    }

    /// Takes every federated credential away.
    pub(crate) fn drop_credentials(&self) {
        for own in self.credentials() {
            self.azure().remove(text(&own, "/id"));
        }
    }

    /// Takes a role away.
    pub(crate) fn unassign(&self, principal: &str, role: &str, scope: &str) {
        assert_eq!(self.azure().unassign(principal, role, scope), 1, "{role} on {scope}");
    }

    pub(crate) fn assign(&self, principal: &str, role: &str, scope: &str) {
        self.azure().assign(principal, role, scope).unwrap();
    }

    /// The last backup job.
    pub(crate) fn job(&self) -> String {
        let all = self
            .azure()
            .resources("Microsoft.DataProtection/backupVaults/backupJobs");
        text(all.last().unwrap(), "/id").to_owned()
    }

    /// Runs what the first finding of `document`, a result of `doctor`, prints, and returns what is wrong if the failure `id` is
    /// still there afterwards.
    pub(crate) fn unfixed(&self, id: &str, document: &Value) -> Option<String> {
        if untried(id) {
            return None;
        }
        match carry_out(&self.stage, &document["findings"][0], promised(id)) {
            Err(why) => return Some(format!("{id}: its fix fails: {why}")),
            Ok(false) => return None,
            Ok(true) => {}
        }
        let after = self.examined("doctor").json();
        if std::env::var_os("AKSBACKUP_TELL").is_some() {
            println!("{id}: then {:?}", found(&after));
        }
        let is_there = found(&after).iter().chain(&proven(&after)).any(|own| own == id);
        is_there.then(|| format!("{id}: is still there after {:?}", printed(&document["findings"][0])))
    }

    /// `verify` or `doctor` as a person who reads everything.
    pub(crate) fn examined(&self, command: &str) -> Run {
        self.stage.az("reader", &[command, "-o", "json"])
    }
}

/// Whether the list of fixes that no test runs has the failure `id`.
fn untried(id: &str) -> bool {
    include_str!("../doctor/untried.toml").contains(&format!("\"{id}\""))
}

/// Whether the catalog has a command of ours that fixes the failure `id`.
fn promised(id: &str) -> bool {
    Catalogue::get()
        .row(id)
        .is_some_and(|row| promises(&json!({ "remedy": row.remedy, "fix": row.fix })))
}

/// A text of a document, empty where it is missing.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The ids of failures that a document of `verify` proves, in its order.
pub(crate) fn proven(document: &Value) -> Vec<String> {
    let checks = document["checks"].as_array().unwrap();
    checks
        .iter()
        .filter_map(|own| own["failure"].as_str().map(str::to_owned))
        .collect()
}

/// The ids of a document's findings, in its order.
pub(crate) fn found(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap();
    findings.iter().map(|own| text(own, "/id").to_owned()).collect()
}
