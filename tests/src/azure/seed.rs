//! The world at the start, and what a switch changes in it later.

use serde_json::{Value, json};

use super::ids;
use super::others;
use super::personas;
use super::providers::{accounts, by_hand, cluster_body, groups, identities, locks, registration, restores};
use super::roles;
use super::world::{World, text};

/// Fills an empty world.
pub(crate) fn seed(world: &mut World) {
    let settings = world.settings.clone();
    registration::seed(world, ids::SUBSCRIPTION, settings.start.providers_registered);
    registration::seed(world, ids::OTHER_SUBSCRIPTION, true);
    registration::seed(world, ids::FOREIGN_SUBSCRIPTION, true);
    for subscription in ids::MORE_SUBSCRIPTIONS {
        registration::seed(world, subscription, true);
    }
    let mut all = vec![
        (ids::CLUSTER_GROUP, ids::LOCATION),
        (ids::NODE_GROUP, ids::LOCATION),
        (ids::BACKUP_GROUP, ids::LOCATION),
        (ids::ELSEWHERE_GROUP, "northeurope"),
    ];
    if !settings.start.no_snapshot_group {
        all.push((ids::SNAPSHOT_GROUP, ids::LOCATION));
    }
    for (group, location) in all {
        world.put(
            groups::body(&ids::group_id(group), location, &json!({ "owner": "contoso" })),
            0.0,
        );
    }
    world.put(cluster_body::body(&settings), 0.0);
    nodes(world);
    if settings.start.snapshot_group_lock {
        lock(world);
    }
    if settings.protection.vault_by_hand {
        by_hand::vault(world);
    }
    freeze(world);
    if settings.start.protected_elsewhere {
        protect_elsewhere(world);
    }
    for name in personas::NAMES {
        for (role, scope) in personas::rights(name) {
            // An assignment on a group goes with the group.
            if settings.start.no_snapshot_group && scope == ids::group_id(ids::SNAPSHOT_GROUP) {
                continue;
            }
            let tenant = scope.split('/').nth(2).and_then(ids::tenant_of).unwrap_or(ids::TENANT);
            let principal = personas::persona(name).in_tenant(tenant).object_id;
            hand(world, &principal, role, &scope);
        }
    }
    others::seed(world);
}

/// A role assignment of the world's past.
fn hand(world: &mut World, principal: &str, role: &str, scope: &str) {
    if let Some(role) = roles::find(role) {
        let name = ids::named(&format!("{principal}/{}/{scope}", role.id));
        world.assign(&name, principal, "ServicePrincipal", role, scope, true);
    }
}

/// The node group holds the kubelet's identity and one of an add-on, so that nobody takes the only one there.
fn nodes(world: &mut World) {
    let group = ids::group_id(ids::NODE_GROUP);
    for (name, seed) in [("aks-demo-agentpool", "kubelet"), ("azurepolicy-aks-demo", "policy")] {
        let (principal, client) = (
            ids::named(&format!("{seed}/principal")),
            ids::named(&format!("{seed}/client")),
        );
        world.put(identities::body(&group, name, ids::LOCATION, &principal, &client), 0.0);
    }
}

fn lock(world: &mut World) {
    let scope = ids::group_id(ids::SNAPSHOT_GROUP);
    world.put(
        locks::body(&scope, "keep", "CanNotDelete", &json!("Do not delete snapshots.")),
        0.0,
    );
}

/// The lock on rg-backup, at the level of the settings.
fn freeze(world: &mut World) {
    let (scope, level) = (
        ids::group_id(ids::BACKUP_GROUP),
        world.settings.protection.backup_group_lock.clone(),
    );
    let lock = locks::body(&scope, "freeze", &level, &json!("Change nothing before the audit."));
    world.remove(text(&lock, "/id"));
    if !level.is_empty() {
        world.put(lock, 0.0);
    }
}

/// A vault and an instance in rg-elsewhere that protect the cluster.
fn protect_elsewhere(world: &mut World) {
    let vault = format!(
        "{}/providers/Microsoft.DataProtection/backupVaults/vault-elsewhere",
        ids::group_id(ids::ELSEWHERE_GROUP)
    );
    world.put(
        json!({
            "id": vault, "name": "vault-elsewhere", "type": "Microsoft.DataProtection/backupVaults",
            "location": "northeurope",
            "identity": { "type": "SystemAssigned", "principalId": ids::named("elsewhere"), "tenantId": ids::TENANT },
            "properties": {
                "provisioningState": "Succeeded",
                "storageSettings": [{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }],
            },
        }),
        0.0,
    );
    let source = |kind: &str| {
        json!({
            "objectType": kind, "resourceID": ids::cluster_id(), "resourceName": ids::CLUSTER,
            "resourceType": "Microsoft.ContainerService/managedClusters", "resourceLocation": ids::LOCATION,
            "datasourceType": "Microsoft.ContainerService/managedClusters", "resourceUri": "",
        })
    };
    world.put(
        json!({
            "id": format!("{vault}/backupInstances/aks-demo-old"), "name": "aks-demo-old",
            "type": "Microsoft.DataProtection/backupVaults/backupInstances",
            "properties": {
                "objectType": "BackupInstance", "friendlyName": "aks-demo", "provisioningState": "Succeeded",
                "currentProtectionState": "ProtectionConfigured",
                "protectionStatus": { "status": "ProtectionConfigured" },
                "dataSourceInfo": source("Datasource"), "dataSourceSetInfo": source("DatasourceSet"),
                "policyInfo": { "policyId": format!("{vault}/backupPolicies/old") },
            },
        }),
        0.0,
    );
}

/// Brings a switch of the initial state into a world that runs already.
pub(crate) fn switched(world: &mut World, key: &str) {
    let settings = world.settings.clone();
    let cluster = ids::cluster_id();
    match key {
        "cluster_stopped" => {
            let code = if settings.start.cluster_stopped {
                "Stopped"
            } else {
                "Running"
            };
            change(world, &cluster, "powerState", json!({ "code": code }));
        }
        "locked_node_group" => {
            let level = if settings.start.locked_node_group {
                "ReadOnly"
            } else {
                "Unrestricted"
            };
            change(
                world,
                &cluster,
                "nodeResourceGroupProfile",
                json!({ "restrictionLevel": level }),
            );
        }
        "snapshot_group_lock" if settings.start.snapshot_group_lock => lock(world),
        "snapshot_group_lock" => {
            let scope = ids::group_id(ids::SNAPSHOT_GROUP);
            world.remove(&format!("{scope}/providers/Microsoft.Authorization/locks/keep"));
        }
        "protected_elsewhere" if settings.start.protected_elsewhere => protect_elsewhere(world),
        "storage_default_action" => network_rules(world),
        "backup_group_lock" => freeze(world),
        "vault_by_hand" if settings.protection.vault_by_hand => by_hand::vault(world),
        "instance_state" => by_hand::instances(world),
        "point_fate" => restores::befall(world),
        _ => others::switched(world, key),
    }
}

fn network_rules(world: &mut World) {
    let accounts = world.list("/", accounts::KIND).into_iter();
    let ids: Vec<String> = accounts.map(|account| text(account, "/id").to_owned()).collect();
    for id in ids {
        let action = json!(world.settings.start.storage_default_action);
        if let Some(account) = world.get_mut(&id) {
            account["properties"]["networkAcls"]["defaultAction"] = action;
        }
    }
}

fn change(world: &mut World, id: &str, member: &str, value: Value) {
    if let Some(body) = world.get_mut(id) {
        body["properties"][member] = value;
    }
}
