//! What Azure has of the set-up, as bodies that could be sent to create it again.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{State, Target};
use futures::future::join_all;
use serde_json::{Map, Value, json};

use super::grants::Grants;
use super::secrets;
use crate::arm::client::Reader;
use crate::arm::marker::Origin;
use crate::arm::vaults::NewVault;
use crate::arm::{extensions, groups, identities, registered, roles, storage, trusted_access, vaults, versions};
use crate::checks::extension_settings::Settings;
use crate::checks::instance_body;
use crate::target_ids;

/// A resource of the set-up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// Its ID.
    pub(super) id: ResourceId,
    /// The api-version of its body.
    pub(super) version: &'static str,
    /// What a PUT would send.
    pub(super) body: Value,
}

impl Item {
    /// Whether backups are lost with it, or more than what is in the export.
    pub(super) fn holds_data(&self) -> bool {
        let kind = self.id.kind();
        let kept = [
            storage::KIND,
            vaults::KIND,
            "Microsoft.Storage/storageAccounts/blobServices/containers",
            "Microsoft.DataProtection/backupVaults/backupInstances",
        ];
        kind.is_empty() || kept.iter().any(|own| own.eq_ignore_ascii_case(&kind))
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is exported, each after what it needs.
    pub(super) items: Vec<Item>,
    /// What isn't, and why.
    pub(super) left_out: Vec<(String, &'static str)>,
}

/// A resource that the set-up can have.
struct Wanted {
    id: ResourceId,
    version: &'static str,
    /// The body that creates it. Each member is taken as Azure has it; null stands for one that the programs don't send.
    shape: Value,
    created: bool,
}

/// Reads every resource of the set-up. A resource that was found, and not created, belongs to others: it is left out.
///
/// # Errors
/// As the reads: an export without a resource that can't be read would be wrong.
pub(super) async fn collect(reader: &Reader, state: &State, target: &Target) -> Outcome<Found> {
    let wanted = wanted(state, target);
    let reads = wanted
        .iter()
        .map(|own| reader.get::<Value>(own.id.as_str(), own.version));
    let mut found = Found::default();
    let reads = join_all(reads).await;
    let grants = match wanted.iter().any(|own| own.created && Grants::judges(&own.id)) {
        true => Some(Grants::read(reader, state, target).await?),
        false => None,
    };
    for (own, read) in wanted.iter().zip(reads) {
        let (id, live) = (own.id.to_string(), registered::or_nothing(read)?);
        let Some(live) = live else {
            found.left_out.push((id, "it doesn't exist"));
            continue;
        };
        if !own.created {
            found.left_out.push((id, "aksbackup didn't create it"));
            continue;
        }
        if let Some(why) = grants.as_ref().and_then(|grants| grants.refuse(target, &own.id, &live)) {
            found.left_out.push((id, why));
            continue;
        }
        let mut body = body(own, &live);
        secrets::without(&mut body, &id, &mut found.left_out);
        match secrets::has_one(&body) {
            true => found.left_out.push((id, "it contains a text that looks like a secret")),
            false => found.items.push(Item {
                id: own.id.clone(),
                version: own.version,
                body,
            }),
        }
    }
    Ok(found)
}

fn wanted(state: &State, target: &Target) -> Vec<Wanted> {
    let created: Vec<ResourceId> = state
        .cloud
        .created
        .iter()
        .filter_map(|own| own.object.parse().ok())
        .collect();
    let mut all: Vec<Wanted> = Vec::new();
    let mut add = |id: ResourceId, version, shape| {
        if all.iter().all(|own| own.id != id) {
            let created = created.contains(&id);
            all.push(Wanted {
                id,
                version,
                shape,
                created,
            });
        }
    };
    let own = |kind: &str, scopes: &[&ResourceId]| -> Vec<ResourceId> {
        let within = |id: &ResourceId| scopes.iter().any(|scope| id.is_within(scope.as_str()));
        created
            .iter()
            .filter(|id| id.is_kind(kind) && within(id))
            .cloned()
            .collect()
    };
    let (account, vault) = (target_ids::account(target), target_ids::vault(target));
    let (snapshots, origin) = (target_ids::snapshot_group(target), Origin::of(target));
    for group in [
        account.resource_group_id(),
        vault.resource_group_id(),
        snapshots.clone(),
    ] {
        let shape = groups::body(&group, &target.region, &origin);
        add(group, versions::RESOURCES, shape);
    }
    let mut shape = storage::account_body(&account, (&target.region, &target.storage.sku), &origin);
    shape["properties"]["networkAcls"] = Value::Null;
    shape["properties"]["publicNetworkAccess"] = Value::Null;
    add(account.clone(), versions::STORAGE, shape);
    add(
        target_ids::container(target),
        versions::STORAGE,
        storage::container_body(),
    );
    add(vault.clone(), versions::BACKUP_VAULT_WRITE, of_vault(&vault, target));
    let rules = json!({ "objectType": null, "datasourceTypes": null, "policyRules": null });
    add(
        target_ids::policy(target),
        versions::DATA_PROTECTION,
        json!({ "properties": rules }),
    );
    let mut shape = extensions::body(&Settings::default());
    shape["properties"]["configurationSettings"] = Value::Null;
    shape["properties"]["version"] = Value::Null;
    add(target_ids::extension(target), versions::EXTENSIONS, shape);
    if let Some(identity) = &state.cloud.identity {
        for id in own(
            &format!("{}/federatedIdentityCredentials", identities::KIND),
            &[&identity.identity],
        ) {
            add(id, versions::MANAGED_IDENTITY, identities::credential_body("", ""));
        }
    }
    let binding = "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings";
    for id in own(binding, &[&target.cluster]) {
        add(id, versions::MANAGED_CLUSTERS, trusted_access::body("", &[]));
    }
    for id in own(
        "Microsoft.Authorization/roleAssignments",
        &[&target.cluster, &account, &snapshots],
    ) {
        add(id, versions::AUTHORIZATION, roles::body("", ""));
    }
    add(target_ids::instance(target), versions::DATA_PROTECTION, Value::Null);
    all
}

fn of_vault(vault: &ResourceId, target: &Target) -> Value {
    let new = NewVault {
        settings: Value::Null,
        identity: None,
        origin: Origin::of(target),
        policy: target_ids::policy(target),
        region: target.region.clone(),
        redundancy: target.vault.redundancy.clone(),
        soft_delete: target.vault.soft_delete.clone(),
        soft_delete_days: target.vault.soft_delete_days,
    };
    let mut shape = vaults::vault_body(vault, &new);
    shape["identity"] = Value::Null;
    // What was changed since, and what a deployment without it could set back.
    shape["properties"]["securitySettings"]["immutabilitySettings"] = Value::Null;
    shape["properties"]["featureSettings"] = Value::Null;
    shape["properties"]["monitoringSettings"] = Value::Null;
    shape
}

/// The body of a resource as Azure has it.
fn body(own: &Wanted, live: &Value) -> Value {
    if own.shape.is_null() {
        return instance_body::returned(live);
    }
    let mut shape = own.shape.clone();
    if !shape["tags"].is_null() {
        shape["tags"] = Value::Null;
    }
    let mut body = taken(&shape, live);
    instance_body::drop_nulls(&mut body);
    if let Some(identity) = body.get_mut("identity") {
        *identity = sendable(identity);
    }
    let properties = &mut body["properties"];
    if let Some(rules) = properties.get_mut("policyRules") {
        without_tag_ids(rules);
    }
    if properties["autoUpgradeMinorVersion"] == json!(true) {
        remove(properties, "version");
    }
    if properties.is_null() {
        remove(&mut body, "properties");
    }
    body
}

fn remove(value: &mut Value, name: &str) {
    if let Some(members) = value.as_object_mut() {
        members.remove(name);
    }
}

/// What `shape` has, as `live` has it; what Azure doesn't show is taken from `shape`.
fn taken(shape: &Value, live: &Value) -> Value {
    match (shape, live) {
        (_, Value::Null) => shape.clone(),
        (Value::Object(shape), Value::Object(live)) => {
            let members = shape.iter().map(|(name, own)| {
                let live = live.get(name).unwrap_or(&Value::Null);
                (name.clone(), taken(own, live))
            });
            Value::Object(members.collect())
        }
        (Value::Array(shape), Value::Array(live)) => match shape.first() {
            Some(shape) => live.iter().map(|own| taken(shape, own)).collect(),
            None => Value::Array(live.clone()),
        },
        (_, live) => live.clone(),
    }
}

/// An identity block without what only Azure writes.
fn sendable(live: &Value) -> Value {
    let mut own = json!({ "type": live["type"] });
    if let Some(named) = live.get("userAssignedIdentities").and_then(Value::as_object) {
        let named: Map<String, Value> = named.keys().map(|id| (id.clone(), json!({}))).collect();
        if !named.is_empty() {
            own["userAssignedIdentities"] = Value::Object(named);
        }
    }
    own
}

/// Removes ID and ETag of each retention tag, which only Azure writes.
fn without_tag_ids(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Object(tag)) = members.get_mut("tagInfo") {
                tag.retain(|name, _| same(name, "tagName"));
            }
            members.values_mut().for_each(without_tag_ids);
        }
        Value::Array(items) => items.iter_mut().for_each(without_tag_ids),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::state;

