//! What `[target.extension]` says, held against the extension that exists: resources, version, automatic upgrades.
//!
//! A key that the target doesn't have leaves Azure's setting alone. The names of the resource settings are those of
//! <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-manage-backups>.

use std::fmt;
use std::str::FromStr;

use aksbackup_shared::command_line::{CommandLine, az};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{CpuAmount, MemoryAmount};
use aksbackup_shared::schema::ExtensionTarget;

use crate::arm::extensions::{Extension, Upgrades};
use crate::checks::extension_settings::Settings;

const CPU_LIMIT: &str = "resources.limits.cpu";
const CPU_REQUEST: &str = "resources.requests.cpu";
const MEMORY_LIMIT: &str = "resources.limits.memory";
const MEMORY_REQUEST: &str = "resources.requests.memory";
/// What Azure has where it reports no setting.
const UNSET: &str = "not set";

/// A setting of the extension that differs from the target's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Its key below `extension`.
    key: &'static str,
    what: &'static str,
    /// What Azure has; `None` where it reports none.
    live: Option<String>,
    wanted: String,
}

impl Difference {
    /// Returns the change, as people read it.
    pub(crate) fn step(&self) -> String {
        let live = self.live.as_deref().unwrap_or(UNSET);
        format!("{}: {live} → {}", self.what, self.wanted)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.live.as_deref().unwrap_or(UNSET);
        write!(f, "{}: {live} (the target has {})", self.what, self.wanted)
    }
}

