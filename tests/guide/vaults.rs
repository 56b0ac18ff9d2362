//! Vault and policy: what exists is left as it is, what is made can be undone, and a policy that exists is compared.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};
use serde_json::{Value, json};

/// The guide's policy, as it prints it.
const GUIDE: &str = r#"{
  "datasourceTypes": ["Microsoft.ContainerService/managedClusters"],
  "objectType": "BackupPolicy",
  "policyRules": [
    {
      "backupParameters": { "backupType": "Incremental", "objectType": "AzureBackupParams" },
      "dataStore": { "dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase" },
      "name": "BackupDaily",
      "objectType": "AzureBackupRule",
      "trigger": {
        "objectType": "ScheduleBasedTriggerContext",
        "schedule": { "repeatingTimeIntervals": ["R/2024-01-01T06:00:00+00:00/P1D"], "timeZone": "UTC" },
        "taggingCriteria": [
          {
            "criteria": null,
            "isDefault": true,
            "tagInfo": { "eTag": null, "id": "Default_", "tagName": "Default" },
            "taggingPriority": 99
          }
        ]
      }
    },
    {
      "isDefault": true,
      "lifecycles": [
        {
          "deleteAfter": { "duration": "P7D", "objectType": "AbsoluteDeleteOption" },
          "sourceDataStore": { "dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase" },
          "targetDataStoreCopySettings": []
        }
      ],
      "name": "Default",
      "objectType": "AzureRetentionRule"
    }
  ]
}"#;

/// The type of a vault as switches name it.
const VAULTS: &str = "microsoft.dataprotection/backupvaults";

fn init(stage: &Stage, flags: &[&str]) -> Run {
    stage.az("platform", &[&INIT[..], flags].concat())
}

fn prepare(stage: &Stage) -> Run {
    stage.az("platform", &["prepare", "--yes"])
}

fn there(stage: &Stage, pointer: &str) -> Value {
    stage.sandbox.resource(&stage.value(pointer)).unwrap()
}

/// Each write that mentions `part`, as method and target.
fn writes(stage: &Stage, part: &str) -> Vec<String> {
    let mut writes = stage.writes_since(0);
    writes.retain(|write| write.to_lowercase().contains(&part.to_lowercase()));
    writes
}

#[test]
fn a_vault_and_a_policy_of_others_keep_their_settings_and_are_compared() {
    let stage = Stage::with(&["vault_by_hand=true"]).unwrap();
    init(&stage, &["--vault", "bv-by-hand", "--policy", "by-hand"]).ok();
    let vault = stage.sandbox.azure().resources("Microsoft.DataProtection/backupVaults");
    let [before] = vault.as_slice() else {
        panic!("{vault:#?}")
    };
    prepare(&stage).ok();
    let taken = [
        "/target/vault/redundancy",
        "/target/vault/soft_delete",
        "/target/policy/schedule",
        "/target/policy/retention",
    ];
    assert_eq!(
        taken.map(|key| stage.value(key)),
        ["ZoneRedundant", "Off", "P1W", "P30D"]
    );
    let after = there(&stage, "/cloud/vault/vault");
    for member in ["storageSettings", "securitySettings", "featureSettings"] {
        assert_eq!(after["properties"][member], before["properties"][member], "{member}");
    }
    assert_eq!(after["tags"], before["tags"]);
    assert!(before.get("identity").is_none());
    assert_eq!(after["identity"]["principalId"], stage.value("/cloud/vault/principal"));
    let writes = writes(&stage, "/backupVaults/");
    assert!(
        matches!(writes.as_slice(), [one] if one.starts_with("PATCH ")),
        "an identity is all that the vault gets: {writes:#?}"
    );
    assert_eq!(stage.value("/cloud/vault/rule"), "BackupWeekly");
}

#[test]
fn a_new_vault_is_as_asked_for_and_its_soft_delete_can_be_undone() {
    let stage = Stage::new().unwrap();
    init(
        &stage,
        &[
            "--redundancy",
            "GRS",
            "--soft-delete-days",
            "30",
            "--schedule",
            "4h",
            "--retention",
            "30d",
            "--vault-tier-retention",
            "90d",
        ],
    )
    .ok();
    let withdrawn = ["2025-07-01", "2025-02-01", "2025-01-01"].map(|version| format!("{VAULTS}@{version}"));
    // Without the version that vaults are written by, an older one is taken: a newer one makes soft delete irreversible.
    stage
        .sandbox
        .set(&format!("withdrawn_api_versions={}", withdrawn.join(",")))
        .unwrap();
    prepare(&stage).ok();
    let vault = there(&stage, "/cloud/vault/vault");
    assert_eq!(vault["properties"]["storageSettings"][0]["type"], "GeoRedundant");
    let soft_delete = &vault["properties"]["securitySettings"]["softDeleteSettings"];
    assert_eq!(soft_delete["state"], "On");
    assert_eq!(soft_delete["retentionDurationInDays"].as_f64(), Some(30.0));
    let policy = there(&stage, "/cloud/vault/policy");
    let rules = policy["properties"]["policyRules"].as_array().unwrap();
    let of = |name: &str| rules.iter().find(|rule| rule["name"] == name).unwrap();
    let lifecycle = |name: &str, at: usize| of(name)["lifecycles"][at]["deleteAfter"]["duration"].clone();
    assert_eq!(
        (lifecycle("Default", 0), lifecycle("Daily", 1)),
        (json!("P30D"), json!("P90D"))
    );
    let interval = &of("BackupHourly")["trigger"]["schedule"]["repeatingTimeIntervals"][0];
    assert!(interval.as_str().unwrap().ends_with("/PT4H"), "{interval}");
}

