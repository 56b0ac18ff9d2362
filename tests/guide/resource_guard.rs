//! A vault that a Resource Guard protects: what it protects is told before anything is written, and let through by the guard's requests.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::{Value, json};

use crate::faults::changes::protected;
use crate::teardown::{DELETE, teardown};

const KINDS: [&str; 4] = [
    "dppDisableStopProtectionRequests",
    "dppDisableSuspendBackupsRequests",
    "dppModifyPolicy",
    "deleteBackupInstanceRequests",
];

fn guard(group: &str) -> String {
    format!(
        "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/{group}/providers/Microsoft.DataProtection/resourceGuards/rg1"
    )
}

/// The ID of the request of a kind.
fn request(kind: &str) -> String {
    format!("{}/{kind}/default", guard("rg-backup"))
}

/// Lets the guard in a resource group protect the vault against operations of these kinds.
fn protect_vault(stage: &Stage, group: &str, kinds: &[&str]) {
    let vault = stage.value("/cloud/vault/vault");
    let azure = stage.sandbox.azure();
    assert!(azure.change(&vault, "/properties/isVaultProtectedByResourceGuard", json!(true)));
    let detail = |kind: &&str| {
        json!({
            "vaultCriticalOperation": format!("Microsoft.DataProtection/backupVaults/{kind}"),
            "defaultResourceRequest": format!("{}/{kind}/default", guard(group)),
        })
    };
    azure.place(json!({
        "id": format!("{vault}/backupResourceGuardProxies/DppResourceGuardProxy"), "name": "DppResourceGuardProxy",
        "type": "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies",
        "properties": {
            "resourceGuardResourceId": guard(group), "description": "", "lastUpdatedTime": "2026-11-29T06:00:00Z",
            "resourceGuardOperationDetails": kinds.iter().map(detail).collect::<Vec<_>>(),
        },
    }));
}

fn guarded() -> Stage {
    let stage = protected(&[]);
    protect_vault(&stage, "rg-backup", &KINDS);
    stage
}

fn reduce(stage: &Stage, command: &str, flags: &[&str]) -> Run {
    stage.az(
        "platform",
        &[&[command, "--yes", "--reduce-protection"], flags].concat(),
    )
}

fn instance(stage: &Stage) -> Value {
    let id = stage.value("/cloud/instance/instance");
    stage.sandbox.resource(&id).unwrap()["properties"].clone()
}

