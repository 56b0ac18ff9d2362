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
            "included namespaces: a, b (the target says all)",
        ),
        (
            "excludedNamespaces",
            json!(["a"]),
            "excluded namespaces: a (the target says none)",
        ),
        (
            "snapshotVolumes",
            json!(false),
            "volume snapshots: off (the target says on)",
        ),
        (
            "includeClusterScopeResources",
            json!(false),
            "cluster-scoped resources: off (the target says on)",
        ),
        (
            "labelSelectors",
            json!(["app=web"]),
            "label selectors: app=web (the target says none)",
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
    assert_eq!(all[0].reduces.as_deref(), Some("excluded namespaces now has shop"));
    let hints = hints(&all);
    assert!(hints[0].to_string().ends_with("init --from-azure"), "{hints:#?}");
    assert!(
        hints[1].to_string().ends_with("protect --reduce-protection"),
        "{hints:#?}"
    );
}
