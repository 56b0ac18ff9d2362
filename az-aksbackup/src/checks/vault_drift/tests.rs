use super::*;
use crate::target_ids::tests::example;

fn vault(properties: &Value) -> Vault {
    serde_json::from_value(json!({ "location": "westeurope", "properties": properties })).unwrap()
}

/// A vault with what is reported of a plain one.
fn plain(change: impl FnOnce(&mut Value)) -> Vault {
    let mut properties = json!({
        "storageSettings": [{ "type": "LocallyRedundant" }],
        "securitySettings": { "softDeleteSettings": { "state": "On", "retentionDurationInDays": 14.0 } },
    });
    change(&mut properties);
    vault(&properties)
}

fn target(change: impl FnOnce(&mut VaultTarget)) -> VaultTarget {
    let mut target = example().vault;
    change(&mut target);
    target
}

/// The steps, each with a mark for what reduces protection, lasts, or is refused.
fn steps(target: &VaultTarget, own: &Vault) -> Vec<String> {
    let marks = |own: &Difference| {
        [
            own.reduces.as_ref().map(|_| " -"),
            own.lasting.map(|_| " !"),
            own.refused.map(|_| " x"),
        ]
        .into_iter()
        .flatten()
        .collect::<String>()
    };
    let all = differences(target, own, true);
    all.iter().map(|own| format!("{}{}", own.step(), marks(own))).collect()
}

#[test]
fn keys_that_the_target_does_not_have_leave_everything_as_it_is() {
    let own = plain(|own| {
        own["securitySettings"]["immutabilitySettings"] = json!({ "state": "Locked" });
        own["featureSettings"] = json!({ "crossSubscriptionRestoreSettings": { "state": "PermanentlyDisabled" } });
        own["monitoringSettings"] = json!({ "azureMonitorAlertSettings": { "alertsForAllJobFailures": "Disabled" } });
    });
    assert_eq!(steps(&example().vault, &own), Vec::<String>::new());
}

#[test]
fn what_reduces_lasts_or_is_refused_is_marked() {
    let off = target(|own| own.soft_delete = "Off".into());
    let more = target(|own| own.soft_delete_days = 30);
    let soft = |state: &str, days: f64| {
        let settings = json!({ "state": state, "retentionDurationInDays": days });
        plain(|own| own["securitySettings"]["softDeleteSettings"] = settings)
    };
    assert_eq!(steps(&off, &soft("On", 14.0)), ["soft delete: On → Off -"]);
    assert_eq!(
        steps(&off, &soft("AlwaysOn", 14.0)),
        ["soft delete: AlwaysOn → Off - x"]
    );
    assert_eq!(steps(&example().vault, &soft("AlwaysOn", 14.0)), Vec::<String>::new());
    assert_eq!(
        steps(&more, &soft("Off", 14.0)),
        ["soft delete: Off → On", "soft delete days: 14 → 30"]
    );
    assert_eq!(
        steps(&example().vault, &soft("On", 30.0)),
        ["soft delete days: 30 → 14 -"]
    );
}

/// Fails before: without days in Azure's answer, soft delete was enabled without them, and the vault counted as one that matches.
#[test]
fn soft_delete_is_enabled_with_its_days_and_days_that_are_not_reported_are_not_equal() {
    let soft = |settings: Value| plain(|own| own["securitySettings"]["softDeleteSettings"] = settings);
    let more = target(|own| own.soft_delete_days = 30);
    let off = soft(json!({ "state": "Off" }));
    let all = differences(&more, &off, true);
    assert_eq!(
        steps(&more, &off),
        ["soft delete: Off → On", "soft delete days: not reported → 30"]
    );
    assert_eq!(
        properties(&json!({}), &all)["securitySettings"]["softDeleteSettings"],
        json!({ "state": "On", "retentionDurationInDays": 30 })
    );
    // Fewer days than those of a soft delete that is off reduce nothing.
    let longer = soft(json!({ "state": "Off", "retentionDurationInDays": 60 }));
    assert_eq!(
        steps(&more, &longer),
        ["soft delete: Off → On", "soft delete days: 60 → 30"]
    );
    let on = soft(json!({ "state": "On" }));
    assert_eq!(steps(&more, &on), Vec::<String>::new());
    assert_eq!(
        unreported(&more, &on).unwrap(),
        "soft delete days: not reported by Azure (the target has 30)"
    );
    assert_eq!(unreported(&more, &plain(|_| ())), None);
}

