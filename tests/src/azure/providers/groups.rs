//! Resource groups.

use serde_json::{Value, json};

use crate::azure::answer::{Answer, Outcome, missing};
use crate::azure::call::{Call, Route};
use crate::azure::world::{World, text};

const KIND: &str = "Microsoft.Resources/resourceGroups";
const READ: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
const WRITE: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";

pub(crate) const ROUTES: &[Route] = &[
    Route::open("GET", "/subscriptions/{s}/resourceGroups", list),
    Route::new("GET", "/subscriptions/{s}/resourceGroups/{g}", READ, get),
    Route::new("HEAD", "/subscriptions/{s}/resourceGroups/{g}", READ, head),
    Route::new("PUT", "/subscriptions/{s}/resourceGroups/{g}", WRITE, put),
];

/// The body of a group.
pub(crate) fn body(id: &str, location: &str, tags: &Value) -> Value {
    let mut body = json!({
        "id": id, "name": crate::azure::path::name_of(id), "type": KIND, "location": location,
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
