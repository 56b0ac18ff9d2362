//! Trusted access role bindings of a cluster.

use serde_json::json;

use super::clusters::{asynchronous, find};
use crate::azure::answer::{Answer, Outcome, busy, missing};
use crate::azure::call::{Call, Route};
use crate::azure::operations::End;
use crate::azure::path::group_of;
use crate::azure::world::{World, text};

/// Type of a binding.
pub(crate) const KIND: &str = "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings";
const ONE: &str = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}/trustedAccessRoleBindings/{b}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}|/trustedAccessRoleBindings",
        "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/read",
        list,
    ),
    Route::new(
        "GET",
        ONE,
        "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/read",
        get,
    ),
    Route::new(
        "PUT",
        ONE,
        "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/write",
        put,
    ),
    Route::new(
        "DELETE",
        ONE,
        "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/delete",
        delete,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/providers/Microsoft.ContainerService/locations/{l}/trustedAccessRoles",
        "Microsoft.ContainerService/locations/trustedAccessRoles/read",
        roles,
    ),
];

fn cluster(world: &World, call: &Call) -> Result<String, Answer> {
    Ok(text(find(world, call)?, "/id").to_owned())
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let cluster = cluster(world, call)?;
    let items = world.list(&cluster, KIND).into_iter().cloned().collect();
    Ok(call.page(world, items))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let id = format!("{}/trustedAccessRoleBindings/{}", cluster(world, call)?, call.get("b"));
    let missing = || {
        let message = format!(
            "The trusted access role binding '{}' could not be found.",
            call.get("b")
        );
        // Without the `error` around it, as recorded.
        Answer::new(
            404,
            json!({
                "code": "NotFound", "message": message, "subcode": "GetTrustedAccessRoleBinding_NotFound",
                "details": [{ "code": "Unspecified", "message": "rpc error: code = NotFound desc = TrustedAccessRoleBinding not found" }],
            }),
        )
    };
    world.get(&id).cloned().map(Answer::ok).ok_or_else(missing)
}

fn name_fits(name: &str) -> bool {
    (1..=24).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let cluster = cluster(world, call)?;
    let source = call.text("/properties/sourceResourceId").to_owned();
    let id = format!("{cluster}/trustedAccessRoleBindings/{}", call.get("b"));
    check(world, call, &cluster, &id)?;
    check_source(world, &source)?;
    let created = world.get(&id).is_none();
    let body = json!({
        "id": id, "name": call.get("b"), "type": KIND,
        "properties": {
            "provisioningState": "Updating", "sourceResourceId": source, "roles": call.body["properties"]["roles"],
        },
    });
    let (write, effect) = (
        world.settings.durations.trusted_access_write,
        world.settings.durations.trusted_access_effect,
    );
    world.put(body.clone(), write + effect);
    let operation = world.start(
        &id.clone(),
        "PutTrustedAccessRoleBinding",
        Some(&cluster),
        write,
        move |world, _| {
            world.set_state(&id, "Succeeded");
            End::default()
        },
    );
    let answer = Answer::new(if created { 201 } else { 200 }, body);
    let silent = world.settings.trusted_access_no_headers;
    Ok(if silent {
        answer
    } else {
        asynchronous(world, answer, &operation)
    })
}

/// Body, name, a free cluster, and no more than eight bindings in it.
fn check(world: &World, call: &Call, cluster: &str, id: &str) -> Result<(), Answer> {
    if call.text("/properties/sourceResourceId").is_empty() || !call.body["properties"]["roles"].is_array() {
        return Err(missing("properties.sourceResourceId"));
    }
    if !name_fits(call.get("b")) {
        let message =
            "A trusted access role binding's name must match '^([A-Za-z0-9-])+$' and have 1 to 24 characters.";
        return Err(Answer::error(400, "InvalidParameter", message));
    }
    if let Some(running) = world.occupied_by(cluster) {
        return Err(busy(running));
    }
    if world.get(id).is_none() && world.list(cluster, KIND).len() >= 8 {
        let message = "The number of trusted access role bindings exceeds the limit of 8.";
        return Err(Answer::error(400, "BadRequest", message));
    }
    Ok(())
}

fn check_source(world: &World, source: &str) -> Result<(), Answer> {
    let vault = world
        .get(source)
        .filter(|_| group_of(source).is_some())
        .ok_or_else(|| {
            let message = format!("The source resource '{source}' could not be found.");
            Answer::error(400, "BadRequest", &message)
        })?;
    if text(vault, "/identity/principalId").is_empty() {
        let message = format!("The source resource '{source}' has no system-assigned identity.");
        return Err(Answer::error(400, "BadRequest", &message));
    }
    Ok(())
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let cluster = cluster(world, call)?;
    let id = format!("{cluster}/trustedAccessRoleBindings/{}", call.get("b"));
    if world.get(&id).is_none() {
        return Ok(Answer::empty(204));
    }
    if let Some(running) = world.occupied_by(&cluster) {
        return Err(busy(running));
    }
    world.set_state(&id, "Deleting");
    let seconds = world.settings.durations.trusted_access_write;
    let operation = world.start(
        &id.clone(),
        "DeleteTrustedAccessRoleBinding",
        Some(&cluster),
        seconds,
        move |world, _| {
            world.remove(&id);
            End::default()
        },
    );
    Ok(asynchronous(world, Answer::empty(202), &operation))
}

fn roles(_: &mut World, _: &Call) -> Outcome {
    let rule = json!({
        "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"], "apiGroups": ["*"],
        "resources": ["*"], "resourceNames": [], "nonResourceURLs": [],
    });
    let role = json!({
        "sourceResourceType": "Microsoft.DataProtection/backupVaults", "name": "backup-operator", "rules": [rule],
    });
    Ok(Answer::ok(json!({ "value": [role] })))
}
