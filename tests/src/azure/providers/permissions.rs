//! What the caller may do, as the caller may ask.

use serde_json::json;

use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::world::World;

pub(crate) const ROUTES: &[Route] = &[
    Route::open("GET", "/{*scope}|/providers/Microsoft.Authorization/permissions", list),
    Route::open(
        "POST",
        "/{*scope}|/providers/Microsoft.Authorization/checkAccess",
        check,
    ),
];

/// One entry for each role in force at the scope. Deny assignments and locks are not shown.
fn list(world: &mut World, call: &Call) -> Outcome {
    let entry = |role: &crate::azure::roles::Role| {
        json!({
            "actions": role.actions, "notActions": role.not_actions, "dataActions": role.data_actions,
            "notDataActions": [],
        })
    };
    let items = world
        .roles_at(&call.caller.object_id, call.get("scope"))
        .map(entry)
        .collect();
    Ok(call.page(world, items))
}

fn check(world: &mut World, call: &Call) -> Outcome {
    let principal = call.text("/Subject/Attributes/ObjectId");
    let scope = call.get("scope");
    let actions = call.body["Actions"].as_array().cloned().unwrap_or_default();
    let decide = |action: &serde_json::Value| {
        let id = action["Id"].as_str().unwrap_or_default();
        let data = action["IsDataAction"].as_bool().unwrap_or(false);
        let allowed = if data {
            world.may_with_data(principal, id, scope)
        } else {
            world.may(principal, id, scope)
        };
        json!({
            "actionId": id, "isDataAction": data, "accessDecision": if allowed { "Allowed" } else { "NotAllowed" },
            "roleAssignment": { "id": ids::fresh() }, "denyAssignment": null, "timeToLiveInMs": 300_000,
        })
    };
    Ok(Answer::ok(json!(actions.iter().map(decide).collect::<Vec<_>>())))
}
