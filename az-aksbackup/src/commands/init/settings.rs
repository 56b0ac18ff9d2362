//! `--set KEY=VALUE`: every key of `[target]`, without a flag for each.

use std::fmt;
use std::str::FromStr;

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::Person;
use aksbackup_shared::ids::same;
use aksbackup_shared::schema::settings::{Changes, Holds, SETTINGS, Setting, Thing, nearest_key};
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::Turn;
use clap::ValueEnum as _;
use toml::{Table, Value};

use super::show::Difference;
use super::values::{self, Redundancy, SoftDelete};
use crate::checks::policy::naming;
use crate::checks::vault_drift::IRREVERSIBLE;

/// A key of `[target]` with the value that it is to have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Set {
    setting: Setting,
    /// `None` where an optional key is to have none.
    value: Option<Value>,
    /// Whether it adds to what the list has.
    adds: bool,
    text: String,
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.adds { "+=" } else { "=" };
        write!(f, "{}{sign}{}", self.setting.key, self.text)
    }
}

impl FromStr for Set {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} has no value: write KEY=VALUE"))?;
        let key = key.trim().trim_start_matches("target.");
        let (key, adds) = key.strip_suffix('+').map_or((key, false), |key| (key.trim_end(), true));
        let setting = SETTINGS
            .iter()
            .find(|own| own.key == key)
            .copied()
            .ok_or_else(|| unknown(key))?;
        if let Changes::Never(why) = setting.changes {
            return Err(format!("{key} can't be set: {why}"));
        }
        if adds && setting.holds != Holds::List {
            return Err(format!("{key} isn't a list: write {key}=VALUE"));
        }
        let value = value.trim();
        let known = |own: &Value| own.as_str().is_some_and(|own| VOLUME_TYPES.contains(&own));
        let typed = value_of(setting, value)?;
        let all_known = typed
            .as_ref()
            .and_then(Value::as_array)
            .is_none_or(|all| all.iter().all(known));
        if setting.key == "instance.included_volume_types" && !all_known {
            return Err(format!("{key} takes {}", VOLUME_TYPES.join(" and ")));
        }
        Ok(Self {
            setting,
            value: typed,
            adds,
            text: value.to_owned(),
        })
    }
}

/// The volume types that Azure Backup has today. What an instance has is adopted whatever it is.
const VOLUME_TYPES: [&str; 2] = ["AzureDisk", "AzureFileShareSMB"];

fn unknown(key: &str) -> String {
    match nearest_key(key) {
        Some(own) => format!("[target] has no key {key}; did you mean {own}?"),
        None => {
            let can_be_set = |own: &&Setting| !matches!(own.changes, Changes::Never(_));
            let keys: Vec<&str> = SETTINGS.iter().filter(can_be_set).map(|own| own.key).collect();
            format!("[target] has no key {key}; --set accepts {}", keys.join(", "))
        }
    }
}

/// A value as people type it: TOML, a plain word, or words with commas between them for a list.
fn value_of(setting: Setting, text: &str) -> Result<Option<Value>, String> {
    let typed = format!("value = {text}").parse::<Table>().ok();
    let typed = typed.and_then(|mut table| table.remove("value"));
    match setting.holds {
        Holds::Optional | Holds::OptionalSwitch if text.is_empty() => Ok(None),
        Holds::List if text.is_empty() => Ok(Some(Value::Array(Vec::new()))),
        Holds::List => Ok(Some(match typed {
            Some(list @ Value::Array(_)) => list,
            _ => Value::Array(words(text).into_iter().map(Value::String).collect()),
        })),
        Holds::One | Holds::Switch | Holds::Number if text.is_empty() => Err(format!("{} needs a value", setting.key)),
        Holds::One | Holds::Switch | Holds::Number | Holds::Optional | Holds::OptionalSwitch => {
            one(setting, text, typed).map(Some)
        }
    }
}

/// Splits at commas, except for those in parentheses: a label selector can be `tier in (a,b)`.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut depth) = (vec![String::new()], 0_usize);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match words.last_mut() {
            Some(_) if c == ',' && depth == 0 => words.push(String::new()),
            Some(word) => word.push(c),
            None => {}
        }
    }
    words.iter().map(|word| word.trim().to_owned()).collect()
}

fn one(setting: Setting, text: &str, typed: Option<Value>) -> Result<Value, String> {
    let key = setting.key;
    match (setting.holds, typed) {
        (Holds::Switch | Holds::OptionalSwitch, Some(value @ Value::Boolean(_)))
        | (Holds::Number, Some(value @ Value::Integer(_))) => Ok(value),
        (Holds::Switch | Holds::OptionalSwitch, _) => Err(format!("{key} must be true or false")),
        (Holds::Number, _) => Err(format!("{key} is a number")),
        // A text stays as it was typed, whatever it looks like.
        (_, Some(Value::String(own))) => normal(key, &own),
        _ => normal(key, text),
    }
}

