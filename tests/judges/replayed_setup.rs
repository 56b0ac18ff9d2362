//! `prepare` and `grant` before recorded answers of Azure to each of their writes, and to the operations that these begin.
//!
//! The simulator does what is asked as well, so that the next request finds it; what the programs get is what Azure answered.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::{CHILD, PATH, RecordedAnswer, Replay, ids};
use aksbackup_tests::harness::Stage;
use aksbackup_tests::recordings::Exchange;
use serde_json::{Value, json};

use crate::replays::{Chosen, chosen, protect};

/// What is written, where, and the recording of it.
struct Write {
    /// What the path ends with; with a slash at the end for each child.
    place: String,
    chosen: Chosen,
}

const VAULT: &str = "dataprotection/test_dataprotection_update_msi_permissions_aks";
const ACCOUNT: &str = "storage/test_create_storage_account_v2";
const CONTAINER: &str = "storage/test_storage_container_using_rm_main_scenario";
const BINDING: &str = "acs/test_aks_create_with_trustedaccess_rolebinding";
const CREDENTIAL: &str = "identity/test_federated_identity_credential";
const CLUSTER: &str = "acs/test_aks_update_with_workload_identity";

/// A write of a source whose path ends with a type and a name, and what it began: its operation is asked for before the next write.
fn of(one: &Exchange, source: &str, begin: &str, end: &str) -> bool {
    let clock = one.at.split(' ').nth(4).unwrap_or_default();
    let begins = one.method == "PUT" || one.target.to_ascii_lowercase().contains("operation");
    one.source == source && begins && (begin..=end).contains(&clock)
}

fn is_vault(one: &Exchange) -> bool {
    of(one, VAULT, "23:19:28", "23:20:12")
}

fn is_policy(one: &Exchange) -> bool {
    of(one, VAULT, "23:20:13", "23:20:13")
}

fn is_account(one: &Exchange) -> bool {
    of(one, ACCOUNT, "10:37:40", "10:38:10")
}

fn is_container(one: &Exchange) -> bool {
    of(one, CONTAINER, "11:07:06", "11:07:06")
}

fn is_binding(one: &Exchange) -> bool {
    of(one, BINDING, "06:05:26", "06:05:58")
}

fn is_credential(one: &Exchange) -> bool {
    one.target.contains("/federatedIdentityCredentials/fic1") && of(one, CREDENTIAL, "11:09:49", "11:09:49")
}

fn is_update(one: &Exchange) -> bool {
    of(one, CLUSTER, "12:06:52", "12:08:59")
}

/// Everything that a recorded `prepare` replays.
pub(crate) fn is_prepared(one: &Exchange) -> bool {
    let all: [Chosen; 7] = [
        is_vault,
        is_policy,
        is_account,
        is_container,
        is_binding,
        is_credential,
        is_update,
    ];
    all.iter().any(|chosen| chosen(one))
}

/// The roles of a vault and of a cluster.
pub(crate) fn is_granted(one: &Exchange) -> bool {
    one.target.contains("/roleAssignments/") && of(one, VAULT, "23:20:13", "23:21:00")
}

/// The writes of `prepare`.
fn writes(stage: &Stage) -> [Write; 7] {
    let at = |pointer: &str| stage.value(pointer);
    let vault = format!("/backupVaults/{}", at("/target/vault/name"));
    let account = format!("/storageAccounts/{}", at("/target/storage/account"));
    let write = |place: String, chosen: Chosen| Write { place, chosen };
    [
        write(
            format!("{vault}/backupPolicies/{}", at("/target/policy/name")),
            is_policy,
        ),
        write(vault, is_vault),
        write(
            format!(
                "{account}/blobServices/default/containers/{}",
                at("/target/storage/container")
            ),
            is_container,
        ),
        write(account, is_account),
        write("/trustedAccessRoleBindings/".to_owned(), is_binding),
        write("/federatedIdentityCredentials/".to_owned(), is_credential),
        write(ids::cluster_id(), is_update),
    ]
}

