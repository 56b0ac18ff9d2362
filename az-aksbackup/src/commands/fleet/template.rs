//! The template of a fleet: what the target of every cluster has, with exceptions by tag, region and name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceId, TimeOfDay};
use aksbackup_shared::regular;
use aksbackup_shared::schema::settings::FLAGS;
use aksbackup_shared::state::place::{place_of, position};
use serde::Deserialize;
use toml::{Table, Value};

use pattern::like;

use super::stagger::{self, Window};
use crate::arm::region;
use crate::commands::init::adopt::Adopted;
use crate::commands::init::flags::InitArgs;
use crate::commands::init::names::Names;

/// The name of the template in the folder of the state files.
pub(super) const NAME: &str = "fleet.toml";

/// The most bytes of a template.
const MOST_BYTES: u64 = 1 << 20;

/// What a template that doesn't say otherwise has: a vault and two resource groups for each region of a subscription.
const DEFAULTS: [(&str, &str); 4] = [
    ("snapshots.resource_group", "rg-aks-snapshots-{region}"),
    ("storage.resource_group", "rg-aks-backup-{region}"),
    ("vault.name", "bv-aks-{region}"),
    ("vault.resource_group", "rg-aks-backup-{region}"),
];

/// The keys that the extension of a cluster decides, where it is installed.
const OF_EXTENSION: [&str; 4] = [
    "extension.name",
    "storage.account",
    "storage.container",
    "storage.resource_group",
];

/// A cluster as a template sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Its resource ID.
    pub(super) id: ResourceId,
    /// Its region, as Azure writes it.
    pub(super) region: String,
    /// Its tags.
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    target: Table,
    #[serde(default)]
    schedule: Schedule,
    #[serde(default)]
    overrides: Vec<Override>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Schedule {
    start: Option<TimeOfDay>,
    window: Option<String>,
    slot: Option<String>,
}

/// An exception for the clusters that match all of its conditions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    tag: Option<String>,
    region: Option<String>,
    name: Option<String>,
    resource_group: Option<String>,
    subscription: Option<String>,
    #[serde(default)]
    exclude: bool,
    #[serde(default)]
    target: Table,
}

/// Values by the key of `[target]`.
type Values = BTreeMap<String, String>;

/// A template that was checked.
#[derive(Debug)]
pub(super) struct Template {
    values: Values,
    overrides: Vec<(Override, Values)>,
    window: Window,
    path: PathBuf,
    /// Whether the user named it by `--template`.
    is_named: bool,
}

impl Template {
    /// Reads the template that a flag names, else the one of the folder, else takes the defaults.
    ///
    /// # Errors
    /// Exit 3: there is no file of this name. Exit 2: line and column of what is wrong with it.
    pub(super) fn read(named: Option<&Path>, folder: &Path) -> Outcome<Self> {
        let path = named.map_or_else(|| folder.join(NAME), Path::to_owned);
        let text = match regular::read(&path, MOST_BYTES) {
            Ok(bytes) => String::from_utf8(bytes).or_else(|_| unusable(&path, None, "it isn't valid UTF-8").err())?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => String::new(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Failure::missing(format!("template {} doesn't exist", path.display()))
                    .hint("specify another file with --template, or omit the flag to use the defaults")
                    .err();
            }
            Err(error) => return unusable(&path, None, &error.to_string()).err(),
        };
        let template = Self::parse(path, &text)?;
        Ok(Self {
            is_named: named.is_some(),
            ..template
        })
    }