/// Fails before: a vault of others whose owner keeps deleted backups longer made `prepare --yes` fail.
#[test]
fn the_longer_soft_delete_of_a_vault_of_others_is_kept() {
    let longer = plain(|own| own["securitySettings"]["softDeleteSettings"]["retentionDurationInDays"] = json!(60));
    assert_eq!(differences(&example().vault, &longer, false), []);
    assert_eq!(differences(&example().vault, &longer, true).len(), 1);
    let words = kept(&example().vault, &longer, false);
    assert!(
        words[0].starts_with("soft delete days stays 60 (the target has 14)"),
        "{words:?}"
    );
    assert_eq!(kept(&example().vault, &longer, true), Vec::<String>::new());
    let more = target(|own| own.soft_delete_days = 90);
    assert_eq!(differences(&more, &longer, false).len(), 1, "the file asks for more");
}

#[test]
fn immutability_can_be_locked_for_ever_and_unlocked_never() {
    let wanted = |state: &str| target(|own| own.immutability = state.parse().ok());
    let live = |state: &str| plain(|own| own["securitySettings"]["immutabilitySettings"] = json!({ "state": state }));
    for (was, wants, expected) in [
        ("Disabled", "Unlocked", "immutability: Disabled → Unlocked"),
        ("Unlocked", "Locked", "immutability: Unlocked → Locked !"),
        ("Unlocked", "Disabled", "immutability: Unlocked → Disabled -"),
        ("Locked", "Unlocked", "immutability: Locked → Unlocked - x"),
    ] {
        assert_eq!(steps(&wanted(wants), &live(was)), [expected]);
    }
    assert_eq!(steps(&wanted("Disabled"), &plain(|_| ())), Vec::<String>::new());
}

#[test]
fn restores_elsewhere_and_alerts_are_compared_with_what_azure_reports() {
    let region = target(|own| own.cross_region_restore = Some(true));
    let geo = plain(|own| own["storageSettings"][0]["type"] = json!("GeoRedundant"));
    assert_eq!(steps(&region, &geo), ["cross-region restore: Disabled → Enabled !"]);
    assert_eq!(
        steps(&region, &plain(|_| ())),
        ["cross-region restore: Disabled → Enabled ! x"]
    );
    let never = target(|own| own.cross_subscription_restore = "PermanentlyDisabled".parse().ok());
    assert_eq!(
        steps(&never, &plain(|_| ())),
        ["cross-subscription restore: Enabled → PermanentlyDisabled - !"]
    );
    let alerts = |on| target(|own| own.job_failure_alerts = Some(on));
    assert_eq!(
        steps(&alerts(true), &plain(|_| ())),
        ["alerts for failed jobs: not reported → Enabled"]
    );
    let on = plain(|own| {
        own["monitoringSettings"] = json!({ "azureMonitorAlertSettings": { "alertsForAllJobFailures": "Enabled" } });
    });
    assert_eq!(steps(&alerts(true), &on), Vec::<String>::new());
    assert_eq!(
        steps(&alerts(false), &on),
        ["alerts for failed jobs: Enabled → Disabled -"]
    );
}