/// An amount: the key, its words, its name on the wire, and what the target says.
type Amount = (&'static str, &'static str, &'static str, Option<String>);

/// The amounts that the target can set.
fn amounts(target: &ExtensionTarget) -> [Amount; 4] {
    fn text<T: fmt::Display>(own: Option<&T>) -> Option<String> {
        own.map(ToString::to_string)
    }
    [
        ("cpu_limit", "CPU limit", CPU_LIMIT, text(target.cpu_limit.as_ref())),
        (
            "cpu_request",
            "CPU request",
            CPU_REQUEST,
            text(target.cpu_request.as_ref()),
        ),
        (
            "memory_limit",
            "memory limit",
            MEMORY_LIMIT,
            text(target.memory_limit.as_ref()),
        ),
        (
            "memory_request",
            "memory request",
            MEMORY_REQUEST,
            text(target.memory_request.as_ref()),
        ),
    ]
}

/// The size of an amount by its name on the wire; 1Gi and 1024Mi are the same.
fn size(wire: &str, text: &str) -> Option<u128> {
    match wire {
        CPU_LIMIT | CPU_REQUEST => text.parse::<CpuAmount>().ok().map(|own| own.size()),
        _ => text.parse::<MemoryAmount>().ok().map(|own| own.size()),
    }
}

/// The resource settings that the target has, by their names on the wire.
pub(crate) fn resources(target: &ExtensionTarget) -> Settings {
    let all = amounts(target).into_iter();
    all.filter_map(|(_, _, wire, wanted)| Some((wire.to_owned(), wanted?)))
        .collect()
}

/// How an extension with this target is upgraded, as far as the target says.
pub(crate) fn upgrades(target: &ExtensionTarget) -> Upgrades {
    Upgrades {
        automatic: match &target.version {
            Some(_) => Some(false),
            None => target.auto_upgrade,
        },
        train: target.release_train.as_ref().map(ToString::to_string),
        version: target.version.as_ref().map(ToString::to_string),
    }
}

/// Returns what differs between the target and an extension.
pub(crate) fn differences(target: &ExtensionTarget, own: &Extension) -> Vec<Difference> {
    let mut all = Vec::new();
    for (key, what, wire, wanted) in amounts(target) {
        let live = Some(own.setting(wire)).filter(|live| !live.is_empty());
        let same = |wanted: &str| live.is_some_and(|live| live == wanted || size(wire, live) == size(wire, wanted));
        if let Some(wanted) = wanted.filter(|wanted| !same(wanted)) {
            let live = live.map(str::to_owned);
            all.push(Difference {
                key,
                what,
                live,
                wanted,
            });
        }
    }
    let wanted = upgrades(target);
    let live = own.upgrades();
    let automatic = live.automatic.unwrap_or(true);
    if let Some(wanted) = wanted.automatic.filter(|wanted| *wanted != automatic) {
        let live = Some(on(automatic).to_owned());
        all.push(Difference {
            key: "auto_upgrade",
            what: "automatic upgrades",
            live,
            wanted: on(wanted).to_owned(),
        });
    }
    let differs = |live: Option<&String>, wanted: &String| live.is_none_or(|live| !live.eq_ignore_ascii_case(wanted));
    for (key, what, live, wanted) in [
        ("release_train", "release train", live.train, wanted.train),
        ("version", "version", live.version, wanted.version),
    ] {
        if let Some(wanted) = wanted.filter(|wanted| differs(live.as_ref(), wanted)) {
            all.push(Difference {
                key,
                what,
                live,
                wanted,
            });
        }
    }
    all
}

const fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Returns the command that keeps what Azure has. Automatic upgrades belong to the version: one of them alone would contradict the other.
pub(crate) fn adopting(all: &[Difference], own: &Extension) -> CommandLine {
    let live = |own: &Difference| match own.key {
        "auto_upgrade" => Some(own.live.as_deref() == Some("on")).map(|on| on.to_string()),
        _ => own.live.clone(),
    };
    let mut words = String::from("init");
    let pinned = own.upgrades().automatic == Some(false);
    if !pinned && all.iter().any(|own| own.key == "auto_upgrade") {
        words.push_str(" --set extension.version=");
    }
    for own in all.iter().filter(|own| own.key != "version" || pinned) {
        words.push_str(&format!(
            " --set extension.{}={}",
            own.key,
            live(own).unwrap_or_default()
        ));
    }
    az(words)
}

/// Checks that the settings go together: with one another, and with those of the extension that stay.
///
/// # Errors
/// Exit 2: both keys, and why they don't.
pub(crate) fn coherent(target: &ExtensionTarget, own: Option<&Extension>) -> Outcome<()> {
    let no_upgrades = target.version.is_some() || target.auto_upgrade == Some(false);
    if target.version.is_some() && target.auto_upgrade == Some(true) {
        return Failure::usage("extension.version and extension.auto_upgrade contradict each other")
            .because("an extension that stays at a version isn't upgraded automatically")
            .hint(fix![
                "to upgrade it automatically, run: ",
                az("init --set extension.version= --set extension.auto_upgrade=true")
            ])
            .err();
    }
    if no_upgrades && target.release_train.is_some() {
        return Failure::usage("extension.release_train has no effect without automatic upgrades")
            .because("Azure takes versions from a release train only for automatic upgrades")
            .hint(fix![
                "clear the release train: ",
                az("init --set extension.release_train=")
            ])
            .err();
    }
    let amounts = amounts(target);
    for (request, limit) in [(1, 0), (3, 2)] {
        let effective = |at: usize| {
            let (_, _, wire, wanted) = amounts.get(at)?;
            let live = own
                .map(|own| own.setting(wire).to_owned())
                .filter(|live| !live.is_empty());
            wanted.clone().or(live)
        };
        let (Some(least), Some(most)) = (effective(request), effective(limit)) else {
            continue;
        };
        let Some((key, what, wire, _)) = amounts.get(request) else {
            continue;
        };
        let limit = amounts.get(limit).map_or("", |(key, ..)| key);
        if size(wire, &least) > size(wire, &most) {
            return Failure::usage(format!("the {what} of the extension is higher than its limit"))
                .because(format!("{what} {least}, limit {most}; Kubernetes rejects such pods"))
                .hint(fix![
                    "set both: ",
                    az(format!(
                        "init --set extension.{key}={most} --set extension.{limit}={most}"
                    ))
                ])
                .err();
        }
    }
    Ok(())
}

/// Takes the settings of an extension into the target: what a person set there, and what `base` has. Values that the file can't
/// hold are left out.
pub(crate) fn adopted(target: &mut ExtensionTarget, own: &Extension) {
    fn parsed<T: FromStr>(own: &Extension, wire: &str) -> Option<T> {
        own.setting(wire).parse().ok()
    }
    target.cpu_limit = parsed(own, CPU_LIMIT);
    target.cpu_request = parsed(own, CPU_REQUEST);
    target.memory_limit = parsed(own, MEMORY_LIMIT);
    target.memory_request = parsed(own, MEMORY_REQUEST);
    let live = own.upgrades();
    let pinned = live.automatic == Some(false);
    target.version = live.version.filter(|_| pinned).and_then(|own| own.parse().ok());
    // Azure's defaults say nothing about anyone's wish.
    target.auto_upgrade = pinned.then_some(false);
    let train = live.train.filter(|own| !pinned && !own.eq_ignore_ascii_case("stable"));
    target.release_train = train.and_then(|own| own.parse().ok());
}

#[cfg(test)]
mod tests {
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
        assert!(failure.why[0].contains("memory request 2Gi, limit 1280Mi"), "{failure}");
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
}
