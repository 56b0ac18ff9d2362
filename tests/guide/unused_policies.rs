//! Policies that this tool created and nothing uses any more: `protect --remove-unused-policies` deletes them, and nothing else.

use std::collections::BTreeSet;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

use crate::cloud_world::text;
use crate::faults::changes::protected;
use crate::faults::killed::killed_at;
use crate::teardown::{DELETE, created, teardown, there};

const REMOVE: [&str; 3] = ["protect", "--yes", "--remove-unused-policies"];
const POLICIES: &str = "Microsoft.DataProtection/backupVaults/backupPolicies";

/// A cluster whose instance has used the policies for 7 and 14 days, and is about to use that for 30.
fn repointed(flags: &[&str]) -> Stage {
    let stage = protected(flags);
    for retention in ["14d", "30d"] {
        stage.az("platform", &["init", "--yes", "--retention", retention]).ok();
        stage.az("platform", &["prepare", "--yes"]).ok();
        if retention == "14d" {
            stage.az("platform", &["protect", "--yes"]).ok();
        }
    }
    stage
}

fn policies(stage: &Stage) -> BTreeSet<String> {
    let all = stage.sandbox.azure().resources(POLICIES);
    all.iter().map(|own| text(own, "/name").to_owned()).collect()
}

fn recorded(stage: &Stage) -> usize {
    created(stage)
        .iter()
        .filter(|own| own.contains("/backupPolicies/"))
        .count()
}

#[test]
fn policies_that_nothing_uses_any_more_are_deleted_once_that_is_asked_for() {
    let stage = repointed(&[]);
    let mark = stage.mark();
    let run = stage
        .az("platform", &["protect", "--dry-run"])
        .ends(Exit::Pending.code());
    assert!(!run.stdout.contains("delete"), "{run}");
    stage
        .az("platform", &["protect", "--dry-run", "--remove-unused-policies"])
        .ends(Exit::Pending.code())
        .says("policy: aks-daily-14d → aks-daily-30d")
        .says("delete backup policy aks-daily-7d in vault")
        .says("delete backup policy aks-daily-14d in vault");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.az("platform", &REMOVE).ok();
    let deleted = stage
        .writes_since(mark)
        .into_iter()
        .filter(|write| write.starts_with("DELETE "));
    assert_eq!(deleted.count(), 2);
    assert_eq!(policies(&stage), BTreeSet::from(["aks-daily-30d".to_owned()]));
    assert_eq!(recorded(&stage), 1, "{}", stage.state_text());
    let (mark, text) = (stage.mark(), stage.state_text());
    stage.az("platform", &REMOVE).ok().says("nothing to do");
    assert_eq!((stage.writes_since(mark), stage.state_text()), (Vec::new(), text));
    stage.az("everything", &["verify"]).ok();
}

#[test]
fn teardown_deletes_every_policy_of_this_tool_and_then_the_vault() {
    let stage = repointed(&["--soft-delete", "Off"]);
    stage.az("platform", &["protect", "--yes"]).ok();
    assert_eq!(policies(&stage).len(), 3);
    teardown(&stage, "everything", &DELETE);
    assert_eq!(policies(&stage), BTreeSet::new());
    assert_eq!(recorded(&stage), 0);
    let left: Vec<String> = there(&stage)
        .into_iter()
        .filter(|id| id.contains("/backuppolicies/"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

/// What others use, what can come back, and what only the file claims.
#[test]
fn a_policy_that_is_used_or_that_azure_does_not_confirm_is_left_and_named() {
    let stage = repointed(&[]);
    stage.az("platform", &["protect", "--yes"]).ok();
    let azure = stage.sandbox.azure();
    let vault = stage.value("/cloud/vault/vault");
    let place = |collection: &str, name: &str, policy: &str| {
        let mut body = stage
            .sandbox
            .resource(&stage.value("/cloud/instance/instance"))
            .unwrap();
        body["id"] = json!(format!("{vault}/{collection}/{name}"));
        body["name"] = json!(name);
        body["type"] = json!(format!("Microsoft.DataProtection/backupVaults/{collection}"));
        body["properties"]["policyInfo"]["policyId"] = json!(format!("{vault}/backupPolicies/{policy}"));
        body["properties"]["dataSourceInfo"]["resourceID"] =
            json!("/subscriptions/s/resourceGroups/rg/providers/x/y/other");
        azure.place(body);
    };
    place("backupInstances", "other-1", "aks-daily-7d");
    place("deletedBackupInstances", "gone-1", "aks-daily-14d");
    // A file that someone edited claims a policy of another team.
    let mut foreign = stage.sandbox.resource(&stage.value("/cloud/vault/policy")).unwrap();
    foreign["id"] = json!(format!("{vault}/backupPolicies/of-others"));
    foreign["name"] = json!("of-others");
    azure.place(foreign);
    let made = stage.state_text();
    let mut edited: toml::Table = made.parse().unwrap();
    let records = edited["cloud"]["created"].as_array_mut().unwrap();
    let mut claim = records.last().unwrap().clone();
    claim["step"] = "vault-and-policy".into();
    claim["object"] = format!("{vault}/backupPolicies/of-others").into();
    records.push(claim);
    std::fs::write(stage.state(), edited.to_string()).unwrap();
    let mark = stage.mark();
    stage
        .az("platform", &REMOVE)
        .ok()
        .says("policy aks-daily-7d is kept: backup instance other-1 uses it")
        .says("policy aks-daily-14d is kept: soft-deleted backup instance gone-1")
        .says("policy of-others is kept: nothing in Azure confirms that this tool created it");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert_eq!(policies(&stage).len(), 4);
    // What nothing records isn't even named.
    std::fs::write(stage.state(), made).unwrap();
    let run = stage.az("platform", &REMOVE).ok();
    assert!(!format!("{run}").contains("of-others"), "{run}");
}

/// A policy with the right name and other rules is another team's.
#[test]
fn a_policy_with_other_rules_than_its_name_says_is_left() {
    let stage = repointed(&[]);
    stage.az("platform", &["protect", "--yes"]).ok();
    let vault = stage.value("/cloud/vault/vault");
    let id = format!("{vault}/backupPolicies/aks-daily-14d");
    let kept = "/properties/policyRules/0/lifecycles/0/deleteAfter/duration";
    assert!(stage.sandbox.azure().change(&id, kept, json!("P15D")));
    stage
        .az("platform", &REMOVE)
        .ok()
        .says("policy aks-daily-14d is kept: nothing in Azure confirms that this tool created it");
    let left = ["aks-daily-14d", "aks-daily-30d"].map(str::to_owned);
    assert_eq!(policies(&stage), BTreeSet::from(left));
}

#[test]
fn a_run_that_is_killed_at_any_write_is_finished_by_the_next_one() {
    for many in 1..=3 {
        let stage = repointed(&[]);
        killed_at(&stage, stage.az_command("platform", &REMOVE), many, |entry| entry.write);
        stage.az("platform", &REMOVE).ok();
        assert_eq!(policies(&stage), BTreeSet::from(["aks-daily-30d".to_owned()]), "{many}");
        assert_eq!(recorded(&stage), 1, "{many}: {}", stage.state_text());
        let body: Value = stage
            .sandbox
            .resource(&stage.value("/cloud/instance/instance"))
            .unwrap();
        assert!(text(&body, "/properties/policyInfo/policyId").ends_with("/aks-daily-30d"));
    }
}
