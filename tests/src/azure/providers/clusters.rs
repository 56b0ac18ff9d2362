//! Managed clusters: read, list, and the PUT of the whole object.

use serde_json::{Value, json};

use super::cluster_body;
use crate::azure::answer::{Answer, Outcome, busy, missing, not_found};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::world::{Effect, World, text};

const KIND: &str = "Microsoft.ContainerService/managedClusters";
const READ: &str = "Microsoft.ContainerService/managedClusters/read";
const ONE: &str = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}";

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "GET",
        "/subscriptions/{s}|/providers/Microsoft.ContainerService/managedClusters",
        READ,
        list,
    ),
    Route::new(
        "GET",
        "/subscriptions/{s}/resourceGroups/{g}|/providers/Microsoft.ContainerService/managedClusters",
        READ,
        list,
    ),
    Route::new("GET", ONE, READ, get),
    Route::new("PUT", ONE, "Microsoft.ContainerService/managedClusters/write", put),
    Route::new(
        "GET",
        "/subscriptions/{s}/providers/Microsoft.ContainerService/locations/{l}/operations/{o}",
        "Microsoft.ContainerService/locations/operations/read",
        operation,
    ),
];

/// Members that a PUT cannot change, each with its pointer below `properties`.
const FIXED: [&str; 9] = [
    "/dnsPrefix",
    "/fqdn",
    "/nodeResourceGroup",
    "/enableRBAC",
    "/currentKubernetesVersion",
    "/maxAgentPools",
    "/networkProfile/podCidr",
    "/networkProfile/serviceCidr",
    "/linuxProfile/adminUsername",
];

/// Blocks that stable api-versions before 2025-04-01 do not know; previews knew them earlier.
const NEWER: [&str; 2] = ["nodeProvisioningProfile", "bootstrapProfile"];

fn id(call: &Call) -> String {
    format!("{}/providers/{KIND}/{}", call.group_id(), call.get("c"))
}

/// The body of a cluster, or 404.
pub(crate) fn find<'a>(world: &'a World, call: &Call) -> Result<&'a Value, Answer> {
    world
        .get(&id(call))
        .ok_or_else(|| not_found(KIND, call.get("c"), call.get("g")))
}

/// What an api-version shows of a cluster.
pub(crate) fn shown(body: &Value, version: &str) -> Value {
    let mut body = body.clone();
    if version < "2025-04-01" && !version.ends_with("-preview") {
        let hide = |object: &mut Value, names: &[&str]| {
            if let Some(object) = object.as_object_mut() {
                object.retain(|name, _| !names.contains(&name.as_str()));
            }
        };
        hide(&mut body["properties"], &NEWER);
        hide(&mut body, &["kind"]);
    }
    body
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let scope = call.captures.scope.clone();
    let all = world
        .list(&scope, KIND)
        .into_iter()
        .map(|body| shown(body, call.version()))
        .collect();
    Ok(call.page(world, all))
}

fn get(world: &mut World, call: &Call) -> Outcome {
    let body = shown(find(world, call)?, call.version());
    let etag = text(&body, "/eTag").to_owned();
    if world.settings.etag_moves > 0 && !etag.is_empty() {
        world.settings.etag_moves -= 1;
        if let Some(body) = world.get_mut(&id(call)) {
            body["eTag"] = json!(ids::fresh());
            body["tags"]["read"] = json!(etag);
        }
    }
    let answer = Answer::ok(body);
    Ok(if etag.is_empty() {
        answer
    } else {
        answer.with("ETag", etag)
    })
}

/// Compares `If-Match` and `If-None-Match` with the cluster's eTag; 412 where they do not hold.
pub(crate) fn preconditions(call: &Call, etag: Option<&str>) -> Result<(), Answer> {
    let (wanted, unwanted) = (call.header("if-match"), call.header("if-none-match"));
    let failed = |message: &str| Err(Answer::error(412, "PreConditionFailed", message));
    if !wanted.is_empty() && !unwanted.is_empty() {
        return Err(Answer::error(
            400,
            "BadRequest",
            "Only one of If-Match and If-None-Match may be given.",
        ));
    }
    match etag {
        None if !wanted.is_empty() => failed("The managed cluster does not exist."),
        Some(_) if unwanted == "*" => failed("The managed cluster exists already."),
        Some(etag) if !wanted.is_empty() && wanted != "*" && wanted.trim_matches('"') != etag => {
            failed("The eTag in If-Match does not match the eTag of the managed cluster.")
        }
        _ => Ok(()),
    }
}

fn put(world: &mut World, call: &Call) -> Outcome {
    let old = find(world, call).cloned();
    preconditions(call, old.as_ref().ok().map(|body| text(body, "/eTag")))?;
    let old = old.map_err(|_| {
        Answer::error(
            400,
            "BadRequest",
            "The sandbox makes no new clusters: only the one that it starts with can be changed.",
        )
    })?;
    let key = id(call);
    if let Some(running) = world.occupied_by(&key) {
        return Err(busy(running));
    }
    if text(&old, "/properties/powerState/code") == "Stopped" {
        let message = "managed cluster is in (Stopped) state, please start the cluster before this operation.";
        return Err(Answer::error(409, "OperationNotAllowed", message));
    }
    fixed(&old, call)?;
    let mut new = merged(&old, call);
    switches(&old, &mut new)?;
    new["properties"]["provisioningState"] = json!("Updating");
    if !world.settings.start.no_etag {
        new["eTag"] = json!(ids::fresh());
    }
    world.put(new.clone(), 0.0);
    let seconds = world.settings.durations.cluster_update;
    let operation = world.start(&key, "Updating", Some(&key), seconds, {
        let (key, old) = (key.clone(), old.clone());
        move |world, _| finish(world, &key, &old)
    });
    Ok(asynchronous(world, Answer::ok(shown(&new, call.version())), &operation))
}

