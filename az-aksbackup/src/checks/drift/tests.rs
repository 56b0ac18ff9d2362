use serde_json::json;

use super::*;
use crate::checks::protection::tests::instance;
use crate::target_ids::tests::example;

fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let own = instance("ProtectionConfigured", |body| {
        let policy = &mut body["properties"]["policyInfo"];
        change(&mut policy["policyParameters"]["backupDatasourceParametersList"][0]);
    });
    of_instance(&example(), &own).iter().map(ToString::to_string).collect()
}

#[test]
fn every_parameter_is_compared_and_what_azure_writes_as_null_is_an_empty_list() {
    assert_eq!(
        told(|own| own["includedNamespaces"] = json!(null)),
        Vec::<String>::new()
    );
    assert_eq!(told(|own| own["includedNamespaces"] = json!([])), Vec::<String>::new());
    for (key, value, says) in [
        (
            "includedNamespaces",
            json!(["b", "a"]),
            "included namespaces: a, b (the target has all)",
        ),
        (
            "excludedNamespaces",
            json!(["a"]),
            "excluded namespaces: a (the target has none)",
        ),
        (
            "snapshotVolumes",
            json!(false),
            "volume snapshots: off (the target has on)",
        ),
        (
            "includeClusterScopeResources",
            json!(false),
            "cluster-scoped resources: off (the target has on)",
        ),
        (
            "labelSelectors",
            json!(["app=web"]),
            "label selectors: app=web (the target has none)",
        ),
    ] {
        assert_eq!(told(|own| own[key] = value), [says]);
    }
}

#[test]
fn names_are_compared_without_regard_to_the_case_of_any_letter() {
    let mut target = example();
    target.vault.resource_group = "RG-BÄCKUP".parse().unwrap();
    let mut own = instance("ProtectionConfigured", |_| ());
    let policy = target_ids::policy(&target);
    own.properties.policy_info.policy_id = policy.as_str().replace("RG-BÄCKUP", "rg-bäckup");
    assert!(
        of_instance(&target, &own)
            .iter()
            .all(|own| !own.to_string().contains("policy"))
    );
}

#[test]
fn policy_and_snapshot_group_are_compared_and_no_hint_deletes_anything() {
    let own = instance("ProtectionConfigured", |body| {
        let policy = &mut body["properties"]["policyInfo"];
        policy["policyId"] = json!("/x/backupPolicies/other");
        policy["policyParameters"]["dataStoreParametersList"][0]["resourceGroupId"] =
            json!("/subscriptions/s/resourceGroups/rg-old");
        policy["policyParameters"]["backupDatasourceParametersList"][0]["snapshotVolumes"] = json!(false);
    });
    let all = of_instance(&example(), &own);
    assert_eq!(all.len(), 3, "{all:?}");
    let hints = hints(&all);
    assert!(hints[0].to_string().ends_with("az aksbackup protect"), "{hints:#?}");
    assert!(
        hints[1].to_string().ends_with("az aksbackup init --from-azure"),
        "{hints:#?}"
    );
    assert!(hints[2].to_string().contains("snapshot resource group"), "{hints:#?}");
    assert!(
        !hints
            .iter()
            .any(|hint| hint.to_string().to_lowercase().contains("delete")),
        "{hints:#?}"
    );
}

#[test]
fn an_identity_that_only_the_instance_names_is_told_and_left() {
    const ID: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg/providers/\
        Microsoft.ManagedIdentity/userAssignedIdentities/id-vault";
    let named = instance("ProtectionConfigured", |body| {
        body["properties"]["identityDetails"] =
            json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": ID });
    });
    let mut target = example();
    let all = of_instance(&target, &named);
    assert!(matches!(&all[..], [own] if own.is_left()), "{all:?}");
    let hint = hints(&all).iter().map(ToString::to_string).collect::<String>();
    assert!(
        hint.contains(&format!("az aksbackup init --set vault.identity={ID}")),
        "{hint}"
    );
    target.vault.identity = ID.parse().ok();
    assert_eq!(of_instance(&target, &named), Vec::new());
    let own = instance("ProtectionConfigured", |_| ());
    let all = of_instance(&target, &own);
    assert!(matches!(&all[..], [own] if !own.is_left()), "{all:?}");
}

