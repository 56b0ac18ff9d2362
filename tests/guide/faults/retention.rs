//! The first backup of a day, a week, a month or a year has a retention of its own, without a policy file.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage};
use serde_json::{Value, json};

use super::changes::protected;

fn set<'a>(keys: &[&'a str]) -> Vec<&'a str> {
    let sets = keys.iter().flat_map(|key| ["--set", *key]);
    ["init", "--yes"].into_iter().chain(sets).collect()
}

fn rules(stage: &Stage) -> Value {
    let policy = stage.sandbox.resource(&stage.value("/cloud/vault/policy")).unwrap();
    policy["properties"]["policyRules"].clone()
}

#[test]
fn longer_retention_of_first_backups_is_a_policy_by_its_content_which_protect_attaches() {
    let stage = protected(&[]);
    let keys = [
        "policy.weekly_retention=8w",
        "policy.vault_tier_monthly_retention=12m",
        "policy.vault_tier_yearly_retention=10y",
    ];
    stage
        .az("platform", &set(&keys))
        .ok()
        .says("8-week retention for the first backup of each week")
        .says("a yearly copy in the vault tier with 10-year retention");
    let name = "aks-daily-7d-week-8w-vault-month-12m-vault-year-10y";
    assert_eq!(stage.value("/target/policy/name"), name);
    stage.az("platform", &["prepare", "--yes"]).says("az aksbackup grant");
    let rules = rules(&stage);
    let named = |name: &str| {
        let mut all = rules.as_array().unwrap().iter();
        all.find(|rule| rule["name"] == name).unwrap().clone()
    };
    let kept = |rule: &Value, at: usize| rule["lifecycles"][at]["deleteAfter"]["duration"].clone();
    assert_eq!(kept(&named("Weekly"), 0), "P8W");
    assert_eq!(
        (kept(&named("Yearly"), 0), kept(&named("Yearly"), 1)),
        (json!("P8W"), json!("P10Y"))
    );
    let tags = named("BackupDaily")["trigger"]["taggingCriteria"].clone();
    let yearly = tags
        .as_array()
        .unwrap()
        .iter()
        .find(|tag| tag["tagInfo"]["tagName"] == "Yearly");
    let yearly = yearly.unwrap();
    assert_eq!(yearly["criteria"][0]["absoluteCriteria"], json!(["FirstOfYear"]));
    // The vault tier requires more roles, whichever rule copies to it.
    stage.az("platform", &["protect", "--yes"]).ends(Exit::TheirTurn.code());
    stage.grant("owner").ok();
    stage
        .az("platform", &["protect", "--yes"])
        .ok()
        .says(&format!("policy: aks-daily-7d → {name}"));
    stage.az("platform", &["protect", "--yes"]).ok().says("nothing to do");
    stage.az("everything", &["verify"]).ok();
    // A lost file is created again with these rules.
    let before: toml::Value = toml::from_str(&stage.state_text()).unwrap();
    std::fs::remove_file(stage.state()).unwrap();
    stage.az("platform", &["init", "--yes"]).ok();
    let after: toml::Value = toml::from_str(&stage.state_text()).unwrap();
    assert_eq!(after["target"]["policy"], before["target"]["policy"]);
}

