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

#[test]
fn the_first_backups_of_periods_get_rules_that_are_read_back_as_the_same_keys() {
    let keys = |target: &mut PolicyTarget| {
        target.weekly_retention = Some("P8W".into());
        target.vault_tier_retention = Some("P30D".into());
        target.vault_tier_weekly_retention = Some("P12W".into());
        target.vault_tier_yearly_retention = Some("P10Y".into());
    };
    let live = made(keys);
    let facts = facts(&live, "p").unwrap();
    assert_eq!(facts.further_rules(), Vec::<String>::new());
    assert_eq!(facts.vault_tier_retention(), Some("P30D"));
    let [day, week, month, year] = facts.first.clone();
    let kept = |own: Option<retention::Rule>| own.map(|own| (own.operational, own.vault.unwrap_or_default()));
    assert_eq!(kept(day), Some(("P7D".into(), "P30D".into())));
    assert_eq!(kept(week), Some(("P8W".into(), "P12W".into())));
    assert_eq!(kept(month), None);
    assert_eq!(kept(year), Some(("P8W".into(), "P10Y".into())));
    let (mut target, mut expected) = (example().policy, example().policy);
    retention::adopt(&mut target, &facts.first);
    keys(&mut expected);
    assert_eq!(target, expected);
    let tags = live["policyRules"].as_array().unwrap().last().unwrap()["trigger"]["taggingCriteria"].clone();
    let of = |tag: &Value| (tag["tagInfo"]["tagName"].clone(), tag["taggingPriority"].clone());
    let tags: Vec<_> = tags.as_array().unwrap().iter().map(of).collect();
    let azure = [("Default", 99), ("Daily", 25), ("Weekly", 20), ("Yearly", 10)];
    assert_eq!(tags, azure.map(|(tag, priority)| (json!(tag), json!(priority))));
}

#[test]
fn rules_that_no_key_stands_for_are_further_rules() {
    let weekly = |change: &dyn Fn(&mut Value)| {
        let mut live = made(|target| target.weekly_retention = Some("P8W".into()));
        let backup = live["policyRules"].as_array_mut().unwrap().last_mut().unwrap();
        change(&mut backup["trigger"]);
        facts(&live, "p").unwrap().further_rules()
    };
    assert_eq!(weekly(&|_| ()), Vec::<String>::new());
    let thursday = weekly(&|own| own["taggingCriteria"][1]["criteria"][0]["daysOfTheWeek"] = json!(["Thursday"]));
    assert_eq!(thursday, ["Weekly (P8W)"]);
    let second = |own: &mut Value| {
        let all = own["schedule"]["repeatingTimeIntervals"].as_array_mut().unwrap();
        all.push(json!("R/2024-01-01T18:00:00+00:00/P1D"));
    };
    assert_eq!(weekly(&second), ["2 start times"]);
    // Azure would apply the daily rule before the weekly one.
    let mut live =
        made(|target| (target.daily_retention, target.weekly_retention) = (Some("P8D".into()), Some("P8W".into())));
    let backup = live["policyRules"].as_array_mut().unwrap().last_mut().unwrap();
    backup["trigger"]["taggingCriteria"][1]["taggingPriority"] = json!(5.0);
    assert_eq!(
        facts(&live, "p").unwrap().further_rules(),
        ["Daily (P8D)", "Weekly (P8W)"]
    );
}

#[test]
fn rules_that_azure_does_not_keep_or_that_reduce_each_other_are_refused_with_their_key() {
    type Change = fn(&mut PolicyTarget);
    let refused: [(Change, &str, &str); 6] = [
        (
            |own| own.retention = "P361D".into(),
            "policy.retention P361D",
            "1 to 360 days",
        ),
        (
            |own| own.retention = "P1Y".into(),
            "policy.retention P1Y",
            "1 to 360 days",
        ),
        (
            |own| own.yearly_retention = Some("P2Y".into()),
            "policy.yearly_retention P2Y",
            "1 to 360 days",
        ),
        (
            |own| own.weekly_retention = Some("P6D".into()),
            "policy.weekly_retention P6D is shorter than P7D",
            "deleted before every other backup",
        ),
        (
            |own| (own.weekly_retention, own.monthly_retention) = (Some("P8W".into()), Some("P1M".into())),
            "policy.monthly_retention P1M is shorter than P8W",
            "the first backup of a week",
        ),
        (
            |own| (own.vault_tier_retention, own.weekly_retention) = (Some("P30D".into()), Some("P8W".into())),
            "policy.vault_tier_weekly_retention is missing",
            "wouldn't be copied",
        ),
    ];
    for (change, what, why) in refused {
        let mut target = example().policy;
        change(&mut target);
        let failure = preset(&target).unwrap_err();
        assert!(failure.what.contains(what) && failure.why[0].contains(why), "{failure}");
        assert_eq!(failure.exit, aksbackup_shared::exit::Exit::Usage);
    }
    let most = made(|own| (own.retention, own.yearly_retention) = ("P360D".into(), Some("P12M".into())));
    assert!(facts(&most, "p").is_ok());
}
