//! What happens between an extension's PUT and its end: identity, Helm release, or failure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::extensions::{BACKUP, cluster_of};
use super::identities;
use crate::azure::ids;
use crate::azure::operations::End;
use crate::azure::path::name_of;
use crate::azure::world::{Effect, World, stamp, text};
use crate::planes::ExtensionRelease;

/// What AKS calls the work on a cluster that has an extension put into it.
pub(crate) const WORK: &str = "PutExtensionAddonHandler.PUT";

/// Starts the installation of the extension that is stored under `id`. Gives the operation.
pub(crate) fn install(world: &mut World, id: &str) -> String {
    let (key, seconds) = (id.to_owned(), world.settings.durations.extension_install);
    world.start(id, WORK, Some(&cluster_of(id)), seconds, move |world, _| {
        finish(world, &key)
    })
}

fn finish(world: &mut World, id: &str) -> End {
    if world.settings.extension_failures > 0 {
        world.settings.extension_failures -= 1;
        return fail(world, id);
    }
    let background = world.settings.durations.extension_background;
    if background > 0.0 {
        world.start(id, WORK, Some(&cluster_of(id)), background, |_, _| End::default());
    }
    succeed(world, id);
    End::default()
}

/// The extension is there: with its identity, and as a release in the cluster.
pub(crate) fn succeed(world: &mut World, id: &str) {
    let identity = identities::of_extension(world, id);
    let assigned = assigned(&identity, world.settings.extension_names_identity);
    let Some(body) = world.get_mut(id) else { return };
    let properties = &mut body["properties"];
    properties["provisioningState"] = json!("Succeeded");
    properties["extensionState"] = json!("Succeeded");
    properties["aksAssignedIdentity"] = assigned;
    if text(properties, "/extensionType").eq_ignore_ascii_case(BACKUP) {
        let release = release(properties, name_of(id), text(&identity, "/properties/clientId"));
        world.effects.push(Effect::Install(release));
    }
}

fn assigned(identity: &Value, named: bool) -> Value {
    let own = &identity["properties"];
    let mut assigned = json!({
        "principalId": own["principalId"], "tenantId": ids::TENANT, "type": "SystemAssigned",
    });
    if named {
        assigned["clientId"] = own["clientId"].clone();
        assigned["objectId"] = own["principalId"].clone();
        assigned["resourceId"] = identity["id"].clone();
    }
    assigned
}

fn release(properties: &Value, name: &str, client: &str) -> ExtensionRelease {
    let all = properties["configurationSettings"].as_object().into_iter().flatten();
    let settings: BTreeMap<String, String> = all
        .map(|(key, value)| {
            (
                key.clone(),
                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            )
        })
        .collect();
    ExtensionRelease {
        name: name.to_owned(),
        namespace: text(properties, "/scope/cluster/releaseNamespace").to_owned(),
        settings,
        client_id: client.to_owned(),
        tenant_id: ids::TENANT.to_owned(),
    }
}

/// The extension could not be installed.
pub(crate) fn fail(world: &mut World, id: &str) -> End {
    let message = "Error: [ InnerError: [Helm installation failed : Timed out waiting for the resource to come to a \
                   ready/completed state :  Resource geneva-service is not ready: InnerError [release azure-aks-backup \
                   failed, and has been uninstalled due to atomic being set: timed out waiting for the condition]]] \
                   occurred while doing the operation : [Create] on the config";
    let error = json!({ "code": "ExtensionOperationFailed", "message": message });
    if let Some(body) = world.get_mut(id) {
        body["properties"]["provisioningState"] = json!("Failed");
        body["properties"]["errorInfo"] =
            json!({ "code": "ExtensionOperationFailed", "message": message, "details": [] });
        body["properties"]["statuses"] = json!([{
            "code": "InstallationFailed", "displayStatus": "Failed", "level": "Error", "message": message, "time": stamp(),
        }]);
    }
    End {
        error: Some(error),
        ..End::default()
    }
}
