//! The kubeconfig of a cluster, one for each signed-in account, and the one of the local administrator.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::clusters::find;
use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::path::{group_of, name_of};
use crate::azure::personas;
use crate::azure::world::{World, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}|/listClusterUserCredential",
        "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
        user,
    ),
    Route::new(
        "POST",
        "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.ContainerService/managedClusters/{c}|/listClusterAdminCredential",
        "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",
        admin,
    ),
];

/// One context named after the cluster, with the caller's own token. AKS names a program there (kubelogin), which gets a
/// token for the account that is signed in.
fn user(world: &mut World, call: &Call) -> Outcome {
    let (name, group) = named(find(world, call)?);
    let token = personas::kubernetes_token(&call.caller.object_id);
    let (user, context) = (format!("clusterUser_{group}_{name}"), name.clone());
    Ok(answered(
        "clusterUser",
        &config(world, (&name, &context, &user), &token),
    ))
}

/// The local administrator's, where the cluster has local accounts.
fn admin(world: &mut World, call: &Call) -> Outcome {
    let cluster = find(world, call)?;
    if cluster.pointer("/properties/disableLocalAccounts") == Some(&json!(true)) {
        let message = "Getting static credential is not allowed because this cluster is set to disable local accounts.";
        return Err(Answer::error(400, "BadRequest", message));
    }
    let (name, group) = named(cluster);
    let personas = &world.settings.kubernetes.personas;
    let all = |persona: &&crate::kubernetes::Persona| persona.groups.iter().any(|group| group == "system:masters");
    let token = personas
        .iter()
        .find(all)
        .map_or_else(String::new, |own| own.token.clone());
    let (user, context) = (format!("clusterAdmin_{group}_{name}"), format!("{name}-admin"));
    Ok(answered(
        "clusterAdmin",
        &config(world, (&name, &context, &user), &token),
    ))
}

/// Name and resource group of a cluster, as they are stored.
fn named(cluster: &Value) -> (String, String) {
    let group = group_of(text(cluster, "/id")).unwrap_or_default();
    (text(cluster, "/name").to_owned(), name_of(&group).to_owned())
}

fn answered(name: &str, config: &Value) -> Answer {
    let value = STANDARD.encode(format!("{config:#}\n"));
    Answer::ok(json!({ "kubeconfigs": [{ "name": name, "value": value }] }))
}

fn config(world: &World, (cluster, context, user): (&str, &str, &str), token: &str) -> Value {
    let access = &world.cluster_access;
    json!({
        "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": context,
        "clusters": [{
            "name": cluster,
            "cluster": { "server": access.server, "certificate-authority-data": STANDARD.encode(&access.authority) },
        }],
        "contexts": [{ "name": context, "context": { "cluster": cluster, "user": user } }],
        "users": [{ "name": user, "user": { "token": token } }],
    })
}
