//! A vault in another subscription than the cluster: requests go there, and it gets access only if it is confirmed by name.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::{INIT, Stage};

use crate::teardown::{DELETE, teardown, there};

const OTHER: [&str; 2] = ["--vault-subscription", "Contoso Other"];

fn initialized() -> Stage {
    let stage = Stage::new().unwrap();
    stage
        .az("central", &[&INIT[..], &OTHER].concat())
        .ok()
        .says("of subscription");
    stage
}

fn protected() -> Stage {
    let stage = initialized();
    stage.az("central", &["prepare", "--yes"]).ok();
    stage.grant("central").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("central", &["protect", "--yes"]).ok();
    stage
}

fn is_elsewhere(id: &str) -> bool {
    id.to_ascii_lowercase()
        .contains(&ids::OTHER_SUBSCRIPTION.to_ascii_lowercase())
}

#[test]
fn the_whole_handoff_runs_with_a_vault_in_another_subscription() {
    let stage = protected();
    assert_eq!(stage.value("/target/vault/subscription"), ids::OTHER_SUBSCRIPTION);
    for pointer in ["/cloud/vault/vault", "/cloud/vault/policy", "/cloud/instance/instance"] {
        assert!(is_elsewhere(&stage.value(pointer)), "{pointer}");
        assert!(stage.sandbox.resource(&stage.value(pointer)).is_some(), "{pointer}");
    }
    assert!(!is_elsewhere(&stage.value("/cloud/storage/account")));
    let mark = stage.mark();
    stage.az("central", &["protect", "--yes"]).ok().says("nothing to do");
    stage.az("central", &["prepare", "--yes"]).ok().says("nothing to do");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.az("central", &["backup", "--yes"]).ok();
    stage.az("central", &["verify"]).ok().says("same as the cluster");
    stage.az("central", &["points"]).ok();
    stage.az("central", &["status", "--check"]).ok();
    stage
        .az("central", &["list", "--check", "--subscription", ids::SUBSCRIPTION])
        .ok();
    // A file that is lost is created again with the vault of the instance.
    let before: toml::Value = toml::from_str(&stage.state_text()).unwrap();
    std::fs::remove_file(stage.state()).unwrap();
    stage.az("central", &["init", "--yes"]).ok();
    let after: toml::Value = toml::from_str(&stage.state_text()).unwrap();
    assert_eq!(after["target"]["vault"], before["target"]["vault"]);
}

