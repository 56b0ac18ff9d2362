//! What other people and programs do to the world: see [`crate::settings::Others`].

use serde_json::{Value, json};

use super::ids;
use super::path::name_of;
use super::providers::{accounts, cluster_body, extensions, federation, identities, installation};
use super::verbatim::MARK;
use super::world::{Effect, World, stamp, text};

/// The audience that Entra's token exchange wants, and another one.
const AUDIENCES: [&str; 2] = ["api://AzureADTokenExchange", "api://AzureADTokenExchangeChina"];
const OTHER_ISSUER: &str = "https://westeurope.oic.prod-aks.azure.com/elsewhere/";

/// What was there before the client came.
pub(crate) fn seed(world: &mut World) {
    for number in 2..world.settings.others.node_identities {
        let own = |what: &str| ids::named(&format!("node/{number}/{what}"));
        let (group, name) = (ids::group_id(ids::NODE_GROUP), format!("addon-{number}-aks-demo"));
        let body = identities::body(&group, &name, ids::LOCATION, &own("principal"), &own("client"));
        world.put(body, 0.0);
    }
    if world.settings.others.cluster_unknown_members {
        unknown_members(world);
    }
    if !world.settings.others.extension.is_empty() {
        world.after(0.0, |world, _| extension(world));
    }
}

/// What a switch makes happen in a world that runs already.
pub(crate) fn switched(world: &mut World, key: &str) {
    match key {
        "extension" => world.after(0.0, |world, _| extension(world)),
        "extension_reinstalled" if world.settings.others.extension_reinstalled => {
            world.after(0.0, |world, _| reinstall(world));
        }
        "extension_identity_gone" if world.settings.others.extension_identity_gone => {
            if let Some(id) = backup_extension(world) {
                identities::drop_of_extension(world, &id);
            }
        }
        "cluster_unknown_members" if world.settings.others.cluster_unknown_members => unknown_members(world),
        "roles_never_effective" if !world.settings.roles_never_effective => world.bring_into_force(),
        _ => {}
    }
}

/// Puts members that nobody knows into several places of the cluster.
fn unknown_members(world: &mut World) {
    let Some(body) = world.get_mut(&ids::cluster_id()) else {
        return;
    };
    body["futurePlacement"] = json!(MARK);
    let properties = &mut body["properties"];
    for place in ["", "/securityProfile", "/networkProfile", "/agentPoolProfiles/0"] {
        if let Some(place) = properties.pointer_mut(place) {
            place["futureProfile"] = json!(MARK);
        }
    }
}

/// What occupies a cluster besides the operations of the model.
pub(crate) fn occupation(world: &World) -> Option<&'static str> {
    let others = &world.settings.others;
    if others.extension == "creating" {
        return Some(installation::WORK);
    }
    others
        .cluster_occupied
        .then_some("RotateClusterCertificatesHandler.POST")
}

fn backup_extension(world: &World) -> Option<String> {
    let all = world.list(&ids::cluster_id(), extensions::KIND);
    let is_backup = |body: &&&Value| text(body, "/properties/extensionType").eq_ignore_ascii_case(extensions::BACKUP);
    all.iter().find(is_backup).map(|body| text(body, "/id").to_owned())
}

/// Installs the extension of somebody, as far as the switch says.
fn extension(world: &mut World) {
    let others = world.settings.others.clone();
    let id = backup_extension(world).unwrap_or_else(|| {
        let kind = extensions::KIND;
        format!("{}/providers/{kind}/{}", ids::cluster_id(), others.extension_name)
    });
    if world.get(&id).is_none() {
        world.put(foreign(world, &id), 0.0);
    }
    match others.extension.as_str() {
        "succeeded" => installation::succeed(world, &id),
        "failed" => {
            installation::fail(world, &id);
        }
        _ => {}
    }
}

