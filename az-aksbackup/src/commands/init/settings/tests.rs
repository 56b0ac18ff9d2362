use super::super::show;
use super::*;
use crate::target_ids::tests::example;

const IDENTITY: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-id/providers/\
    Microsoft.ManagedIdentity/userAssignedIdentities/id-vault";

fn set(text: &str) -> Set {
    text.parse().unwrap()
}

/// What `--set` of this costs on the example.
fn costs(text: &str, fixed: Fixed, live: &[(&str, String)]) -> Outcome<Vec<String>> {
    let target = apply(&[set(text)], &example(), fixed)?;
    cost(&show::differences(Some(&example()), &target)?, fixed, live)
}

#[test]
fn a_key_takes_what_its_flag_takes_and_a_list_takes_words_or_toml() {
    let sets = [
        "instance.included_namespaces=shop, web",
        r#"target.instance.label_selectors=["app=web"]"#,
        "instance.snapshot_volumes=false",
        "policy.retention=30d",
        "policy.time=01:30",
        "vault.redundancy=zrs",
        "vault.soft_delete_days=30",
    ];
    let target = apply(&sets.map(set), &example(), Fixed::default()).unwrap();
    let names: Vec<String> = target
        .instance
        .included_namespaces
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["shop", "web"]);
    assert_eq!(target.instance.label_selectors[0].as_str(), "app=web");
    assert!(!target.instance.snapshot_volumes);
    assert_eq!(
        (target.policy.retention.as_str(), target.vault.redundancy.as_str()),
        ("P30D", "ZoneRedundant")
    );
    assert_eq!(target.policy.time.as_ref().unwrap().as_str(), "01:30");
    let emptied = [set("instance.included_namespaces="), set("policy.time=")];
    let target = apply(&emptied, &target, Fixed::default()).unwrap();
    assert!(target.instance.included_namespaces.is_empty() && target.policy.time.is_none());
}

#[test]
fn every_key_that_can_be_set_reaches_the_target_and_the_others_say_why_not() {
    for setting in SETTINGS {
        let value = match setting.key {
            "instance.snapshot_volumes" | "instance.include_cluster_scope_resources" => "false",
            "instance.backup_hooks" => "shop/quiesce",
            "instance.included_volume_types" => "AzureFileShareSMB",
            "instance.label_selectors" => "app=web",
            "extension.auto_upgrade" => "false",
            "extension.cpu_limit" | "extension.cpu_request" => "1500m",
            "extension.memory_limit" | "extension.memory_request" => "4Gi",
            "extension.version" => "0.0.3100-1201",
            "policy.schedule" => "4h",
            key if key.starts_with("policy.") && key.ends_with("retention") => "60d",
            "policy.time" => "23:59",
            "storage.sku" => "Standard_ZRS",
            "tags" => "team=shop",
            "left_out" => "namespace/scratch",
            "vault.cross_region_restore" | "vault.job_failure_alerts" => "true",
            "vault.identity" => IDENTITY,
            "vault.cross_subscription_restore" => "disabled",
            "vault.immutability" => "unlocked",
            "vault.redundancy" => "GRS",
            "vault.soft_delete" => "Off",
            "vault.soft_delete_days" => "77",
            "vault.subscription" => "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22",
            _ => "another",
        };
        let parsed = format!("{}={value}", setting.key).parse::<Set>();
        match setting.changes {
            Changes::Never(why) => assert!(parsed.unwrap_err().ends_with(why), "{}", setting.key),
            Changes::Always
            | Changes::ByPrepare
            | Changes::WithRoles
            | Changes::ForNew(_)
            | Changes::OnlyRead(_)
            | Changes::ByNewPolicy
            | Changes::LeavingBackups(_)
            | Changes::UntilCreated(..) => {
                let new = apply(&[parsed.unwrap()], &example(), Fixed::default()).unwrap();
                assert_ne!(new, example(), "{}", setting.key);
            }
        }
    }
}

