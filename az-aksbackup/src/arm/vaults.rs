//! Backup vaults and their policies.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{PrincipalId, Region, ResourceId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::marker::Origin;
use crate::arm::{registered, versions};

/// Type of a Backup vault.
pub(crate) const KIND: &str = "Microsoft.DataProtection/backupVaults";

/// A Backup vault.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Vault {
    /// Its region as Azure writes it.
    pub(crate) location: String,
    /// Its own identity, where it has one.
    pub(crate) identity: Option<VaultIdentity>,
    /// Its tags.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// The rest.
    #[serde(default)]
    pub(crate) properties: VaultProperties,
}

/// The identity of a vault.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VaultIdentity {
    /// Principal of the system-assigned identity.
    pub(crate) principal_id: Option<PrincipalId>,
    /// User-assigned identities by their ids.
    #[serde(default)]
    pub(crate) user_assigned_identities: Option<Map<String, Value>>,
}

/// Properties of a vault.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VaultProperties {
    /// Azure's word for what goes on with it.
    pub(crate) provisioning_state: Option<String>,
    /// One for each data store.
    pub(crate) storage_settings: Option<Vec<StorageSetting>>,
    /// Soft delete and immutability.
    pub(crate) security_settings: Option<Value>,
    /// Restores to other regions and subscriptions.
    pub(crate) feature_settings: Option<Value>,
    /// Alerts.
    pub(crate) monitoring_settings: Option<Value>,
    /// Whether a Resource Guard has to permit what reduces protection.
    pub(crate) is_vault_protected_by_resource_guard: Option<bool>,
}

/// The redundancy of one data store.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct StorageSetting {
    /// `LocallyRedundant`, `ZoneRedundant` or `GeoRedundant`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
}

/// What a new vault is made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewVault {
    /// What it is created for.
    pub(crate) origin: Origin,
    /// The policy that it is created with.
    pub(crate) policy: ResourceId,
    /// Its region.
    pub(crate) region: Region,
    /// A user-assigned identity that it gets besides its own.
    pub(crate) identity: Option<ResourceId>,
    /// `LocallyRedundant`, `ZoneRedundant` or `GeoRedundant`.
    pub(crate) redundancy: String,
    /// `On` or `Off`.
    pub(crate) soft_delete: String,
    /// Days that deleted backups are kept.
    pub(crate) soft_delete_days: u32,
    /// Further groups of settings.
    pub(crate) settings: Value,
}

impl Vault {
    /// Principal of its system-assigned identity.
    pub(crate) fn principal(&self) -> Option<&PrincipalId> {
        self.identity.as_ref()?.principal_id.as_ref()
    }

    /// Returns the principal that protects a cluster: that of the user-assigned identity which the target names, else its own.
    pub(crate) fn principal_of(&self, identity: Option<&ResourceId>) -> Option<PrincipalId> {
        match identity {
            Some(id) => self.assigned(id.as_str()),
            None => self.principal().cloned(),
        }
    }

    /// The IDs of its user-assigned identities.
    pub(crate) fn assigned_identities(&self) -> Vec<String> {
        let named = self
            .identity
            .iter()
            .filter_map(|own| own.user_assigned_identities.as_ref());
        named.flat_map(|named| named.keys().cloned()).collect()
    }

    /// The user-assigned identities that it names and that Entra has no principal of any more.
    pub(crate) fn lost_identities(&self) -> Vec<&str> {
        let named = self
            .identity
            .iter()
            .filter_map(|own| own.user_assigned_identities.as_ref());
        let lost = |own: &Value| {
            own.get("principalId")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .is_empty()
        };
        let lost = named.flatten().filter(|(_, own)| lost(own));
        lost.map(|(id, _)| id.as_str()).collect()
    }

    /// The user-assigned identity of this id, and its principal.
    pub(crate) fn assigned(&self, id: &str) -> Option<PrincipalId> {
        let mut named = self.identity.as_ref()?.user_assigned_identities.as_ref()?.iter();
        let (_, own) = named.find(|(own, _)| own.eq_ignore_ascii_case(id))?;
        own.get("principalId")?.as_str()?.parse().ok()
    }

    /// Its immutability: `Disabled`, `Unlocked` or `Locked`.
    pub(crate) fn immutability(&self) -> Option<&str> {
        self.properties
            .security_settings
            .as_ref()?
            .pointer("/immutabilitySettings/state")?
            .as_str()
    }

    /// Returns the state of a feature; `None` where Azure doesn't report it.
    pub(crate) fn feature(&self, settings: &str) -> Option<&str> {
        self.properties.feature_settings.as_ref()?[settings]["state"].as_str()
    }

    /// Returns whether it raises alerts for failed jobs; `None` where Azure doesn't report it.
    pub(crate) fn alerts(&self) -> Option<&str> {
        let settings = self.properties.monitoring_settings.as_ref()?;
        settings["azureMonitorAlertSettings"]["alertsForAllJobFailures"].as_str()
    }

    /// Its redundancy.
    pub(crate) fn redundancy(&self) -> Option<&str> {
        self.properties.storage_settings.as_ref()?.first()?.kind.as_deref()
    }

