//! `--set KEY=VALUE`: every key of `[target]`, without a flag for each.

use std::fmt;
use std::str::FromStr;

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::schema::Target;
use aksbackup_shared::schema::settings::{Changes, Holds, SETTINGS, Setting, nearest};
use clap::ValueEnum as _;
use toml::{Table, Value};

use super::names;
use super::values::{self, Redundancy, SoftDelete};

/// A key of `[target]` with the value that it is to have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Set {
    setting: Setting,
    /// `None` where an optional key is to have none.
    value: Option<Value>,
    text: String,
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.setting.key, self.text)
    }
}

impl FromStr for Set {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} has no value: write KEY=VALUE"))?;
        let key = key.trim().trim_start_matches("target.");
        let setting = SETTINGS
            .iter()
            .find(|own| own.key == key)
            .copied()
            .ok_or_else(|| unknown(key))?;
        if let Changes::Never(why) = setting.changes {
            return Err(format!("{key} can't be set: {why}"));
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
            text: value.to_owned(),
        })
    }
}

/// The volume types that Azure Backup has today. What an instance has is adopted whatever it is.
const VOLUME_TYPES: [&str; 2] = ["AzureDisk", "AzureFileShareSMB"];

fn unknown(key: &str) -> String {
    format!("[target] has no key {key}; did you mean {}?", nearest(key))
}

/// A value as people type it: TOML, a plain word, or words with commas between them for a list.
fn value_of(setting: Setting, text: &str) -> Result<Option<Value>, String> {
    let typed = format!("value = {text}").parse::<Table>().ok();
    let typed = typed.and_then(|mut table| table.remove("value"));
    match setting.holds {
        Holds::Optional if text.is_empty() => Ok(None),
        Holds::List if text.is_empty() => Ok(Some(Value::Array(Vec::new()))),
        Holds::List => Ok(Some(match typed {
            Some(list @ Value::Array(_)) => list,
            _ => Value::Array(
                text.split(',')
                    .map(|word| Value::String(word.trim().to_owned()))
                    .collect(),
            ),
        })),
        Holds::One if text.is_empty() => Err(format!("{} needs a value", setting.key)),
        Holds::One | Holds::Optional => one(setting.key, text, typed).map(Some),
    }
}

/// The keys that hold a boolean, and the one that holds a number. All others hold a text, whatever it looks like.
const BOOLEANS: [&str; 2] = ["instance.include_cluster_scope_resources", "instance.snapshot_volumes"];
const NUMBER: &str = "vault.soft_delete_days";

fn one(key: &str, text: &str, typed: Option<Value>) -> Result<Value, String> {
    match typed {
        Some(value @ Value::Boolean(_)) if BOOLEANS.contains(&key) => Ok(value),
        Some(value @ Value::Integer(_)) if key == NUMBER => Ok(value),
        _ if BOOLEANS.contains(&key) => Err(format!("{key} is true or false")),
        _ if key == NUMBER => Err(format!("{key} is a number of days")),
        Some(Value::String(own)) => normal(key, &own),
        _ => normal(key, text),
    }
}

/// A text in the form that the file has: what a flag of the same meaning takes, a key takes as well.
fn normal(key: &str, text: &str) -> Result<Value, String> {
    let form: fn(&str) -> Result<String, String> = match key {
        "policy.schedule" => values::schedule,
        "policy.retention" | "policy.vault_tier_retention" => values::retention,
        "storage.sku" => values::sku,
        "instance.friendly_name" => values::friendly_name,
        "vault.redundancy" => |text| Redundancy::from_str(text, true).map(|own| own.word().to_owned()),
        "vault.soft_delete" => |text| SoftDelete::from_str(text, true).map(|own| own.word().to_owned()),
        _ => |text| Ok(text.to_owned()),
    };
    form(text).map(Value::String)
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
    /// Returns whether what the key is about exists.
    fn has(self, key: &str) -> bool {
        match key {
            "extension.name" => self.extension,
            "storage.sku" => self.account,
            "vault.redundancy" | "vault.soft_delete" | "vault.soft_delete_days" => self.vault,
            key => self.instance && !key.starts_with("policy."),
        }
    }
}

/// Returns the target with these values. Other rules of a policy get another name where it exists, or has the name of its rules: Azure
/// doesn't let a policy for AKS be changed.
///
/// # Errors
/// Exit 2: a value that the key can't have, or not any more.
pub(super) fn apply(sets: &[Set], target: &Target, fixed: Fixed) -> Outcome<Target> {
    let mut new = target.clone();
    for set in sets {
        let next = with(set, &new)?;
        if let (Changes::UntilCreated(why), true, true) = (set.setting.changes, fixed.has(set.setting.key), next != new)
        {
            return too_late(set, why).err();
        }
        new = next;
    }
    let rules = |own: &Target| {
        (
            own.policy.schedule.clone(),
            own.policy.retention.clone(),
            own.policy.time.clone(),
            own.policy.vault_tier_retention.clone(),
        )
    };
    let named = sets.iter().any(|set| set.setting.key == "policy.name");
    if named || rules(&new) == rules(target) {
        return Ok(new);
    }
    if let Some(file) = &target.policy.file {
        return Failure::usage(format!(
            "the rules of policy {} come from file {file}",
            target.policy.name
        ))
        .because("schedule, retention and the like of the target don't apply to it")
        .hint(fix![
            "to use these instead of the file: ",
            az("init --retention PERIOD")
        ])
        .err();
    }
    let automatic = |own: &Target| names::of_rules(&own.policy);
    if fixed.policy || target.policy.name.as_str() == automatic(target) {
        new.policy.name = automatic(&new)
            .parse()
            .map_err(|error| unusable("policy.name", &error))?;
    }
    Ok(new)
}

fn too_late(set: &Set, why: &str) -> Failure {
    Failure::usage(format!("cannot set {set}: what it is about exists"))
        .because(why)
        .hint("leave the key as it is")
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
            _ => return unusable(set.setting.key, &"its table is not one").err(),
        }
    }
    match &set.value {
        Some(value) => place.insert(last.to_owned(), value.clone()),
        None => place.remove(last),
    };
    table.try_into().map_err(|error| unusable(&set.to_string(), &error))
}

fn unusable(what: &str, error: &impl fmt::Display) -> Box<Failure> {
    let error = error.to_string();
    Box::new(Failure::usage(format!("cannot set {what}")).because(error.lines().next().unwrap_or_default().trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    fn set(text: &str) -> Set {
        text.parse().unwrap()
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
                "policy.schedule" => "4h",
                "policy.retention" | "policy.vault_tier_retention" => "60d",
                "policy.time" => "23:59",
                "storage.sku" => "Standard_ZRS",
                "vault.redundancy" => "GRS",
                "vault.soft_delete" => "Off",
                "vault.soft_delete_days" => "77",
                _ => "another",
            };
            let parsed = format!("{}={value}", setting.key).parse::<Set>();
            match setting.changes {
                Changes::Never(why) => assert!(parsed.unwrap_err().ends_with(why), "{}", setting.key),
                Changes::Always | Changes::UntilCreated(_) => {
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
            ("policy.retention=forever", "write 7d"),
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
            "instance.included_namespaces=Shop",
            "policy.time=24:00",
            "instance.label_selectors=app:web",
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
            "storage.account=other",
        ] {
            let failure = apply(&[set(text)], &example(), fixed).unwrap_err();
            assert!(failure.what.contains(text) && !failure.why.is_empty(), "{failure}");
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
}