#[test]
fn soft_delete_is_off_only_where_it_was_asked_for_and_always_on_cannot_be() {
    let stage = Stage::new().unwrap();
    init(&stage, &["--soft-delete", "AlwaysOn"]).ends(Exit::Usage.code());
    init(&stage, &["--soft-delete", "Off", "--redundancy", "ZRS"]).ok();
    prepare(&stage).ok();
    let vault = there(&stage, "/cloud/vault/vault");
    let properties = &vault["properties"];
    assert_eq!(properties["securitySettings"]["softDeleteSettings"]["state"], "Off");
    assert_eq!(properties["storageSettings"][0]["type"], "ZoneRedundant");
}

#[test]
fn the_guide_s_policy_is_made_from_its_file_without_what_only_azure_writes() {
    let stage = Stage::new().unwrap();
    let file = stage.folder().join("backup-policy.json");
    std::fs::write(&file, GUIDE).unwrap();
    let file = file.display().to_string();
    init(&stage, &["--policy-file", &file, "--policy", "guide"]).ok();
    prepare(&stage).ok().says("tagInfo.eTag, tagInfo.id");
    let asked: Value = serde_json::from_str(GUIDE).unwrap();
    let made = there(&stage, "/cloud/vault/policy");
    for pointer in [
        "/policyRules/0/trigger/schedule",
        "/policyRules/0/trigger/taggingCriteria/0/tagInfo/tagName",
        "/policyRules/1/lifecycles",
        "/datasourceTypes",
    ] {
        assert_eq!(made["properties"].pointer(pointer), asked.pointer(pointer), "{pointer}");
    }
    let run = prepare(&stage).ok().says("nothing to do");
    assert!(
        !run.stderr.contains("rules differ"),
        "what Azure adds is no difference\n{run}"
    );
    std::fs::write(&file, GUIDE.replace("P7D", "P60D")).unwrap();
    prepare(&stage)
        .ends(Exit::StateUnreadable.code())
        .says("differs from the file that `init` confirmed")
        .says(&format!("--policy-file {file}"));
    // Azure doesn't let a policy be changed: another content is another policy.
    init(&stage, &["--policy-file", &file, "--policy", "guide"])
        .ok()
        .says("the rules of policy guide differ from the target's")
        .says("rules: current rules → rules in backup-policy.json");
    prepare(&stage).ok();
    assert_eq!(writes(&stage, "/backupPolicies/").len(), 2);
    assert!(stage.value("/cloud/vault/policy").contains("/aks-own-"));
}

/// Fails before: the digest and the remembered confirmation covered the file's name alone, and Azure got the exchanged retention.
#[test]
fn a_policy_file_that_was_exchanged_after_it_was_confirmed_is_refused() {
    let stage = Stage::new().unwrap();
    let file = stage.folder().join("own.json");
    std::fs::write(&file, GUIDE).unwrap();
    init(&stage, &["--policy-file", &file.display().to_string()]).ok();
    let digest = stage.az("platform", &["status", "--offline", "-o", "json"]).ok().json()["digest"].clone();
    std::fs::write(&file, GUIDE.replace("P7D", "P1D")).unwrap();
    for confirmation in [&["--yes", "--expect-digest", digest.as_str().unwrap()][..], &["--yes"]] {
        stage
            .az("platform", &[&["prepare"], confirmation].concat())
            .ends(Exit::StateUnreadable.code())
            .says("policy file own.json differs from the file that `init` confirmed");
    }
    assert!(writes(&stage, "/backupPolicies/").is_empty());
    std::fs::write(&file, GUIDE).unwrap();
    prepare(&stage).ok();
}

#[test]
fn azure_s_refusal_of_a_policy_is_told_in_its_own_words() {
    let stage = Stage::with(&[
        "fault=400/DppUserErrorVaultTierPolicyNotSupported@PUT:backupPolicies:9",
        "fault_message=The vault tier isn't supported in this region.",
    ])
    .unwrap();
    init(&stage, &["--vault-tier-retention", "90d"]).ok();
    prepare(&stage)
        .ends(Exit::Failed.code())
        .says("DppUserErrorVaultTierPolicyNotSupported")
        .says("The vault tier isn't supported in this region.");
    let bare = stage.since(0).into_iter().filter(|entry| entry.status == 406).count();
    assert_eq!(
        bare, 0,
        "Azure Backup answers 406 in place of the real error to a header Accept with parameters"
    );
}

#[test]
fn a_vault_with_user_assigned_identities_keeps_them() {
    let stage = Stage::with(&["vault_by_hand=true"]).unwrap();
    let kept = format!(
        "/subscriptions/{}/resourceGroups/rg-other/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-vault",
        "11111111-2222-4333-8444-555555555555"
    );
    let own = json!({ "principalId": "99999999-9999-4999-8999-999999999999", "clientId": "88888888-8888-4888-8888-888888888888" });
    let vaults = stage.sandbox.azure().resources("Microsoft.DataProtection/backupVaults");
    let vault = vaults[0]["id"].as_str().unwrap().to_owned();
    let before = json!({ "type": "UserAssigned", "userAssignedIdentities": { &kept: own } });
    assert!(stage.sandbox.azure().change(&vault, "/identity", before));
    init(&stage, &["--vault", "bv-by-hand", "--policy", "by-hand"]).ok();
    prepare(&stage).ok().says("its user-assigned identities are kept: 1");
    let after = there(&stage, "/cloud/vault/vault");
    assert_eq!(after["identity"]["type"], "SystemAssigned,UserAssigned");
    assert_eq!(after["identity"]["userAssignedIdentities"][&kept], own);
    assert_eq!(after["identity"]["principalId"], stage.value("/cloud/vault/principal"));
}
