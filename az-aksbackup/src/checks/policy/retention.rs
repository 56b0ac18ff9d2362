//! The retention rules of a policy beyond the default one: the first backup of a day, a week, a month or a year is kept longer, or copied
//! to the vault tier.
//!
//! Microsoft: where a backup is the first of several periods, the order is year, month, week, day; the operational tier keeps
//! backups for up to 360 days: <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup>. Names and
//! priorities of the tags are those of the Azure CLI.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::schema::PolicyTarget;
use serde_json::{Value, json};

use super::limits::{self, MOST_DAYS};
use super::{text, texts};

/// A period whose first backup can have a rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Day,
    Week,
    Month,
    Year,
}

impl Period {
    /// In the order of the target's keys.
    pub(crate) const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    /// Returns Azure's name of the rule and of its tag.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Day => "Daily",
            Self::Week => "Weekly",
            Self::Month => "Monthly",
            Self::Year => "Yearly",
        }
    }

    /// Returns its name within a sentence.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Returns the keys of the target: of the operational tier and of the vault tier.
    pub(crate) const fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::Day => ("policy.daily_retention", "policy.vault_tier_retention"),
            Self::Week => ("policy.weekly_retention", "policy.vault_tier_weekly_retention"),
            Self::Month => ("policy.monthly_retention", "policy.vault_tier_monthly_retention"),
            Self::Year => ("policy.yearly_retention", "policy.vault_tier_yearly_retention"),
        }
    }

    const fn marker(self) -> &'static str {
        match self {
            Self::Day => "FirstOfDay",
            Self::Week => "FirstOfWeek",
            Self::Month => "FirstOfMonth",
            Self::Year => "FirstOfYear",
        }
    }

    const fn priority(self) -> u8 {
        match self {
            Self::Day => 25,
            Self::Week => 20,
            Self::Month => 15,
            Self::Year => 10,
        }
    }

    /// Returns the periods whose rule applies where this one has none: the first backup of a week or a month is the first of a day, too.
    const fn without_rule(self) -> &'static [Self] {
        match self {
            Self::Day => &[],
            Self::Week | Self::Month => &[Self::Day],
            Self::Year => &[Self::Month, Self::Day],
        }
    }
}

/// The rule of a period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rule {
    /// How long the operational tier keeps it; empty if Azure doesn't report it.
    pub(crate) operational: String,
    /// How long the vault tier keeps its copy; empty if Azure reports a copy without a retention.
    pub(crate) vault: Option<String>,
}

/// The rules of the periods, in the order of [`Period::ALL`].
pub(crate) type Rules = [Option<Rule>; 4];

/// Returns the rules that the target asks for. Without a value of its own, the operational tier keeps the first backup of a period
/// as long as that of the next shorter one.
pub(crate) fn asked(target: &PolicyTarget) -> Rules {
    let mut kept = target.retention.as_str();
    target.first_backups().map(|own| {
        let is_asked = own.operational.is_some() || own.vault.is_some();
        is_asked.then(|| {
            kept = own.operational.unwrap_or(kept);
            Rule {
                operational: kept.to_owned(),
                vault: own.vault.map(str::to_owned),
            }
        })
    })
}

/// Writes rules into the keys of the target, so that [`asked`] returns them again.
pub(crate) fn adopt(target: &mut PolicyTarget, rules: &Rules) {
    let mut kept = target.retention.clone();
    for ((operational, vault), rule) in target.first_backups_mut().into_iter().zip(rules) {
        let Some(rule) = rule else {
            (*operational, *vault) = (None, None);
            continue;
        };
        *vault = rule.vault.clone().filter(|own| !own.is_empty());
        let said = !rule.operational.is_empty() && (rule.operational != kept || vault.is_none());
        *operational = said.then(|| rule.operational.clone());
        if said {
            kept.clone_from(&rule.operational);
        }
    }
}

/// Returns the retention that applies to the first backup of a period, in the operational tier or in the vault tier.
pub(crate) fn in_force<'a>(rules: &'a Rules, of: Period, default: Option<&'a str>, in_vault: bool) -> Option<&'a str> {
    let mut chain = std::iter::once(&of).chain(of.without_rule());
    let rule = chain.find_map(|own| rules.get(*own as usize)?.as_ref());
    match (rule, in_vault) {
        (Some(rule), true) => rule.vault.as_deref(),
        (Some(rule), false) => Some(rule.operational.as_str()),
        (None, _) => default,
    }
}

