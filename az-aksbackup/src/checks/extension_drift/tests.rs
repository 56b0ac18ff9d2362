use serde_json::{Value, json};

use super::*;
use crate::steps::step04_extension::tests::extension;
use crate::target_ids::tests::example;

fn target(change: impl FnOnce(&mut ExtensionTarget)) -> ExtensionTarget {
    let mut target = example().extension;
    change(&mut target);
    target
}

fn live(settings: &[(&str, &str)], change: impl FnOnce(&mut Value)) -> Extension {
    extension(|body| {
        for (key, value) in settings {
            body["properties"]["configurationSettings"][*key] = json!(value);
        }
        change(&mut body["properties"]);
    })
}

fn steps(target: &ExtensionTarget, own: &Extension) -> Vec<String> {
    differences(target, own).iter().map(Difference::step).collect()
}

#[test]
fn a_target_without_settings_leaves_every_extension_as_it_is() {
    let own = live(&[(MEMORY_LIMIT, "8Gi")], |own| {
        own["autoUpgradeMinorVersion"] = json!(false);
    });
    assert_eq!(steps(&example().extension, &own), Vec::<String>::new());
    assert!(resources(&example().extension).is_empty());
}

#[test]
fn amounts_are_compared_by_size() {
    let wanted = target(|own| {
        own.memory_limit = "4Gi".parse().ok();
        own.cpu_limit = "1".parse().ok();
    });
    let same = live(&[(MEMORY_LIMIT, "4096Mi"), (CPU_LIMIT, "1000m")], |_| ());
    assert_eq!(steps(&wanted, &same), Vec::<String>::new());
    let less = live(&[(MEMORY_LIMIT, "1280Mi")], |_| ());
    assert_eq!(
        steps(&wanted, &less),
        ["CPU limit: not set → 1", "memory limit: 1280Mi → 4Gi"]
    );
    assert_eq!(
        adopting(&differences(&wanted, &less), &less),
        az("init --set extension.cpu_limit= --set extension.memory_limit=1280Mi")
    );
}

#[test]
fn a_version_ends_automatic_upgrades_and_the_way_back_is_printed() {
    let wanted = target(|own| own.version = "1.2.3".parse().ok());
    let automatic = live(&[], |own| own["autoUpgradeMinorVersion"] = json!(true));
    let all = differences(&wanted, &automatic);
    assert_eq!(
        steps(&wanted, &automatic),
        ["automatic upgrades: on → off", "version: 0.1.2 → 1.2.3"]
    );
    assert_eq!(
        adopting(&all, &automatic),
        az("init --set extension.version= --set extension.auto_upgrade=true")
    );
    let pinned = live(&[], |own| {
        own["autoUpgradeMinorVersion"] = json!(false);
        own["version"] = json!("1.2.3");
    });
    assert_eq!(steps(&wanted, &pinned), Vec::<String>::new());
}

#[test]
fn what_contradicts_itself_is_refused_with_both() {
    let both = target(|own| {
        own.version = "1.2.3".parse().ok();
        own.auto_upgrade = Some(true);
    });
    assert!(coherent(&both, None).is_err());
    let train = target(|own| {
        own.auto_upgrade = Some(false);
        own.release_train = "preview".parse().ok();
    });
    assert!(coherent(&train, None).is_err());
    let request = target(|own| own.memory_request = "2Gi".parse().ok());
    assert!(coherent(&request, None).is_ok());
    let own = live(&[(MEMORY_LIMIT, "1280Mi")], |_| ());
    let failure = coherent(&request, Some(&own)).unwrap_err();
    assert!(
        failure.why[0].contains("the memory request is 2Gi, and the limit is 1280Mi"),
        "{failure}"
    );
}

/// Fails before: the train of a file was written although Azure doesn't upgrade the extension, and one that Azure doesn't report was
/// another one than its default for good.
#[test]
fn a_release_train_is_held_against_what_is_in_force() {
    let train = |name: &str| target(|own| own.release_train = name.parse().ok());
    let off = live(&[], |own| own["autoUpgradeMinorVersion"] = json!(false));
    let failure = coherent(&train("preview"), Some(&off)).unwrap_err();
    assert!(failure.why[1].contains("are disabled in Azure"), "{failure}");
    let both = target(|own| {
        own.release_train = "preview".parse().ok();
        own.auto_upgrade = Some(true);
    });
    assert!(coherent(&both, Some(&off)).is_ok());
    assert!(coherent(&train("preview"), None).is_ok());
    let unreported = live(&[], |own| own["releaseTrain"] = Value::Null);
    assert_eq!(steps(&train("Stable"), &unreported), Vec::<String>::new());
    assert_eq!(
        steps(&train("preview"), &unreported),
        ["release train: stable → preview"]
    );
}

/// Fails before: one thousandth of a core was accepted, and with `--yes` sent.
#[test]
fn a_limit_with_which_the_pods_cannot_run_is_refused_with_microsofts_defaults() {
    for (cpu, memory, says) in [
        (Some("1m"), None, "extension.cpu_limit 1m is too low"),
        (Some("499m"), None, "500m"),
        (None, Some("1Mi"), "extension.memory_limit 1Mi is too low"),
        (None, Some("255Mi"), "1280Mi"),
        (Some("0.5"), Some("256Mi"), ""),
    ] {
        let wanted = target(|own| {
            own.cpu_limit = cpu.and_then(|own| own.parse().ok());
            own.memory_limit = memory.and_then(|own| own.parse().ok());
        });
        let said = coherent(&wanted, None)
            .err()
            .map(|own| own.to_string())
            .unwrap_or_default();
        assert!(said.contains(says) && said.is_empty() == says.is_empty(), "{said}");
    }
}

/// Fails before: nothing said that an extension without upgrades is protected less.
#[test]
fn automatic_upgrades_that_end_reduce_protection() {
    let reduced = |target: &ExtensionTarget, own: &Extension| {
        differences(target, own).iter().filter_map(|own| own.reduces).count()
    };
    let (off, pinned) = (
        target(|own| own.auto_upgrade = Some(false)),
        target(|own| own.version = "1.2.3".parse().ok()),
    );
    let automatic = live(&[], |own| own["autoUpgradeMinorVersion"] = json!(true));
    assert_eq!((reduced(&off, &automatic), reduced(&pinned, &automatic)), (1, 1));
    let manual = live(&[], |own| own["autoUpgradeMinorVersion"] = json!(false));
    assert_eq!(reduced(&off, &manual), 0);
    assert_eq!(reduced(&target(|own| own.auto_upgrade = Some(true)), &manual), 0);
}

#[test]
fn what_a_person_set_is_adopted_and_defaults_are_not() {
    let mut target = target(|own| own.version = "9.9.9".parse().ok());
    let plain = live(&[], |own| own["releaseTrain"] = json!("Stable"));
    adopted(&mut target, &plain);
    assert_eq!(target, example().extension);
    let own = live(&[(MEMORY_LIMIT, "4Gi"), (CPU_REQUEST, "a lot")], |own| {
        own["autoUpgradeMinorVersion"] = json!(false);
        own["version"] = json!("1.2.3");
    });
    adopted(&mut target, &own);
    assert_eq!(target.memory_limit.as_ref().unwrap().as_str(), "4Gi");
    assert_eq!((target.cpu_request.clone(), target.auto_upgrade), (None, Some(false)));
    assert_eq!(differences(&target, &own), Vec::new());
}
