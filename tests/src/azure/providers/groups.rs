//! Resource groups.

use serde_json::{Value, json};

use super::instances;
use crate::azure::answer::{Answer, Outcome, missing};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::path::{covers, name_of};
use crate::azure::world::{World, text};

const KIND: &str = "Microsoft.Resources/resourceGroups";
const READ: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
const WRITE: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";

pub(crate) const ROUTES: &[Route] = &[
    Route::open("GET", "/subscriptions/{s}/resourceGroups", list),
    Route::new("GET", "/subscriptions/{s}/resourceGroups/{g}", READ, get),
    Route::new("HEAD", "/subscriptions/{s}/resourceGroups/{g}", READ, head),
    Route::new("PUT", "/subscriptions/{s}/resourceGroups/{g}", WRITE, put),
    Route::new(
        "DELETE",
        "/subscriptions/{s}/resourceGroups/{g}",
        "Microsoft.Resources/subscriptions/resourceGroups/delete",
        delete,
    ),
];

/// The body of a group.
pub(crate) fn body(id: &str, location: &str, tags: &Value) -> Value {
    let mut body = json!({
        "id": id, "name": name_of(id), "type": KIND, "location": location,
        "properties": { "provisioningState": "Succeeded" },
    });
    if tags.is_object() {
        body["tags"] = tags.clone();
    }
    body
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let all = world
        .list(&format!("/subscriptions/{}", call.get("s")), KIND)
        .into_iter();
    let seen = all.filter(|group| world.may(&call.caller.object_id, READ, text(group, "/id")));
    let items = seen.cloned().collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let missing = || {
        let message = format!("Resource group '{}' could not be found.", call.get("g"));
        Answer::error(404, "ResourceGroupNotFound", &message)
    };
    world.get(&call.group_id()).cloned().map(Answer::ok).ok_or_else(missing)
}

fn head(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::empty(if world.get(&call.group_id()).is_some() {
        204
    } else {
        404
    }))
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let location = call.text("/location").replace(' ', "").to_ascii_lowercase();
    if location.is_empty() {
        return Err(missing("location"));
    }
    let id = call.group_id();
    let Some(old) = world.get(&id).cloned() else {
        let body = body(&id, &location, &call.body["tags"]);
        world.put(body.clone(), 0.0);
        return Ok(Answer::new(201, body));
    };
    if text(&old, "/location") != location {
        let message = format!(
            "Invalid resource group location '{location}'. The Resource group already exists in location '{}'.",
            text(&old, "/location")
        );
        return Err(Answer::error(409, "InvalidResourceGroupLocation", &message));
    }
    let body = body(text(&old, "/id"), &location, &call.body["tags"]);
    world.put(body.clone(), 0.0);
    Ok(Answer::ok(body))
}

/// A group goes with all that lies in it, in an operation that has no more than a `Location`. It stays where a lock lies on
/// anything in it, and where a vault in it still holds backup instances.
fn delete(world: &mut World, call: &Call) -> Outcome {
    let group = text(get(world, call)?.body.as_ref().unwrap_or(&Value::Null), "/id").to_owned();
    if covers(&group, &ids::cluster_id()) || group.eq_ignore_ascii_case(&ids::group_id(ids::NODE_GROUP)) {
        let message = "The sandbox keeps its cluster: the groups that hold it cannot be deleted.";
        return Err(Answer::error(400, "BadRequest", message));
    }
    if let Some(lock) = world.list(&group, "Microsoft.Authorization/locks").first() {
        let message = format!(
            "The scope '{group}' cannot perform delete operation because following scope(s) are locked: '{}'. Please remove \
             the lock and try again.",
            text(lock, "/id")
                .split("/providers/Microsoft.Authorization/locks")
                .next()
                .unwrap_or_default()
        );
        return Err(Answer::error(409, "ScopeLocked", &message));
    }
    world.set_state(&group, "Deleting");
    let seconds = world.settings.durations.group_delete;
    let operation = world.start(
        &group.clone(),
        "resourceGroups.DELETE",
        None,
        seconds,
        move |world, _| {
            let instances = world.list(&group, instances::KIND);
            let Some(instance) = instances.first().map(|instance| text(instance, "/id").to_owned()) else {
                world.remove(&group);
                return End::default();
            };
            world.set_state(&group, "Succeeded");
            let message = format!(
                "Deletion of resource group '{}' failed as '{instance}' could not be deleted.",
                name_of(&group)
            );
            End {
                error: Some(json!({ "code": "ResourceGroupDeletionBlocked", "message": message })),
                ..End::default()
            }
        },
    );
    Ok(accepted(world, call, &operation))
}

fn accepted(world: &World, call: &Call, operation: &str) -> Answer {
    let location = format!(
        "{}/subscriptions/{}/operationresults/{operation}?api-version={}",
        world.endpoint,
        call.get("s"),
        call.version()
    );
    world.retry_after(Answer::empty(202).with("Location", location), 15.0)
}
