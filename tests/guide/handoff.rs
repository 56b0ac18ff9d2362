//! Three people, two binaries, one file.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{PRINTED_GRANT, Stage};
use aksbackup_tests::log::Entry;
use serde_json::Value;

const NAMESPACE: &str = "dataprotection-microsoft";

fn replica_sets(stage: &Stage) -> usize {
    stage.sandbox.kubernetes().objects("ReplicaSet").len()
}

#[test]
fn three_people_end_with_a_protected_cluster_and_a_completed_backup() {
    let stage = Stage::new().unwrap();
    let prepare = stage.prepared();
    assert!(
        prepare.stdout.contains("az aksbackup grant"),
        "prepare names the next command\n{prepare}"
    );
    let before = replica_sets(&stage);
    stage.grant("owner").ok().says("kubectl aksbackup configure");
    stage.configure("cluster-admin", &[]).ok().says("az aksbackup protect");
    assert_eq!(
        replica_sets(&stage),
        before + 3,
        "exactly one new ReplicaSet for each of three deployments"
    );
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();

    assert_protected(&stage);
    assert_injected(&stage);
    let location = stage
        .sandbox
        .kubernetes()
        .object("BackupStorageLocation", NAMESPACE, "default")
        .unwrap();
    assert_eq!(location.pointer("/status/phase"), Some(&Value::from("Available")));
    assert_eq!(stage.value("/cloud/backup/status"), "Completed");
    assert_eq!(stage.value("/cloud/instance/protection"), "ProtectionConfigured");
    assert_no_secret(&stage);
}

/// Azure itself says that the instance is protected.
fn assert_protected(stage: &Stage) {
    let id = stage.value("/cloud/instance/instance");
    let instance = stage.sandbox.resource(&id).unwrap();
    assert_eq!(
        instance.pointer("/properties/currentProtectionState"),
        Some(&Value::from("ProtectionConfigured"))
    );
}

/// Every running pod of the extension holds the identity's client ID and a token file.
fn assert_injected(stage: &Stage) {
    let client_id = stage.value("/cloud/identity/client_id");
    let pods = stage.sandbox.kubernetes().objects("Pod");
    let pods: Vec<_> = pods
        .iter()
        .filter(|pod| pod.pointer("/metadata/namespace") == Some(&Value::from(NAMESPACE)))
        .collect();
    assert_eq!(pods.len(), 3);
    for pod in pods {
        for container in pod.pointer("/spec/containers").and_then(Value::as_array).unwrap() {
            let variables = container.get("env").and_then(Value::as_array).unwrap();
            let value = |name: &str| {
                variables
                    .iter()
                    .find(|own| own["name"] == name)
                    .map(|own| own["value"].clone())
            };
            assert_eq!(value("AZURE_CLIENT_ID"), Some(Value::from(client_id.clone())));
            assert!(value("AZURE_FEDERATED_TOKEN_FILE").is_some());
        }
    }
}

fn assert_no_secret(stage: &Stage) {
    for (name, value) in stage.sandbox.env("platform") {
        if name == "AZURE_CLIENT_SECRET" {
            assert!(!stage.state_text().contains(&value));
        }
    }
}

#[test]
fn one_person_with_all_rights_runs_up_and_is_told_what_is_left() {
    let stage = Stage::new().unwrap();
    stage.init("everything").ok();
    let vouchers = stage.vouchers();
    let vouchers: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    let up = [&["up", "--yes"], vouchers.as_slice()].concat();
    stage.az("everything", &up).ends(5).says("kubectl aksbackup configure");
    stage.configure("cluster-admin", &[]).ok();
    stage.az("everything", &up).ok();
    assert_protected(&stage);
}

#[test]
fn protect_before_configure_is_the_cluster_admin_s_turn() {
    let stage = Stage::new().unwrap();
    stage.granted();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(5)
        .says("kubectl aksbackup configure");
}

#[test]
fn a_grant_made_by_hand_is_seen_and_used() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let identity = stage.value("/cloud/identity/principal");
    let vault = stage.value("/cloud/vault/principal");
    let cluster = stage.value("/cloud/prerequisites/cluster_principal");
    let (account, aks) = (stage.value("/cloud/storage/account"), stage.value("/target/cluster"));
    let snapshots = stage.value("/cloud/storage/snapshot_group");
    for (principal, role, scope) in [
        (&identity, "Storage Blob Data Contributor", &account),
        (&vault, "Reader", &aks),
        (&vault, "Reader", &snapshots),
        (&cluster, "Contributor", &snapshots),
    ] {
        stage.sandbox.assign_role(principal, role, scope).unwrap();
    }
    let mark = stage.mark();
    stage.grant("owner").ok();
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
}

#[test]
fn tables_that_the_file_lacks_are_looked_up_in_the_world() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let text = stage.state_text();
    let target_only = text.split("\n[cloud").next().unwrap();
    std::fs::write(stage.state(), target_only).unwrap();
    stage.grant("owner").ok();
}

#[test]
fn up_without_a_word_for_the_names_leaves_the_roles_to_their_owner() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    for person in ["platform", "everything"] {
        let run = stage.az(person, &["up", "--yes"]).ends(Exit::TheirTurn.code());
        assert!(
            run.stdout.contains("4 of 4 role assignments are missing") && run.stdout.contains(PRINTED_GRANT),
            "{run}"
        );
    }
    let is_write = |entry: &Entry| entry.method == "PUT" && entry.target.contains("/roleAssignments/");
    assert!(!stage.sandbox.log().entries().iter().any(is_write), "nobody vouched");
}
