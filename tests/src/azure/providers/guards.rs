//! A vault's connection to a Resource Guard, and what it protects.
//!
//! Azure compares the requests that a body names with the guard's list, and whether the account has a role on the guard:
//! <https://learn.microsoft.com/azure/backup/multi-user-authorization>. The guard itself belongs to another team; here it is one resource.

use serde_json::{Value, json};

use super::vaults::{find, id};
use crate::azure::answer::{Answer, Outcome, missing, not_found};
use crate::azure::call::{Call, Route};
use crate::azure::world::{World, stamp, text};

const KIND: &str = "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies";
const READ: &str = "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/read";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/backupResourceGuardProxies",
        READ,
        list,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/backupResourceGuardProxies/{p}",
        READ,
        get,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.DataProtection/backupVaults/{v}|/backupResourceGuardProxies/{p}/unlockDelete",
        "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/unlockDelete/action",
        unlock,
    ),
];

fn list(world: &mut World, call: &Call) -> Outcome {
    let vault = text(find(world, call)?, "/id").to_owned();
    let items = world.list(&vault, KIND).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let proxy = world.get(&format!("{}/backupResourceGuardProxies/{}", id(call), call.get("p")));
    proxy
        .cloned()
        .map(Answer::ok)
        .ok_or_else(|| not_found(KIND, call.get("p"), call.get("g")))
}

/// Lets an instance be deleted.
fn unlock(world: &mut World, call: &Call) -> Outcome {
    let instance = call.text("/resourceToBeDeleted").to_ascii_lowercase();
    if instance.is_empty() {
        return Err(missing("resourceToBeDeleted"));
    }
    let vault = text(find(world, call)?, "/id").to_owned();
    permitted(world, call, &vault, ("deleteBackupInstanceRequests", &call.body))?;
    world.unlocked.insert(instance);
    Ok(Answer::ok(json!({ "unlockDeleteExpiryTime": stamp() })))
}

/// Whether the Resource Guard of a vault lets the operation of this kind through.
pub(super) fn permitted(world: &World, call: &Call, vault: &str, (kind, body): (&str, &Value)) -> Result<(), Answer> {
    let Some(guard) = protecting(world, vault, kind) else {
        return Ok(());
    };
    let named = body["resourceGuardOperationRequests"].as_array().into_iter().flatten();
    let part = format!("/{kind}/").to_ascii_lowercase();
    let mut named = named.filter_map(Value::as_str).map(str::to_ascii_lowercase);
    if !named.any(|own| own.starts_with(&guard.to_ascii_lowercase()) && own.contains(&part)) {
        return Err(refused());
    }
    world.authorize(
        &call.caller,
        "Microsoft.DataProtection/resourceGuards/write",
        &guard,
        &guard,
    )
}

/// Whether the Resource Guard lets settings through that protect less. No source names the kind of request: any but the known ones is taken.
pub(super) fn reducible(
    world: &World,
    call: &Call,
    vault: &str,
    (before, after): (&Value, &Value),
) -> Result<(), Answer> {
    let is = |body: &Value, pointer: &str, word: &str| text(body, pointer) == word;
    let soft = "/securitySettings/softDeleteSettings/state";
    let immutable = "/securitySettings/immutabilitySettings/state";
    let less = is(before, soft, "On") && is(after, soft, "Off")
        || is(before, immutable, "Unlocked") && !is(after, immutable, "Unlocked") && !is(after, immutable, "Locked");
    let guarded = before["isVaultProtectedByResourceGuard"] == json!(true);
    let proxy = world.list(vault, KIND).into_iter().next().cloned();
    let Some(proxy) = proxy.filter(|_| less && guarded) else {
        return Ok(());
    };
    let details = proxy["properties"]["resourceGuardOperationDetails"]
        .as_array()
        .into_iter()
        .flatten();
    let listed = details.map(|own| text(own, "/defaultResourceRequest").to_ascii_lowercase());
    let about: Vec<String> = listed
        .filter(|own| {
            !["backup", "policy", "protection", "proxy", "restore"]
                .iter()
                .any(|part| kind_of(own).contains(part))
        })
        .collect();
    if about.is_empty() {
        return Ok(());
    }
    let named = call.body["properties"]["resourceGuardOperationRequests"]
        .as_array()
        .into_iter()
        .flatten();
    let mut named = named.filter_map(Value::as_str).map(str::to_ascii_lowercase);
    match named.any(|own| about.contains(&own)) {
        true => Ok(()),
        false => Err(refused()),
    }
}

/// Whether an instance was unlocked, or needn't be.
pub(super) fn deletable(world: &World, vault: &str, instance: &str) -> Result<(), Answer> {
    let guarded = protecting(world, vault, "deleteBackupInstanceRequests").is_some();
    match guarded && !world.unlocked.contains(&instance.to_ascii_lowercase()) {
        true => Err(refused()),
        false => Ok(()),
    }
}

/// The Resource Guard, if it protects this kind of operation.
fn protecting(world: &World, vault: &str, kind: &str) -> Option<String> {
    let own = world.get(vault)?;
    if own["properties"]["isVaultProtectedByResourceGuard"] != json!(true) {
        return None;
    }
    let proxy = world.list(vault, KIND).into_iter().next()?.clone();
    let details = proxy["properties"]["resourceGuardOperationDetails"].as_array().cloned();
    let protects = |own: &Value| text(own, "/defaultResourceRequest").contains(&format!("/{kind}/"));
    let protects = details.is_some_and(|all| all.iter().any(protects));
    protects.then(|| text(&proxy, "/properties/resourceGuardResourceId").to_owned())
}

/// The kind of request that an ID names.
fn kind_of(request: &str) -> &str {
    request.rsplit('/').nth(1).unwrap_or_default()
}

fn refused() -> Answer {
    let message = "The operation is protected by a Resource Guard, and the request names no operation request of it.";
    Answer::error(403, "UserErrorMissingRequestForResourceGuard", message)
}