#[test]
fn a_group_is_sent_with_what_is_in_it_and_no_other_group_is() {
    let live = json!({
        "securitySettings": { "softDeleteSettings": { "state": "On" }, "immutabilitySettings": { "state": "Disabled" } },
        "featureSettings": { "crossRegionRestoreSettings": { "state": "Enabled" } },
    });
    let wanted = target(|own| own.immutability = "Unlocked".parse().ok());
    let all = differences(&wanted, &vault(&live), true);
    let expected = json!({ "securitySettings": {
        "softDeleteSettings": { "state": "On" }, "immutabilitySettings": { "state": "Unlocked" },
    } });
    assert_eq!(properties(&live, &all), expected);
}

#[test]
fn the_printed_command_keeps_what_azure_has() {
    let wanted = target(|own| {
        own.soft_delete = "Off".into();
        own.job_failure_alerts = Some(false);
        own.cross_region_restore = Some(true);
    });
    let all = differences(&wanted, &plain(|_| ()), true);
    assert_eq!(
        adopting(&all).to_string(),
        "az aksbackup init --set vault.soft_delete=On --set vault.cross_region_restore=false \
         --set vault.job_failure_alerts="
    );
    let texts: Vec<String> = hints(&all).iter().map(ToString::to_string).collect();
    assert!(
        texts[1].ends_with("az aksbackup prepare --reduce-protection"),
        "{texts:?}"
    );
    assert!(texts[2].contains("GeoRedundant"), "{texts:?}");
}

#[test]
fn the_keys_of_the_target_take_what_azure_has_and_others_only_if_all_are_asked_for() {
    let live = plain(|own| {
        own["securitySettings"]["immutabilitySettings"] = json!({ "state": "Locked" });
        own["featureSettings"] = json!({ "crossSubscriptionRestoreSettings": { "state": "Disabled" } });
    });
    let mut bare = example().vault;
    adopted(&mut bare, &live, false);
    assert_eq!(bare, example().vault);
    // Fails before: `init --from-azure` left them out as well.
    adopted(&mut bare, &live, true);
    assert_eq!(bare.immutability.as_ref().unwrap().as_str(), "Locked");
    assert_eq!(bare.cross_subscription_restore.as_ref().unwrap().as_str(), "Disabled");
    assert_eq!(bare.cross_region_restore, None, "no one has set it");
    let mut full = target(|own| {
        own.immutability = "Unlocked".parse().ok();
        own.cross_subscription_restore = "Enabled".parse().ok();
        own.cross_region_restore = Some(true);
        own.job_failure_alerts = Some(true);
    });
    adopted(&mut full, &live, false);
    assert_eq!(steps(&full, &live), Vec::<String>::new());
    assert_eq!(full.immutability.unwrap().as_str(), "Locked");
}

#[test]
fn what_a_vault_cannot_have_is_refused_with_what_it_takes() {
    assert!(coherent(&example().vault).is_ok());
    for (bad, says) in [
        (target(|own| own.soft_delete = "AlwaysOn".into()), "On and Off"),
        (target(|own| own.soft_delete_days = 7), "14 to 180"),
        (
            target(|own| own.cross_region_restore = Some(true)),
            "vault.redundancy is LocallyRedundant",
        ),
    ] {
        let failure = coherent(&bad).unwrap_err();
        assert!(failure.why[0].contains(says), "{failure}");
    }
}

/// Fails before: a record in the file was enough.
#[test]
fn a_vault_is_ours_where_the_file_and_azure_say_so() {
    use crate::target_ids::tests::state;
    use aksbackup_shared::guide::StepName;
    use aksbackup_shared::schema::Intent;
    let (target, mut state) = (example(), state());
    let id = target_ids::vault(&target);
    let tagged = |tags: Value| -> Vault {
        serde_json::from_value(json!({ "location": "westeurope", "tags": tags, "properties": {} })).unwrap()
    };
    let (own, other) = (tagged(marker::tags(&target.cluster, &id)), tagged(json!({})));
    assert!(!is_ours(&state, &own), "no record");
    state.cloud.intents.push(Intent {
        step: StepName::VaultAndPolicy,
        object: id.to_string(),
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
    });
    assert!(is_ours(&state, &own));
    assert!(!is_ours(&state, &other), "no tag");
}
