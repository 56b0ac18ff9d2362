//! The rules of a policy are edited in the state file: Azure doesn't let them be changed, so that they become a policy with another name.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};
use serde_json::{Value, json};

use super::changes::protected;

/// Edits the state file as a person does.
fn edit(stage: &Stage, from: &str, to: &str) {
    let text = stage.state_text();
    assert!(text.contains(from), "{text}");
    std::fs::write(stage.state(), text.replace(from, to)).unwrap();
}

/// Runs a command that confirms the resources, since no one confirmed the edited file.
fn confirmed(stage: &Stage, command: &str) -> Run {
    let vouchers = stage.vouchers();
    let words = [command, "--yes"]
        .into_iter()
        .chain(vouchers.iter().map(String::as_str));
    stage.az("platform", &words.collect::<Vec<_>>())
}

fn instance_policy(stage: &Stage) -> String {
    let body: Value = stage
        .sandbox
        .resource(&stage.value("/cloud/instance/instance"))
        .unwrap();
    let id = body["properties"]["policyInfo"]["policyId"]
        .as_str()
        .unwrap()
        .to_owned();
    id.rsplit('/').next().unwrap().to_owned()
}

/// Fails before: the name stayed, the step said that the policy exists, and nothing was changed.
#[test]
fn edited_rules_become_another_policy_which_protect_attaches() {
    let stage = protected(&[]);
    edit(&stage, "retention = \"P7D\"", "retention = \"P30D\"");
    let (mark, text) = (stage.mark(), stage.state_text());
    stage
        .az("platform", &["verify"])
        .ends(Exit::Pending.code())
        .says("retention: P7D (the target has P30D)")
        .says("az aksbackup prepare");
    for command in ["prepare", "up"] {
        stage
            .az("platform", &[command, "--dry-run"])
            .ends(Exit::Pending.code())
            .says("the rules of policy aks-daily-7d differ from the target's")
            .says("create backup policy aks-daily-30d in vault")
            .says("retention: P7D → P30D");
    }
    stage
        .az("platform", &["protect", "--yes"])
        .says("policy aks-daily-30d doesn't exist in vault");
    assert_eq!((stage.writes_since(mark), stage.state_text()), (Vec::new(), text));
    confirmed(&stage, "prepare").ok();
    assert_eq!(stage.value("/target/policy/name"), "aks-daily-30d");
    stage
        .az("platform", &["protect", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("policy: aks-daily-7d → aks-daily-30d");
    stage.az("platform", &["protect", "--yes"]).ok();
    assert_eq!(instance_policy(&stage), "aks-daily-30d");
    for command in ["prepare", "protect"] {
        stage.az("platform", &[command, "--yes"]).ok().says("nothing to do");
    }
    stage.az("everything", &["verify"]).ok();
}

/// Fails before: the file had the value already, so that the flag changed nothing.
#[test]
fn a_flag_for_what_the_file_has_already_is_no_no_op() {
    let stage = protected(&[]);
    edit(&stage, "retention = \"P7D\"", "retention = \"P30D\"");
    stage
        .az("platform", &["init", "--yes", "--retention", "30d"])
        .ok()
        .says("the target's rules become policy aks-daily-30d");
    assert_eq!(stage.value("/target/policy/name"), "aks-daily-30d");
    confirmed(&stage, "prepare").ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    assert_eq!(instance_policy(&stage), "aks-daily-30d");
}

/// A policy of the name that stands for the rules can have other ones, if someone created it.
#[test]
fn a_name_that_is_in_use_for_other_rules_gets_a_digest() {
    let stage = protected(&[]);
    let id = stage.value("/cloud/vault/policy");
    let mut other = stage.sandbox.resource(&id).unwrap();
    other["id"] = json!(id.replace("aks-daily-7d", "aks-daily-30d"));
    other["name"] = json!("aks-daily-30d");
    stage.sandbox.azure().place(other);
    stage.az("platform", &["init", "--yes", "--retention", "30d"]).ok();
    let name = stage.value("/target/policy/name");
    assert!(name.starts_with("aks-daily-30d-"), "{name}");
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    assert_eq!(instance_policy(&stage), name);
    stage.az("everything", &["verify"]).ok();
}

/// Places a policy that keeps backups as long as `kept` says, but for a tag that matches each of them, under which they are kept for a day.
fn plant(stage: &Stage, name: &str, kept: &str) {
    let mut policy = stage.sandbox.resource(&stage.value("/cloud/vault/policy")).unwrap();
    let id = policy["id"].as_str().unwrap();
    policy["id"] = json!(format!("{}/{name}", id.rsplit_once('/').unwrap().0));
    policy["name"] = json!(name);
    let rules = policy["properties"]["policyRules"].as_array_mut().unwrap();
    let mut short = rules[0].clone();
    rules[0]["lifecycles"][0]["deleteAfter"]["duration"] = json!(kept);
    (short["name"], short["isDefault"]) = (json!("Thursday"), json!(false));
    short["lifecycles"][0]["deleteAfter"]["duration"] = json!("P1D");
    let tag = json!({ "isDefault": false, "taggingPriority": 1, "tagInfo": { "tagName": "Thursday" },
        "criteria": [{ "objectType": "ScheduleBasedBackupCriteria", "absoluteCriteria": ["AllBackup"] }] });
    let tags = rules.last_mut().unwrap()["trigger"]["taggingCriteria"].as_array_mut();
    tags.unwrap().push(tag);
    rules.insert(1, short);
    stage.sandbox.azure().place(policy);
}

/// Fails before: the planted policy counted as one with the target's rules, `protect` attached it without a question, and `verify` was
/// green.
#[test]
fn a_policy_with_further_rules_is_not_taken_for_that_of_the_target() {
    let edited = protected(&[]);
    plant(&edited, "aks-daily-120d", "P120D");
    edit(&edited, "retention = \"P7D\"", "retention = \"P120D\"");
    confirmed(&edited, "prepare").ok();
    let flag = protected(&[]);
    plant(&flag, "aks-daily-120d", "P120D");
    flag.az("platform", &["init", "--yes", "--retention", "120d"])
        .ok()
        .says("Thursday (P1D)");
    flag.az("platform", &["prepare", "--yes"]).ok();
    for stage in [&edited, &flag] {
        let name = stage.value("/target/policy/name");
        assert!(name.starts_with("aks-daily-120d-"), "{name}");
        stage.az("platform", &["protect", "--yes"]).ok();
        assert_eq!(instance_policy(stage), name);
        stage.az("everything", &["verify"]).ok();
    }
}

/// Fails before: only the default rule was compared, so that no one was asked.
#[test]
fn a_chosen_policy_whose_further_rules_keep_less_reduces_protection() {
    let stage = protected(&[]);
    plant(&stage, "gold", "P7D");
    stage.az("platform", &["init", "--yes", "--policy", "gold"]).ok();
    confirmed(&stage, "prepare").ok();
    assert_eq!(stage.value("/target/policy/name"), "gold");
    let mark = stage.mark();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::Usage.code())
        .says("new backups of rule Thursday are kept for P1D instead of P7D")
        .says("--reduce-protection");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.az("platform", &["protect", "--yes", "--reduce-protection"]).ok();
    assert_eq!(instance_policy(&stage), "gold");
}

/// Fails before: the name was the file's own, so that the first `prepare` accepted whatever was planted under it.
#[test]
fn a_policy_planted_under_the_file_s_own_name_is_not_taken_for_the_target_s() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &INIT).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    plant(&stage, "aks-daily-7d", "P7D");
    stage.az("platform", &["prepare", "--yes"]).ok().says("Thursday (P1D)");
    let name = stage.value("/target/policy/name");
    assert!(name.starts_with("aks-daily-7d-"), "{name}");
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    assert_eq!(instance_policy(&stage), name);
    stage.az("everything", &["verify"]).ok();
}

