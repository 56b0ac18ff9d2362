//! Storage accounts.

use serde_json::{Value, json};

use super::operation_results;
use crate::azure::answer::{Answer, Outcome, missing, not_found};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::path::covers;
use crate::azure::world::{World, stamp, text};

/// Type of a storage account.
pub(crate) const KIND: &str = "Microsoft.Storage/storageAccounts";
const READ: &str = "Microsoft.Storage/storageAccounts/read";
const ONE: &str = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Storage/storageAccounts/{a}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}|/providers/Microsoft.Storage/storageAccounts",
        READ,
        list,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}|/providers/Microsoft.Storage/storageAccounts",
        READ,
        list,
    ),
    Route::new("GET", ONE, READ, get),
    Route::new("PUT", ONE, "Microsoft.Storage/storageAccounts/write", put),
    Route::new(
        "POST",
        "/subscriptions/{s}|/providers/Microsoft.Storage/checkNameAvailability",
        "Microsoft.Storage/checkNameAvailability/read",
        check_name,
    ),
    Route::open(
        "GET",
        "/subscriptions/{s}/providers/Microsoft.Storage/locations/{l}/asyncoperations/{o}",
        operation,
    ),
];

fn id(call: &Call) -> String {
    format!("{}/providers/{KIND}/{}", call.group_id(), call.get("a"))
}

/// The body of the account in a call's path, or 404.
pub(crate) fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Value, Answer> {
    world
        .get(&id(call))
        .ok_or_else(|| not_found(KIND, call.get("a"), call.get("g")))
}

/// The account of that name, wherever it lies: names are unique in the whole cloud.
pub(crate) fn by_name<'a>(world: &'a World, name: &str) -> Option<&'a Value> {
    world
        .list("/", KIND)
        .into_iter()
        .find(|account| text(account, "/name") == name)
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let scope = call.captures.scope.clone();
    let items = world.list(&scope, KIND).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    find(world, call).cloned().map(Answer::ok)
}