/// A text in the form that the file has: what a flag of the same meaning takes, a key takes as well.
fn normal(key: &str, text: &str) -> Result<Value, String> {
    let form: fn(&str) -> Result<String, String> = match key {
        "policy.schedule" => values::schedule,
        key if key.starts_with("policy.") && key.ends_with("retention") => values::retention,
        "storage.sku" => values::sku,
        "instance.friendly_name" => values::friendly_name,
        "vault.redundancy" => |text| Redundancy::from_str(text, true).map(|own| own.word().to_owned()),
        "vault.soft_delete" => |text| SoftDelete::from_str(text, true).map(|own| own.word().to_owned()),
        "vault.immutability" => |text| values::word(text, &["Disabled", "Unlocked", "Locked"]),
        "vault.cross_subscription_restore" => {
            |text| values::word(text, &["Enabled", "Disabled", "PermanentlyDisabled"])
        }
        _ => |text| Ok(text.to_owned()),
    };
    form(text).map(Value::String)
}

impl Set {
    /// Returns whether it sets this key.
    pub(super) fn is(&self, key: &str) -> bool {
        self.setting.key == key
    }
}

/// Lets a vault that is to be created raise alerts for failed jobs, as Azure's own examples do: a vault without them fails in silence. A vault
/// that exists keeps its setting, and a flag decides otherwise.
pub(super) fn with_alerts(sets: &[Set], target: &mut Target, vault: Option<bool>) {
    const KEY: &str = "vault.job_failure_alerts";
    if vault == Some(false) && target.vault.job_failure_alerts.is_none() && !sets.iter().any(|own| own.is(KEY)) {
        target.vault.job_failure_alerts = Some(true);
    }
}

/// What exists of a target, so that it can't be set any more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fixed {
    /// Its policy, under the name that it has now.
    pub(super) policy: bool,
    /// A backup instance that protects the cluster.
    pub(super) instance: bool,
    /// The extension.
    pub(super) extension: bool,
    /// The vault.
    pub(super) vault: bool,
    /// The storage account.
    pub(super) account: bool,
}

impl Fixed {
    fn has(self, thing: Thing) -> bool {
        match thing {
            Thing::Account => self.account,
            Thing::Vault => self.vault,
            Thing::Extension => self.extension,
            Thing::Instance => self.instance,
        }
    }
}

/// Returns the target with these values. Other rules of a policy get another name where it exists, or has the name of its rules: Azure
/// doesn't let a policy for AKS be changed.
///
/// # Errors
/// Exit 2: a value that the key can't have.
pub(super) fn apply(sets: &[Set], target: &Target, fixed: Fixed) -> Outcome<Target> {
    let mut new = target.clone();
    for (at, set) in sets.iter().enumerate() {
        if sets[..at].iter().any(|other| other.setting.key == set.setting.key) {
            return Failure::usage(format!("--set {} is specified twice", set.setting.key))
                .hint("specify all values of a list in one --set, separated by commas")
                .err();
        }
        new = with(set, &new)?;
    }
    let named = sets.iter().any(|set| set.setting.key == "policy.name");
    if named || new.policy.rules() == target.policy.rules() {
        return Ok(new);
    }
    if let Some(file) = &target.policy.file {
        return Failure::usage(format!(
            "the rules of policy {} come from file {file}",
            target.policy.name
        ))
        .because("the target's schedule and retention settings don't apply to it")
        .hint(fix![
            "to use those settings instead of the file: ",
            az("init --retention PERIOD")
        ])
        .err();
    }
    let automatic = |own: &Target| naming::of_rules(&own.policy);
    if fixed.policy || target.policy.name.as_str() == automatic(target) {
        new.policy.name = automatic(&new)
            .parse()
            .map_err(|error| unusable("policy.name", &error))?;
    }
    Ok(new)
}

