//! Registration of resource providers.

use serde_json::{Value, json};

use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::versions;
use crate::azure::world::World;

pub(crate) const ROUTES: &[Route] = &[
    Route::open("GET", "/subscriptions/{s}/providers", list),
    Route::open("GET", "/subscriptions/{s}/providers/{ns}", get),
    Route::open("POST", "/subscriptions/{s}/providers/{ns}/register", register),
];

/// Namespaces that the model knows, with the types that it lists.
const NAMESPACES: &[(&str, &[&str])] = &[
    (
        "Microsoft.Authorization",
        &["roleAssignments", "roleDefinitions", "permissions", "locks"],
    ),
    (
        "Microsoft.ContainerService",
        &[
            "managedClusters",
            "managedClusters/trustedAccessRoleBindings",
            "locations",
        ],
    ),
    (
        "Microsoft.DataProtection",
        &[
            "backupVaults",
            "backupVaults/backupPolicies",
            "backupVaults/backupInstances",
        ],
    ),
    ("Microsoft.KubernetesConfiguration", &["extensions"]),
    (
        "Microsoft.ManagedIdentity",
        &[
            "userAssignedIdentities",
            "userAssignedIdentities/federatedIdentityCredentials",
        ],
    ),
    ("Microsoft.Resources", &["resourceGroups", "providers"]),
    (
        "Microsoft.Storage",
        &["storageAccounts", "storageAccounts/blobServices/containers"],
    ),
];

/// Namespaces that need no registration.
const ALWAYS: [&str; 2] = ["microsoft.authorization", "microsoft.resources"];

/// The namespace as it is spelt.
pub(crate) fn proper(namespace: &str) -> &str {
    let known = NAMESPACES.iter().find(|entry| entry.0.eq_ignore_ascii_case(namespace));
    known.map_or(namespace, |entry| entry.0)
}

/// The registration states at the start, for one subscription.
pub(crate) fn seed(world: &mut World, subscription: &str, registered: bool) {
    for (namespace, _) in NAMESPACES {
        let key = namespace.to_ascii_lowercase();
        let state = if registered || ALWAYS.contains(&key.as_str()) {
            "Registered"
        } else {
            "NotRegistered"
        };
        world
            .registrations
            .insert((subscription.to_owned(), key), state.to_owned());
    }
}

fn body(world: &World, subscription: &str, namespace: &str) -> Option<Value> {
    let key = namespace.to_ascii_lowercase();
    let state = world
        .registrations
        .get(&(subscription.to_ascii_lowercase(), key.clone()))?;
    let (name, kinds) = NAMESPACES.iter().find(|entry| entry.0.eq_ignore_ascii_case(&key))?;
    let withdrawn = &world.settings.withdrawn_api_versions;
    let kind = |kind: &&str| {
        let first = kind.split('/').next().unwrap_or(kind);
        let mut all = versions::offered(&key, first).unwrap_or_else(|| vec!["2022-12-01", "2024-07-01", "2025-04-01"]);
        let gone = format!("{key}/{}@", first.to_ascii_lowercase());
        all.retain(|version| {
            !withdrawn
                .split(',')
                .any(|entry| entry.trim() == format!("{gone}{version}"))
        });
        all.reverse();
        json!({
            "resourceType": kind, "locations": ["West Europe", "North Europe"], "apiVersions": all,
            "capabilities": "SupportsTags, SupportsLocation",
        })
    };
    Some(json!({
        "id": format!("/subscriptions/{subscription}/providers/{name}"), "namespace": name,
        "resourceTypes": kinds.iter().map(kind).collect::<Vec<_>>(), "registrationState": state,
        "registrationPolicy": "RegistrationRequired",
    }))
}

fn unknown(namespace: &str) -> Answer {
    let message = format!("The resource namespace '{namespace}' is invalid.");
    Answer::error(404, "InvalidResourceNamespace", &message)
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let path = call.target.path();
    world.authorize(
        &call.caller,
        "Microsoft.Resources/subscriptions/providers/read",
        &path,
        &path,
    )?;
    let all = NAMESPACES
        .iter()
        .filter_map(|(namespace, _)| body(world, call.get("s"), namespace))
        .collect();
    Ok(call.page(world, all))
}

/// Open to everybody who sees anything of the subscription.
fn get(world: &mut World, call: &Call) -> Outcome {
    let scope = format!("/subscriptions/{}", call.get("s"));
    if !world.sees(&call.caller.object_id, &scope) {
        world.authorize(
            &call.caller,
            "Microsoft.Resources/subscriptions/providers/read",
            &scope,
            &scope,
        )?;
    }
    body(world, call.get("s"), call.get("ns"))
        .map(Answer::ok)
        .ok_or_else(|| unknown(call.get("ns")))
}

fn register(world: &mut World, call: &Call) -> Outcome {
    let (subscription, namespace) = (call.get("s").to_ascii_lowercase(), call.get("ns").to_ascii_lowercase());
    let scope = format!("/subscriptions/{subscription}");
    world.authorize(
        &call.caller,
        &format!("{}/register/action", proper(&namespace)),
        &scope,
        &scope,
    )?;
    let key = (subscription, namespace);
    let state = world.registrations.get(&key).ok_or_else(|| unknown(call.get("ns")))?;
    if state == "NotRegistered" || state == "Unregistered" {
        world.registrations.insert(key.clone(), "Registering".to_owned());
        world.after(world.settings.durations.registration, move |world, _| {
            world.registrations.insert(key, "Registered".to_owned());
        });
    }
    body(world, call.get("s"), call.get("ns"))
        .map(Answer::ok)
        .ok_or_else(|| unknown(call.get("ns")))
}
