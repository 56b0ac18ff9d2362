//! Cluster extensions.

use serde_json::{Value, json};

use super::clusters::find;
use super::{identities, installation};
use crate::azure::answer::{Answer, Outcome, busy, missing};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::world::{Effect, World, stamp, text};

/// Type of an extension.
pub(crate) const KIND: &str = "Microsoft.KubernetesConfiguration/extensions";
/// `extensionType` of AKS backup.
pub(crate) const BACKUP: &str = "microsoft.dataprotection.kubernetes";
const ONE: &str = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}/providers/Microsoft.KubernetesConfiguration/extensions/{e}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}|/providers/Microsoft.KubernetesConfiguration/extensions",
        "Microsoft.KubernetesConfiguration/extensions/read",
        list,
    ),
    Route::new("GET", ONE, "Microsoft.KubernetesConfiguration/extensions/read", get),
    Route::new("PUT", ONE, "Microsoft.KubernetesConfiguration/extensions/write", put),
    Route::new(
        "PATCH",
        ONE,
        "Microsoft.KubernetesConfiguration/extensions/write",
        patch,
    ),
    Route::new(
        "DELETE",
        ONE,
        "Microsoft.KubernetesConfiguration/extensions/delete",
        delete,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}/providers/Microsoft.KubernetesConfiguration/extensions/{e}/operations/{o}",
        "Microsoft.KubernetesConfiguration/extensions/operations/read",
        operation,
    ),
];

fn id(world: &World, call: &Call) -> Result<String, Answer> {
    let cluster = text(find(world, call)?, "/id").replace("/resourcegroups/", "/resourceGroups/");
    Ok(format!("{cluster}/providers/{KIND}/{}", call.get("e")))
}

/// The id of the cluster that an extension lies in.
pub(crate) fn cluster_of(id: &str) -> String {
    id[..id
        .find("/providers/Microsoft.KubernetesConfiguration")
        .unwrap_or(id.len())]
        .to_owned()
}

/// What an api-version shows of an extension.
fn shown(body: &Value, version: &str) -> Value {
    let mut body = body.clone();
    let properties = &mut body["properties"];
    if version < "2025-03-01" {
        if let Some(properties) = properties.as_object_mut() {
            properties.retain(|name, _| !matches!(name.as_str(), "extensionState" | "autoUpgradeMode" | "managedBy"));
        }
        if let Some(identity) = properties["aksAssignedIdentity"].as_object_mut() {
            identity.retain(|name, _| matches!(name.as_str(), "principalId" | "tenantId" | "type"));
        }
    }
    body
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let cluster = text(find(world, call)?, "/id").to_owned();
    let items = world
        .list(&cluster, KIND)
        .into_iter()
        .map(|body| shown(body, call.version()))
        .collect();
    Ok(call.page(world, items))
}

fn gone(call: &Call) -> Answer {
    let message = format!("The Extension '{}' could not be found.", call.get("e"));
    Answer::error(404, "ResourceNotFound", &message)
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let id = id(world, call)?;
    world
        .get(&id)
        .map(|body| Answer::ok(shown(body, call.version())))
        .ok_or_else(|| gone(call))
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let cluster = find(world, call)?.clone();
    let kind = call.text("/properties/extensionType");
    if kind.is_empty() {
        return Err(missing("properties.extensionType"));
    }
    admissible(&cluster)?;
    let id = id(world, call)?;
    if let Some(running) = world.occupied_by(&cluster_of(&id)) {
        return Err(busy(running));
    }
    let twin = world.list(&cluster_of(&id), KIND).into_iter().find(|other| {
        text(other, "/properties/extensionType").eq_ignore_ascii_case(kind)
            && !text(other, "/id").eq_ignore_ascii_case(&id)
    });
    if let Some(twin) = twin {
        let message = format!(
            "An extension of type '{kind}' exists already: '{}'.",
            text(twin, "/name")
        );
        return Err(Answer::error(409, "ExtensionTypeAlreadyInstalled", &message));
    }
    let created = world.get(&id).is_none();
    let body = if created {
        new(&id, call)
    } else {
        changed(world.get(&id), call)
    };
    versioned(&body)?;
    world.put(body.clone(), 0.0);
    Ok(install(
        world,
        call,
        &id,
        Answer::new(if created { 201 } else { 200 }, shown(&body, call.version())),
    ))
}

fn admissible(cluster: &Value) -> Result<(), Answer> {
    if text(cluster, "/identity/type").is_empty() {
        let message = "Cluster extensions are not supported on clusters that use a service principal.";
        return Err(Answer::error(400, "ClusterNotSupported", message));
    }
    if text(cluster, "/properties/powerState/code") == "Stopped" {
        let message = "managed cluster is in (Stopped) state, please start the cluster before this operation.";
        return Err(Answer::error(409, "OperationNotAllowed", message));
    }
    Ok(())
}

