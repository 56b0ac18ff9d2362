//! Management locks.

use serde_json::{Value, json};

use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::path::{covers, name_of};
use crate::azure::world::{World, text};

const KIND: &str = "Microsoft.Authorization/locks";
const ONE: &str = "/{*scope}|/providers/Microsoft.Authorization/locks/{name}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/{*scope}|/providers/Microsoft.Authorization/locks",
        "Microsoft.Authorization/locks/read",
        list,
    ),
    Route::new("GET", ONE, "Microsoft.Authorization/locks/read", get),
    Route::new("PUT", ONE, "Microsoft.Authorization/locks/write", put),
    Route::new("DELETE", ONE, "Microsoft.Authorization/locks/delete", delete),
];

/// The body of a lock.
pub(crate) fn body(scope: &str, name: &str, level: &str, notes: &Value) -> Value {
    json!({
        "id": format!("{scope}/providers/{KIND}/{name}"), "name": name, "type": KIND,
        "properties": { "level": level, "notes": notes },
    })
}

/// Locks at and below the scope; with `atScope()` at and above it.
fn list(world: &mut World, call: &Call) -> Outcome {
    let scope = call.get("scope");
    let at_scope = call
        .target
        .query("$filter")
        .is_some_and(|filter| filter.to_ascii_lowercase().contains("atscope"));
    let all = world.list("/", KIND).into_iter().filter(|lock| {
        let id = text(lock, "/id");
        let own = &id[..id.len() - format!("/providers/{KIND}/{}", name_of(id)).len()];
        covers(own, scope) || (!at_scope && covers(scope, own))
    });
    let items = all.cloned().collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let missing = || {
        Answer::error(
            404,
            "LockNotFound",
            &format!("The lock '{}' could not be found.", call.get("name")),
        )
    };
    world
        .get(&call.target.path())
        .cloned()
        .map(Answer::ok)
        .ok_or_else(missing)
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let created = world.get(&call.target.path()).is_none();
    let level = call.text("/properties/level");
    if !matches!(level, "CanNotDelete" | "ReadOnly") {
        return Err(Answer::error(
            400,
            "InvalidLockLevel",
            &format!("The lock level '{level}' is invalid."),
        ));
    }
    let body = body(
        call.get("scope"),
        call.get("name"),
        level,
        &call.body["properties"]["notes"],
    );
    world.put(body.clone(), 0.0);
    Ok(Answer::new(if created { 201 } else { 200 }, body))
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let path = call.target.path();
    let there = world.get(&path).is_some();
    world.remove(&path);
    Ok(Answer::empty(if there { 200 } else { 204 }))
}