/// What the cluster's instance uses is what its owner has: further rules are told, and no other policy is created.
#[test]
fn further_rules_of_a_policy_in_use_stay() {
    let stage = protected(&[]);
    plant(&stage, "aks-daily-7d", "P7D");
    let mark = stage.mark();
    for command in ["prepare", "protect"] {
        stage.az("platform", &[command, "--yes"]).ok().says("nothing to do");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert_eq!(stage.value("/target/policy/name"), "aks-daily-7d");
    stage.az("everything", &["verify"]).says("Thursday (P1D)");
}

/// Fails before: the first `protect` didn't compare the policy with the target.
#[test]
fn a_first_protection_that_keeps_less_than_the_target_is_confirmed() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &[&INIT[..], &["--policy", "gold"]].concat()).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    plant(&stage, "gold", "P7D");
    let mark = stage.mark();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::Usage.code())
        .says("new backups of rule Thursday are kept for P1D instead of P7D")
        .says("--reduce-protection");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    // Fails before: the name of a policy file that isn't there hid what the policy keeps.
    let text = stage.state_text();
    std::fs::write(
        stage.state(),
        text.replace("name = \"gold\"", "name = \"gold\"\nfile = \"own.json\""),
    )
    .unwrap();
    confirmed(&stage, "protect").ends(Exit::Usage.code()).says("own.json");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    std::fs::write(stage.state(), text).unwrap();
    stage.az("platform", &["protect", "--yes", "--reduce-protection"]).ok();
    assert_eq!(instance_policy(&stage), "gold");
}