/// Returns the tags and the retention rules for Azure.
pub(super) fn bodies(rules: &Rules) -> (Vec<Value>, Vec<Value>) {
    let all = Period::ALL.into_iter().zip(rules);
    let (tags, bodies) = all
        .filter_map(|(period, rule)| {
            let rule = rule.as_ref()?;
            let tag = json!({ "isDefault": false, "taggingPriority": period.priority(),
                "tagInfo": { "tagName": period.tag() },
                "criteria": [{ "objectType": "ScheduleBasedBackupCriteria", "absoluteCriteria": [period.marker()] }] });
            let copied = super::keep(&rule.operational, "OperationalStore", rule.vault.is_some());
            let in_vault = rule.vault.as_deref().map(|kept| super::keep(kept, "VaultStore", false));
            let lifecycles: Vec<Value> = std::iter::once(copied).chain(in_vault).collect();
            Some((tag, super::retention_rule(period.tag(), false, &lifecycles)))
        })
        .unzip();
    (tags, bodies)
}

/// Reads the rules of a live policy: by tags that stand for the first backup of a period and nothing else, where Azure applies them
/// in the usual order. Also returns the names of these rules.
pub(super) fn of_policy(backup: &Value, retention: &[&Value]) -> (Rules, Vec<String>) {
    let tags = backup.pointer("/trigger/taggingCriteria").and_then(Value::as_array);
    let found: Vec<(Period, f64, &str)> = tags.into_iter().flatten().filter_map(tagged).collect();
    let in_order = |pair: &[(Period, f64, &str)]| match pair {
        [one, other] => (one.0 as usize) < other.0 as usize && one.1 > other.1,
        _ => true,
    };
    let mut sorted = found.clone();
    sorted.sort_by_key(|(period, ..)| *period as usize);
    let (mut rules, mut names) = (Rules::default(), Vec::new());
    if !sorted.windows(2).all(in_order) {
        return (rules, names);
    }
    for (period, _, name) in sorted {
        let own = retention.iter().find(|rule| text(rule, "/name") == name);
        if let (Some(own), Some(slot)) = (own, rules.get_mut(period as usize)) {
            *slot = Some(rule(own));
            names.push(name.to_owned());
        }
    }
    (rules, names)
}

fn tagged(tag: &Value) -> Option<(Period, f64, &str)> {
    let criteria = tag.get("criteria")?.as_array()?;
    let [criterion] = criteria.as_slice() else {
        return None;
    };
    let markers = texts(criterion.get("absoluteCriteria"));
    let [marker] = markers.as_slice() else {
        return None;
    };
    // A criterion with anything else selects fewer backups.
    let others = [
        "daysOfMonth",
        "daysOfTheWeek",
        "monthsOfYear",
        "scheduleTimes",
        "weeksOfTheMonth",
    ];
    let is_plain = others.iter().all(|key| {
        let own = criterion.get(*key).and_then(Value::as_array);
        own.is_none_or(Vec::is_empty)
    });
    let period = Period::ALL
        .into_iter()
        .find(|own| own.marker().eq_ignore_ascii_case(marker))?;
    // Azure returns the priority as a number with or without a fraction.
    let priority = tag.get("taggingPriority")?.as_f64()?;
    is_plain.then(|| (period, priority, text(tag, "/tagInfo/tagName")))
}

fn rule(own: &Value) -> Rule {
    let all = own.get("lifecycles").and_then(Value::as_array);
    let kept = |store: &str| {
        let mut of_store = all.into_iter().flatten();
        let own = of_store.find(|own| text(own, "/sourceDataStore/dataStoreType").eq_ignore_ascii_case(store));
        own.map(|own| text(own, "/deleteAfter/duration").to_owned())
    };
    let is_copied = super::copies_to_vault(own);
    Rule {
        operational: kept("OperationalStore").unwrap_or_default(),
        vault: kept("VaultStore").or(is_copied.then(String::new)),
    }
}

/// Checks rules before a policy is created with them.
///
/// # Errors
/// Exit 2: longer than the operational tier keeps backups; or a rule that keeps or copies less than the one that it replaces.
pub(super) fn usable(target: &PolicyTarget) -> Outcome<()> {
    let rules = asked(target);
    let mut least = (
        Shorter {
            period: None,
            kept: target.retention.clone(),
        },
        None::<Shorter>,
    );
    within_days(&target.retention, "policy.retention")?;
    for (period, rule) in Period::ALL.into_iter().zip(&rules) {
        let Some(rule) = rule else { continue };
        let (key, vault_key) = period.keys();
        within_days(&rule.operational, key)?;
        longer(&rule.operational, &least.0, period, key)?;
        least.0 = Shorter {
            period: Some(period),
            kept: rule.operational.clone(),
        };
        match (&rule.vault, &least.1) {
            (Some(kept), shorter) => {
                within_years(kept, vault_key)?;
                shorter
                    .iter()
                    .try_for_each(|shorter| longer(kept, shorter, period, vault_key))?;
                least.1 = Some(Shorter {
                    period: Some(period),
                    kept: kept.clone(),
                });
            }
            (None, Some(shorter)) => return uncopied(period, shorter).err(),
            (None, None) => {}
        }
    }
    Ok(())
}