    fn parse(path: PathBuf, text: &str) -> Outcome<Self> {
        let parsed: Text = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| position(&path, text, span.start));
            Box::new(unusable(&path, place, error.message()))
        })?;
        let window = parsed.schedule.window(&path)?;
        let values = checked(&path, "target", &parsed.target)?;
        let overrides = parsed.overrides.into_iter().enumerate().map(|(at, own)| {
            own.has_condition(&path, at)?;
            let values = checked(&path, &format!("overrides[{at}].target"), &own.target)?;
            Ok((own, values))
        });
        let overrides = overrides.collect::<Outcome<Vec<_>>>()?;
        Ok(Self {
            values,
            overrides,
            window,
            path,
            is_named: false,
        })
    }

    /// Whether the cluster is to have a state file.
    pub(super) fn includes(&self, own: &Candidate) -> bool {
        let last = self.overrides.iter().rev().find(|(rule, _)| rule.matches(own));
        !last.is_some_and(|(rule, _)| rule.exclude)
    }

    /// The flags of `init` for a cluster. What exists of the cluster is adopted, so that the template says nothing of it.
    ///
    /// # Errors
    /// Exit 2: a value that its key can't have, once its placeholders are filled in.
    pub(super) fn flags(&self, own: &Candidate, found: Adopted) -> Outcome<InitArgs> {
        let mut values: Values = match found {
            Adopted::Instance => return self.read_flags(&Values::new(), own, &["--from-azure"]),
            _ => DEFAULTS.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        };
        values.insert("policy.time".to_owned(), self.time(&own.id));
        values.extend(self.named(own));
        if found == Adopted::Extension {
            values.retain(|key, _| !OF_EXTENSION.contains(&key.as_str()));
        }
        self.read_flags(&values, own, &[])
    }

    /// Returns the flags that the user named for a cluster, by naming the template. One that was found in the folder confirms nothing: who
    /// can write to the folder could name the resources of another team there.
    pub(super) fn named_flags(&self, own: &Candidate) -> Outcome<InitArgs> {
        let values = match self.is_named {
            true => self.named(own),
            false => Values::new(),
        };
        self.read_flags(&values, own, &[])
    }

    fn named(&self, own: &Candidate) -> Values {
        let mut values = self.values.clone();
        for (_, more) in self.overrides.iter().filter(|(rule, _)| rule.matches(own)) {
            values.extend(more.clone());
        }
        values
    }

    /// The time of the first backup: the same at every run, and different for each cluster as far as the window has room.
    fn time(&self, cluster: &ResourceId) -> String {
        self.window.time(Names::of(cluster).hash())
    }

    fn read_flags(&self, values: &Values, own: &Candidate, more: &[&str]) -> Outcome<InitArgs> {
        let filled = values.iter().map(|(key, value)| (key.as_str(), filled(value, own)));
        flags(filled, more).map_err(|why| {
            let failure = Failure::usage(format!("cannot use the template for cluster {}", own.id.with_group()));
            Box::new(
                failure
                    .because(why)
                    .hint(format!("correct the value in {}", self.path.display())),
            )
        })
    }
}

impl Schedule {
    fn window(&self, path: &Path) -> Outcome<Window> {
        let minutes = |key: &str, text: &Option<String>, default: u32| -> Outcome<u32> {
            let Some(text) = text else { return Ok(default) };
            let parsed = aksbackup_shared::args::duration(text);
            let parsed = parsed.map(|time| u32::try_from(time.as_secs() / 60).unwrap_or(u32::MAX));
            match parsed {
                Ok(minutes) if (1..=24 * 60).contains(&minutes) => Ok(minutes),
                Ok(_) => unusable(path, at(path, key), &format!("{key} must be from 1m to 24h")).err(),
                Err(why) => unusable(path, at(path, key), &why).err(),
            }
        };
        let window = minutes("schedule.window", &self.window, stagger::WINDOW)?;
        let slot = minutes("schedule.slot", &self.slot, stagger::SLOT.min(window))?;
        if slot > window {
            return unusable(
                path,
                at(path, "schedule.slot"),
                "schedule.slot is longer than schedule.window",
            )
            .err();
        }
        Ok(Window::new(self.start.as_ref().map(TimeOfDay::as_str), window, slot))
    }
}

impl Override {
    fn has_condition(&self, path: &Path, number: usize) -> Outcome<()> {
        let all = [
            &self.tag,
            &self.region,
            &self.name,
            &self.resource_group,
            &self.subscription,
        ];
        if all.iter().any(|own| own.is_some()) {
            return Ok(());
        }
        let why = format!("overrides[{number}] has none of tag, region, name, resource_group, and subscription");
        let place = at(path, &format!("overrides[{number}]"));
        unusable(path, place, &why).err()
    }

