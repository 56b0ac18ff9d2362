//! Worlds with resources of others and edited state files: whatever a file claims, nothing that others own is deleted.

use std::collections::BTreeSet;
use std::io::Write as _;

use aksbackup_tests::azure::ids;
use serde_json::{Value, json};

use crate::cloud_world::{Protected, text};
use crate::teardown::{DELETE, teardown, there};

/// One world: what is changed by hand, and what must be there afterwards.
struct Case {
    name: &'static str,
    change: fn(&Protected) -> Vec<String>,
}

/// Claims in the file that this tool created `objects`.
fn claim(world: &Protected, step: &str, objects: &[&str]) {
    let mut state: toml::Table = toml::from_str(&world.stage.state_text()).unwrap();
    let created = state["cloud"].as_table_mut().unwrap()["created"]
        .as_array_mut()
        .unwrap();
    for object in objects {
        let mut one = created[0].clone();
        one["step"] = step.into();
        one["object"] = (*object).into();
        created.push(one);
    }
    std::fs::write(world.stage.state(), toml::to_string(&state).unwrap()).unwrap();
}

/// Replaces a text of the file wherever it stands.
fn edit(world: &Protected, old: &str, new: &str) {
    let state = world.stage.state_text();
    assert!(state.contains(old), "{old} in\n{state}");
    std::fs::write(world.stage.state(), state.replace(old, new)).unwrap();
}

/// A copy of a resource under another ID.
fn copy(world: &Protected, id: &str, other: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut body = world.azure().resource(id).unwrap();
    body["id"] = json!(other);
    body["name"] = json!(other.rsplit('/').next().unwrap());
    change(&mut body);
    world.azure().place(body);
    other.to_owned()
}

fn credentials(world: &Protected) -> Vec<String> {
    world
        .credentials()
        .iter()
        .map(|own| text(own, "/id").to_owned())
        .collect()
}

/// A role that somebody assigned, by its ID.
fn assigned(world: &Protected, principal: &str, role: &str, scope: &str) -> String {
    let known: BTreeSet<String> = there(&world.stage);
    world.assign(principal, role, scope);
    let new = there(&world.stage).difference(&known).next().cloned();
    new.unwrap()
}

/// An instance of somebody else's cluster in the vault.
fn other_instance(world: &Protected) -> String {
    let other = format!("{}/backupInstances/of-others", world.vault());
    copy(world, &world.instance(), &other, |body| {
        for set in ["dataSourceInfo", "dataSourceSetInfo"] {
            let source = text(body, &format!("/properties/{set}/resourceID")).replace("aks-demo", "aks-others");
            body["properties"][set]["resourceID"] = json!(source);
        }
    })
}

