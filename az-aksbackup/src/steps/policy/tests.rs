use super::*;
use crate::steps::wanted::tests::example;

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
fn the_guide_s_file_is_taken_bare_or_wrapped_and_tagging_criteria_find_their_place() {
    let tag = json!([{ "criteria": null, "isDefault": true, "taggingPriority": 99,
        "tagInfo": { "eTag": null, "id": "Default_", "tagName": "Kept" } }]);
    let mut rule = made(|_| ())["policyRules"][1].clone();
    rule["trigger"].as_object_mut().unwrap().remove("taggingCriteria");
    rule["taggingCriteria"] = tag;
    let bare = json!({ "objectType": "BackupPolicy", "datasourceTypes": [DATASOURCE_TYPE], "policyRules": [rule] });
    for file in [bare.clone(), json!({ "properties": bare })] {
        let policy = parse(&file.to_string(), "p.json").unwrap();
        let criteria = &policy["policyRules"][0]["trigger"]["taggingCriteria"];
        assert_eq!(
            *criteria,
            json!([{ "isDefault": true, "taggingPriority": 99, "tagInfo": { "tagName": "Kept" } }])
        );
        assert_eq!(facts(&policy, "p").unwrap().retention_tag, "Kept");
    }
}

#[test]
fn a_policy_for_disks_or_no_json_is_refused() {
    let mut disks = made(|_| ());
    disks["datasourceTypes"] = json!(["Microsoft.Compute/disks"]);
    assert!(parse(&disks.to_string(), "p.json").unwrap_err().why[0].contains("Microsoft.Compute/disks"));
    assert!(parse("{", "p.json").is_err());
    assert!(facts(&json!({ "datasourceTypes": [DATASOURCE_TYPE] }), "p").is_err());
}
