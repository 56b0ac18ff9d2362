//! User-assigned identities.

use serde_json::{Value, json};

use crate::azure::answer::{Answer, Outcome, missing, not_found};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::others;
use crate::azure::path::name_of;
use crate::azure::world::{World, text};

/// Type of a user-assigned identity.
pub(crate) const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const READ: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/read";
const ONE: &str =
    "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{i}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}|/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
        READ,
        list,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}|/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
        READ,
        list,
    ),
    Route::new("GET", ONE, READ, get),
    Route::new(
        "PUT",
        ONE,
        "Microsoft.ManagedIdentity/userAssignedIdentities/write",
        put,
    ),
    Route::new(
        "DELETE",
        ONE,
        "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
        delete,
    ),
    Route::open(
        "GET",
        "/{*scope}|/providers/Microsoft.ManagedIdentity/identities/default",
        system,
    ),
];

/// The body of an identity; its id spells `resourcegroups` in lower case, as the provider does.
pub(crate) fn body(group: &str, name: &str, location: &str, principal: &str, client: &str) -> Value {
    let group = group.replace("/resourceGroups/", "/resourcegroups/");
    json!({
        "id": format!("{group}/providers/{KIND}/{name}"), "name": name, "type": KIND, "location": location, "tags": {},
        "properties": { "principalId": principal, "clientId": client, "tenantId": ids::TENANT },
    })
}

fn extension_name(id: &str) -> String {
    format!("ext-{}-{}", name_of(id), ids::CLUSTER)
}

/// The identity of an extension in the node resource group, made when it is not there: with new ids each time.
pub(crate) fn of_extension(world: &mut World, extension: &str) -> Value {
    let body = body(
        &ids::group_id(ids::NODE_GROUP),
        &extension_name(extension),
        ids::LOCATION,
        &ids::fresh(),
        &ids::fresh(),
    );
    let id = text(&body, "/id").to_owned();
    if let Some(known) = world.get(&id) {
        return known.clone();
    }
    let delay = world.settings.durations.principal_replication;
    world.put(body.clone(), delay);
    others::identity_made(world, &id);
    body
}

/// Removes the identity of an extension with its credentials. Its role assignments stay behind, as in Azure.
pub(crate) fn drop_of_extension(world: &mut World, extension: &str) {
    let id = format!(
        "{}/providers/{KIND}/{}",
        ids::group_id(ids::NODE_GROUP),
        extension_name(extension)
    );
    world.remove(&id);
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let scope = call.captures.scope.clone();
    let items = world.list(&scope, KIND).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn id(call: &Call) -> String {
    format!("{}/providers/{KIND}/{}", call.group_id(), call.get("i"))
}

/// The body of the identity in a call's path, or 404.
pub(crate) fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Value, Answer> {
    world
        .get(&id(call))
        .ok_or_else(|| not_found(KIND, call.get("i"), call.get("g")))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    find(world, call).cloned().map(Answer::ok)
}

fn put(world: &mut World, call: &Call) -> Outcome {
    if call.text("/location").is_empty() {
        return Err(missing("location"));
    }
    if let Some(known) = world.get(&id(call)) {
        return Ok(Answer::ok(known.clone()));
    }
    let body = body(
        &call.group_id(),
        call.get("i"),
        call.text("/location"),
        &ids::fresh(),
        &ids::fresh(),
    );
    let delay = world.settings.durations.principal_replication;
    world.put(body.clone(), delay);
    Ok(Answer::new(201, body))
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let there = world.get(&id(call)).is_some();
    world.remove(&id(call));
    Ok(Answer::empty(if there { 200 } else { 204 }))
}

/// The system-assigned identity of any resource that has one.
fn system(world: &mut World, call: &Call) -> Outcome {
    let scope = call.get("scope").to_owned();
    world.authorize(
        &call.caller,
        "Microsoft.ManagedIdentity/identities/read",
        &scope,
        &scope,
    )?;
    let principal = world.text(&scope, "/identity/principalId");
    if principal.is_empty() {
        let message = format!("The resource '{scope}' has no system-assigned identity.");
        return Err(Answer::error(404, "ResourceNotFound", &message));
    }
    Ok(Answer::ok(json!({
        "id": format!("{scope}/providers/Microsoft.ManagedIdentity/identities/default"), "name": "default",
        "type": "Microsoft.ManagedIdentity/identities", "location": ids::LOCATION,
        "properties": {
            "principalId": principal, "clientId": ids::named(&format!("{principal}/client")), "tenantId": ids::TENANT,
            "clientSecretUrl": "",
        },
    })))
}
