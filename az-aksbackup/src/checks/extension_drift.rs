//! What `[target.extension]` says, held against the extension that exists: resources, version, automatic upgrades.
//!
//! A key that the target doesn't have leaves Azure's setting alone. The names of the resource settings are those of
//! <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-manage-backups>.

use std::fmt;
use std::str::FromStr;

use aksbackup_shared::command_line::{CommandLine, az};
use aksbackup_shared::ids::{CpuAmount, MemoryAmount};
use aksbackup_shared::schema::ExtensionTarget;

use crate::arm::extensions::{Extension, Upgrades};
use crate::checks::extension_settings::Settings;

mod coherence;

pub(crate) use coherence::coherent;

const CPU_LIMIT: &str = "resources.limits.cpu";
const CPU_REQUEST: &str = "resources.requests.cpu";
const MEMORY_LIMIT: &str = "resources.limits.memory";
const MEMORY_REQUEST: &str = "resources.requests.memory";
/// The release train of an extension for which no one chose one.
const STABLE: &str = "stable";
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
    /// What is protected less with the target's value, in words.
    pub(crate) reduces: Option<&'static str>,
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

/// Returns what is to be said of an extension that isn't called as the target says. Any name does: a cluster has one Azure Backup extension,
/// and Azure doesn't rename it.
pub(crate) fn other_name(target: &ExtensionTarget, own: &Extension) -> Option<String> {
    let wanted = target.name.as_str();
    (!own.name.eq_ignore_ascii_case(wanted)).then(|| format!("the target names it {wanted}, which has no effect"))
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
                reduces: None,
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
            reduces: (!wanted).then_some("the extension no longer gets security updates and fixes automatically"),
        });
    }
    let differs = |live: Option<&String>, wanted: &String| live.is_none_or(|live| !live.eq_ignore_ascii_case(wanted));
    // Without a train in its answer, Azure uses its default.
    let train = live.train.or_else(|| Some(STABLE.to_owned()));
    for (key, what, live, wanted) in [
        ("release_train", "release train", train, wanted.train),
        ("version", "version", live.version, wanted.version),
    ] {
        if let Some(wanted) = wanted.filter(|wanted| differs(live.as_ref(), wanted)) {
            all.push(Difference {
                key,
                what,
                live,
                wanted,
                reduces: None,
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
    let train = live.train.filter(|own| !pinned && !own.eq_ignore_ascii_case(STABLE));
    target.release_train = train.and_then(|own| own.parse().ok());
}

#[cfg(test)]
mod tests;