fn name_fits(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

fn check_name(world: &mut World, call: &Call) -> Outcome {
    let name = call.text("/name");
    if !name_fits(name) {
        let message = format!(
            "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length \
             and use numbers and lower-case letters only."
        );
        return Ok(Answer::ok(
            json!({ "nameAvailable": false, "reason": "AccountNameInvalid", "message": message }),
        ));
    }
    if by_name(world, name).is_some() || world.settings.start.taken_account == name {
        let message = format!("The storage account named {name} is already taken.");
        return Ok(Answer::ok(
            json!({ "nameAvailable": false, "reason": "AlreadyExists", "message": message }),
        ));
    }
    Ok(Answer::ok(json!({ "nameAvailable": true })))
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let name = call.get("a");
    for member in ["sku/name", "kind", "location"] {
        if call.text(&format!("/{member}")).is_empty() {
            return Err(missing(&member.replace('/', ".")));
        }
    }
    if !name_fits(name) {
        let message = format!(
            "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only."
        );
        return Err(Answer::error(400, "AccountNameInvalid", &message));
    }
    if let Some(old) = world.get(&id(call)) {
        if text(old, "/properties/provisioningState") != "Succeeded" {
            let message = format!("The storage account {name} is being created.");
            return Err(Answer::error(409, "StorageAccountBeingCreated", &message));
        }
        return Ok(update(world, call));
    }
    if by_name(world, name).is_some() || world.settings.start.taken_account == name {
        let message = format!("The storage account named {name} is already taken.");
        return Err(Answer::error(409, "StorageAccountAlreadyTaken", &message));
    }
    let body = new(world, call);
    let key = id(call);
    world.put(body, 0.0);
    let seconds = world.settings.durations.storage_create;
    let operation = world.start(&key.clone(), "storageAccounts.PUT", None, seconds, move |world, _| {
        world.set_state(&key, "Succeeded");
        End::default()
    });
    Ok(accepted(world, &operation))
}

fn accepted(world: &World, operation: &str) -> Answer {
    // Another one with each look, as recorded.
    let ticks = ids::fresh();
    let location = format!(
        "{}/subscriptions/{}/providers/Microsoft.Storage/locations/{}/asyncoperations/{operation}?monitor=true&api-version=2023-05-01&t={ticks}",
        world.endpoint,
        ids::SUBSCRIPTION,
        ids::LOCATION
    );
    world.retry_after(Answer::empty(202).with("Location", location), 17.0)
}

fn operation(world: &mut World, call: &Call) -> Outcome {
    let missing = || Answer::error(404, "ResourceNotFound", "The asynchronous operation was not found.");
    let operation = world.operations.get(call.get("o")).ok_or_else(missing)?;
    if operation.end.is_none() {
        return Ok(accepted(world, call.get("o")));
    }
    operation_results::ended(world, operation)
}

fn update(world: &mut World, call: &Call) -> Answer {
    let key = id(call);
    if let Some(body) = world.get_mut(&key) {
        for (name, value) in call.body["properties"].as_object().into_iter().flatten() {
            body["properties"][name] = value.clone();
        }
        if call.body["tags"].is_object() {
            body["tags"] = call.body["tags"].clone();
        }
    }
    Answer::ok(world.get(&key).cloned().unwrap_or(Value::Null))
}

/// The blob endpoint of an account of this name.
pub(crate) fn endpoint(world: &World, name: &str) -> String {
    format!("{}/blob/{name}/", world.endpoint)
}

/// Of the services only that for blobs answers.
fn endpoints(world: &World, name: &str) -> Value {
    let other = |service: &str| format!("https://{name}.{service}.sandbox.invalid/");
    json!({
        "blob": endpoint(world, name), "dfs": other("dfs"), "file": other("file"), "queue": other("queue"),
        "table": other("table"), "web": other("web"),
    })
}

fn new(world: &World, call: &Call) -> Value {
    let name = call.get("a");
    let location = call.text("/location").replace(' ', "").to_ascii_lowercase();
    let sku = call.text("/sku/name");
    let tier = if sku.starts_with("Premium") {
        "Premium"
    } else {
        "Standard"
    };
    let mut body = json!({
        "id": id(call), "name": name, "type": KIND, "location": location, "kind": call.text("/kind"),
        "sku": { "name": sku, "tier": tier }, "tags": if call.body["tags"].is_object() { call.body["tags"].clone() } else { json!({}) },
        "properties": {
            "provisioningState": "Creating", "creationTime": stamp(), "accessTier": "Hot",
            "primaryLocation": location, "statusOfPrimary": "available", "supportsHttpsTrafficOnly": true,
            "minimumTlsVersion": "TLS1_0", "allowBlobPublicAccess": false, "allowCrossTenantReplication": false,
            "keyCreationTime": { "key1": stamp(), "key2": stamp() }, "privateEndpointConnections": [],
            "networkAcls": {
                "bypass": "AzureServices", "defaultAction": world.settings.start.storage_default_action,
                "virtualNetworkRules": [], "ipRules": [],
            },
            "primaryEndpoints": endpoints(world, name),
            "encryption": {
                "keySource": "Microsoft.Storage",
                "services": {
                    "blob": { "enabled": true, "keyType": "Account", "lastEnabledTime": stamp() },
                    "file": { "enabled": true, "keyType": "Account", "lastEnabledTime": stamp() },
                },
            },
        },
    });
    for (key, value) in call.body["properties"].as_object().into_iter().flatten() {
        body["properties"][key] = value.clone();
    }
    body
}

/// Ids of the containers of an account.
pub(crate) fn below<'a>(world: &'a World, account: &str) -> Vec<&'a Value> {
    let all = world.list("/", super::containers::KIND);
    all.into_iter()
        .filter(|container| covers(account, text(container, "/id")))
        .collect()
}