const CASES: &[Case] = &[
    Case {
        name: "a vault without the tag",
        change: |world| {
            world.change(&world.vault(), "/tags", Value::Null);
            vec![world.vault(), world.policy()]
        },
    },
    Case {
        name: "a vault with another cluster's tag",
        change: |world| {
            world.change(
                &world.vault(),
                "/tags/aksbackup",
                json!("0d1f4b1e-9b57-5c1f-8a7d-2e10aaaaaaaa"),
            );
            vec![world.vault(), world.policy()]
        },
    },
    Case {
        name: "a policy that the vault's tag doesn't name",
        change: |world| {
            world.change(&world.vault(), "/tags/aksbackup-policy", json!("other"));
            vec![world.vault(), world.policy()]
        },
    },
    Case {
        name: "another policy in the vault",
        change: |world| {
            let other = format!("{}/backupPolicies/of-others", world.vault());
            let other = copy(world, &world.policy(), &other, |_| ());
            claim(world, "vault-and-policy", &[&other]);
            vec![other, world.vault()]
        },
    },
    Case {
        name: "another policy that the file's target names",
        change: |world| {
            let other = format!("{}/backupPolicies/of-others", world.vault());
            let other = copy(world, &world.policy(), &other, |_| ());
            edit(world, world.policy().rsplit('/').next().unwrap(), "of-others");
            vec![other, world.vault()]
        },
    },
    Case {
        name: "another cluster's instance in the vault",
        change: |world| {
            let other = other_instance(world);
            claim(world, "backup-instance", &[&other]);
            vec![other, world.vault(), world.policy()]
        },
    },
    Case {
        name: "an account without the tag: nothing confirms the extension",
        change: |world| {
            world.change(&world.account(), "/tags", Value::Null);
            [vec![world.extension()], credentials(world)].concat()
        },
    },
    Case {
        name: "an extension that somebody reinstalled",
        change: |world| {
            let at = json!("2024-01-01T00:00:00.1234567Z");
            world.change(&world.extension(), "/systemData/createdAt", at);
            [vec![world.extension()], credentials(world)].concat()
        },
    },
    Case {
        name: "an extension of which Azure doesn't say when it was created",
        change: |world| {
            world.change(&world.extension(), "/systemData", Value::Null);
            vec![world.extension()]
        },
    },
    Case {
        name: "an extension that stores backups elsewhere",
        change: |world| {
            world.setting("configuration.backupStorageLocation.bucket", "of-others");
            [vec![world.extension()], credentials(world)].concat()
        },
    },
    Case {
        name: "a credential for another cluster on the identity",
        change: |world| {
            let other = format!("{}/federatedIdentityCredentials/of-others", world.identity());
            let own = credentials(world).remove(0);
            let other = copy(world, &own, &other, |body| {
                body["properties"]["issuer"] = json!("https://elsewhere.example/");
            });
            claim(world, "federated-credentials", &[&other]);
            vec![other, world.extension()]
        },
    },
    Case {
        name: "a credential for another namespace on the identity",
        change: |world| {
            let other = format!("{}/federatedIdentityCredentials/of-others", world.identity());
            let own = credentials(world).remove(0);
            let other = copy(world, &own, &other, |body| {
                body["properties"]["subject"] = json!("system:serviceaccount:elsewhere:app");
            });
            claim(world, "federated-credentials", &[&other]);
            vec![other, world.extension()]
        },
    },
    Case {
        name: "a binding of the vault under another name",
        change: |world| {
            let other = world.binding().replace("/backup-", "/others-");
            let other = copy(world, &world.binding(), &other, |_| ());
            claim(world, "trusted-access", &[&other]);
            vec![other]
        },
    },
    Case {
        name: "a binding of our name for another vault",
        change: |world| {
            let other = json!(world.vault().replace("/bv-", "/others-"));
            world.change(&world.binding(), "/properties/sourceResourceId", other);
            vec![world.binding()]
        },
    },
    Case {
        name: "a role of the extension's identity that somebody assigned",
        change: |world| {
            let other = assigned(world, &world.principal(), "Storage Blob Data Reader", &world.account());
            claim(world, "roles", &[&other]);
            vec![other]
        },
    },
    Case {
        name: "a role that somebody assigned in place of ours",
        change: |world| {
            world.unassign(&world.cluster_principal(), "Contributor", &Protected::snapshots());
            let other = assigned(
                world,
                &world.cluster_principal(),
                "Contributor",
                &Protected::snapshots(),
            );
            claim(world, "roles", &[&other]);
            vec![other]
        },
    },
    Case {
        name: "roles of the vault that another cluster's backups need",
        change: |world| {
            let vault = world.vault_principal();
            let roles = world.azure().role_assignments();
            let of_vault = roles.iter().filter(|own| {
                text(own, "/properties/principalId").eq_ignore_ascii_case(&vault)
                    && text(own, "/properties/scope").ends_with(ids::SNAPSHOT_GROUP)
            });
            let kept: Vec<String> = of_vault.map(|own| text(own, "/id").to_owned()).collect();
            assert!(!kept.is_empty());
            [vec![other_instance(world)], kept].concat()
        },
    },
    Case {
        name: "a vault that another cluster is prepared for, without an instance so far",
        change: |world| {
            let scope = format!("{}-of-others", ids::cluster_id());
            let other = assigned(world, &world.vault_principal(), "Reader", &scope);
            vec![other, world.vault()]
        },
    },
    Case {
        name: "an instance that the file doesn't say was created",
        change: |world| {
            let name = world.instance().rsplit('/').next().unwrap().to_owned();
            edit(
                world,
                &format!("object = \"{}\"", world.instance()),
                &format!("object = \"{name}\""),
            );
            vec![world.instance(), world.extension(), world.binding(), world.vault()]
        },
    },
    Case {
        name: "an instance of the cluster in another vault",
        change: |world| {
            let other = world.vault().replace("/bv-", "/others-");
            let other = copy(world, &world.vault(), &other, |_| ());
            let instance = format!("{other}/backupInstances/of-others");
            let instance = copy(world, &world.instance(), &instance, |_| ());
            claim(world, "backup-instance", &[&instance]);
            vec![instance, other, world.extension(), world.binding()]
        },
    },
    Case {
        name: "a file that forgot what was created",
        change: |world| {
            let state = world.stage.state_text();
            let mut document: toml::Table = toml::from_str(&state).unwrap();
            document["cloud"].as_table_mut().unwrap().remove("created");
            std::fs::write(world.stage.state(), toml::to_string(&document).unwrap()).unwrap();
            there(&world.stage).into_iter().collect()
        },
    },
    Case {
        name: "a vault of others that the target names",
        change: |world| {
            let other = world.vault().replace("/bv-", "/others-");
            let other = copy(world, &world.vault(), &other, |body| {
                body["tags"] = json!({ "owner": "contoso" });
            });
            let (old, new) = (world.vault(), other.rsplit('/').next().unwrap().to_owned());
            edit(world, old.rsplit('/').next().unwrap(), &new);
            vec![other, old]
        },
    },
    Case {
        name: "a resource group of others, claimed",
        change: |world| {
            claim(
                world,
                "storage",
                &[&Protected::snapshots(), &ids::group_id(ids::BACKUP_GROUP)],
            );
            vec![Protected::snapshots(), ids::group_id(ids::BACKUP_GROUP)]
        },
    },
    Case {
        name: "a resource group with a tag that is another resource's",
        change: |world| {
            let tags = world.azure().resource(&world.vault()).unwrap()["tags"].clone();
            world.change(&Protected::snapshots(), "/tags", tags);
            claim(world, "storage", &[&Protected::snapshots()]);
            vec![Protected::snapshots()]
        },
    },
    Case {
        name: "the storage account, in any case",
        change: |world| vec![world.account(), world.container()],
    },
    Case {
        name: "other resources, claimed",
        change: |world| {
            let cluster = ids::cluster_id();
            claim(world, "extension", &[&cluster, &world.identity(), &world.account()]);
            claim(world, "vault-and-policy", &[&cluster, &Protected::snapshots()]);
            vec![cluster, world.account(), Protected::snapshots()]
        },
    },
    Case {
        name: "a cluster whose identity other clusters have as well",
        change: |world| {
            let roles = world.azure().role_assignments();
            let principal = world.cluster_principal();
            let own = roles
                .iter()
                .find(|own| text(own, "/properties/principalId").eq_ignore_ascii_case(&principal));
            let id = format!(
                "{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/of-many",
                ids::group_id("rg-aks")
            );
            let assigned = json!({ id: { "principalId": principal, "clientId": ids::named("of-many") } });
            let identity = json!({ "type": "UserAssigned", "userAssignedIdentities": assigned });
            world.change(&ids::cluster_id(), "/identity", identity);
            vec![text(own.unwrap(), "/id").to_owned()]
        },
    },
];

#[test]
fn nothing_that_others_own_is_deleted_whatever_the_file_claims() {
    let world = Protected::new();
    assert!(CASES.len() >= 25);
    let mut wrong = Vec::new();
    for case in CASES {
        world.recall();
        let kept = (case.change)(&world);
        assert!(kept.iter().all(|id| !id.is_empty()), "{}", case.name);
        let run = teardown(&world.stage, "everything", &DELETE);
        let left = there(&world.stage);
        let is_there = |id: &&String| left.contains(&id.to_ascii_lowercase()) || world.azure().resource(id).is_some();
        let gone: Vec<&String> = kept.iter().filter(|id| !is_there(id)).collect();
        if !gone.is_empty() || ![0, 1, 5].contains(&run.code) {
            wrong.push(format!("{}: {gone:?} gone\n{run}", case.name));
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "teardown: {} worlds through the real program",
        CASES.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
