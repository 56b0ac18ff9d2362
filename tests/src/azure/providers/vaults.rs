//! Backup vaults.

use serde_json::{Value, json};

use super::guards;
use super::vault_operations::asynchronous;
use crate::azure::answer::{Answer, Outcome, missing, not_found};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::world::{World, text};

/// Type of a vault.
pub(crate) const KIND: &str = "Microsoft.DataProtection/backupVaults";
const READ: &str = "Microsoft.DataProtection/backupVaults/read";
const WRITE: &str = "Microsoft.DataProtection/backupVaults/write";
const ONE: &str = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}|/providers/Microsoft.DataProtection/backupVaults",
        READ,
        list,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}|/providers/Microsoft.DataProtection/backupVaults",
        READ,
        list,
    ),
    Route::new("GET", ONE, READ, get),
    Route::new("PUT", ONE, WRITE, put),
    Route::new("PATCH", ONE, WRITE, patch),
    Route::new("DELETE", ONE, "Microsoft.DataProtection/backupVaults/delete", delete),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}|/providers/Microsoft.DataProtection/locations/{l}/checkNameAvailability",
        "Microsoft.DataProtection/locations/checkNameAvailability/action",
        check_name,
    ),
];

/// The id of the vault in a call's path, spelt as asked.
pub(crate) fn id(call: &Call) -> String {
    format!("{}/providers/{KIND}/{}", call.group_id(), call.get("v"))
}

/// The vault in a call's path, or 404.
pub(crate) fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Value, Answer> {
    world
        .get(&id(call))
        .ok_or_else(|| not_found(KIND, call.get("v"), call.get("g")))
}

/// The provider answers with `Backupvaults` where it was asked for `backupVaults`.
pub(crate) fn spelt(body: &Value) -> Value {
    let mut body = body.clone();
    for name in ["id", "type"] {
        body[name] = json!(text(&body, &format!("/{name}")).replace("/backupVaults", "/Backupvaults"));
    }
    body
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let scope = call.captures.scope.clone();
    let items = world.list(&scope, KIND).into_iter().map(spelt).collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(spelt(find(world, call)?)))
}

fn check_name(world: &mut World, call: &Call) -> Outcome {
    let vault = format!("{}/providers/{KIND}/{}", call.group_id(), call.text("/name"));
    if world.get(&vault).is_none() {
        return Ok(Answer::ok(
            json!({ "nameAvailable": true, "reason": "", "message": "" }),
        ));
    }
    let message = format!("The name '{}' is in use already.", call.text("/name"));
    Ok(Answer::ok(
        json!({ "nameAvailable": false, "reason": "AlreadyExists", "message": message }),
    ))
}

