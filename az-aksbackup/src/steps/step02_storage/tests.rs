use aksbackup_shared::guide::Person;
use aksbackup_shared::step::Wait;
use serde_json::json;

use super::*;
use crate::arm::visible::tests::refusal;
use crate::checks::account::tests::account;
use crate::target_ids::tests::{example, state};

fn there() -> Seen {
    let group = || Sight::Here(Group { tags: None });
    Seen {
        target: example(),
        account: Some(account(|_| ())),
        container: true,
        container_clusters: ContainerClusters::default(),
        extensions: Vec::new(),
        group: group(),
        snapshot_group: group(),
        locks: Sight::Here(vec![]),
        refused_name: None,
    }
}

fn step() -> Storage {
    Storage {
        options: PrepareOptions::default(),
        read: JustRead::default(),
    }
}

fn decide(seen: &Seen) -> Outcome<Decision<StorageChange>> {
    step().decide(seen, &state())
}

#[test]
fn satisfied_world_needs_nothing() {
    let evidence = "container aks in account rg-backup/stbackup, snapshots in resource group rg-snapshots";
    assert_eq!(decide(&there()).unwrap(), Decision::Done(evidence.into()));
    let mut tables = CloudTables::default();
    step().record(&there(), &mut tables);
    assert_eq!(
        tables.storage.unwrap().blob_endpoint,
        "https://stbackup.blob.core.windows.net/"
    );
}

#[test]
fn an_empty_world_gets_groups_then_account_then_container() {
    let mut seen = there();
    (seen.account, seen.container) = (None, false);
    (seen.group, seen.snapshot_group) = (Sight::Absent, Sight::Absent);
    let Decision::Change(changes) = decide(&seen).unwrap() else {
        panic!("no change")
    };
    let summaries: Vec<String> = changes.iter().map(|change| change.note().summary).collect();
    assert_eq!(summaries.len(), 4, "{summaries:?}");
    assert!(summaries[0].contains("group rg-backup") && summaries[1].contains("group rg-snapshots"));
    assert!(summaries[2].contains("account stbackup") && summaries[3].contains("container aks"));
}

#[test]
fn a_name_that_somebody_else_has_is_refused_before_anything_is_made() {
    let mut seen = there();
    (seen.account, seen.container) = (None, false);
    seen.refused_name = Some("The storage account named stbackup is already taken.".into());
    assert!(decide(&seen).unwrap_err().why[0].contains("already taken"));
}

#[test]
fn a_lock_on_the_snapshot_group_is_the_owner_s_turn() {
    let mut seen = there();
    let lock = json!([{ "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Authorization/locks/keep",
        "properties": { "level": "CanNotDelete" } }]);
    seen.locks = Sight::Here(serde_json::from_value(lock).unwrap());
    let Decision::Blocked(changes, turns) = decide(&seen).unwrap() else {
        panic!("not blocked")
    };
    assert!(changes.is_empty());
    assert_eq!(turns[0].who, Person::SubscriptionOwner);
}

#[test]
fn an_account_that_is_being_made_is_waited_for() {
    let mut seen = there();
    seen.account = Some(account(|body| {
        body["properties"]["provisioningState"] = json!("Creating");
    }));
    assert_eq!(
        decide(&seen).unwrap(),
        Decision::Wait(Wait::for_("storage account stbackup: Creating"))
    );
}

#[test]
fn a_group_that_may_not_be_made_is_one_turn_with_its_command() {
    let mut seen = there();
    (seen.account, seen.container, seen.group) = (None, false, Sight::Absent);
    let Decision::Change(changes) = decide(&seen).unwrap() else {
        panic!("no change")
    };
    let refusals = ["AuthorizationFailed", "AuthorizationFailed", "ResourceGroupNotFound"];
    let turns: Vec<Turn> = changes
        .iter()
        .zip(refusals)
        .map(|(change, code)| step().hand_over(change, &refusal(code)).unwrap())
        .collect();
    assert!(turns.iter().all(|turn| *turn == turns[0]));
    assert_eq!(
        turns[0].command,
        "az group create --name rg-backup --location westeurope --subscription 0b1f6471-1bf0-4dda-aec3-cb9272f09590"
    );
}