fn foreign(world: &World, id: &str) -> Value {
    let mut place = world.settings.others.extension_storage.split('/');
    let [group, account, container] = [place.next(), place.next(), place.next()].map(Option::unwrap_or_default);
    let of_location = |name: &str| format!("configuration.backupStorageLocation.{name}");
    let settings = json!({
        of_location("bucket"): container, of_location("config.storageAccount"): account,
        of_location("config.resourceGroup"): group, of_location("config.subscriptionId"): ids::SUBSCRIPTION,
        of_location("config.useAAD"): "true",
        of_location("config.storageAccountURI"): accounts::endpoint(world, account),
        "credentials.tenantId": ids::TENANT,
    });
    json!({
        "id": id, "name": name_of(id), "type": extensions::KIND,
        "properties": {
            // The service does not keep the case of types.
            "extensionType": "Microsoft.DataProtection.Kubernetes", "autoUpgradeMinorVersion": true,
            "autoUpgradeMode": "compatible", "releaseTrain": "Stable", "currentVersion": "0.0.3100-1201",
            "scope": { "cluster": { "releaseNamespace": "dataprotection-microsoft" } },
            "configurationSettings": settings, "configurationProtectedSettings": {}, "provisioningState": "Creating",
            "statuses": [], "aksAssignedIdentity": null, "isSystemExtension": false, "extensionState": "Pending",
        },
        "systemData": { "createdAt": stamp(), "createdByType": "User", "createdBy": "somebody@contoso.com" },
    })
}

fn reinstall(world: &mut World) {
    let Some(id) = backup_extension(world) else { return };
    identities::drop_of_extension(world, &id);
    world.effects.push(Effect::Uninstall);
    installation::succeed(world, &id);
}

/// Somebody's credentials on the identity of a new extension.
pub(crate) fn identity_made(world: &mut World, identity: &str) {
    let there = world.settings.others.credentials_there.clone();
    for item in there.split(',').filter(|item| !item.is_empty()) {
        let junk = |number: usize| format!("system:serviceaccount:elsewhere:account-{number}");
        if let Some(many) = item.strip_prefix("other-issuer-") {
            for number in 0..many.parse().unwrap_or(0) {
                let name = format!("elsewhere-{number}");
                credential(world, identity, &name, (OTHER_ISSUER, &junk(number), AUDIENCES[0]));
            }
        } else if let Some(name) = item.strip_prefix("named-") {
            credential(world, identity, name, (OTHER_ISSUER, &junk(usize::MAX), AUDIENCES[0]));
        } else {
            let audience = AUDIENCES[usize::from(item == "wrong-audience")];
            let issuer = cluster_body::issuer();
            for account in ["controller-sa", "kubernetes-agent-server", "geneva-sa"] {
                let subject =
                    format!("system:serviceaccount:dataprotection-microsoft:dataprotection-microsoft-{account}");
                credential(
                    world,
                    identity,
                    &format!("by-hand-{account}"),
                    (&issuer, &subject, audience),
                );
            }
        }
    }
}

fn credential(world: &mut World, identity: &str, name: &str, (issuer, subject, audience): (&str, &str, &str)) {
    let body = json!({
        "id": format!("{identity}/federatedIdentityCredentials/{name}"), "name": name, "type": federation::KIND,
        "properties": { "issuer": issuer, "subject": subject, "audiences": [audience] },
    });
    world.put(body, 0.0);
}

/// Whether somebody was quicker with this very credential, under another name.
pub(crate) fn outruns_credential(world: &mut World, identity: &str, wanted: &Value) -> bool {
    if world.settings.others.credential_rivals == 0 {
        return false;
    }
    world.settings.others.credential_rivals -= 1;
    let (issuer, subject) = (text(wanted, "/properties/issuer"), text(wanted, "/properties/subject"));
    let name = format!("rival-{}", world.settings.others.credential_rivals);
    credential(world, identity, &name, (issuer, subject, AUDIENCES[0]));
    true
}