#[test]
fn a_key_or_value_that_does_not_exist_is_refused_with_what_was_meant() {
    for (text, expected) in [
        ("instance.namespaces", "KEY=VALUE"),
        (
            "instance.included_namespace=shop",
            "did you mean instance.included_namespaces?",
        ),
        ("retention=30d", "did you mean policy.retention?"),
        ("cluster=x", "a state file is for one cluster"),
        ("policy.retention=forever", "use a value such as 7d"),
        ("policy.retention=", "needs a value"),
        (
            "instance.included_volume_types=Tape",
            "takes AzureDisk and AzureFileShareSMB",
        ),
    ] {
        let error = text.parse::<Set>().unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    for text in [
        "vault.identity=/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg",
        "instance.included_namespaces=Shop",
        "policy.time=24:00",
        "instance.label_selectors=app:web",
        "instance.label_selectors=a b",
    ] {
        let failure = apply(&[set(text)], &example(), Fixed::default()).unwrap_err();
        assert!(failure.what.contains(text) && !failure.why[0].is_empty(), "{failure}");
    }
}

#[test]
fn other_rules_get_another_name_unless_the_name_is_someone_s_own() {
    let mut target = example();
    let own = apply(&[set("policy.retention=30d")], &target, Fixed::default()).unwrap();
    assert_eq!(own.policy.name, target.policy.name);
    let exists = Fixed {
        policy: true,
        ..Fixed::default()
    };
    let own = apply(&[set("policy.retention=30d")], &target, exists).unwrap();
    assert_eq!(own.policy.name.as_str(), "aks-daily-30d");
    let both = [set("policy.retention=30d"), set("policy.name=mine")];
    assert_eq!(apply(&both, &target, exists).unwrap().policy.name.as_str(), "mine");
    target.policy.name = "aks-daily-7d".parse().unwrap();
    let new = apply(
        &[set("policy.retention=30d"), set("policy.time=01:30")],
        &target,
        Fixed::default(),
    )
    .unwrap();
    assert_eq!(new.policy.name.as_str(), "aks-daily-30d-at-0130");
}

#[test]
fn what_exists_can_t_be_set_and_a_text_stays_as_it_was_typed() {
    let fixed = Fixed {
        instance: true,
        vault: true,
        extension: true,
        ..Fixed::default()
    };
    for text in [
        "instance.name=other",
        "extension.name=other",
        "vault.redundancy=GRS",
        "snapshots.resource_group=other",
    ] {
        let failure = costs(text, fixed, &[]).unwrap_err();
        let (key, _) = text.split_once('=').unwrap();
        assert!(
            failure.what.contains(key) && failure.what.ends_with("exists") && !failure.why.is_empty(),
            "{failure}"
        );
        assert_eq!(costs(text, Fixed::default(), &[]).unwrap(), Vec::<String>::new());
    }
    for text in ["storage.resource_group=other", "storage.account=other"] {
        let cost = costs(text, fixed, &[]).unwrap();
        assert!(cost[0].contains("recovery points aren't moved"), "{cost:?}");
        let (key, new) = text.split_once('=').unwrap();
        assert!(
            costs(text, fixed, &[(key, new.to_owned())]).unwrap().is_empty(),
            "what Azure has costs nothing"
        );
        assert!(costs(text, Fixed::default(), &[]).unwrap().is_empty());
    }
    let same = [set("vault.redundancy=LRS"), set("instance.friendly_name=1_000")];
    let target = apply(&same, &example(), fixed).unwrap();
    assert_eq!(target.instance.friendly_name, "1_000");
    let target = apply(&[set("storage.resource_group=2024")], &example(), Fixed::default()).unwrap();
    assert_eq!(target.storage.resource_group.as_str(), "2024");
    assert!("instance.snapshot_volumes=yes".parse::<Set>().is_err());
    assert!("vault.soft_delete_days=many".parse::<Set>().is_err());
    let mut of_file = example();
    of_file.policy.file = Some("own.json".into());
    let failure = apply(&[set("policy.retention=90d")], &of_file, Fixed::default()).unwrap_err();
    assert!(failure.what.contains("own.json"), "{failure}");
}

#[test]
fn a_comma_in_parentheses_is_no_end_of_a_value_and_no_key_is_set_twice() {
    let target = apply(
        &[set("instance.label_selectors=tier in (a,b), app=web")],
        &example(),
        Fixed::default(),
    );
    let labels: Vec<String> = target
        .unwrap()
        .instance
        .label_selectors
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(labels, ["tier in (a,b)", "app=web"]);
    assert!(
        apply(
            &[set("instance.label_selectors=tier in (a")],
            &example(),
            Fixed::default()
        )
        .is_err()
    );
    let twice = [
        set("instance.included_namespaces=shop"),
        set("instance.included_namespaces=db"),
    ];
    let failure = apply(&twice, &example(), Fixed::default()).unwrap_err();
    assert!(failure.what.contains("twice"), "{failure}");
}

/// Two hints of one result each add their own entries; neither drops those of the other.
#[test]
fn a_list_can_be_added_to_and_nothing_else_can() {
    let target = apply(&[set("left_out=namespace/a")], &example(), Fixed::default()).unwrap();
    let target = apply(&[set("left_out+=pvc/b/c, namespace/a")], &target, Fixed::default()).unwrap();
    let listed: Vec<&str> = target.left_out.iter().map(|own| own.as_str()).collect();
    assert_eq!(listed, ["namespace/a", "pvc/b/c"]);
    let target = apply(
        &[set("instance.included_namespaces += shop")],
        &target,
        Fixed::default(),
    )
    .unwrap();
    assert_eq!(target.instance.included_namespaces.len(), 1);
    let error = "policy.time+=01:30".parse::<Set>().unwrap_err();
    assert!(error.contains("isn't a list"), "{error}");
    let failure = apply(&[set("left_out+=shop")], &example(), Fixed::default()).unwrap_err();
    assert!(failure.what.contains("left_out+=shop"), "{failure}");
}

/// Another vault brings its own redundancy, which is no change of the old one.
#[test]
fn what_belongs_to_another_vault_is_not_a_change() {
    let fixed = Fixed {
        vault: true,
        ..Fixed::default()
    };
    let target = apply(
        &[set("vault.redundancy=GRS"), set("vault.name=other")],
        &example(),
        fixed,
    )
    .unwrap();
    let differences = show::differences(Some(&example()), &target).unwrap();
    assert_eq!(differences.len(), 2);
    assert_eq!(cost(&differences, fixed, &[]).unwrap(), Vec::<String>::new());
}

/// Fails before: the vault was changed with a warning, and nothing could be applied after that.
#[test]
fn a_protected_cluster_keeps_its_vault() {
    let fixed = Fixed {
        instance: true,
        vault: true,
        ..Fixed::default()
    };
    for key in ["vault.name=other", "vault.resource_group=other"] {
        let target = apply(&[set(key)], &example(), fixed).unwrap();
        let differences = show::differences(Some(&example()), &target).unwrap();
        let failure = cost(&differences, fixed, &[]).unwrap_err();
        assert!(
            failure.to_string().contains("Azure can't move a protected cluster"),
            "{failure}"
        );
        assert!(
            failure.to_string().contains("az aksbackup teardown --delete-backups"),
            "{failure}"
        );
        // What Azure has can always be taken, and before there is an instance nothing is lost.
        let (name, live) = key.split_once('=').unwrap();
        assert!(cost(&differences, fixed, &[(name, live.to_owned())]).is_ok());
        let free = Fixed {
            instance: false,
            ..fixed
        };
        assert!(cost(&differences, free, &[]).is_ok());
    }
}

/// Fails before: the next command lacked the flag that it asked for.
#[test]
fn what_cannot_be_changed_back_is_applied_with_its_flag() {
    const FILE: &str = include_str!("../../../../../shared/tests/state-files/2-protected.toml");
    let before: State = toml::from_str(FILE).unwrap();
    let target = before.target.clone().unwrap();
    for (key, flag) in [
        ("vault.immutability=Locked", true),
        ("vault.immutability=Unlocked", false),
        ("vault.cross_subscription_restore=PermanentlyDisabled", true),
        ("vault.soft_delete_days=30", false),
    ] {
        let new = apply(&[set(key)], &target, Fixed::default()).unwrap();
        let differences = show::differences(Some(&target), &new).unwrap();
        let after = State {
            target: Some(new),
            ..before.clone()
        };
        let next = applied_by(&differences, &after, |_| true).unwrap();
        let told = next.command.to_string();
        assert_eq!(
            told.ends_with(" --irreversible RESOURCE-GROUP/VAULT"),
            flag,
            "{key}: {told}"
        );
    }
}
