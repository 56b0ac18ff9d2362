//! A user-assigned identity of the vault gets roles, and only the state file specifies it: it is confirmed by the person, as the vault is.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, PRINTED_GRANT, Run, Stage, finish};
use aksbackup_tests::terminal::answered;
use serde_json::json;

const EVIL: &str = "66666666-6666-4666-8666-666666666666";
const SUBSCRIPTION: &str = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";

/// A user-assigned identity with a principal of its own.
fn identity(stage: &Stage, group: &str, name: &str, principal: &str) -> String {
    let id = format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    );
    stage.sandbox.azure().place(json!({
        "id": id, "name": name, "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "location": "westeurope",
        "properties": { "principalId": principal, "clientId": "88888888-8888-4888-8888-888888888888" },
    }));
    id
}

fn honest(stage: &Stage) -> String {
    identity(stage, "rg-backup", "id-vault", "99999999-9999-4999-8999-999999999999")
}

fn evil(stage: &Stage) -> String {
    identity(stage, "rg-aks", "id-evil", EVIL)
}

/// The file as someone else changed it on its way: the vault is to protect with `identity`.
fn edit(stage: &Stage, identity: &str) {
    let text = stage
        .state_text()
        .replace("[target.vault]", &format!("[target.vault]\nidentity = \"{identity}\""));
    std::fs::write(stage.state(), text).unwrap();
}

/// `command` as a person with a home of their own, who remembers nothing.
fn stranger(stage: &Stage, persona: &str, command: &[&str], flags: &[String]) -> Run {
    let home = tempfile::tempdir().unwrap();
    finish(stage.az_command(persona, command).args(flags).env("HOME", home.path()))
}

/// Fails before: the four flags sufficed, and the attacker's identity got to read the cluster and the snapshots.
#[test]
fn an_identity_that_only_the_file_names_gets_nothing() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let four = stage.vouchers();
    assert_eq!(four.len(), 10, "{four:?}");
    edit(&stage, &evil(&stage));
    let mark = stage.mark();
    for (persona, command) in [("platform", "prepare"), ("everything", "up"), ("owner", "grant")] {
        if command == "grant" {
            // The trap is at its best where the vault has the identity already.
            let assigned = json!({ evil(&stage): { "principalId": EVIL, "clientId": EVIL } });
            let vault = stage.value("/cloud/vault/vault");
            let azure = stage.sandbox.azure();
            assert!(azure.change(&vault, "/identity/userAssignedIdentities", assigned));
            let text = stage.state_text();
            let own = stage.value("/cloud/vault/principal");
            std::fs::write(stage.state(), text.replace(&own, EVIL)).unwrap();
        }
        let flag = "--vault-identity RESOURCE-GROUP/NAME";
        stranger(&stage, persona, &[command, "--yes"], &four)
            .ends(Exit::Usage.code())
            .says("vault identity")
            .says(flag);
        let mut meant = four.clone();
        meant.extend(["--vault-identity", "rg-backup/id-vault"].map(str::to_owned));
        stranger(&stage, persona, &[command, "--yes"], &meant)
            .ends(Exit::Usage.code())
            .says("--vault-identity is rg-backup/id-vault, but the state file specifies vault identity")
            .says("rg-aks");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    // Another subscription is named by a resource ID, as with the other flags.
    let mut elsewhere = four;
    elsewhere.extend([
        "--vault-identity".to_owned(),
        evil(&stage).replace(SUBSCRIPTION, "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22"),
    ]);
    stranger(&stage, "owner", &["grant", "--yes"], &elsewhere)
        .ends(Exit::Usage.code())
        .says("but the state file specifies vault identity");
}

/// The vault may have the identity already, assigned by those who own it: that proves nothing either.
#[test]
fn an_identity_that_the_vault_has_is_named_too_until_it_protects_the_cluster() {
    let stage = Stage::new().unwrap();
    stage
        .az(
            "platform",
            &[&INIT[..], &["--set", &format!("vault.identity={}", honest(&stage))]].concat(),
        )
        .ok();
    stage
        .az("platform", &["prepare", "--yes"])
        .ok()
        .says(&format!("{PRINTED_GRANT} --vault-identity RESOURCE-GROUP/NAME"));
    for offline in [&["status"][..], &["status", "--offline"], &["handoff"]] {
        stage
            .az("platform", offline)
            .says("--snapshot-resource-group RESOURCE-GROUP --vault-identity RESOURCE-GROUP/NAME");
    }
    let mut four = stage.vouchers();
    let five = four.clone();
    four.truncate(10);
    stranger(&stage, "owner", &["grant", "--yes"], &four)
        .ends(Exit::Usage.code())
        .says("--vault-identity RESOURCE-GROUP/NAME");
    stranger(&stage, "owner", &["grant", "--yes"], &five).ok();
    stage.configure("cluster-admin", &[]).ok();
    stranger(&stage, "platform", &["protect", "--yes"], &four).ends(Exit::Usage.code());
    stage.az("platform", &["protect", "--yes"]).ok();
    // It protects the cluster, so that it has its roles: the file gives it nothing any more.
    for (persona, command) in [("platform", "prepare"), ("owner", "grant"), ("platform", "protect")] {
        stranger(&stage, persona, &[command, "--yes"], &four)
            .ok()
            .says("nothing to do");
    }
}

