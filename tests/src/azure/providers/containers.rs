//! Blob containers, as ARM knows them.

use serde_json::{Value, json};

use super::accounts;
use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::world::{World, stamp, text};

/// Type of a container.
pub(crate) const KIND: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";
const ONE: &str = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Storage/storageAccounts/{a}/blobServices/default/containers/{n}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Storage/storageAccounts/{a}|/blobServices/default/containers",
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        list,
    ),
    Route::new(
        "GET",
        ONE,
        "Microsoft.Storage/storageAccounts/blobServices/containers/read",
        get,
    ),
    Route::new(
        "PUT",
        ONE,
        "Microsoft.Storage/storageAccounts/blobServices/containers/write",
        put,
    ),
    Route::new(
        "DELETE",
        ONE,
        "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
        delete,
    ),
];

fn list(world: &mut World, call: &Call) -> Outcome {
    let account = text(accounts::find(world, call)?, "/id").to_owned();
    let items = accounts::below(world, &account).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn id(world: &World, call: &Call) -> Result<String, Answer> {
    let account = accounts::find(world, call)?;
    if text(account, "/properties/provisioningState") != "Succeeded" {
        let message = format!("The storage account {} is not provisioned yet.", call.get("a"));
        return Err(Answer::error(409, "StorageAccountIsNotProvisioned", &message));
    }
    Ok(format!(
        "{}/blobServices/default/containers/{}",
        text(account, "/id"),
        call.get("n")
    ))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let missing = || Answer::error(404, "ContainerNotFound", "The specified container does not exist.");
    let id = id(world, call)?;
    let body = world.get(&id).cloned().ok_or_else(missing)?;
    let etag = text(&body, "/etag").to_owned();
    Ok(Answer::ok(body).with("ETag", etag))
}

fn name_fits(name: &str) -> bool {
    let letters = name
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase() || byte == b'-');
    let ends = !name.starts_with('-') && !name.ends_with('-') && !name.contains("--");
    letters && ends && (3..=63).contains(&name.len())
}

fn put(world: &mut World, call: &Call) -> Outcome {
    if !name_fits(call.get("n")) {
        let message = format!("The specified container name '{}' is invalid.", call.get("n"));
        return Err(Answer::error(400, "ContainerNameInvalid", &message));
    }
    let id = id(world, call)?;
    if let Some(known) = world.get(&id) {
        return Ok(Answer::ok(known.clone()));
    }
    let etag = format!("\"0x{}\"", ids::fresh().replace('-', "")[..15].to_ascii_uppercase());
    let body = json!({
        "id": id, "name": call.get("n"), "type": KIND, "etag": etag,
        "properties": {
            "deleted": false, "remainingRetentionDays": 0, "publicAccess": "None", "leaseStatus": "Unlocked",
            "leaseState": "Available", "lastModifiedTime": stamp(), "hasImmutabilityPolicy": false,
            "hasLegalHold": false, "legalHold": { "hasLegalHold": false, "tags": [] },
            "defaultEncryptionScope": "$account-encryption-key",
            "denyEncryptionScopeOverride": false,
        },
    });
    world.put(body.clone(), 0.0);
    Ok(Answer::new(201, created(body)).with("ETag", etag))
}

/// What the answer to the creation leaves out.
fn created(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.remove("etag");
    }
    if let Some(properties) = body["properties"].as_object_mut() {
        for name in ["leaseStatus", "leaseState", "lastModifiedTime", "legalHold"] {
            properties.remove(name);
        }
    }
    body
}

/// Makes a container for the data plane, which has checked the caller's role itself.
pub(crate) fn make(world: &mut World, mut call: Call) -> Answer {
    call.captures = call.target.matches(ONE).unwrap_or_default();
    put(world, &call).unwrap_or_else(|refusal| refusal)
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = id(world, call)?;
    let there = world.get(&id).is_some();
    world.remove(&id);
    Ok(Answer::empty(if there { 200 } else { 204 }))
}
