//! Policies of a fleet whose rules are edited in the files.

use super::apply::{BY_TEMPLATE, bare, platform};
use super::*;

const POLICIES: &str = "Microsoft.DataProtection/backupVaults/backupPolicies";

/// Two clusters that share a vault which doesn't exist yet, the first with other rules than the name of its policy says.
fn edited() -> Stage {
    let stage = bare(&["aks-two"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    edit(&stage, "retention = \"P7D\"", "retention = \"P30D\"");
    stage
}

fn edit(stage: &Stage, from: &str, to: &str) {
    let own = text(stage, "aks-demo");
    assert!(own.contains(from), "{own}");
    std::fs::write(file(stage, "aks-demo"), own.replace(from, to)).unwrap();
}

fn digest(stage: &Stage) -> String {
    let plan = platform(stage, &["plan", "-o", "json"]).json();
    plan["digest"].as_str().unwrap().to_owned()
}

fn apply(stage: &Stage, digest: &str) -> Run {
    platform(stage, &["apply", "--yes", "--handoff-ok", "--expect-digest", digest])
}

/// Each policy with the retention of its default rule.
fn policies(stage: &Stage) -> BTreeSet<(String, String)> {
    let all = stage.sandbox.azure().resources(POLICIES);
    let kept = |own: &Value| {
        let mut rules = own["properties"]["policyRules"].as_array().unwrap().iter();
        let default = rules.find(|rule| rule["isDefault"] == true).unwrap();
        let kept = default["lifecycles"][0]["deleteAfter"]["duration"].as_str();
        (own["name"].as_str().unwrap().to_owned(), kept.unwrap().to_owned())
    };
    all.iter().map(kept).collect()
}

fn named(all: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    all.iter()
        .map(|(name, kept)| ((*name).to_owned(), (*kept).to_owned()))
        .collect()
}

fn policy_of(stage: &Stage, cluster: &str) -> String {
    let state: toml::Table = text(stage, cluster).parse().unwrap();
    state["target"]["policy"]["name"].as_str().unwrap().to_owned()
}

/// Fails before: what creates the shared vault created a policy that keeps backups for 30 days and is called after seven.
#[test]
fn a_shared_vault_gets_no_policy_under_the_name_of_other_rules() {
    let stage = edited();
    apply(&stage, &digest(&stage)).ok();
    assert_eq!(
        policies(&stage),
        named(&[("aks-daily-30d-at-0500", "P30D"), ("aks-daily-7d-at-0400", "P7D")])
    );
    assert_eq!(policy_of(&stage, "aks-demo"), "aks-daily-30d-at-0500");
    assert_eq!(policy_of(&stage, "aks-two"), "aks-daily-7d-at-0400");
}

/// Fails before: the first run wrote the policy's other name into the file, so that the same command was refused for good.
#[test]
fn a_run_that_renames_a_policy_can_be_repeated_with_the_same_digest() {
    let stage = edited();
    let digest = digest(&stage);
    apply(&stage, &digest).ok();
    let mark = stage.mark();
    apply(&stage, &digest).ok();
    assert!(stage.since(mark).iter().all(|entry| !entry.write));
    assert_eq!(policy_of(&stage, "aks-demo"), "aks-daily-30d-at-0500");
}

/// A name that a person chose is part of what the digest stands for. Fails before: as above.
#[test]
fn a_chosen_name_stays_where_a_digest_is_expected() {
    let stage = bare(&["aks-two"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    edit(&stage, "name = \"aks-daily-7d-at-0500\"", "name = \"gold\"");
    let before = digest(&stage);
    apply(&stage, &before).ok();
    edit(&stage, "retention = \"P7D\"", "retention = \"P30D\"");
    let digest = digest(&stage);
    assert_ne!(digest, before);
    for _ in 0..2 {
        apply(&stage, &digest).ok();
        assert_eq!(policy_of(&stage, "aks-demo"), "gold");
    }
    assert!(policies(&stage).is_superset(&named(&[("gold", "P7D"), ("aks-daily-30d-at-0500", "P30D")])));
}