    /// Days that it keeps what was soft-deleted; Azure writes them as a decimal.
    pub(crate) fn soft_delete_days(&self) -> Option<u32> {
        let settings = self.properties.security_settings.as_ref()?;
        let days = settings.pointer("/softDeleteSettings/retentionDurationInDays")?;
        days.as_f64().map(|days| format!("{days:.0}"))?.parse().ok()
    }

    /// Its soft delete state: `On`, `Off` or `AlwaysOn`.
    pub(crate) fn soft_delete(&self) -> Option<&str> {
        self.properties
            .security_settings
            .as_ref()?
            .pointer("/softDeleteSettings/state")?
            .as_str()
    }
}

/// A vault; `None` where there is none.
pub(crate) async fn vault(reader: &Reader, vault: &ResourceId) -> Outcome<Option<Vault>> {
    registered::or_nothing(reader.get(vault.as_str(), versions::DATA_PROTECTION).await)
}

/// Makes a vault with a system-assigned identity.
pub(crate) async fn put_vault(writer: &Writer, vault: &ResourceId, new: &NewVault) -> Outcome<Answer> {
    let body = vault_body(vault, new);
    writer
        .put(vault.as_str(), versions::BACKUP_VAULT_WRITE, &body, None)
        .await
}

/// The body of a new vault.
pub(crate) fn vault_body(vault: &ResourceId, new: &NewVault) -> Value {
    let mut soft_delete = json!({ "state": new.soft_delete });
    if !new.soft_delete.eq_ignore_ascii_case("Off") {
        soft_delete["retentionDurationInDays"] = json!(new.soft_delete_days);
    }
    let mut body = json!({
        "location": new.region.as_str(),
        "tags": new.origin.of_vault(vault, &new.policy),
        "identity": identity(true, new.identity.iter().map(ResourceId::as_str)),
        "properties": {
            "storageSettings": [{ "datastoreType": "VaultStore", "type": new.redundancy }],
            "securitySettings": { "softDeleteSettings": soft_delete },
        },
    });
    for (group, settings) in new.settings.as_object().into_iter().flatten() {
        for (name, value) in settings.as_object().into_iter().flatten() {
            body["properties"][group][name] = value.clone();
        }
    }
    body
}

/// A vault's `properties`; `None` where there is no such vault.
pub(crate) async fn properties(reader: &Reader, vault: &ResourceId) -> Outcome<Option<Value>> {
    let body = registered::or_nothing(reader.get::<Value>(vault.as_str(), versions::DATA_PROTECTION).await)?;
    Ok(body.map(|mut body| body["properties"].take()))
}

/// Sets these groups of settings and leaves all others as they are.
pub(crate) async fn update(writer: &Writer, vault: &ResourceId, properties: &Value) -> Outcome<Answer> {
    let body = json!({ "properties": properties });
    writer.patch(vault.as_str(), versions::BACKUP_VAULT_WRITE, &body).await
}

/// Sets the identities of a vault: its own, where it is `system`, and user-assigned ones. Azure removes those that a request leaves out, and
/// with them the access of every backup instance that uses them, so that `assigned` has all of them.
pub(crate) async fn set_identities(
    writer: &Writer,
    vault: &ResourceId,
    (system, assigned): (bool, &[String]),
) -> Outcome<Answer> {
    let body = json!({ "identity": identity(system, assigned.iter().map(String::as_str)) });
    writer.patch(vault.as_str(), versions::BACKUP_VAULT_WRITE, &body).await
}

/// The identities of a vault as a request has them.
fn identity<'a>(system: bool, assigned: impl Iterator<Item = &'a str>) -> Value {
    let all: Map<String, Value> = assigned.map(|id| (id.to_owned(), json!({}))).collect();
    match (system, all.is_empty()) {
        (_, true) => json!({ "type": "SystemAssigned" }),
        (true, false) => json!({ "type": "SystemAssigned,UserAssigned", "userAssignedIdentities": all }),
        (false, false) => json!({ "type": "UserAssigned", "userAssignedIdentities": all }),
    }
}

/// A policy's `properties`; `None` where there is no such policy, or no vault.
pub(crate) async fn policy(reader: &Reader, policy: &ResourceId) -> Outcome<Option<Value>> {
    let body = registered::or_nothing(reader.get::<Value>(policy.as_str(), versions::DATA_PROTECTION).await)?;
    Ok(body.map(|mut body| body["properties"].take()))
}

/// Makes a policy from its `properties`. Azure does not let one for AKS be changed later.
pub(crate) async fn put_policy(writer: &Writer, policy: &ResourceId, properties: &Value) -> Outcome<Answer> {
    let body = json!({ "properties": properties });
    writer
        .put(policy.as_str(), versions::DATA_PROTECTION, &body, None)
        .await
}

/// Deletes a policy, which no backup instance uses.
pub(crate) async fn delete_policy(writer: &Writer, policy: &ResourceId) -> Outcome<Answer> {
    writer.delete(policy.as_str(), versions::DATA_PROTECTION).await
}

/// Deletes a vault. From api-version 2025-09-01 on Azure would move a vault with soft-deleted backups to the deleted vaults; an older
/// version refuses: <https://learn.microsoft.com/azure/backup/secure-by-default>.
pub(crate) async fn delete_vault(writer: &Writer, vault: &ResourceId) -> Outcome<Answer> {
    writer.delete(vault.as_str(), versions::BACKUP_VAULT_WRITE).await
}
