use super::*;
use crate::target_ids::tests::example;

const ELSEWHERE: &str = "99999999-9999-4999-8999-999999999999";

/// Somebody who names all four of the example by resource group and name, in its subscription.
pub(crate) fn all() -> Confirm {
    Confirm {
        cluster: Some("rg-aks/aks".parse().unwrap()),
        vault: Some("RG-BACKUP/bv-aks".parse().unwrap()),
        account: Some("rg-backup/stbackup".parse().unwrap()),
        snapshots: Some("rg-snapshots".parse().unwrap()),
        subscription: Some(example().subscription.to_string()),
        identity: None,
        by_prompt: false,
    }
}

#[test]
fn all_four_together_confirm_and_none_can_be_left_out() {
    assert!(all().confirms(&example()).unwrap());
    let left_out: [fn(&mut Confirm); 4] = [
        |own| own.cluster = None,
        |own| own.vault = None,
        |own| own.account = None,
        |own| own.snapshots = None,
    ];
    for leave_out in left_out {
        let mut confirm = all();
        leave_out(&mut confirm);
        assert!(!confirm.confirms(&example()).unwrap());
        confirm.by_prompt = true;
        assert!(confirm.confirms(&example()).unwrap(), "the question shows all four");
    }
}

#[test]
fn a_namesake_in_another_resource_group_is_another_resource() {
    let mut target = example();
    target.vault.resource_group = "rg-attack".parse().unwrap();
    let failure = all().confirms(&target).unwrap_err();
    assert!(
        failure.what.contains("--vault is RG-BACKUP/bv-aks") && failure.what.contains("rg-attack"),
        "{failure}"
    );
    let mut target = example();
    target.cluster = target.cluster.as_str().replace("rg-aks", "rg-evil").parse().unwrap();
    assert!(all().confirms(&target).unwrap_err().what.contains("rg-evil"));
}

#[test]
fn names_are_in_the_subscription_of_the_person_and_never_in_the_file_s() {
    let mut confirm = all();
    confirm.subscription = None;
    let failure = confirm.confirms(&example()).unwrap_err();
    assert!(failure.what.contains("doesn't specify the subscription"), "{failure}");
    confirm.subscription = Some(ELSEWHERE.into());
    assert!(confirm.confirms(&example()).is_err());
    let confirm = Confirm {
        cluster: Some(Named::Id(example().cluster)),
        vault: Some(Named::Id(target_ids::vault(&example()))),
        account: Some(Named::Id(target_ids::account(&example()))),
        snapshots: Some(NamedGroup::Id(target_ids::snapshot_group(&example()))),
        ..Confirm::default()
    };
    assert!(confirm.confirms(&example()).unwrap(), "a resource ID says it all");
}

#[test]
fn a_name_alone_is_refused_with_what_to_write() {
    for bad in ["bv-aks", "", "rg/", "/bv-aks", "rg/bv/aks", "/subscriptions/x"] {
        assert!(bad.parse::<Named>().is_err(), "{bad}");
    }
    assert!("bv-aks".parse::<Named>().unwrap_err().contains("RESOURCE-GROUP/NAME"));
    assert!(example().cluster.as_str().parse::<NamedGroup>().is_err());
}

#[test]
fn the_question_and_the_refusal_show_groups_and_no_value_of_the_file_to_paste() {
    let lines = in_full(&example(), "Contoso").join("\n");
    for part in [
        "aks in resource group rg-aks",
        "bv-aks in resource group rg-backup",
        "stbackup in resource group rg-backup",
        "rg-snapshots",
        "\"Contoso\" (0b1f6471",
    ] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
    let failure = Confirm::default().unconfirmed("prepare", "acts on these resources", &example());
    let hint = &failure.hints[0];
    assert!(
        hint.to_string()
            .contains("az aksbackup prepare --subscription SUBSCRIPTION --cluster RESOURCE-GROUP/NAME"),
        "{hint}"
    );
}

#[test]
fn a_group_that_reads_like_another_is_shown_by_its_letters() {
    let mut target = example();
    target.snapshots.resource_group = "rg-\u{430}\u{441}\u{435}".parse().unwrap();
    target.vault.resource_group = "RG-BÄCKUP".parse().unwrap();
    let shown = in_full(&target, "Contoso").join("\n");
    assert!(shown.contains("(with the characters U+0430 U+0441 U+0435)"), "{shown}");
    assert!(shown.contains("in resource group RG-BÄCKUP\n"), "{shown}");
}

const IDENTITY: &str = concat!(
    "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-backup",
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-vault"
);

fn with_identity() -> Target {
    let mut target = example();
    target.vault.identity = IDENTITY.parse().ok();
    target
}

/// Fails before: the identity was in the file alone, and the four confirmed it in passing.
#[test]
fn an_identity_of_the_vault_is_a_fifth_that_is_confirmed() {
    let target = with_identity();
    assert!(!all().confirms(&target).unwrap());
    let named = |text: &str| Confirm {
        identity: Some(text.parse().unwrap()),
        ..all()
    };
    assert!(named("rg-backup/id-vault").confirms(&target).unwrap());
    assert!(named(IDENTITY).confirms_by_flags(&target).unwrap());
    let failure = named("rg-backup/id-other").confirms(&target).unwrap_err();
    assert!(
        failure.what.contains("--vault-identity is rg-backup/id-other"),
        "{failure}"
    );
    assert!(
        named("rg-backup/id-vault").confirms(&example()).is_err(),
        "of another file"
    );
    let failure = all().unconfirmed("grant", "grants access to these resources", &target);
    // Fails before: what was named is listed as well.
    assert_eq!(failure.what, "the vault identity in the state file isn't confirmed");
    let hint = failure.hints[0].to_string();
    assert!(hint.contains(" --vault-identity RESOURCE-GROUP/NAME --yes"), "{hint}");
    let shown = in_full(&target, "Contoso").join("\n");
    assert!(shown.contains("id-vault in resource group rg-backup\n"), "{shown}");
}

#[test]
fn an_identity_that_protects_the_cluster_needs_no_word_of_its_own() {
    let target = with_identity();
    let used = |state: &str, id: &str, vault: &str| {
        let own = protection::tests::instance(state, |body| {
            body["id"] = format!("{vault}/backupInstances/one").into();
            body["properties"]["dataSourceInfo"] = serde_json::json!({ "resourceID": target.cluster });
            body["properties"]["identityDetails"] =
                serde_json::json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": id });
        });
        protects_with_identity(&own, &target)
    };
    let vault = target_ids::vault(&target).to_string();
    let elsewhere = vault.replace("bv-aks", "bv-evil");
    assert!(used("ProtectionConfigured", &IDENTITY.to_uppercase(), &vault));
    for (state, id, vault) in [
        ("ProtectionError", IDENTITY, &vault),
        ("SoftDeleted", IDENTITY, &vault),
        ("ProtectionConfigured", "/subscriptions/x", &vault),
        ("ProtectionConfigured", IDENTITY, &elsewhere),
    ] {
        assert!(!used(state, id, vault), "{state} {id} {vault}");
    }
    assert!(all().with_identity(true, &target).confirms_by_flags(&target).unwrap());
    assert!(!all().with_identity(false, &target).confirms(&target).unwrap());
    let mut other = all();
    other.identity = Some("rg-backup/id-other".parse().unwrap());
    assert!(other.with_identity(true, &target).confirms(&target).is_err());
}