#[test]
fn teardown_deletes_the_vault_in_the_other_subscription() {
    let stage = Stage::new().unwrap();
    let before = there(&stage);
    let flags = [&INIT[..], &OTHER, &["--soft-delete", "Off"]].concat();
    stage.az("central", &flags).ok();
    stage.az("central", &["prepare", "--yes"]).ok();
    stage.grant("central").ok();
    let made = there(&stage);
    assert!(made.iter().any(|id| is_elsewhere(id)), "{made:#?}");
    teardown(&stage, "central", &DELETE);
    let left: Vec<String> = there(&stage)
        .difference(&before)
        .filter(|id| is_elsewhere(id))
        .cloned()
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_subscription_that_can_t_be_used_is_refused_and_nothing_is_written() {
    let stage = Stage::new().unwrap();
    for (persona, wanted, exit) in [
        ("central", "No such subscription", Exit::Missing),
        ("central", "99999999-9999-4999-8999-999999999999", Exit::Missing),
        ("central", ids::FOREIGN_SUBSCRIPTION, Exit::Usage),
        ("platform", ids::OTHER_SUBSCRIPTION, Exit::Missing),
    ] {
        let flags = [&INIT[..], &["--vault-subscription", wanted]].concat();
        stage.az(persona, &flags).ends(exit.code()).says("subscription");
        assert!(!stage.state().exists(), "{wanted}");
    }
    stage.az("central", &INIT).ok();
    let text = stage.state_text();
    let set = format!("vault.subscription={}", ids::FOREIGN_SUBSCRIPTION);
    stage
        .az("central", &["init", "--yes", "--set", &set])
        .ends(Exit::Usage.code())
        .says("a vault can only protect clusters in its own tenant");
    stage
        .az("central", &["init", "--yes", "--set", "vault.subscription=other"])
        .ends(Exit::Usage.code());
    assert_eq!(stage.state_text(), text, "the file is as it was");
}

/// Fails before: a name in the cluster's subscription was taken for the vault of the other one.
#[test]
fn what_can_never_be_reverted_is_confirmed_by_resource_id() {
    let stage = initialized();
    stage
        .az("central", &["init", "--yes", "--set", "vault.immutability=Locked"])
        .ok();
    let name = format!(
        "{}/{}",
        stage.value("/target/vault/resource_group"),
        stage.value("/target/vault/name")
    );
    let mark = stage.mark();
    stage
        .az("central", &["prepare", "--yes", "--irreversible", &name])
        .ends(Exit::Usage.code())
        .says(ids::OTHER_SUBSCRIPTION);
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let vault = format!(
        "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.DataProtection/backupVaults/{}",
        ids::OTHER_SUBSCRIPTION,
        stage.value("/target/vault/resource_group"),
        stage.value("/target/vault/name"),
    );
    stage
        .az("central", &["prepare", "--yes", "--irreversible", &vault])
        .ok();
}

/// A file that someone edited leads to a vault of their own, in a subscription that isn't confirmed.
#[test]
fn a_vault_in_another_subscription_is_named_by_its_resource_id_before_it_gets_access() {
    let stage = Stage::new().unwrap();
    stage.az("central", &INIT).ok();
    let known = stage.vouchers();
    let edited = stage.state_text().replace(
        "[target.vault]",
        &format!("[target.vault]\nsubscription = \"{}\"", ids::OTHER_SUBSCRIPTION),
    );
    std::fs::write(stage.state(), edited).unwrap();
    let mark = stage.mark();
    stage
        .az("central", &["prepare", "--yes"])
        .ends(Exit::Usage.code())
        .says("in the state file aren't confirmed");
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    for command in ["prepare", "grant", "protect"] {
        stage
            .az("central", &[&[command, "--yes"], &known[..]].concat())
            .ends(Exit::Usage.code())
            .says("in another subscription, use its resource ID");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let named = stage.vouchers();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    stage.az("central", &[&["prepare", "--yes"], &named[..]].concat()).ok();
    assert!(is_elsewhere(&stage.value("/cloud/vault/vault")));
}

#[test]
fn someone_without_permissions_there_hands_over_before_anything_is_changed() {
    let stage = initialized();
    let mark = stage.mark();
    let named = stage.vouchers();
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    stage
        .az("everything", &[&["prepare", "--yes"], &named[..]].concat())
        .ends(Exit::Missing.code())
        .says("of the vault doesn't exist, or the signed-in account has no access to it");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// The name alone doesn't select a vault in another subscription, even in a resource group of the same name as one of this setup.
#[test]
fn a_vault_that_exists_there_is_named_with_its_resource_group() {
    let stage = Stage::new().unwrap();
    let id = format!(
        "/subscriptions/{}/resourceGroups/rg-backup/providers/Microsoft.DataProtection/backupVaults/bv-theirs",
        ids::OTHER_SUBSCRIPTION
    );
    stage.sandbox.azure().place(serde_json::json!({
        "id": id, "name": "bv-theirs", "type": "Microsoft.DataProtection/backupVaults", "location": "westeurope", "properties": {},
    }));
    let groups = [
        "--storage-resource-group",
        "rg-backup",
        "--snapshot-group",
        "rg-snapshots",
    ];
    let flags = [
        &["init", "--yes", "-g", "rg-aks", "-n", "aks-demo"][..],
        &groups,
        &OTHER,
        &["--vault", "bv-theirs"],
    ]
    .concat();
    stage
        .az("central", &flags)
        .ends(Exit::Usage.code())
        .says("it might belong to another team")
        .says(&format!(
            "--vault-resource-group rg-backup --vault-subscription {}",
            ids::OTHER_SUBSCRIPTION
        ));
    assert!(!stage.state().exists());
}