fn new(id: &str, call: &Call) -> Value {
    let sent = &call.body["properties"];
    let namespace = text(sent, "/scope/cluster/releaseNamespace");
    let namespace = if namespace.is_empty() {
        "dataprotection-microsoft"
    } else {
        namespace
    };
    let settings = if sent["configurationSettings"].is_object() {
        sent["configurationSettings"].clone()
    } else {
        json!({})
    };
    let current = if sent["version"].is_string() {
        sent["version"].clone()
    } else {
        json!("0.0.3100-1201")
    };
    let mut body = json!({
        "id": id, "name": call.get("e"), "type": KIND,
        "properties": {
            "extensionType": text(sent, "/extensionType"),
            "autoUpgradeMinorVersion": sent["autoUpgradeMinorVersion"].as_bool().unwrap_or(true),
            "autoUpgradeMode": "compatible",
            "releaseTrain": if sent["releaseTrain"].is_string() { sent["releaseTrain"].clone() } else { json!("Stable") },
            "currentVersion": current, "scope": { "cluster": { "releaseNamespace": namespace } },
            "configurationSettings": settings, "configurationProtectedSettings": {}, "provisioningState": "Creating",
            "statuses": [], "aksAssignedIdentity": null, "isSystemExtension": false,
            "extensionState": "Pending",
        },
        "systemData": { "createdAt": stamp(), "createdByType": "Application", "createdBy": call.caller.client_id },
    });
    if sent["version"].is_string() {
        body["properties"]["version"] = sent["version"].clone();
    }
    body
}

/// The existing body with the settings of the request merged into it.
fn changed(old: Option<&Value>, call: &Call) -> Value {
    let mut body = old.cloned().unwrap_or(Value::Null);
    let sent = &call.body["properties"];
    for (name, value) in sent["configurationSettings"].as_object().into_iter().flatten() {
        body["properties"]["configurationSettings"][name] = value.clone();
    }
    for name in ["autoUpgradeMinorVersion", "releaseTrain", "version"] {
        if !sent[name].is_null() {
            body["properties"][name] = sent[name].clone();
        }
    }
    let named = sent.as_object().is_some_and(|sent| sent.contains_key("version"));
    match (sent["version"].as_str(), body["properties"].as_object_mut()) {
        (Some(version), _) => body["properties"]["currentVersion"] = json!(version),
        (None, Some(own)) if named => drop(own.remove("version")),
        (None, _) => {}
    }
    body["properties"]["provisioningState"] = json!("Updating");
    body
}

/// "To use 'version', autoUpgradeMinorVersion must be 'false'" (the definition of the request). The code is unverified.
fn versioned(body: &Value) -> Result<(), Answer> {
    let own = &body["properties"];
    if own["version"].is_string() && own["autoUpgradeMinorVersion"].as_bool().unwrap_or(true) {
        let message = "A version can be set only if autoUpgradeMinorVersion is false.";
        return Err(Answer::error(400, "InvalidRequest", message));
    }
    Ok(())
}

fn install(world: &mut World, call: &Call, id: &str, answer: Answer) -> Answer {
    let operation = installation::install(world, id);
    asynchronous(world, call, id, &operation, answer)
}

fn asynchronous(world: &World, call: &Call, id: &str, operation: &str, answer: Answer) -> Answer {
    let version = call.version();
    let url = format!("{}{id}/operations/{operation}?api-version={version}", world.endpoint);
    let location = format!(
        "https://{}.rp.kubernetesconfiguration.azure.com{id}/operations/{operation}?api-version={version}",
        ids::LOCATION
    );
    world.paced(answer.with("Azure-AsyncOperation", url).with("Location", location))
}

fn patch(world: &mut World, call: &Call) -> Outcome {
    let id = id(world, call)?;
    let old = world.get(&id).cloned().ok_or_else(|| gone(call))?;
    // The code is recorded, its words are not.
    if text(&old, "/properties/provisioningState") == "Creating" {
        let message = "The extension cannot be updated while it is being created.";
        return Err(Answer::error(409, "ExtensionPatchFailed", message));
    }
    if let Some(running) = world.occupied_by(&cluster_of(&id)) {
        return Err(busy(running));
    }
    let body = changed(Some(&old), call);
    versioned(&body)?;
    world.put(body.clone(), 0.0);
    Ok(install(
        world,
        call,
        &id,
        Answer::new(202, shown(&body, call.version())),
    ))
}

fn delete(world: &mut World, call: &Call) -> Outcome {
    let id = id(world, call)?;
    if world.get(&id).is_none() {
        return Ok(Answer::empty(204));
    }
    if let Some(running) = world.occupied_by(&cluster_of(&id)) {
        return Err(busy(running));
    }
    world.set_state(&id, "Deleting");
    let (seconds, key) = (world.settings.durations.extension_delete, id.clone());
    let operation = world.start(
        &id,
        "DeleteExtensionAddonHandler.DELETE",
        Some(&cluster_of(&id)),
        seconds,
        move |world, _| {
            identities::drop_of_extension(world, &key);
            world.remove(&key);
            world.effects.push(Effect::Uninstall);
            End::default()
        },
    );
    Ok(asynchronous(world, call, &id, &operation, Answer::empty(202)))
}

fn operation(world: &mut World, call: &Call) -> Outcome {
    let missing = || {
        Answer::error(
            404,
            "ResourceNotFound",
            &format!("The operation '{}' was not found.", call.get("o")),
        )
    };
    let operation = world.operations.get(call.get("o")).ok_or_else(missing)?;
    let mut body = operation.body("Creating");
    // This provider tells no times.
    if let Some(body) = body.as_object_mut() {
        body.retain(|name, _| !matches!(name.as_str(), "startTime" | "endTime"));
    }
    body["id"] = json!(call.target.path());
    Ok(world.paced(Answer::ok(body)))
}