/// A cluster that the vault protects with the identity that the file names.
fn protected() -> Stage {
    let stage = Stage::new().unwrap();
    let identity = format!("vault.identity={}", honest(&stage));
    stage.az("platform", &[&INIT[..], &["--set", &identity]].concat()).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage
}

/// Runs `grant` with the four other flags, then with all five.
fn is_confirmed_again(stage: &Stage, writes: usize) {
    let (mut four, five) = (stage.vouchers(), stage.vouchers());
    four.truncate(10);
    let mark = stage.mark();
    stranger(stage, "owner", &["grant", "--yes"], &four)
        .ends(Exit::Usage.code())
        .says("--vault-identity RESOURCE-GROUP/NAME");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stranger(stage, "owner", &["grant", "--yes"], &five).ok();
    assert_eq!(stage.writes_since(mark).len(), writes, "{:?}", stage.writes_since(mark));
}

/// Fails before: the instance that uses the identity stood for its confirmation, and the roles that the owner had revoked were assigned
/// again.
#[test]
fn an_identity_in_use_that_lost_a_role_is_confirmed_before_it_gets_one() {
    let stage = protected();
    let principal = stage.value("/cloud/vault/principal");
    let cluster = stage.value("/target/cluster");
    assert_eq!(stage.sandbox.azure().unassign(&principal, "Reader", &cluster), 1);
    is_confirmed_again(&stage, 1);
}

/// Fails before: the owner named the new snapshot resource group, and the identity got its role there without a word. Azure doesn't change
/// the group of a protected cluster, so that a role on another one is never needed.
#[test]
fn an_identity_in_use_gets_no_role_on_another_group() {
    let stage = protected();
    let group = stage.value("/target/snapshots/resource_group");
    let text = stage.state_text();
    // The whole file is the attacker's: what it says of the storage suits its target.
    let moved = text.replace(&format!("{group}\""), "rg-backup\"");
    assert_ne!(text, moved);
    std::fs::write(stage.state(), moved).unwrap();
    let mark = stage.mark();
    let mut four = stage.vouchers();
    four.truncate(10);
    stranger(&stage, "owner", &["grant", "--yes"], &four)
        .ends(Exit::Usage.code())
        .says("cannot use snapshot resource group rg-backup for cluster rg-aks/aks-demo");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// A role of another holder gives the identity nothing.
#[test]
fn an_identity_in_use_is_no_question_where_another_holder_gets_a_role() {
    let stage = protected();
    let cluster = stage.value("/cloud/prerequisites/cluster_principal");
    let group = stage.value("/cloud/storage/snapshot_group");
    assert_eq!(stage.sandbox.azure().unassign(&cluster, "Contributor", &group), 1);
    let mut four = stage.vouchers();
    four.truncate(10);
    stranger(&stage, "owner", &["grant", "--yes"], &four).ok();
}

/// Fails before: `prepare` gave the vault back an identity that its owner had taken from it.
#[test]
fn an_identity_that_the_vault_lost_is_confirmed_before_it_gets_it_back() {
    let stage = protected();
    let vault = stage.value("/cloud/vault/vault");
    let azure = stage.sandbox.azure();
    assert!(azure.change(&vault, "/identity/userAssignedIdentities", json!({})));
    let mut four = stage.vouchers();
    four.truncate(10);
    let mark = stage.mark();
    stranger(&stage, "platform", &["prepare", "--yes"], &four).ends(Exit::Usage.code());
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn the_question_shows_the_identity_and_a_file_without_one_refuses_the_flag() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let mut five = stage.vouchers();
    five.extend(["--vault-identity", "rg-backup/id-vault"].map(str::to_owned));
    stranger(&stage, "owner", &["grant", "--yes"], &five)
        .ends(Exit::Usage.code())
        .says("the state file specifies no user-assigned identity of vault");
    edit(&stage, &evil(&stage));
    let run = answered(
        stage.az_command("platform", &["prepare"]),
        "Apply these changes?",
        "n\n",
    )
    .unwrap();
    let lines: Vec<String> = run
        .stderr
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let line = "vault identity id-evil in resource group rg-aks";
    assert!(lines.iter().any(|own| own == line), "{run}");
}
