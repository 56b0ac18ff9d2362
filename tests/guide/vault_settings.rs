//! Settings of a vault that exists: changed by `prepare`, apart where they reduce protection, by the vault's name where they last.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};
use serde_json::{Value, json};

mod claimed;

const SOFT_DELETE: &str = "/properties/securitySettings/softDeleteSettings/state";

fn prepared(flags: &[&str]) -> Stage {
    let stage = Stage::new().unwrap();
    stage.az("platform", &[&INIT[..], flags].concat()).ok();
    prepare(&stage, &[]).ok();
    stage
}

fn prepare(stage: &Stage, flags: &[&str]) -> Run {
    stage.az("platform", &[&["prepare", "--yes"], flags].concat())
}

fn set(stage: &Stage, sets: &[&str]) -> Run {
    let flags: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    stage.az("platform", &[&["init", "--yes"], flags.as_slice()].concat())
}

fn properties(stage: &Stage) -> Value {
    let vault = stage.value("/cloud/vault/vault");
    stage.sandbox.resource(&vault).unwrap()["properties"].clone()
}

fn change(stage: &Stage, pointer: &str, value: Value) {
    let vault = stage.value("/cloud/vault/vault");
    assert!(stage.sandbox.azure().change(&vault, pointer, value));
}

/// The vault's name as a person confirms it.
fn name(stage: &Stage) -> String {
    format!(
        "{}/{}",
        stage.value("/target/vault/resource_group"),
        stage.value("/target/vault/name")
    )
}