/// Fails before: nothing was said and nothing was done, and the next command was the same one.
#[test]
fn names_that_all_belong_to_other_rules_are_refused_with_a_way_out() {
    let stage = protected(&[]);
    plant(&stage, "aks-daily-30d", "P7D");
    stage.az("platform", &["init", "--yes", "--retention", "30d"]).ok();
    let apart = stage.value("/target/policy/name");
    assert!(apart.starts_with("aks-daily-30d-"), "{apart}");
    plant(&stage, &apart, "P7D");
    let mark = stage.mark();
    for command in ["prepare", "protect", "up"] {
        confirmed(&stage, command)
            .ends(Exit::Usage.code())
            .says("aks-daily-30d")
            .says(&apart)
            .says("az aksbackup init --set policy.name=NAME");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage
        .az("platform", &["init", "--yes", "--set", "policy.name=silver"])
        .ok();
    confirmed(&stage, "prepare").ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    assert_eq!(instance_policy(&stage), "silver");
}

/// Fails before: the policy was created, and only then the reduction was told and refused.
#[test]
fn a_shorter_retention_is_confirmed_before_its_policy_is_created() {
    let stage = protected(&["--retention", "30d"]);
    edit(&stage, "retention = \"P30D\"", "retention = \"P7D\"");
    let mark = stage.mark();
    for command in ["prepare", "up"] {
        stage
            .az("platform", &[command, "--dry-run"])
            .ends(Exit::Pending.code())
            .says("new backups are kept for P7D instead of P30D");
        confirmed(&stage, command)
            .ends(Exit::Usage.code())
            .says("new backups are kept for P7D instead of P30D")
            .says("--reduce-protection");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let vouchers = stage.vouchers();
    let words = ["prepare", "--yes", "--reduce-protection"].into_iter();
    let words: Vec<&str> = words.chain(vouchers.iter().map(String::as_str)).collect();
    stage.az("platform", &words).ok();
    assert_eq!(stage.value("/target/policy/name"), "aks-daily-7d");
}

/// A policy that others created stays as it is, whatever a flag says of its rules.
#[test]
fn the_policy_of_others_is_left_and_the_target_gets_its_own() {
    let stage = Stage::with(&["vault_by_hand=true"]).unwrap();
    let own = ["--vault", "bv-by-hand", "--policy", "by-hand", "--schedule", "4h"];
    stage
        .az("platform", &[&INIT[..], &own[..]].concat())
        .ok()
        .says("the rules of policy by-hand differ from the target's (schedule: P1W → PT4H");
    stage.az("platform", &["prepare", "--yes"]).ok();
    assert!(stage.value("/cloud/vault/policy").contains("/aks-4h-"));
    stage.az("platform", &["prepare", "--yes"]).ok().says("nothing to do");
}

/// Fails before: the policy that was created kept backups for 30 days, and was called after seven.
#[test]
fn rules_that_are_edited_before_the_policy_exists_name_it() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &INIT).ok();
    edit(&stage, "retention = \"P7D\"", "retention = \"P30D\"");
    confirmed(&stage, "prepare")
        .ok()
        .says("its name describes rules that differ from the target's; the target's rules become policy aks-daily-30d");
    assert_eq!(stage.value("/target/policy/name"), "aks-daily-30d");
    assert!(stage.value("/cloud/vault/policy").ends_with("/aks-daily-30d"));
}

