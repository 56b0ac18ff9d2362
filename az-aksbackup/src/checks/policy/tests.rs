use super::*;
use crate::target_ids::tests::example;

/// The example's policy as Azure gives it back.
pub(crate) fn made(change: impl FnOnce(&mut PolicyTarget)) -> Value {
    let mut target = example().policy;
    change(&mut target);
    preset(&target).unwrap()
}

#[test]
fn a_preset_says_what_later_steps_need() {
    let facts = facts(&made(|_| ()), "p").unwrap();
    assert_eq!(
        (facts.rule.as_str(), facts.retention_tag.as_str(), facts.vault_tier),
        ("BackupDaily", "Default", false)
    );
    assert_eq!((facts.schedule.as_str(), facts.retention.as_str()), ("P1D", "P7D"));
}

#[test]
fn a_vault_tier_is_an_own_rule_that_copies() {
    let tiered = made(|target| target.vault_tier_retention = Some("P84D".into()));
    let facts = facts(&tiered, "p").unwrap();
    assert!(facts.vault_tier);
    assert_eq!(
        (facts.retention_tag.as_str(), facts.retention.as_str()),
        ("Default", "P7D")
    );
    assert_eq!(tiered["policyRules"].as_array().unwrap().len(), 3);
}

#[test]
fn an_interval_that_azure_does_not_take_is_refused() {
    let mut target = example().policy;
    target.schedule = "PT5H".into();
    assert!(preset(&target).unwrap_err().why[0].contains("PT4H"));
}

#[test]
fn what_has_no_backup_rule_is_no_policy() {
    assert!(facts(&json!({ "datasourceTypes": [DATASOURCE_TYPE] }), "p").is_err());
}
