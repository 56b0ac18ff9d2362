//! The tags of a cluster: all that a PATCH of it changes.

use serde_json::json;

use super::clusters::{asynchronous, find, preconditions, shown};
use crate::azure::answer::{Answer, Outcome, busy};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::world::{World, text};

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "PATCH",
    "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}",
    "Microsoft.ContainerService/managedClusters/write",
    patch,
)];

fn patch(world: &mut World, call: &Call) -> Outcome {
    let mut body = find(world, call)?.clone();
    preconditions(call, Some(text(&body, "/eTag")))?;
    let key = text(&body, "/id").to_owned();
    if let Some(running) = world.occupied_by(&key) {
        return Err(busy(running));
    }
    if call.body["tags"].is_object() {
        body["tags"] = call.body["tags"].clone();
    }
    body["properties"]["provisioningState"] = json!("Updating");
    if !world.settings.start.no_etag {
        body["eTag"] = json!(ids::fresh());
    }
    world.put(body.clone(), 0.0);
    let seconds = world.settings.durations.cluster_update;
    let operation = world.start(
        &key.clone(),
        "UpdateTags",
        Some(&key.clone()),
        seconds,
        move |world, _| {
            world.set_state(&key, "Succeeded");
            End::default()
        },
    );
    Ok(asynchronous(
        world,
        Answer::ok(shown(&body, call.version())),
        &operation,
    ))
}