/// Checks that nothing differs from the file that can't be changed any more, whichever flag it comes from, and returns what the
/// differences cost. What Azure has can always be taken: `live` are its values.
///
/// # Errors
/// Exit 2: the key, with the reason.
pub(super) fn cost(differences: &[Difference], fixed: Fixed, live: &[(&str, String)]) -> Outcome<Vec<String>> {
    let differs = |key: &str| differences.iter().any(|(own, ..)| own == key);
    let mut costs = Vec::new();
    for (key, old, new) in differences {
        // Without this key, the vault is in the cluster's subscription.
        let unsaid = (key == "vault.subscription").then_some("the cluster's");
        let (Some(old), Some(setting)) = (old.as_deref().or(unsaid), SETTINGS.iter().find(|own| own.key == key)) else {
            continue;
        };
        let (old, new) = (plain(old), plain(new.as_deref().unwrap_or_default()));
        if live.iter().any(|(own, value)| own == key && same(value, new)) {
            continue;
        }
        match setting.changes {
            Changes::LeavingBackups(cost) if fixed.instance => {
                costs.push(format!("{key} was {old}: {cost}"));
            }
            Changes::UntilCreated(thing, why)
                if fixed.has(thing)
                    && (is_vault_of_instance(thing, key) || !names_of(thing).iter().any(|key| differs(key))) =>
            {
                let failure = Failure::usage(format!(
                    "cannot change {key} from {old} to {new}: {} exists",
                    word(thing)
                ))
                .because(why)
                .hint("omit the flag to keep the value in the state file");
                return match is_vault_of_instance(thing, key) {
                    true => failure.hint(fix![
                        "decide whether its backups can be deleted, which another vault requires: ",
                        az("teardown --delete-backups RESOURCE-GROUP/CLUSTER")
                    ]),
                    false => failure,
                }
                .err();
            }
            _ => {}
        }
    }
    Ok(costs)
}

/// Returns the turn that applies what differs, where `prepare` was done before: what the file records of it doesn't contradict the new
/// settings, and only Azure can show them.
///
/// `said` are the keys with a wish: with `--from-azure`, all others have what Azure has.
pub(super) fn applied_by(differences: &[Difference], after: &State, said: impl Fn(&str) -> bool) -> Option<Turn> {
    let is_due = |(key, old, new): &Difference| {
        let setting = SETTINGS.iter().find(|own| own.key == key);
        let exists = match key.split_once('.') {
            Some(("extension", _)) => after.cloud.extension.is_some(),
            _ => after.cloud.vault.is_some(),
        };
        // Without the key, what Azure has stays.
        said(key)
            && new.is_some()
            && old != new
            && exists
            && setting.is_some_and(|own| own.changes == Changes::ByPrepare)
    };
    let keys: Vec<&str> = differences
        .iter()
        .filter(|own| is_due(own))
        .map(|(key, ..)| key.as_str())
        .collect();
    (!keys.is_empty()).then(|| Turn {
        who: Person::PlatformTeam,
        why: format!("not applied yet: {}", keys.join(", ")),
        command: match keys
            .iter()
            .any(|key| after.target.as_ref().is_some_and(|own| own.vault.is_lasting(key)))
        {
            true => az(format!("prepare{IRREVERSIBLE}")),
            false => az("prepare"),
        },
        right: None,
        also: Vec::new(),
    })
}

fn plain(toml: &str) -> &str {
    toml.trim_matches('"')
}

/// The keys that say which one it is, so that with another one everything about it can differ.
fn names_of(thing: Thing) -> [&'static str; 3] {
    match thing {
        Thing::Account => ["storage.account", "storage.resource_group", "storage.resource_group"],
        Thing::Vault | Thing::Instance => ["vault.name", "vault.resource_group", "vault.subscription"],
        // One of each cluster.
        Thing::Extension => ["cluster"; 3],
    }
}

/// Whether a key says in which vault an instance is.
fn is_vault_of_instance(thing: Thing, key: &str) -> bool {
    thing == Thing::Instance && names_of(thing).contains(&key)
}

fn word(thing: Thing) -> &'static str {
    match thing {
        Thing::Account => "the storage account",
        Thing::Vault => "the vault",
        Thing::Extension => "the extension",
        Thing::Instance => "the backup instance",
    }
}

fn with(set: &Set, target: &Target) -> Outcome<Target> {
    let mut table = Table::try_from(target).map_err(|error| unusable(set.setting.key, &error))?;
    let (last, parents) = set
        .setting
        .key
        .rsplit_once('.')
        .map_or((set.setting.key, ""), |(parents, last)| (last, parents));
    let mut place = &mut table;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        let next = place.entry(parent).or_insert_with(|| Value::Table(Table::new()));
        match next {
            Value::Table(next) => place = next,
            _ => return unusable(set.setting.key, &"the section of the key isn't a table").err(),
        }
    }
    match &set.value {
        Some(value) if set.adds => place.insert(last.to_owned(), added(place.get(last), value)),
        Some(value) => place.insert(last.to_owned(), value.clone()),
        None => place.remove(last),
    };
    Target::of_values(&table).map_err(|error| unusable(&set.to_string(), &error))
}

/// The list with those values of another that it doesn't have.
fn added(list: Option<&Value>, more: &Value) -> Value {
    let mut all = list.and_then(Value::as_array).cloned().unwrap_or_default();
    for one in more.as_array().into_iter().flatten() {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    Value::Array(all)
}

fn unusable(what: &str, error: &impl fmt::Display) -> Box<Failure> {
    let error = error.to_string();
    Box::new(Failure::usage(format!("cannot set {what}")).because(error.lines().next().unwrap_or_default().trim()))
}

#[cfg(test)]
mod tests;