#[test]
fn what_azure_leaves_out_is_neither_the_same_nor_different() {
    let own = instance("ProtectionConfigured", |body| {
        let parameters = &mut body["properties"]["policyInfo"]["policyParameters"];
        parameters["backupDatasourceParametersList"] = json!([]);
    });
    assert_eq!(of_instance(&example(), &own), []);
    assert_eq!(unreported(&own).len(), 4);
}

#[test]
fn a_target_that_protects_less_is_not_the_first_thing_to_do() {
    let mut target = example();
    target.instance.excluded_namespaces = vec!["shop".parse().unwrap()];
    let all = of_instance(&target, &instance("ProtectionConfigured", |_| ()));
    assert_eq!(all[0].reduces.as_deref(), Some("excluded namespaces now include shop"));
    let hints = hints(&all);
    assert!(hints[0].to_string().ends_with("init --from-azure"), "{hints:#?}");
    assert!(
        hints[1].to_string().ends_with("protect --reduce-protection"),
        "{hints:#?}"
    );
}

#[test]
fn the_first_backup_of_each_period_is_compared_and_the_adopted_keys_are_the_live_ones() {
    use crate::checks::policy::{facts, tests::made};
    let said = |live: &Value, target: &Target| -> Vec<String> {
        let facts = facts(live, "p").unwrap();
        of_policy(target, &facts).iter().map(ToString::to_string).collect()
    };
    let mut target = example();
    target.policy.yearly_retention = Some("P360D".into());
    target.policy.vault_tier_monthly_retention = Some("P12M".into());
    target.policy.vault_tier_yearly_retention = Some("P10Y".into());
    let same = made(|own| own.clone_from(&target.policy));
    assert_eq!(said(&same, &target), Vec::<String>::new());
    let live = made(|own| {
        own.weekly_retention = Some("P8W".into());
        own.vault_tier_yearly_retention = Some("P7Y".into());
    });
    let expected = [
        "weekly retention: P8W (the target has P7D)",
        "monthly vault tier retention: not in use (the target has P12M)",
        "yearly retention: P8W (the target has P360D)",
        "yearly vault tier retention: P7Y (the target has P10Y)",
    ];
    assert_eq!(said(&live, &target), expected);
    let hints = policy_hints(&target, Some(&facts(&live, "p").unwrap()));
    let adopt = hints[1].to_string();
    for key in [
        "policy.weekly_retention=P8W",
        "policy.yearly_retention=",
        "policy.vault_tier_monthly_retention=",
        "policy.vault_tier_yearly_retention=P7Y",
    ] {
        assert!(adopt.contains(&format!(" --set {key}")), "{key}: {adopt}");
    }
}

#[test]
fn a_first_backup_that_is_kept_or_copied_for_less_time_reduces_protection() {
    use crate::checks::policy::{facts, tests::made};
    use aksbackup_shared::schema::PolicyTarget;
    type Change = fn(&mut PolicyTarget);
    let less = |live: Change, wanted: Change| {
        let facts = |change: Change| facts(&made(change), "p").unwrap();
        of_policies(&facts(live), &facts(wanted))
    };
    let weekly: Change = |own| own.weekly_retention = Some("P8W".into());
    let copied: Change = |own| own.vault_tier_yearly_retention = Some("P10Y".into());
    assert_eq!(less(weekly, weekly), Vec::<String>::new());
    assert_eq!(less(|_| (), weekly), Vec::<String>::new());
    assert_eq!(
        less(weekly, |_| ()),
        ["new backups of rule Weekly are kept for P7D instead of P8W"]
    );
    // Any backup is kept as long.
    assert_eq!(less(weekly, |own| own.retention = "P8W".into()), Vec::<String>::new());
    assert_eq!(
        less(copied, |own| own.vault_tier_yearly_retention = Some("P7Y".into())),
        ["new copies of rule Yearly in the vault tier are kept for P7Y instead of P10Y"]
    );
    assert_eq!(
        less(copied, weekly),
        [
            "new copies of rule Yearly in the vault tier are no longer kept for P10Y",
            "new backups are no longer copied to the vault tier"
        ]
    );
}