    fn matches(&self, own: &Candidate) -> bool {
        let fits = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|own| like(own, text));
        let tagged = self.tag.as_ref().is_none_or(|wanted| {
            let (name, value) = wanted
                .split_once('=')
                .map_or((wanted.as_str(), None), |(name, value)| (name, Some(value)));
            let mut named = own.tags.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name.trim()));
            named.any(|(_, own)| value.is_none_or(|value| like(value.trim(), own)))
        });
        tagged
            && fits(&self.region, &region::plain(&own.region))
            && fits(&self.name, own.id.name())
            && fits(&self.resource_group, own.id.resource_group().as_str())
            && fits(&self.subscription, own.id.subscription().as_str())
    }
}

/// The value with its placeholders filled in.
fn filled(value: &str, own: &Candidate) -> String {
    value
        .replace("{region}", &region::plain(&own.region))
        .replace("{cluster}", own.id.name())
        .replace("{resource_group}", own.id.resource_group().as_str())
        .replace("{subscription}", own.id.subscription().as_str())
        .replace("{hash}", Names::of(&own.id).hash())
}

/// Checks each key and value of a table of the template, with a cluster that stands for all of them.
fn checked(path: &Path, prefix: &str, table: &Table) -> Outcome<Values> {
    let mut values = Values::new();
    flatten("", table, &mut values);
    for (key, value) in &values {
        let sample = match value.contains('{') {
            true => sample(value),
            false => value.clone(),
        };
        flags([(key.as_str(), sample)].into_iter(), &[])
            .or_else(|why| unusable(path, at(path, &format!("{prefix}.{key}")), &why).err())?;
    }
    Ok(values)
}

/// A value with short names in the place of its placeholders. One that is unknown stays, and is refused as a part of a name.
fn sample(value: &str) -> String {
    ["{region}", "{cluster}", "{resource_group}", "{subscription}", "{hash}"]
        .iter()
        .fold(value.to_owned(), |value, placeholder| value.replace(placeholder, "a1"))
}

fn flatten(prefix: &str, table: &Table, all: &mut Values) {
    for (key, value) in table {
        let path = match prefix.is_empty() {
            true => key.clone(),
            false => format!("{prefix}.{key}"),
        };
        match value {
            Value::Table(table) => flatten(&path, table, all),
            Value::String(text) => {
                all.insert(path, text.clone());
            }
            other => {
                all.insert(path, other.to_string());
            }
        }
    }
}

/// The flags of `init` that set these keys.
fn flags<'a>(values: impl Iterator<Item = (&'a str, String)>, more: &[&str]) -> Result<InitArgs, String> {
    use clap::{Args as _, FromArgMatches as _};
    let mut words: Vec<String> = more.iter().map(ToString::to_string).collect();
    for (key, value) in values {
        words.push(match FLAGS.iter().find(|(own, _)| *own == key) {
            Some((_, flag)) => format!("{flag}={value}"),
            None => format!("--set={key}={value}"),
        });
    }
    let command = InitArgs::augment_args(clap::Command::new("template").no_binary_name(true));
    let read = command
        .try_get_matches_from(words)
        .and_then(|matches| InitArgs::from_arg_matches(&matches));
    read.map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        // The words of the command line say nothing to the reader of a file.
        let why = first.rsplit_once(">': ").map_or(first, |(_, why)| why);
        why.trim_start_matches("error: ").to_owned()
    })
}

fn at(path: &Path, key: &str) -> Option<String> {
    place_of(path, key)
}

fn unusable(path: &Path, place: Option<String>, why: &str) -> Failure {
    let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
    Failure::usage(format!("cannot use template {}", path.display()))
        .because(format!("{place}{why}"))
        .hint("correct the file; docs/fleet.md lists what a template can contain")
}

mod pattern;

#[cfg(test)]
mod tests;
