use serde_json::json;

use super::*;
use crate::checks::account::tests::account;
use crate::steps::step04_extension::tests::extension;
use crate::target_ids::tests::{example, state};

/// A world in which everything is as the target says.
pub(crate) fn world() -> World {
    let vault = json!({ "location": "westeurope",
        "identity": { "principalId": "55555555-5555-4555-8555-555555555555" } });
    World {
        cluster: clusters::tests::cluster(|_| ()),
        extensions: vec![extension(|_| ())],
        bindings: vec![binding(target_ids::vault(&example()).as_str())],
        vault: Some(serde_json::from_value(vault).unwrap()),
        policy: None,
        account: Some(account(|_| ())),
        snapshot_group: Some(Group { tags: None }),
        identity: Sight::Absent,
    }
}

fn binding(source: &str) -> Binding {
    let body = json!({ "name": "b", "properties": { "sourceResourceId": source.to_lowercase(),
        "roles": ["Microsoft.DataProtection/backupvaults/backup-operator"] } });
    serde_json::from_value(body).unwrap()
}

fn prove_it(world: &World, state: &State) -> Outcome<Proof> {
    prove(world, state, &example())
}

#[test]
fn what_fits_is_proven_without_any_table_of_the_file() {
    let Proof::Proven(proven) = prove_it(&world(), &state()).unwrap() else {
        panic!("not proven")
    };
    assert_eq!(proven.vault.as_str(), "55555555-5555-4555-8555-555555555555");
    assert!(!proven.vault_tier);
}

#[test]
fn another_principal_in_the_file_is_refused_by_name() {
    let mut state = state();
    state.cloud.vault = Some(
        serde_json::from_value(json!({
        "vault": target_ids::vault(&example()).as_str(), "principal": "66666666-6666-4666-8666-666666666666",
        "policy": target_ids::policy(&example()).as_str(), "rule": "r", "retention_tag": "t", "vault_tier": false }))
        .unwrap(),
    );
    let failure = prove_it(&world(), &state).unwrap_err();
    assert!(
        failure.why[0].contains("66666666") && failure.why[0].contains("55555555"),
        "{failure}"
    );
    assert!(failure.why[0].starts_with("key cloud.vault.principal: "), "{failure}");
}

/// What the file says of the extension's identity.
fn with_identity(change: impl FnOnce(&mut serde_json::Value)) -> State {
    let group = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/MC_aks";
    let mut table = json!({
        "identity": format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ext"),
        "client_id": "44444444-4444-4444-8444-444444444444", "principal": "33333333-3333-4333-8333-333333333333" });
    change(&mut table);
    let mut state = state();
    state.cloud.identity = Some(serde_json::from_value(table).unwrap());
    state
}

/// The world, in which Azure has the identity of that file with this principal and client ID.
fn world_with_identity(principal: &str, client_id: &str) -> World {
    let id = with_identity(|_| ()).cloud.identity.unwrap().identity;
    let body = json!({ "id": id, "properties": { "principalId": principal, "clientId": client_id } });
    World {
        identity: Sight::Here(serde_json::from_value(body).unwrap()),
        ..world()
    }
}

const PRINCIPAL: &str = "33333333-3333-4333-8333-333333333333";
const CLIENT: &str = "44444444-4444-4444-8444-444444444444";
const OTHER: &str = "99999999-9999-4999-8999-999999999999";

#[test]
fn an_identity_that_is_as_the_file_says_or_may_not_be_read_is_no_lie() {
    assert!(prove_it(&world_with_identity(PRINCIPAL, CLIENT), &with_identity(|_| ())).is_ok());
    let hidden = World {
        identity: Sight::Hidden(Box::new(Failure::not_permitted("no"))),
        ..world()
    };
    assert!(prove_it(&hidden, &with_identity(|_| ())).is_ok());
}

#[test]
fn another_identity_in_the_file_is_refused_by_each_of_its_keys() {
    let keys = |world: &World, state: &State| {
        let failure = prove_it(world, state).unwrap_err();
        let key = |why: &String| why.split(": ").next().unwrap().replace("key cloud.identity.", "");
        failure.why.iter().map(key).collect::<Vec<_>>()
    };
    let honest = with_identity(|_| ());
    assert_eq!(keys(&world_with_identity(PRINCIPAL, OTHER), &honest), ["client_id"]);
    assert_eq!(keys(&world_with_identity(OTHER, CLIENT), &honest), ["identity"]);
    assert_eq!(keys(&world(), &honest), ["identity"]);
    let elsewhere = with_identity(|table| {
        table["identity"] = json!(table["identity"].as_str().unwrap().replace("0b1f6471", "5d2e9f0a"));
        table["principal"] = json!(OTHER);
    });
    assert_eq!(
        keys(&world_with_identity(PRINCIPAL, CLIENT), &elsewhere),
        ["identity", "principal"]
    );
}

#[test]
fn a_vault_that_the_cluster_does_not_let_in_is_refused_and_a_missing_binding_is_not_yet() {
    let mut other = world();
    other.bindings = vec![binding("/subscriptions/x/other")];
    assert!(prove_it(&other, &state()).unwrap_err().why[0].contains("/subscriptions/x/other"));
    other.bindings.clear();
    assert!(matches!(prove_it(&other, &state()), Ok(Proof::NotYet(turn)) if turn.command == "az aksbackup prepare"));
}

#[test]
fn storage_that_the_extension_does_not_use_is_refused() {
    let mut other = world();
    other.extensions = vec![extension(|body| {
        body["properties"]["configurationSettings"][extension_settings::ACCOUNT] = json!("stother");
    })];
    assert!(prove_it(&other, &state()).unwrap_err().why[0].contains("stother"));
}

#[test]
fn without_extension_or_vault_it_is_the_platform_team_s_turn() {
    let mut empty = world();
    empty.vault = None;
    assert!(matches!(prove_it(&empty, &state()), Ok(Proof::NotYet(_))));
    empty.extensions.clear();
    assert!(matches!(prove_it(&empty, &state()), Ok(Proof::NotYet(_))));
}