fn name_fits(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    first && (2..=50).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The identity that a request leaves: a kind that its `type` does not name is removed, and so is every user-assigned one
/// that its map does not name. What stays keeps its principal.
fn identity(world: &World, sent: &Value, old: &Value) -> Value {
    let wanted = text(sent, "/type").to_ascii_lowercase();
    let (system, assigned) = (wanted.contains("systemassigned"), wanted.contains("userassigned"));
    let kind = match (system, assigned) {
        (false, false) => return Value::Null,
        (true, false) => "SystemAssigned",
        (false, true) => "UserAssigned",
        (true, true) => "SystemAssigned,UserAssigned",
    };
    let mut identity = json!({ "type": kind });
    if system {
        let had = text(old, "/principalId");
        let principal = if had.is_empty() { ids::fresh() } else { had.to_owned() };
        identity["principalId"] = json!(principal);
        identity["tenantId"] = json!(ids::TENANT);
    }
    if assigned {
        let mut kept = serde_json::Map::new();
        for id in sent["userAssignedIdentities"]
            .as_object()
            .into_iter()
            .flat_map(|own| own.keys())
        {
            let had = old["userAssignedIdentities"].as_object().into_iter().flatten();
            let had = had
                .filter(|(own, _)| own.eq_ignore_ascii_case(id))
                .map(|(_, own)| own.clone())
                .next();
            // That of the identity itself; of one outside of this world, nothing else is known.
            let new = || match world.get(id) {
                Some(own) => json!({
                    "principalId": own["properties"]["principalId"], "clientId": own["properties"]["clientId"],
                }),
                None => json!({ "principalId": ids::fresh(), "clientId": ids::fresh() }),
            };
            kept.insert(id.clone(), had.unwrap_or_else(new));
        }
        identity["userAssignedIdentities"] = kept.into();
    }
    identity
}

fn put(world: &mut World, call: &Call) -> Outcome {
    if call.text("/location").is_empty() {
        return Err(missing("location"));
    }
    if !call.body["properties"]["storageSettings"].is_array() {
        return Err(missing("properties.storageSettings"));
    }
    if !name_fits(call.get("v")) {
        let message = format!("The vault name '{}' is invalid.", call.get("v"));
        return Err(Answer::error(400, "BMSUserErrorInvalidInput", &message));
    }
    let old = world.get(&id(call)).cloned();
    let created = old.is_none();
    let mut body = new(world, call, old.as_ref().unwrap_or(&Value::Null));
    soft_delete(call, &mut body);
    let delay = world.settings.durations.principal_replication;
    world.put(body.clone(), delay);
    Ok(provision(
        world,
        call,
        Answer::new(if created { 201 } else { 200 }, spelt(&body)),
    ))
}

fn new(world: &World, call: &Call, old: &Value) -> Value {
    let mut properties = call.body["properties"].clone();
    if let Some(properties) = properties.as_object_mut() {
        properties
            .retain(|name, value| !value.is_null() && !matches!(name.as_str(), "provisioningState" | "secureScore"));
    }
    properties["provisioningState"] = json!("Provisioning");
    properties["secureScore"] = json!("Adequate");
    properties["bcdrSecurityLevel"] = json!("Fair");
    properties["isVaultProtectedByResourceGuard"] = json!(false);
    properties["replicatedRegions"] = json!([]);
    let mut body = json!({
        "id": id(call), "name": call.get("v"), "type": KIND,
        "location": call.text("/location").replace(' ', "").to_ascii_lowercase(), "properties": properties,
    });
    if call.body["tags"].is_object() {
        body["tags"] = call.body["tags"].clone();
    }
    let identity = identity(world, &call.body["identity"], &old["identity"]);
    if !identity.is_null() {
        body["identity"] = identity;
    }
    body
}

/// From 2025-09-01 on soft delete is always on, which cannot be undone; before, it is On unless the request says Off.
fn soft_delete(call: &Call, body: &mut Value) {
    let settings = &mut body["properties"]["securitySettings"]["softDeleteSettings"];
    if settings["state"].is_null() {
        settings["state"] = json!("On");
        settings["retentionDurationInDays"] = json!(14.0);
    }
    if call.version() >= "2025-09-01" {
        settings["state"] = json!("AlwaysOn");
    }
}

fn provision(world: &mut World, call: &Call, answer: Answer) -> Answer {
    let (key, seconds) = (id(call), world.settings.durations.vault_create);
    let operation = world.start(&key.clone(), "vault", None, seconds, move |world, _| {
        world.set_state(&key, "Succeeded");
        End::default()
    });
    let vault = text(answer.body.as_ref().unwrap_or(&Value::Null), "/id").to_owned();
    let vault = if vault.is_empty() { id(call) } else { vault };
    asynchronous(world, call, &vault, &operation, answer)
}

fn patch(world: &mut World, call: &Call) -> Outcome {
    let mut body = find(world, call)?.clone();
    if call.body["identity"].is_object() {
        let identity = identity(world, &call.body["identity"], &body["identity"]);
        body["identity"] = identity;
    }
    if call.body["tags"].is_object() {
        body["tags"] = call.body["tags"].clone();
    }
    let before = body["properties"].clone();
    for (name, value) in call.body["properties"].as_object().into_iter().flatten() {
        // Whether Azure merges the members of a group is unverified: what a request leaves out is gone here.
        body["properties"][name] = value.clone();
    }
    if let Some(properties) = body["properties"].as_object_mut() {
        properties.remove("resourceGuardOperationRequests");
    }
    reversible(&before, &body["properties"])?;
    guards::reducible(world, call, &id(call), (&before, &body["properties"]))?;
    body["properties"]["provisioningState"] = json!("Updating");
    world.put(body.clone(), 0.0);
    Ok(provision(world, call, Answer::ok(spelt(&body))))
}

/// What Azure documents as irreversible stays, and restores to the paired region take a vault with geo-redundant storage:
/// <https://learn.microsoft.com/azure/backup/create-manage-backup-vault>. The codes but that of soft delete are unverified.
fn reversible(before: &Value, after: &Value) -> Result<(), Answer> {
    let refused = |code: &str, message: &str| Err(Answer::error(400, code, message));
    let stays = |pointer: &str, word: &str| text(before, pointer) == word && text(after, pointer) != word;
    if stays("/securitySettings/softDeleteSettings/state", "AlwaysOn") {
        let message = "Disabling soft delete state is not allowed.";
        return refused("BMSUserErrorDisablingSoftDeleteStateNotAllowed", message);
    }
    if stays("/securitySettings/immutabilitySettings/state", "Locked") {
        let message = "The immutability of the vault is locked and cannot be changed.";
        return refused("BMSUserErrorInvalidInput", message);
    }
    let region = "/featureSettings/crossRegionRestoreSettings/state";
    if stays(region, "Enabled") {
        return refused("BMSUserErrorInvalidInput", "Cross region restore cannot be disabled.");
    }
    if text(after, region) == "Enabled" && text(after, "/storageSettings/0/type") != "GeoRedundant" {
        let message = "Cross region restore needs a vault with geo-redundant storage.";
        return refused("BMSUserErrorInvalidInput", message);
    }
    let subscription = "/featureSettings/crossSubscriptionRestoreSettings/state";
    if stays(subscription, "PermanentlyDisabled") {
        let message = "Cross subscription restore is permanently disabled.";
        return refused("BMSUserErrorInvalidInput", message);
    }
    Ok(())
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let Ok(vault) = find(world, call).map(|vault| text(vault, "/id").to_owned()) else {
        return Ok(Answer::empty(204));
    };
    if !world
        .list(&vault, "Microsoft.DataProtection/backupVaults/backupInstances")
        .is_empty()
    {
        let message = "The vault cannot be deleted: it has backup instances.";
        return Err(Answer::error(400, "BMSUserErrorVaultHasBackupInstances", message));
    }
    // "Cannot delete the Backup vault as there are existing backup instances or backup policies in the vault." The code is unverified:
    // https://learn.microsoft.com/azure/backup/create-manage-backup-vault
    if !world
        .list(&vault, "Microsoft.DataProtection/backupVaults/backupPolicies")
        .is_empty()
    {
        let message =
            "Cannot delete the Backup vault as there are existing backup instances or backup policies in the vault.";
        return Err(Answer::error(400, "BMSUserErrorVaultHasBackupPolicies", message));
    }
    // Below 2025-09-01 soft-deleted instances keep it as well; from then on it is deleted softly with them:
    // https://learn.microsoft.com/azure/backup/secure-by-default
    let soft = !world.list(&vault, super::instances::DELETED).is_empty();
    if soft && call.version() < "2025-09-01" {
        let message = "The vault cannot be deleted: it has soft-deleted backup instances.";
        return Err(Answer::error(400, "BMSUserErrorVaultHasSoftDeletedInstances", message));
    }
    world.remove(&vault);
    Ok(Answer::empty(200))
}