/// A rule that another one replaces.
struct Shorter {
    period: Option<Period>,
    kept: String,
}

/// Returns the ISO 8601 duration of a retention as flags take it, such as `30d`; `None` if it isn't one.
pub(crate) fn of_flag(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let bare = upper.strip_prefix('P').unwrap_or(&upper);
    let (at, unit) = bare.char_indices().last().filter(|(_, unit)| "DWMY".contains(*unit))?;
    let number: u32 = bare.get(..at)?.parse().ok()?;
    (1..=9999).contains(&number).then(|| format!("P{number}{unit}"))
}

fn invalid(key: &str, what: &str) -> Failure {
    Failure::usage(format!("{key} {what}")).of_key(key)
}

/// The state file has ISO 8601 durations. One that is written as flags take it gets the value that is meant.
fn iso(kept: &str, key: &str) -> Outcome<()> {
    match of_flag(kept).filter(|meant| meant != kept) {
        None => Ok(()),
        Some(meant) => invalid(key, &format!("{kept} isn't an ISO 8601 duration"))
            .hint(fix![
                format!("write {meant} in the state file, or run: "),
                az(format!("init --set {key}={kept}"))
            ])
            .err(),
    }
}

fn within_days(kept: &str, key: &str) -> Outcome<()> {
    iso(kept, key)?;
    match limits::operational(kept) {
        None => Ok(()),
        Some(why) => invalid(key, &format!("{kept} isn't valid"))
            .because(why)
            .hint(match hours(kept).is_some_and(|hours| hours > 24 * MOST_DAYS) {
                true => fix![
                    "use at most 360 days, and copy backups to the vault tier to keep them longer: ",
                    az(format!(
                        "init --set {key}={MOST_DAYS}d --set policy.vault_tier_retention=PERIOD"
                    ))
                ],
                false => fix!["for example: ", az(format!("init --set {key}=7d"))],
            })
            .err(),
    }
}

fn within_years(kept: &str, key: &str) -> Outcome<()> {
    iso(kept, key)?;
    match limits::in_vault(kept) {
        None => Ok(()),
        Some(why) => invalid(key, &format!("{kept} isn't valid"))
            .because(why)
            .hint(fix!["for example: ", az(format!("init --set {key}=90d"))])
            .err(),
    }
}

fn longer(kept: &str, than: &Shorter, period: Period, key: &str) -> Outcome<()> {
    if hours(kept) >= hours(&than.kept) {
        return Ok(());
    }
    let (shorter, word) = (&than.kept, period.word());
    let replaced = than.period.map_or("every other backup", |own| match own {
        Period::Day => "the first backup of a day",
        Period::Week => "the first backup of a week",
        Period::Month => "the first backup of a month",
        Period::Year => "the first backup of a year",
    });
    invalid(key, &format!("{kept} is shorter than {shorter}"))
        .because(format!(
            "the first backup of a {word} would be deleted before {replaced}, which is kept for {shorter}"
        ))
        .hint(fix![
            "use a retention that is at least as long: ",
            az(format!("init --set {key}={shorter}"))
        ])
        .err()
}

fn uncopied(period: Period, shorter: &Shorter) -> Failure {
    let (key, word, kept) = (period.keys().1, period.word(), &shorter.kept);
    invalid(key, "is missing")
        .because(format!(
            "the rule for the first backup of a {word} replaces the rule that copies backups to the vault tier for \
             {kept}, so this backup wouldn't be copied"
        ))
        .hint(fix![
            "copy this backup as well: ",
            az(format!("init --set {key}={kept}"))
        ])
}

/// Returns the hours of an ISO 8601 duration of one unit, as Azure Backup has them; a month has 30 days, a year 365.
pub(crate) fn hours(duration: &str) -> Option<u64> {
    let upper = duration.to_ascii_uppercase();
    let (number, hours) = match upper.strip_prefix("PT") {
        Some(time) => (time.strip_suffix('H')?, 1),
        None => {
            let date = upper.strip_prefix('P')?;
            let unit = date.chars().last()?;
            let days = match unit {
                'D' => 1,
                'W' => 7,
                'M' => 30,
                'Y' => 365,
                _ => return None,
            };
            (date.strip_suffix(unit)?, 24 * days)
        }
    };
    number.parse::<u64>().ok()?.checked_mul(hours)
}