/// AKS's own long-running operation: at the subscription's location, in an api-version of its own.
pub(crate) fn asynchronous(world: &World, answer: Answer, operation: &str) -> Answer {
    let url = format!(
        "{}/subscriptions/{}/providers/Microsoft.ContainerService/locations/{}/operations/{operation}?api-version=2016-03-30",
        world.endpoint,
        ids::SUBSCRIPTION,
        ids::LOCATION
    );
    world.paced(answer.with("Azure-AsyncOperation", url))
}

fn finish(world: &mut World, key: &str, old: &Value) -> End {
    world.set_state(key, "Succeeded");
    let on = |body: &Value, pointer: &str| body.pointer(pointer).and_then(Value::as_bool).unwrap_or(false);
    let (issuer, workload) = (
        "/properties/oidcIssuerProfile/enabled",
        "/properties/securityProfile/workloadIdentity/enabled",
    );
    let Some(new) = world.get(key).cloned() else {
        return End::default();
    };
    if on(&new, issuer) && !on(old, issuer) {
        world.effects.push(Effect::Issuer(cluster_body::issuer()));
    }
    if on(&new, workload) != on(old, workload) {
        world.effects.push(Effect::WorkloadIdentity(on(&new, workload)));
    }
    End::default()
}

fn fixed(old: &Value, call: &Call) -> Result<(), Answer> {
    if call.text("/location").is_empty() {
        return Err(missing("location"));
    }
    let changed = FIXED.iter().find(|pointer| {
        let pointer = format!("/properties{pointer}");
        call.body
            .pointer(&pointer)
            .is_some_and(|new| Some(new) != old.pointer(&pointer))
    });
    let location = call.text("/location").replace(' ', "");
    let moved = !location.eq_ignore_ascii_case(text(old, "/location"));
    let target = if moved {
        "location".to_owned()
    } else {
        changed.map_or_else(String::new, |path| format!("properties{}", path.replace('/', ".")))
    };
    if target.is_empty() {
        return Ok(());
    }
    let message = format!("Changing property '{target}' is not allowed.");
    let body = json!({ "error": { "code": "PropertyChangeNotAllowed", "message": message, "target": target } });
    Err(Answer::new(400, body))
}

/// The new object: what was sent, with the members that only the service writes. A block that was left out is reset;
/// `storageProfile` alone keeps drivers that the request does not name.
fn merged(old: &Value, call: &Call) -> Value {
    let mut new = call.body.clone();
    for name in ["id", "name", "type", "kind", "systemData"] {
        new[name] = old[name].clone();
    }
    if new["identity"].is_null() || new["identity"]["type"] == old["identity"]["type"] {
        new["identity"] = old["identity"].clone();
    }
    if let Some(object) = new.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    let service = [
        "fqdn",
        "azurePortalFQDN",
        "currentKubernetesVersion",
        "maxAgentPools",
        "powerState",
        "resourceUID",
        "nodeResourceGroup",
    ];
    for name in service
        .into_iter()
        .chain(["identityProfile", "servicePrincipalProfile", "dnsPrefix"])
    {
        new["properties"][name] = old["properties"][name].clone();
    }
    let mut storage = old["properties"]["storageProfile"].clone();
    for (name, value) in new["properties"]["storageProfile"].as_object().into_iter().flatten() {
        storage[name] = value.clone();
    }
    new["properties"]["storageProfile"] = storage;
    new
}

fn switches(old: &Value, new: &mut Value) -> Result<(), Answer> {
    let was = old.pointer("/properties/oidcIssuerProfile/enabled") == Some(&json!(true));
    let issuer = &mut new["properties"]["oidcIssuerProfile"];
    let wanted = issuer["enabled"].as_bool();
    if was && wanted == Some(false) {
        let message = "Disabling the OIDC issuer is not allowed once it is enabled.";
        return Err(Answer::error(400, "OIDCIssuerFeatureCannotBeDisabled", message));
    }
    *issuer = if was || wanted == Some(true) {
        json!({ "enabled": true, "issuerURL": cluster_body::issuer() })
    } else {
        json!({ "enabled": false })
    };
    let workload = new.pointer("/properties/securityProfile/workloadIdentity/enabled") == Some(&json!(true));
    if workload && new["properties"]["oidcIssuerProfile"]["enabled"] != json!(true) {
        let message = "Workload identity needs the OIDC issuer: enable 'oidcIssuerProfile' as well.";
        return Err(Answer::error(400, "InvalidParameter", message));
    }
    Ok(())
}

fn operation(world: &mut World, call: &Call) -> Outcome {
    let missing = || {
        Answer::error(
            404,
            "NotFound",
            &format!("The operation '{}' was not found.", call.get("o")),
        )
    };
    let operation = world.operations.get(call.get("o")).ok_or_else(missing)?;
    Ok(world.paced(Answer::ok(operation.body("InProgress"))))
}