#[test]
fn rules_that_keep_less_are_agreed_to_apart() {
    let stage = protected(&[]);
    stage.az("platform", &set(&["policy.weekly_retention=8w"])).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &set(&["policy.weekly_retention="])).ok();
    assert_eq!(stage.value("/target/policy/name"), "aks-daily-7d");
    stage.az("platform", &["prepare", "--yes"]).ok();
    let mark = stage.mark();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::Usage.code())
        .says("new backups of rule Weekly are kept for P7D instead of P8W")
        .says("--reduce-protection");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn rules_that_azure_has_otherwise_are_told_and_the_printed_command_adopts_them() {
    let stage = protected(&[]);
    stage.az("platform", &set(&["policy.weekly_retention=8w"])).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    let id = stage.value("/cloud/vault/policy");
    let at = rules(&stage)
        .as_array()
        .unwrap()
        .iter()
        .position(|rule| rule["name"] == "Weekly");
    let kept = format!(
        "/properties/policyRules/{}/lifecycles/0/deleteAfter/duration",
        at.unwrap()
    );
    assert!(stage.sandbox.azure().change(&id, &kept, json!("P9W")));
    let mark = stage.mark();
    for command in [&["verify"][..], &["doctor"], &["status", "--check"]] {
        stage
            .az("everything", command)
            .ends(Exit::Pending.code())
            .says("weekly retention: P9W (the target has P8W)");
    }
    // The target's rules would become a policy with another name.
    stage
        .az("everything", &["prepare", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("weekly retention: P9W → P8W");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let run = stage.az("platform", &["verify"]);
    let all = format!("{}{}", run.stdout, run.stderr);
    let command = all
        .split("az aksbackup ")
        .find(|own| own.starts_with("init --set policy.name="))
        .unwrap();
    let command = command.lines().next().unwrap().replace("--state", "--yes --state");
    let words: Vec<&str> = command.split_whitespace().take_while(|word| *word != "--yes").collect();
    stage.az("platform", &[&words[..], &["--yes"]].concat()).ok();
    assert_eq!(stage.value("/target/policy/weekly_retention"), "P9W");
    stage.az("everything", &["verify"]).ok();
}

#[test]
fn values_that_azure_does_not_keep_are_refused_before_anything_is_written() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &INIT).ok();
    let text = stage.state_text();
    for (keys, says) in [
        (&["policy.retention=361d"][..], "1 to 360 days"),
        (&["policy.yearly_retention=1y"], "1 to 360 days"),
        (
            &["policy.weekly_retention=1d"],
            "policy.weekly_retention P1D is shorter than P7D",
        ),
        (
            &["policy.vault_tier_retention=30d", "policy.weekly_retention=8w"],
            "policy.vault_tier_weekly_retention is missing",
        ),
        // Fails before: both were accepted.
        (
            &["policy.vault_tier_retention=1d", "policy.retention=1d"],
            "up to 24 hours after",
        ),
        (&["policy.vault_tier_yearly_retention=200y"], "for more than 99 years"),
        (&["policy.monthly_retention=soon"], "use a value such as 7d"),
        (&["policy.quarterly_retention=90d"], "did you mean policy."),
    ] {
        stage.az("platform", &set(keys)).ends(Exit::Usage.code()).says(says);
    }
    let long = ["init", "--yes", "--retention", "2y"];
    stage
        .az("platform", &long)
        .ends(Exit::Usage.code())
        .says("1 to 360 days");
    assert_eq!(stage.state_text(), text, "the file is as it was");
    // A value that was edited by hand is refused by the command that would use it.
    let edited = text.replace("[target.policy]", "[target.policy]\nyearly_retention = \"P10Y\"");
    std::fs::write(stage.state(), &edited).unwrap();
    let mark = stage.mark();
    for command in [&["prepare", "--yes"][..], &["prepare", "--dry-run"]] {
        stage
            .az("platform", command)
            .ends(Exit::Usage.code())
            .says("policy.yearly_retention P10Y isn't valid");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn a_policy_file_has_all_rules_of_its_policy() {
    let stage = Stage::new().unwrap();
    stage
        .az(
            "platform",
            &[&INIT[..], &["--set", "policy.weekly_retention=8w"]].concat(),
        )
        .ok();
    let file = stage.folder().join("own.json");
    let store = json!({ "objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore" });
    let policy = |kept: &str, kind: &str| {
        json!({ "objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.ContainerService/managedClusters"], "policyRules": [
            { "name": "Default", "objectType": "AzureRetentionRule", "isDefault": true, "lifecycles": [{
                "deleteAfter": { "objectType": "AbsoluteDeleteOption", "duration": kept }, "sourceDataStore": store }] },
            { "name": "BackupDaily", "objectType": "AzureBackupRule", "dataStore": store,
                "backupParameters": { "objectType": "AzureBackupParams", "backupType": kind },
                "trigger": { "objectType": "ScheduleBasedTriggerContext",
                    "schedule": { "repeatingTimeIntervals": ["R/2024-01-01T06:00:00+00:00/P1D"], "timeZone": "UTC" },
                    "taggingCriteria": [{ "isDefault": true, "taggingPriority": 99, "tagInfo": { "tagName": "Default" } }] } }] })
    };
    let with_file = ["init", "--yes", "--policy-file", file.to_str().unwrap()];
    let text = stage.state_text();
    // Fails before: what Azure ignores or refuses was accepted from a file.
    std::fs::write(&file, policy("P400D", "Full").to_string()).unwrap();
    stage
        .az("platform", &with_file)
        .ends(Exit::Usage.code())
        .says("policyRules[0].lifecycles[0].deleteAfter.duration is P400D")
        .says("policyRules[1].backupParameters.backupType is Full");
    std::fs::write(&file, policy("P300D", "Incremental").to_string()).unwrap();
    let both = [&with_file[..], &["--set", "policy.yearly_retention=360d"]].concat();
    stage
        .az("platform", &both)
        .ends(Exit::Usage.code())
        .says("come from file own.json");
    assert_eq!(stage.state_text(), text, "the file is as it was");
    stage.az("platform", &with_file).ok();
    assert!(!stage.state_text().contains("weekly_retention"));
    stage
        .az("platform", &set(&["policy.weekly_retention=8w"]))
        .ends(Exit::Usage.code())
        .says("come from file own.json");
}
