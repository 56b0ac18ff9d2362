//! What `teardown` leaves, and says so: what others use, what backups still need, and what nothing confirms.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Stage, finish};
use serde_json::json;

use crate::cloud_world::{Protected, text};
use crate::teardown::{DELETE, created, teardown, there};

/// Fails before: the storage role was removed from an identity that stayed because another workload uses it.
#[test]
fn an_extension_that_stays_keeps_the_role_of_its_identity_and_its_credentials() {
    let world = Protected::new();
    let stage = &world.stage;
    let identity = stage.value("/cloud/identity/identity");
    let credential = format!("{identity}/federatedIdentityCredentials/other-team");
    world.azure().place(json!({
        "id": credential, "name": "other-team",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "properties": { "issuer": "https://elsewhere.example/", "subject": "system:serviceaccount:team:job",
            "audiences": ["api://AzureADTokenExchange"] },
    }));
    let principal = stage.value("/cloud/identity/principal");
    let of_identity = || {
        let all = world.azure().role_assignments();
        all.iter()
            .filter(|own| text(own, "/properties/principalId") == principal)
            .count()
    };
    let before = of_identity();
    let run = teardown(stage, "everything", &DELETE).ok();
    assert!(
        run.stderr
            .contains("federated credentials for other workloads: other-team"),
        "{run}"
    );
    assert!(before > 0 && of_identity() == before, "{run}");
    assert!(there(stage).iter().any(|id| id.contains("/extensions/")), "{run}");
    assert_eq!(
        created(stage)
            .iter()
            .filter(|own| own.contains("/federatedIdentityCredentials/"))
            .count(),
        3
    );
}

/// Fails before: Azure refused the deletion, and the hint left `--delete-backups` out.
#[test]
fn without_an_extension_that_works_no_deletion_of_backups_begins() {
    let world = Protected::new();
    let stage = &world.stage;
    let extension = stage.value("/cloud/extension/extension");
    world.azure().remove(&extension);
    let mark = stage.mark();
    teardown(stage, "everything", &DELETE)
        .ends(Exit::Failed.code())
        .says("Azure deletes backups through the extension")
        .says("nothing was changed")
        .says("az aksbackup prepare");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// Fails before: what `stop` asks for apart, `teardown` did for `--yes`.
#[test]
fn to_stop_the_protection_is_agreed_to_apart() {
    let world = Protected::new();
    let stage = &world.stage;
    let mark = stage.mark();
    let mut command = stage.az_command("everything", &["teardown", "--yes"]);
    finish(command.args(stage.vouchers()))
        .ends(Exit::Usage.code())
        .says("scheduled backups of backup instance")
        .says("--reduce-protection");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// Fails before: "no role assignment that this tool created is left", although Azure had one of a principal that was gone.
#[test]
fn an_assignment_of_a_principal_that_is_gone_is_named_until_it_is_gone() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    let principal = stage.value("/cloud/identity/principal");
    stage.sandbox.azure().remove(&stage.value("/cloud/extension/extension"));
    let all = stage.sandbox.role_assignments();
    let orphan = all
        .iter()
        .find(|own| text(own, "/properties/principalId") == principal)
        .unwrap();
    let id = text(orphan, "/id").to_owned();
    for _ in 0..2 {
        let run = teardown(&stage, "everything", &[]).ok();
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.to_lowercase().contains(&id.to_lowercase()), "{run}");
        assert!(said.contains("its principal is no longer part of this setup"), "{run}");
    }
    let scope = id.split("/providers/Microsoft.Authorization/").next().unwrap();
    let role = "Storage Blob Data Contributor";
    assert_eq!(stage.sandbox.azure().unassign(&principal, role, scope), 1);
    teardown(&stage, "everything", &[]).ok();
    let left = created(&stage);
    assert!(
        !left.iter().any(|own| own.contains("/roleAssignments/")),
        "{left:?} {id}"
    );
}

/// Fails before: all that an undeleted instance needs was removed, although the backups were to be kept.
#[test]
fn backups_that_can_be_undeleted_keep_what_they_need() {
    let world = Protected::new();
    let stage = &world.stage;
    stage.sandbox.set("instance_state=SoftDeleted").unwrap();
    let before = there(stage);
    let run = teardown(stage, "everything", &[]).ok();
    assert!(run.stderr.contains("can be undeleted"), "{run}");
    assert_eq!(there(stage), before, "{run}");
    stage.az("everything", &["undelete", "--yes"]).ok();
    stage.az("everything", &["backup", "--yes"]).ok();
}

/// Fails before: the roles of the vault's own identity were left, and with them the way to the cluster and its snapshots.
#[test]
fn the_roles_of_a_former_identity_of_the_vault_go_too() {
    const NEW: &str = "99999999-9999-4999-8999-999999999999";
    let world = Protected::new();
    let stage = &world.stage;
    let id = format!(
        "/subscriptions/{}/resourceGroups/rg-backup/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-vault",
        stage.value("/target/subscription")
    );
    world.azure().place(json!({
        "id": id, "name": "id-vault", "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "location": "westeurope",
        "properties": { "principalId": NEW, "clientId": "88888888-8888-4888-8888-888888888888" },
    }));
    let own = stage.value("/cloud/vault/principal");
    let set = format!("vault.identity={id}");
    for command in [&["init", "--yes", "--set", &set][..], &["prepare", "--yes"]] {
        stage.az("platform", command).ok();
    }
    stage.grant("owner").ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    let of = |principal: &str| {
        let all = world.azure().role_assignments();
        all.iter()
            .filter(|own| text(own, "/properties/principalId") == principal)
            .count()
    };
    assert!(of(&own) > 0 && of(NEW) > 0);
    let run = teardown(stage, "everything", &DELETE).ok();
    assert_eq!((of(&own), of(NEW)), (0, 0), "{run}");
    let left = created(stage);
    assert!(!left.iter().any(|own| own.contains("/roleAssignments/")), "{left:?}");
}

/// Fails before: the record of the instance was dropped with its deletion, so that an undeleted one was another's for good, and `teardown`
/// reported that nothing was left to do.
#[test]
fn an_instance_that_was_undeleted_is_still_the_one_that_this_tool_created() {
    let world = Protected::new();
    let stage = &world.stage;
    teardown(stage, "platform", &DELETE).ends(Exit::TheirTurn.code());
    stage.az("platform", &["undelete", "--yes"]).ok();
    let instance = stage.value("/cloud/instance/instance");
    assert!(
        created(stage).iter().any(|own| own == &instance),
        "{}",
        stage.state_text()
    );
    let run = teardown(stage, "platform", &[]);
    assert!(run.stderr.contains("stop the protection of backup instance"), "{run}");
}