#[test]
fn what_can_be_reverted_is_told_by_every_command_and_changed_by_prepare() {
    let stage = prepared(&["--set", "vault.job_failure_alerts="]);
    let before = properties(&stage);
    set(
        &stage,
        &["vault.immutability=Unlocked", "vault.job_failure_alerts=true"],
    )
    .ok();
    let mark = stage.mark();
    for (command, text) in [
        (&["prepare", "--dry-run"][..], "immutability: Disabled → Unlocked"),
        (&["status", "--check"], "immutability: Disabled → Unlocked"),
        (&["verify"], "immutability: Disabled (the target has Unlocked)"),
    ] {
        stage.az("everything", command).ends(Exit::Pending.code()).says(text);
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    prepare(&stage, &[])
        .ok()
        .says("alerts for failed jobs: not reported → Enabled");
    let writes = stage.writes_since(mark);
    assert!(
        matches!(writes.as_slice(), [one] if one.starts_with("PATCH ")),
        "{writes:#?}"
    );
    let after = properties(&stage);
    let security = &after["securitySettings"];
    assert_eq!(security["immutabilitySettings"]["state"], "Unlocked");
    assert_eq!(
        security["softDeleteSettings"],
        before["securitySettings"]["softDeleteSettings"]
    );
    let alerts = &after["monitoringSettings"]["azureMonitorAlertSettings"]["alertsForAllJobFailures"];
    assert_eq!(alerts, "Enabled");
    prepare(&stage, &[]).ok().says("nothing to do");
    stage
        .az("everything", &["verify"])
        .says("alerts for failed jobs Enabled");
}

#[test]
fn a_new_vault_has_the_settings_from_the_beginning() {
    let stage = prepared(&[
        "--set",
        "vault.immutability=Unlocked",
        "--set",
        "vault.cross_subscription_restore=Disabled",
    ]);
    let writes = stage.writes_since(0);
    let vault: Vec<&String> = writes.iter().filter(|write| write.contains("/backupVaults/")).collect();
    assert!(vault.iter().all(|write| write.starts_with("PUT ")), "{vault:#?}");
    let own = properties(&stage);
    assert_eq!(own["securitySettings"]["immutabilitySettings"]["state"], "Unlocked");
    assert_eq!(own["securitySettings"]["softDeleteSettings"]["state"], "On");
    assert_eq!(
        own["featureSettings"]["crossSubscriptionRestoreSettings"]["state"],
        "Disabled"
    );
}

#[test]
fn what_reduces_protection_is_agreed_to_apart_or_the_vault_is_adopted() {
    let stage = prepared(&["--soft-delete-days", "30"]);
    set(&stage, &["vault.soft_delete=Off"]).ok();
    let mark = stage.mark();
    stage
        .az("platform", &["prepare", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("reduces protection: deleted backups can no longer be recovered");
    for command in ["prepare", "up"] {
        stage
            .az("everything", &[command, "--yes"])
            .ends(Exit::Usage.code())
            .says("deleted backups can no longer be recovered");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    prepare(&stage, &["--reduce-protection"]).ok();
    assert_eq!(
        stage
            .sandbox
            .resource(&stage.value("/cloud/vault/vault"))
            .unwrap()
            .pointer(SOFT_DELETE)
            .unwrap(),
        "Off"
    );
    // The other direction needs no word, and the printed command keeps what Azure has.
    set(&stage, &["vault.soft_delete=On"]).ok();
    stage
        .az("everything", &["verify"])
        .says("soft delete: Off (the target has On)")
        .says("az aksbackup init --set vault.soft_delete=Off");
    prepare(&stage, &[]).ok().says("soft delete: Off → On");
    assert_eq!(
        properties(&stage)["securitySettings"]["softDeleteSettings"]["retentionDurationInDays"].as_f64(),
        Some(30.0)
    );
}

#[test]
fn what_can_never_be_reverted_is_done_only_for_the_vault_that_was_named() {
    let stage = prepared(&["--redundancy", "GRS"]);
    set(
        &stage,
        &["vault.immutability=Locked", "vault.cross_region_restore=true"],
    )
    .ok();
    let mark = stage.mark();
    stage
        .az("platform", &["prepare", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("this can't be reverted: the vault can never be unlocked")
        .says("cross-region restore can't be disabled again");
    for command in [
        &["prepare", "--yes"][..],
        &["up", "--yes"],
        &["prepare", "--yes", "--reduce-protection"],
    ] {
        stage
            .az("everything", command)
            .ends(Exit::Usage.code())
            .says("the permanent change of Backup vault")
            .says("az aksbackup prepare --irreversible RESOURCE-GROUP/VAULT");
    }
    prepare(&stage, &["--irreversible", "rg-other/bv-other"])
        .ends(Exit::Usage.code())
        .says("--irreversible is rg-other/bv-other");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage
        .az("everything", &["status", "--check"])
        .ends(Exit::Pending.code());
    prepare(&stage, &["--irreversible", &name(&stage)]).ok();
    let own = properties(&stage);
    assert_eq!(own["securitySettings"]["immutabilitySettings"]["state"], "Locked");
    assert_eq!(own["featureSettings"]["crossRegionRestoreSettings"]["state"], "Enabled");
    // What Azure can't change is told, and never tried.
    set(&stage, &["vault.immutability=Disabled"]).ok();
    let mark = stage.mark();
    prepare(&stage, &["--reduce-protection"])
        .ends(Exit::Pending.code())
        .says("immutability: Locked (the target has Disabled)")
        .says("a locked vault can't be unlocked")
        .says("az aksbackup init --set vault.immutability=Locked");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn a_new_vault_is_locked_after_everything_else_and_only_by_its_name() {
    let stage = Stage::new().unwrap();
    stage
        .az(
            "platform",
            &[&INIT[..], &["--set", "vault.immutability=Locked"]].concat(),
        )
        .ok();
    prepare(&stage, &[]).ends(Exit::Usage.code()).says("isn't confirmed");
    assert_eq!(stage.writes_since(0), Vec::<String>::new());
    prepare(&stage, &["--irreversible", &name(&stage)]).ok();
    let writes = stage.writes_since(0);
    let vault: Vec<&String> = writes.iter().filter(|write| write.contains("/backupVaults/")).collect();
    assert!(vault.last().unwrap().starts_with("PATCH "), "{vault:#?}");
    assert_eq!(
        properties(&stage)["securitySettings"]["immutabilitySettings"]["state"],
        "Locked"
    );
}

#[test]
fn a_vault_of_others_keeps_every_setting_that_the_file_does_not_have() {
    let stage = Stage::with(&["vault_by_hand=true"]).unwrap();
    let by_hand = ["--vault", "bv-by-hand", "--policy", "by-hand"];
    stage.az("platform", &[&INIT[..], &by_hand].concat()).ok();
    prepare(&stage, &[]).ok();
    let mine = json!({ "azureMonitorAlertSettings": { "alertsForAllJobFailures": "Disabled" } });
    change(&stage, "/properties/monitoringSettings", mine);
    let immutability = json!({ "state": "Unlocked" });
    change(
        &stage,
        "/properties/securitySettings/immutabilitySettings",
        immutability,
    );
    let before = properties(&stage);
    prepare(&stage, &[]).ok().says("nothing to do");
    stage
        .az("platform", &["init", "--from-azure", "--yes"])
        .ends(Exit::Missing.code());
    set(&stage, &["vault.cross_subscription_restore=Disabled"]).ok();
    prepare(&stage, &["--reduce-protection"]).ok();
    let after = properties(&stage);
    for group in ["securitySettings", "monitoringSettings"] {
        assert_eq!(after[group], before[group], "{group}");
    }
}

#[test]
fn settings_of_the_vault_are_adopted_from_azure_where_the_file_has_them() {
    let flags = [
        "--set",
        "vault.immutability=Unlocked",
        "--set",
        "vault.job_failure_alerts=true",
    ];
    let stage = super::faults::changes::protected(&flags);
    change(
        &stage,
        "/properties/securitySettings/immutabilitySettings/state",
        json!("Disabled"),
    );
    change(
        &stage,
        "/properties/securitySettings/softDeleteSettings/retentionDurationInDays",
        json!(60.0),
    );
    stage.az("platform", &["init", "--from-azure", "--yes"]).ok();
    assert_eq!(stage.value("/target/vault/immutability"), "Disabled");
    assert!(
        stage.state_text().contains("soft_delete_days = 60"),
        "{}",
        stage.state_text()
    );
    assert!(!stage.state_text().contains("cross_subscription_restore"));
    prepare(&stage, &[]).ok().says("nothing to do");
    // Fails before: what had no key was left out, although the command says that it takes Azure's settings.
    let disabled = json!({ "state": "Disabled" });
    change(
        &stage,
        "/properties/featureSettings/crossSubscriptionRestoreSettings",
        disabled,
    );
    stage.az("platform", &["init", "--from-azure", "--yes"]).ok();
    assert_eq!(stage.value("/target/vault/cross_subscription_restore"), "Disabled");
    prepare(&stage, &[]).ok().says("nothing to do");
}

#[test]
fn values_that_a_vault_cannot_have_are_refused_and_the_file_stays() {
    let stage = prepared(&[]);
    let (text, mark) = (stage.state_text(), stage.mark());
    for (value, says) in [
        (
            "vault.immutability=Permanent",
            "isn't one of Disabled, Unlocked, Locked",
        ),
        ("vault.soft_delete_days=7", "14 to 180 days"),
        ("vault.soft_delete=AlwaysOn", "AlwaysOn"),
        (
            "vault.cross_region_restore=true",
            "requires a vault with redundancy GeoRedundant",
        ),
        ("vault.job_failure_alerts=loud", "true or false"),
    ] {
        set(&stage, &[value]).ends(Exit::Usage.code()).says(says);
    }
    assert_eq!(stage.state_text(), text);
    let geo = text.replace("[target.vault]", "[target.vault]\ncross_region_restore = true");
    std::fs::write(stage.state(), geo).unwrap();
    prepare(&stage, &[]).ends(Exit::Usage.code()).says("GeoRedundant");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// Fails before: a new vault raised no alerts, and nothing compared them.
#[test]
fn a_new_vault_raises_alerts_for_failed_jobs_and_verify_compares_them() {
    const ALERTS: &str = "/monitoringSettings/azureMonitorAlertSettings/alertsForAllJobFailures";
    let stage = prepared(&[]);
    assert_eq!(properties(&stage).pointer(ALERTS), Some(&json!("Enabled")));
    assert!(stage.state_text().contains("job_failure_alerts = true"));
    change(&stage, &format!("/properties{ALERTS}"), json!("Disabled"));
    stage
        .az("everything", &["verify"])
        .ends(Exit::Pending.code())
        .says("alerts for failed jobs: Disabled (the target has Enabled)");
    prepare(&stage, &[])
        .ok()
        .says("alerts for failed jobs: Disabled → Enabled");
    set(&stage, &["vault.job_failure_alerts="]).ok();
    let none = prepared(&["--set", "vault.job_failure_alerts="]);
    assert_eq!(properties(&none).pointer(ALERTS), None);
}

/// Fails before: `prepare --yes` exited with code 2, and the only printed fix reduced the protection.
#[test]
fn a_vault_whose_owner_keeps_deleted_backups_longer_is_left_or_adopted() {
    const SOFT: &str = "/properties/securitySettings/softDeleteSettings";
    let longer = json!({ "state": "On", "retentionDurationInDays": 60.0 });
    let stage = Stage::with(&["vault_by_hand=true"]).unwrap();
    let by_hand = ["--vault", "bv-by-hand", "--policy", "by-hand"];
    stage.az("platform", &[&INIT[..], &by_hand].concat()).ok();
    prepare(&stage, &[]).ok();
    change(&stage, SOFT, longer.clone());
    let mark = stage.mark();
    prepare(&stage, &[])
        .ok()
        .says("soft delete stays On (the target has Off)");
    stage.az("everything", &["verify"]).says("soft delete stays On");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    // Of a vault that aksbackup created, it is a decision: what keeps the protection comes first.
    let stage = prepared(&[]);
    change(&stage, SOFT, longer);
    let run = prepare(&stage, &[]).ends(Exit::Usage.code());
    let at = |text: &str| run.stderr.find(text).unwrap_or_else(|| panic!("{text}: {run}"));
    assert!(
        at("az aksbackup init --set vault.soft_delete_days=60") < at("--reduce-protection --yes"),
        "{run}"
    );
    set(&stage, &["vault.soft_delete_days=60"]).ok();
    prepare(&stage, &[]).ok().says("nothing to do");
}

/// Fails before: the days were never sent, and the vault kept deleted backups for Azure's default.
#[test]
fn soft_delete_is_enabled_with_the_days_of_the_target() {
    let stage = prepared(&["--soft-delete-days", "30"]);
    change(
        &stage,
        "/properties/securitySettings/softDeleteSettings",
        json!({ "state": "Off" }),
    );
    prepare(&stage, &[])
        .ok()
        .says("soft delete: Off → On; soft delete days: not reported → 30");
    let own = properties(&stage);
    let soft = &own["securitySettings"]["softDeleteSettings"];
    assert_eq!(soft["retentionDurationInDays"].as_f64(), Some(30.0), "{soft}");
}

/// Fails before: the wrong vault of the file won over the one that protects the cluster, and live values that were only copied were to be
/// applied.
#[test]
fn settings_of_azure_replace_a_wrong_vault_and_nothing_is_to_be_applied() {
    let stage = super::faults::changes::protected(&["--set", "vault.immutability=Unlocked"]);
    let name = stage.value("/target/vault/name");
    change(
        &stage,
        "/properties/securitySettings/immutabilitySettings/state",
        json!("Disabled"),
    );
    let extension = stage.value("/cloud/extension/extension");
    let memory = "/properties/configurationSettings/resources.limits.memory";
    assert!(stage.sandbox.azure().change(&extension, memory, json!("8Gi")));
    let wrong = stage
        .state_text()
        .replacen(&format!("name = \"{name}\""), "name = \"bv-wrong\"", 1);
    std::fs::write(stage.state(), wrong).unwrap();
    assert_eq!(stage.value("/target/vault/name"), "bv-wrong");
    let run = stage.az("platform", &["init", "--from-azure", "--yes"]).ok();
    assert_eq!(stage.value("/target/vault/name"), name);
    assert_eq!(stage.value("/target/vault/immutability"), "Disabled");
    assert!(!run.stdout.contains("applied:"), "{run}");
    run.says("with the settings in Azure; there are no changes to apply");
    stage.az("everything", &["verify"]).ok();
}