    #[test]
    fn a_member_is_taken_as_azure_has_it_and_read_only_ones_are_left_out() {
        let shape = json!({ "sku": { "name": "a" }, "kind": "K", "list": [{ "x": 1 }], "free": null, "none": null });
        let live = json!({ "sku": { "name": "b", "tier": "T" }, "list": [{ "x": 2, "state": "s" }, { "x": 3 }],
            "free": { "any": true }, "id": "/x" });
        assert_eq!(
            taken(&shape, &live),
            json!({ "sku": { "name": "b" }, "kind": "K", "list": [{ "x": 2 }, { "x": 3 }],
                "free": { "any": true }, "none": null })
        );
    }

    fn exported(at: usize, live: &Value) -> Value {
        let state = state();
        let all = wanted(&state, state.target.as_ref().unwrap());
        body(&all[at], live)
    }

    #[test]
    fn a_vault_keeps_what_was_changed_and_loses_principals() {
        let body = exported(
            4,
            &json!({
            "location": "westeurope", "tags": { "team": "shop" },
            "identity": { "type": "SystemAssigned,UserAssigned", "principalId": "p", "tenantId": "t",
                "userAssignedIdentities": { "/i": { "principalId": "q" } } },
            "properties": { "provisioningState": "Succeeded", "securitySettings": {
                "softDeleteSettings": { "state": "AlwaysOn", "retentionDurationInDays": 30.0 },
                "immutabilitySettings": { "state": "Unlocked" } } } }),
        );
        assert_eq!(body["tags"], json!({ "team": "shop" }));
        assert_eq!(
            body["identity"],
            json!({ "type": "SystemAssigned,UserAssigned", "userAssignedIdentities": { "/i": {} } })
        );
        let settings = &body["properties"]["securitySettings"];
        assert_eq!(settings["softDeleteSettings"]["state"], "AlwaysOn");
        assert_eq!(settings["immutabilitySettings"]["state"], "Unlocked");
        assert!(body["properties"].get("provisioningState").is_none());
    }

    #[test]
    fn an_extension_that_is_upgraded_has_no_version() {
        let settings = json!({ "credentials.tenantId": "t", "other": null });
        let body = exported(
            6,
            &json!({ "properties": {
            "autoUpgradeMinorVersion": true, "version": "1.2.3", "configurationSettings": settings } }),
        );
        assert_eq!(
            body["properties"]["configurationSettings"],
            json!({ "credentials.tenantId": "t" })
        );
        assert!(body["properties"].get("version").is_none());
    }

    #[test]
    fn a_retention_tag_keeps_its_name_only() {
        let body = exported(
            5,
            &json!({ "properties": { "policyRules": [{ "trigger": { "taggingCriteria": [
            { "tagInfo": { "tagName": "Default", "id": "Default_", "eTag": "e" } }] } }] } }),
        );
        let tag = &body["properties"]["policyRules"][0]["trigger"]["taggingCriteria"][0]["tagInfo"];
        assert_eq!(*tag, json!({ "tagName": "Default" }));
    }
}
