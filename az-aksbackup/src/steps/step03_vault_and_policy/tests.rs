use serde_json::{Value, json};

use super::*;
use crate::arm::visible::tests::refusal;
use crate::target_ids::tests::{example, state};

fn step() -> VaultAndPolicy {
    VaultAndPolicy {
        options: PrepareOptions::default(),
        written: Cell::default(),
    }
}

fn vault(change: impl FnOnce(&mut Value)) -> Vault {
    let mut body = json!({
        "location": "West Europe", "identity": { "principalId": "55555555-5555-4555-8555-555555555555" },
        "properties": { "provisioningState": "Succeeded", "storageSettings": [{ "type": "LocallyRedundant" }],
            "securitySettings": { "softDeleteSettings": { "state": "On" } } },
    });
    change(&mut body);
    serde_json::from_value(body).unwrap()
}

fn there() -> Seen {
    Seen {
        target: example(),
        group: Sight::Here(Group { tags: None }),
        vault: Some(vault(|_| ())),
        ours: true,
        guard: None,
        policy: Some(policy::facts(&policy::tests::made(|_| ()), "p").unwrap()),
        remark: None,
        new_policy: None,
        instead: None,
    }
}

#[test]
fn satisfied_world_needs_nothing() {
    let decision = step().decide(&there(), &state()).unwrap();
    assert_eq!(
        decision,
        Decision::Done("vault rg-backup/bv-aks, policy policy-aks".into())
    );
    let mut tables = CloudTables::default();
    step().record(&there(), &mut tables);
    let table = tables.vault.unwrap();
    assert_eq!(
        (table.rule.as_str(), table.retention_tag.as_str(), table.vault_tier),
        ("BackupDaily", "Default", false)
    );
}

#[test]
fn an_empty_world_gets_group_vault_and_policy() {
    let mut seen = there();
    (seen.group, seen.vault, seen.policy) = (Sight::Absent, None, None);
    seen.new_policy = Some(Asked {
        properties: policy::tests::made(|_| ()),
        left_out: vec![],
    });
    let Decision::Change(changes) = step().decide(&seen, &state()).unwrap() else {
        panic!("no change")
    };
    assert!(matches!(
        &changes[..],
        [
            VaultChange::CreateGroup { .. },
            VaultChange::CreateVault { .. },
            VaultChange::CreatePolicy { .. }
        ]
    ));
    let codes = ["AuthorizationFailed", "ResourceGroupNotFound", "ResourceNotFound"];
    let turns = changes
        .iter()
        .zip(codes)
        .map(|(change, code)| step().hand_over(change, &refusal(code)).unwrap());
    assert!(
        turns
            .into_iter()
            .all(|turn| turn.command.to_string().starts_with("az group create --name rg-backup"))
    );
}

#[test]
fn a_vault_without_an_identity_gets_one() {
    let mut seen = there();
    seen.vault = Some(vault(|body| body["identity"] = Value::Null));
    let Decision::Change(changes) = step().decide(&seen, &state()).unwrap() else {
        panic!("no change")
    };
    assert!(matches!(&changes[..], [VaultChange::AddIdentity { .. }]));
    assert!(step().hand_over(&changes[0], &refusal("AuthorizationFailed")).is_some());
}

#[test]
fn a_vault_without_the_identity_of_the_target_gets_it_and_keeps_the_others() {
    let group = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg";
    let id = |name: &str| format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}");
    let principal = "66666666-6666-4666-8666-666666666666";
    let mut seen = there();
    seen.target.vault.identity = id("wanted").parse().ok();
    seen.vault = Some(vault(|body| {
        body["identity"]["userAssignedIdentities"] = json!({ id("other"): { "principalId": principal } });
    }));
    let Decision::Change(changes) = step().decide(&seen, &state()).unwrap() else {
        panic!("no change")
    };
    assert!(
        matches!(&changes[..], [VaultChange::AssignIdentity { assigned, system: true, .. }] if *assigned == [id("other")]),
        "{changes:?}"
    );
    seen.vault = Some(vault(|body| {
        body["identity"] = json!({ "userAssignedIdentities": { id("Wanted"): { "principalId": principal } } });
    }));
    assert!(matches!(step().decide(&seen, &state()), Ok(Decision::Done(_))));
    let mut tables = CloudTables::default();
    step().record(&seen, &mut tables);
    assert_eq!(tables.vault.unwrap().principal.as_str(), principal);
}

#[test]
fn a_vault_elsewhere_is_refused_and_one_that_is_being_made_waited_for() {
    let mut seen = there();
    seen.vault = Some(vault(|body| body["location"] = json!("northeurope")));
    assert!(step().decide(&seen, &state()).is_err());
    seen.vault = Some(vault(|body| {
        body["properties"]["provisioningState"] = json!("Provisioning");
    }));
    assert!(matches!(step().decide(&seen, &state()), Ok(Decision::Wait(_))));
}

#[test]
fn settings_of_what_exists_are_kept_and_said() {
    let mut seen = there();
    seen.vault = Some(vault(|body| {
        body["properties"]["storageSettings"][0]["type"] = json!("GeoRedundant");
    }));
    let Decision::Differs(_, drift) = step().decide(&seen, &state()).unwrap() else {
        panic!("not told")
    };
    let expected = "redundancy of the vault: GeoRedundant (the target has LocallyRedundant)";
    assert_eq!(drift.differences, [expected]);
}