/// A recorded body under the name of what is asked for, in the world's region.
fn body(text: &str) -> String {
    let Ok(mut body) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    for (member, own) in [("id", PATH), ("name", CHILD), ("location", ids::LOCATION)] {
        if let Some(value) = body.get_mut(member) {
            *value = json!(own);
        }
    }
    body.to_string()
}

/// Replaces what differs in each recording.
fn ours(stage: &Stage, text: &str) -> String {
    let pairs = [
        ("https://management.azure.com", stage.sandbox.endpoint()),
        ("00000000-0000-0000-0000-000000000000", ids::SUBSCRIPTION),
    ];
    pairs
        .iter()
        .fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

fn answer(stage: &Stage, one: &Exchange) -> RecordedAnswer {
    // What tells of an operation keeps its own name.
    let text = if one.method == "PUT" {
        body(&one.text)
    } else {
        one.text.clone()
    };
    let headers = one.headers.iter();
    RecordedAnswer {
        status: one.status,
        headers: headers
            .map(|(name, value)| (name.clone(), ours(stage, value)))
            .collect(),
        body: ours(stage, &text),
    }
}

/// Answers a write as recorded, and what it began. Returns how many writes there are in the recording.
fn replay(stage: &Stage, write: &Write, all: &[Exchange]) {
    let (puts, others): (Vec<&Exchange>, Vec<&Exchange>) = all.iter().partition(|one| one.method == "PUT");
    assert!(!puts.is_empty(), "no write in the recording of {}", write.place);
    stage.sandbox.azure().replay(Replay {
        method: "PUT".to_owned(),
        path: write.place.clone(),
        answers: puts.iter().map(|one| answer(stage, one)).collect(),
        after: None,
        done: true,
    });
    let mut paths: Vec<String> = Vec::new();
    for one in &others {
        let path = ours(stage, one.target.split('?').next().unwrap());
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    for path in paths {
        let of_path = others
            .iter()
            .filter(|one| ours(stage, &one.target).starts_with(path.as_str()));
        stage.sandbox.azure().replay(Replay {
            method: "GET".to_owned(),
            answers: of_path.map(|one| answer(stage, one)).collect(),
            path,
            after: None,
            done: false,
        });
    }
}

/// What was written with a recorded answer, by the type of the resource.
fn recorded_writes(stage: &Stage) -> Vec<String> {
    let recorded = stage.since(0).into_iter().filter(|entry| entry.recorded && entry.write);
    let mut all: Vec<String> = recorded
        .map(|entry| {
            let path = entry.target.split('?').next().unwrap().to_owned();
            let segments: Vec<&str> = path.split('/').collect();
            segments[segments.len() - 2].to_owned()
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_cluster_is_prepared_and_roles_are_assigned_by_recorded_answers() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    for write in writes(&stage) {
        let Some(all) = chosen(write.chosen) else { return };
        replay(&stage, &write, &all);
    }
    stage.az("platform", &["prepare", "--yes"]).ok().says("complete");
    assert_eq!(
        recorded_writes(&stage),
        [
            "backupPolicies",
            "backupVaults",
            "containers",
            "federatedIdentityCredentials",
            "federatedIdentityCredentials",
            "federatedIdentityCredentials",
            "managedClusters",
            "storageAccounts",
            "trustedAccessRoleBindings",
        ]
    );
    let operations = stage
        .since(0)
        .into_iter()
        .filter(|entry| entry.recorded && !entry.write);
    assert!(
        operations.count() >= 6,
        "what the writes began is followed by recorded answers, too"
    );
    let Some(roles) = chosen(is_granted) else { return };
    let place = "/roleAssignments/".to_owned();
    let chosen = is_granted;
    replay(&stage, &Write { place, chosen }, &roles);
    stage.grant("owner").ok();
    let assigned = recorded_writes(&stage);
    assert_eq!(assigned.iter().filter(|own| *own == "roleAssignments").count(), 4);
    // What the programs remember is what is there, whatever the answers said of other people's resources.
    stage.az("platform", &["prepare", "--yes"]).ok().says("nothing to do");
    stage.configure("cluster-admin", &[]).ok();
    protect(&stage).ok();
    stage
        .az("reader", &["verify"])
        .ends(Exit::Done.code())
        .says("no findings (");
}
