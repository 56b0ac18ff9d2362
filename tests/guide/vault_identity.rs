//! A vault that protects with a user-assigned identity: it gets it, the roles go to it, and the backup instance names it.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};
use serde_json::{Value, json};

const SUBSCRIPTION: &str = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
const PRINCIPAL: &str = "99999999-9999-4999-8999-999999999999";

fn identity() -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-backup/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-vault"
    )
}

/// A stage whose subscription has the identity.
fn stage() -> Stage {
    let stage = Stage::new().unwrap();
    stage.sandbox.azure().place(json!({
        "id": identity(), "name": "id-vault", "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "location": "westeurope",
        "properties": { "principalId": PRINCIPAL, "clientId": "88888888-8888-4888-8888-888888888888" },
    }));
    stage
}

fn az(stage: &Stage, arguments: &[&str]) -> Run {
    stage.az("platform", arguments)
}

fn set(stage: &Stage) -> Run {
    az(
        stage,
        &["init", "--yes", "--set", &format!("vault.identity={}", identity())],
    )
}

fn body(stage: &Stage, pointer: &str) -> Value {
    stage.sandbox.resource(&stage.value(pointer)).unwrap()
}

fn uses_identity(stage: &Stage) {
    let details = &body(stage, "/cloud/instance/instance")["properties"]["identityDetails"];
    assert_eq!(
        *details,
        json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": identity() })
    );
    let run = stage.az("everything", &["verify"]).ok();
    assert!(run.stdout.contains("the backup instance uses"), "{run}");
}

#[test]
fn a_new_vault_gets_the_identity_and_the_roles_are_assigned_to_it() {
    let stage = stage();
    az(
        &stage,
        &[&INIT[..], &["--set", &format!("vault.identity={}", identity())]].concat(),
    )
    .ok();
    // Fails before: the plan didn't say it.
    az(&stage, &["prepare", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("identity rg-backup/id-vault");
    az(&stage, &["prepare", "--yes"]).ok();
    let vault = &body(&stage, "/cloud/vault/vault")["identity"];
    assert_eq!(vault["type"], "SystemAssigned,UserAssigned");
    assert_eq!(stage.value("/cloud/vault/principal"), PRINCIPAL);
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    // The vault's own identity has no role: Azure accepts the instance only with the other one.
    az(&stage, &["protect", "--yes"]).ok();
    az(&stage, &["backup", "--yes"]).ok();
    uses_identity(&stage);
    // Fails before: the roles of the identity were no roles that grant assigns.
    let export = az(&stage, &["export"]).ok();
    assert!(
        !export.stderr.contains("it differs from what grant assigns"),
        "{export}"
    );
    assert_eq!(
        export.stdout.matches("roleAssignments@").count()
            + export
                .stdout
                .matches("\"Microsoft.Authorization/roleAssignments\"")
                .count(),
        4,
        "{export}"
    );
    for command in [["prepare", "--yes"], ["protect", "--yes"]] {
        az(&stage, &command).ok().says("nothing to do");
    }
}

#[test]
fn a_protected_cluster_changes_to_it_once_the_roles_are_assigned() {
    let stage = stage();
    stage.configured();
    az(&stage, &["protect", "--yes"]).ok();
    az(&stage, &["backup", "--yes"]).ok();
    let before = body(&stage, "/cloud/vault/vault")["identity"]["principalId"].clone();
    set(&stage).ok();
    az(&stage, &["prepare", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("assign identity rg-backup/id-vault to Backup vault rg-backup/");
    az(&stage, &["prepare", "--yes"]).ok();
    let after = body(&stage, "/cloud/vault/vault")["identity"].clone();
    assert_eq!(after["principalId"], before, "the vault keeps its own identity");
    let mark = stage.mark();
    az(&stage, &["protect", "--yes"])
        .ends(Exit::TheirTurn.code())
        .says("grant");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.grant("owner").ok();
    stage
        .az("everything", &["verify"])
        .says("vault identity: the vault's system-assigned identity (the target has id-vault)");
    az(&stage, &["protect", "--yes"])
        .ok()
        .says("vault identity: the vault's system-assigned identity → id-vault");
    uses_identity(&stage);
}

#[test]
fn an_instance_that_uses_one_already_is_never_changed_back_and_is_adopted() {
    let stage = stage();
    stage.configured();
    az(&stage, &["protect", "--yes"]).ok();
    let (vault, instance) = (
        stage.value("/cloud/vault/vault"),
        stage.value("/cloud/instance/instance"),
    );
    let assigned =
        json!({ identity(): { "principalId": PRINCIPAL, "clientId": "88888888-8888-4888-8888-888888888888" } });
    let azure = stage.sandbox.azure();
    assert!(azure.change(&vault, "/identity/userAssignedIdentities", assigned));
    let details = json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": identity() });
    assert!(azure.change(&instance, "/properties/identityDetails", details));
    let mark = stage.mark();
    az(&stage, &["protect", "--yes"])
        .ends(Exit::Pending.code())
        .says(&format!("az aksbackup init --set vault.identity={}", identity()));
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    az(&stage, &["init", "--from-azure", "--yes"]).ok();
    assert_eq!(stage.value("/target/vault/identity"), identity());
    az(&stage, &["prepare", "--yes"]).ok().says("nothing to do");
    assert_eq!(stage.value("/cloud/vault/principal"), PRINCIPAL);
    stage.grant("owner").ok();
    az(&stage, &["protect", "--yes"]).ok().says("nothing to do");
}

#[test]
fn what_is_no_identity_is_refused_and_the_file_stays() {
    let stage = stage();
    stage.prepared().ok();
    let text = stage.state_text();
    let vault = stage.value("/cloud/vault/vault");
    az(&stage, &["init", "--yes", "--set", &format!("vault.identity={vault}")])
        .ends(Exit::Usage.code())
        .says("isn't the resource ID of a user-assigned identity");
    assert_eq!(stage.state_text(), text);
    let bad = text.replace("[target.vault]", &format!("[target.vault]\nidentity = \"{vault}\""));
    std::fs::write(stage.state(), bad).unwrap();
    let mark = stage.mark();
    az(&stage, &["prepare", "--yes"])
        .ends(Exit::StateUnreadable.code())
        .says("isn't the resource ID of a user-assigned identity");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}
