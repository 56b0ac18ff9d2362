use serde_json::json;

use super::*;
use crate::steps::account::tests::account;
use crate::steps::step04_extension::tests::extension;
use crate::steps::wanted::tests::{example, state};

/// A world in which everything is as the target says.
pub(crate) fn world() -> World {
    let vault = json!({ "location": "westeurope",
        "identity": { "principalId": "55555555-5555-4555-8555-555555555555" } });
    World {
        cluster: clusters::tests::cluster(|_| ()),
        extensions: vec![extension(|_| ())],
        bindings: vec![binding(wanted::vault(&example()).as_str())],
        vault: Some(serde_json::from_value(vault).unwrap()),
        policy: None,
        account: Some(account(|_| ())),
        snapshot_group: Some(Group {}),
    }
}

fn binding(source: &str) -> Binding {
    let body = json!({ "name": "b", "properties": { "sourceResourceId": source.to_lowercase(),
        "roles": ["Microsoft.DataProtection/backupvaults/backup-operator"] } });
    serde_json::from_value(body).unwrap()
}

fn prove_it(world: &World, state: &State) -> Outcome<Proof> {
    prove(world, state, &example(), "")
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
        "vault": wanted::vault(&example()).as_str(), "principal": "66666666-6666-4666-8666-666666666666",
        "policy": wanted::policy(&example()).as_str(), "rule": "r", "retention_tag": "t", "vault_tier": false }))
        .unwrap(),
    );
    let failure = prove_it(&world(), &state).unwrap_err();
    assert!(
        failure.why[0].contains("66666666") && failure.why[0].contains("55555555"),
        "{failure}"
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
        body["properties"]["configurationSettings"][settings::ACCOUNT] = json!("stother");
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