/// Fails before: an empty value was compared with nothing, and other values went to Azure as they were.
#[test]
fn values_that_a_key_can_not_have_are_refused_with_their_place() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &INIT).ok();
    let text = stage.state_text();
    for (key, from, to, says) in [
        ("policy.retention", "\"P7D\"", "\"\"", "the key requires a value"),
        ("policy.schedule", "\"P1D\"", "\"\"", "the key requires a value"),
        ("vault.redundancy", "\"LocallyRedundant\"", "\"Local\"", "ZoneRedundant"),
        ("storage.sku", "\"Standard_LRS\"", "\"Premium_LRS\"", "Standard_ZRS"),
        ("vault.name", "\"bv-", "\"-", "vault"),
        ("instance.snapshot_volumes", "true", "\"yes\"", "a boolean"),
        ("vault.soft_delete_days", "14", "-1", "expected"),
    ] {
        let name = key.rsplit('.').next().unwrap();
        let header = format!("[target.{}]", key.split('.').next().unwrap());
        let (before, rest) = text.split_at(text.find(&header).unwrap());
        let old = format!("{name} = {from}");
        assert!(rest.contains(&old), "{old}: {rest}");
        let changed = format!("{before}{}", rest.replacen(&old, &format!("{name} = {to}"), 1));
        let line = changed
            .lines()
            .position(|own| own.starts_with(&format!("{name} = {to}")))
            .unwrap()
            + 1;
        std::fs::write(stage.state(), &changed).unwrap();
        stage
            .az("platform", &["prepare", "--dry-run"])
            .ends(Exit::StateUnreadable.code())
            .says(&format!(":{line}:"))
            .says(&format!("target.{key}"))
            .says(says);
    }
}

/// Fails before: `prepare` printed itself as the command to run, and `status` the one that undoes the edit.
#[test]
fn rules_that_azure_backup_does_not_take_are_refused_with_what_corrects_them() {
    for (from, to, says, fix) in [
        (
            "retention = \"P7D\"",
            "retention = \"30d\"",
            "policy.retention 30d isn't an ISO 8601 duration",
            "--set policy.retention=30d",
        ),
        (
            "retention = \"P7D\"",
            "retention = \"P400D\"",
            "policy.retention P400D isn't valid",
            "at most 360 days",
        ),
        (
            "schedule = \"P1D\"",
            "schedule = \"PT5H\"",
            "policy.schedule PT5H isn't a valid backup interval",
            "--set policy.schedule=",
        ),
    ] {
        let stage = protected(&[]);
        edit(&stage, from, to);
        let mark = stage.mark();
        confirmed(&stage, "prepare")
            .ends(Exit::Usage.code())
            .says(says)
            .says(".toml:")
            .says(fix);
        // Fails before: `protect` had nothing to do, and `verify` and `doctor` printed commands that refuse.
        confirmed(&stage, "protect")
            .ends(Exit::Usage.code())
            .says(says)
            .says(fix);
        stage
            .az("platform", &["status"])
            .says(says)
            .says("Run: az aksbackup init --set policy.");
        for command in ["verify", "doctor"] {
            let run = stage.az("platform", &[command]).says(says).says(fix);
            assert!(!run.stdout.contains("az aksbackup prepare, then"), "{run}");
        }
        assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{to}");
    }
    let stage = protected(&[]);
    edit(&stage, "retention = \"P7D\"", "retention = \"P30D\"");
    stage.az("platform", &["status"]).says("Run: az aksbackup prepare");
}