/// The command ends with the turn of the guard's owner, with the request that it needs, and nothing is written.
fn is_their_turn(stage: &Stage, run: impl Fn() -> Run, kind: &str) {
    let mark = stage.mark();
    run()
        .ends(Exit::TheirTurn.code())
        .says("Resource Guard rg1 protects vault rg-backup/")
        .says(&format!("--operation-requests {}", request(kind)))
        .says("Resource Guard owner")
        .says("Backup MUA Operator");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn suspended_and_stopped_protection_names_the_guard_and_its_request() {
    let stage = guarded();
    for (command, kind, state) in [
        ("suspend", KINDS[1], "BackupsSuspended"),
        ("stop", KINDS[0], "ProtectionStopped"),
    ] {
        is_their_turn(&stage, || reduce(&stage, command, &[]), kind);
        let plan = stage
            .az("platform", &[command, "--dry-run"])
            .ends(Exit::TheirTurn.code());
        assert!(plan.stdout.contains("Resource Guard rg1"), "{plan}");
        // A request of another kind isn't enough for Azure.
        reduce(&stage, command, &["--operation-requests", &request(KINDS[3])])
            .says("UserErrorMissingRequestForResourceGuard");
        reduce(&stage, command, &["--operation-requests", &request(kind)]).ok();
        assert_eq!(instance(&stage)["currentProtectionState"], state);
        stage.az("platform", &["resume", "--yes"]).ok();
    }
}

#[test]
fn another_policy_names_the_guard_and_the_request_goes_with_the_instance() {
    let stage = guarded();
    stage.az("platform", &["init", "--retention", "30d", "--yes"]).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    is_their_turn(&stage, || reduce(&stage, "protect", &[]), KINDS[2]);
    reduce(&stage, "protect", &["--operation-requests", &request(KINDS[2])]).ok();
    let own = instance(&stage);
    assert!(
        own["policyInfo"]["policyId"]
            .as_str()
            .unwrap()
            .ends_with("/aks-daily-30d"),
        "{own}"
    );
    stage.az("platform", &["protect", "--yes"]).ok().says("nothing to do");
}

#[test]
fn deleted_backups_are_unlocked_by_the_request_right_before() {
    let stage = guarded();
    is_their_turn(&stage, || teardown(&stage, "everything", &DELETE), KINDS[3]);
    let mark = stage.mark();
    let own = request(KINDS[3]);
    let flags = [DELETE.as_slice(), &["--operation-requests", &own]].concat();
    teardown(&stage, "everything", &flags);
    let writes = stage.writes_since(mark);
    let at = |part: &str| writes.iter().position(|write| write.contains(part));
    let unlock = at("/backupResourceGuardProxies/DppResourceGuardProxy/unlockDelete").unwrap();
    let next = &writes[unlock + 1];
    assert!(
        next.starts_with("DELETE ") && next.contains("/backupInstances/"),
        "{writes:#?}"
    );
}

#[test]
fn a_vault_that_is_to_protect_less_needs_a_request_and_one_that_protects_more_does_not() {
    let stage = protected(&[]);
    // No source names the kind for the settings of a vault.
    protect_vault(&stage, "rg-backup", &[KINDS[0], "ofAnotherKind"]);
    stage
        .az("platform", &["init", "--set", "vault.immutability=Unlocked", "--yes"])
        .ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage
        .az("platform", &["init", "--set", "vault.immutability=Disabled", "--yes"])
        .ok();
    let mark = stage.mark();
    reduce(&stage, "prepare", &[])
        .ends(Exit::TheirTurn.code())
        .says("Resource Guard rg1 protects vault")
        .says(&format!("--operation-requests {}", request("ofAnotherKind")));
    // Fails before: the printed command left out what the person had said already.
    let name = stage.vouchers()[5].clone();
    reduce(&stage, "prepare", &["--irreversible", &name])
        .ends(Exit::TheirTurn.code())
        .says(&format!("--irreversible {name} --yes"));
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    reduce(&stage, "prepare", &["--operation-requests", &request("ofAnotherKind")]).ok();
    let vault = stage.sandbox.resource(&stage.value("/cloud/vault/vault")).unwrap();
    assert_eq!(
        vault["properties"]["securitySettings"]["immutabilitySettings"]["state"],
        "Disabled"
    );
}

#[test]
fn what_the_guard_leaves_out_needs_no_request() {
    let stage = protected(&[]);
    protect_vault(&stage, "rg-backup", &[KINDS[0]]);
    reduce(&stage, "suspend", &[]).ok();
    assert_eq!(instance(&stage)["currentProtectionState"], "BackupsSuspended");
    // Fails before: the settings of the vault were held as if the guard protected them.
    for state in ["Unlocked", "Disabled"] {
        let set = format!("vault.immutability={state}");
        stage.az("platform", &["init", "--set", &set, "--yes"]).ok();
        reduce(&stage, "prepare", &[]).ok();
    }
}

#[test]
fn an_account_without_a_role_on_the_guard_is_refused_by_azure_and_what_is_no_id_by_us() {
    let stage = protected(&[]);
    protect_vault(&stage, "rg-guard", &KINDS);
    let foreign = format!("{}/{}/default", guard("rg-guard"), KINDS[0]);
    let run = reduce(&stage, "stop", &["--operation-requests", &foreign]);
    assert_ne!(run.code, 0, "{run}");
    assert_eq!(instance(&stage)["currentProtectionState"], "ProtectionConfigured");
    let mark = stage.mark();
    reduce(&stage, "stop", &["--operation-requests", "yes-please"]).ends(Exit::Usage.code());
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}
