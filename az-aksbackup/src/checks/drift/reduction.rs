//! What protects less than before: it is agreed to apart from other changes.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Setting;
use crate::checks::policy::retention::{self, Period, hours};
use crate::checks::policy::{Facts, Kept, Winning};

/// The longest schedule is a week.
const SOON: SignedDuration = SignedDuration::from_hours(8 * 24);

/// What an entry of a list does to a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Only what is listed is backed up; an empty list means everything.
    Narrows,
    /// As above, of volume types: an empty list means disks.
    NarrowsVolumes,
    /// Only what has the labels is backed up. Whether Azure wants one or all of them no source says.
    Selects,
    /// What is listed is left out.
    LeavesOut,
    /// What is listed is done as well.
    Adds,
}

impl Effect {
    /// Returns what is protected less with the list `wanted` than with the list `live`, in words.
    pub(super) fn reduces(
        self,
        setting: Setting,
        live: &BTreeSet<String>,
        wanted: &BTreeSet<String>,
    ) -> Option<String> {
        let disks = || BTreeSet::from(["AzureDisk".to_owned()]);
        let (lost, words) = match self {
            Self::Narrows if wanted.is_empty() => return None,
            Self::Narrows if live.is_empty() => {
                return Some(format!("{}: only {}", setting.words(), listed(wanted.iter())));
            }
            Self::NarrowsVolumes => {
                let or_disks = |own: &BTreeSet<String>| if own.is_empty() { disks() } else { own.clone() };
                let (live, wanted) = (or_disks(live), or_disks(wanted));
                let lost: Vec<String> = live.difference(&wanted).cloned().collect();
                return (!lost.is_empty())
                    .then(|| format!("{} no longer include {}", setting.words(), listed(lost.iter())));
            }
            Self::Selects if wanted.is_empty() => return None,
            Self::Selects => {
                let wanted = listed(wanted.iter());
                return Some(format!("only resources with the labels {wanted} are backed up"));
            }
            Self::LeavesOut => (wanted.difference(live), "now include"),
            Self::Narrows | Self::Adds => (live.difference(wanted), "no longer include"),
        };
        let lost: Vec<&String> = lost.collect();
        (!lost.is_empty()).then(|| format!("{} {words} {}", setting.words(), listed(lost.into_iter())))
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Returns the date before which a policy starts no backup, if it is so far ahead that even a weekly schedule would have begun.
pub(crate) fn idle_until(own: &Facts, now: Timestamp) -> Option<&str> {
    let begins: Date = own.begins.parse().ok()?;
    let soon = now.to_zoned(TimeZone::UTC).date().checked_add(SOON).ok()?;
    (begins > soon).then_some(own.begins.as_str())
}

/// Returns what policy `wanted` protects less than policy `live`, in words. A period that can't be read is taken for less.
pub(crate) fn of_policies(live: &Facts, wanted: &Facts) -> Vec<String> {
    let others = live.kept.iter().filter(|own| !live.is_of_period(own));
    let mut all: Vec<String> = others.filter_map(|own| less(own, wanted)).collect();
    all.extend(
        Period::ALL
            .into_iter()
            .flat_map(|period| less_of_period(period, live, wanted)),
    );
    all.extend(less_of_tags(live, wanted));
    if live.starts > wanted.starts {
        all.push(format!(
            "the cluster is backed up {} times a day instead of {}",
            wanted.starts, live.starts
        ));
    }
    let (before, after) = (hours(&live.schedule), hours(&wanted.schedule));
    if live.schedule != wanted.schedule && before.is_none_or(|before| after.is_none_or(|after| after > before)) {
        all.push(format!(
            "the cluster is backed up every {} instead of every {}",
            wanted.schedule, live.schedule
        ));
    }
    let now = Timestamp::now();
    if let (None, Some(date)) = (idle_until(live, now), idle_until(wanted, now)) {
        all.push(format!("no scheduled backup starts before {date}"));
    }
    if live.vault_tier && !wanted.vault_tier {
        all.push("new backups are no longer copied to the vault tier".to_owned());
    }
    all
}

/// Returns what `wanted` keeps less of the first backup of a period, in words, where one of the two has a rule for it.
fn less_of_period(period: Period, live: &Facts, wanted: &Facts) -> Vec<String> {
    let has_rule = |own: &Facts| own.first.get(period as usize).is_some_and(Option::is_some);
    if !has_rule(live) && !has_rule(wanted) {
        return Vec::new();
    }
    let less = |in_vault| {
        let kept = |own: &'_ Facts| -> Option<String> {
            let default = own.default_retention(in_vault);
            let kept = retention::in_force(&own.first, period, default, in_vault);
            kept.filter(|own| !own.is_empty()).map(str::to_owned)
        };
        let (before, after) = (kept(live)?, kept(wanted));
        let what = match in_vault {
            false => format!("new backups of rule {}", period.tag()),
            true if period == Period::Day => "new copies in the vault tier".to_owned(),
            true => format!("new copies of rule {} in the vault tier", period.tag()),
        };
        shorter(&what, &before, after.as_deref())
    };
    [false, true].into_iter().filter_map(less).collect()
}

/// Returns what the tags of `wanted` that win over its default one keep less than the default rule of `live`, in words. What they have in
/// common isn't changed.
fn less_of_tags(live: &Facts, wanted: &Facts) -> Vec<String> {
    let new = wanted.winning.iter().filter(|own| !live.winning.contains(own));
    let less = |own: &Winning| {
        let of_store = |in_vault: bool| {
            let before = live.default_retention(in_vault)?;
            let after = own.kept.iter().find(|kept| kept.in_vault == in_vault);
            let what = match in_vault {
                false => format!("new backups of rule {}", own.name),
                true => format!("new copies of rule {} in the vault tier", own.name),
            };
            shorter(&what, before, after.map(|kept| kept.period.as_str()))
        };
        [false, true].map(of_store)
    };
    new.flat_map(less).flatten().collect()
}

/// Returns what `wanted` keeps less than a retention rule, in words: its rule of the same name and store, else its default one.
fn less(own: &Kept, wanted: &Facts) -> Option<String> {
    let of = |rule: Option<&str>| {
        let same = |kept: &&Kept| kept.in_vault == own.in_vault && kept.rule.as_deref() == rule;
        wanted.kept.iter().find(same).map(|kept| kept.period.as_str())
    };
    let after = of(own.rule.as_deref()).or_else(|| of(None));
    let what = match (own.rule.as_deref(), own.in_vault) {
        (None, false) => "new backups".to_owned(),
        (Some(rule), false) => format!("new backups of rule {rule}"),
        (_, true) => "new copies in the vault tier".to_owned(),
    };
    shorter(&what, &own.period, after)
}

/// Returns that `what` is kept for less time, in words. What can't be read is taken for less.
fn shorter(what: &str, before: &str, after: Option<&str>) -> Option<String> {
    let is_less = match (hours(before), after.and_then(hours)) {
        (Some(before), Some(after)) => after < before,
        _ => after != Some(before),
    };
    is_less.then(|| match after {
        Some(after) => format!("{what} are kept for {after} instead of {before}"),
        None => format!("{what} are no longer kept for {before}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::policy::retention::Rules;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_list_reduces_protection_where_something_is_no_longer_backed_up() {
        use Effect::{Adds, LeavesOut, Narrows, NarrowsVolumes, Selects};
        let reduces = |effect: Effect, live: &[&str], wanted: &[&str]| {
            effect.reduces(Setting::Included, &set(live), &set(wanted)).is_some()
        };
        for (effect, live, wanted, expected) in [
            (Narrows, &[][..], &["a"][..], true),
            (Narrows, &["a"], &[], false),
            (Narrows, &["a"], &["a", "b"], false),
            (Narrows, &["a", "b"], &["a"], true),
            (LeavesOut, &[], &["a"], true),
            (LeavesOut, &["a"], &[], false),
            (LeavesOut, &["a"], &["b"], true),
            (Selects, &[], &["a=b"], true),
            (Selects, &["a=b"], &[], false),
            (Selects, &["a=b"], &["a=b", "c=d"], true),
            (NarrowsVolumes, &[], &["AzureFileShareSMB"], true),
            (NarrowsVolumes, &[], &["AzureDisk", "AzureFileShareSMB"], false),
            (NarrowsVolumes, &["AzureDisk", "AzureFileShareSMB"], &[], true),
            (NarrowsVolumes, &["AzureDisk"], &[], false),
            (Adds, &[], &["ns/hook"], false),
            (Adds, &["ns/hook"], &[], true),
        ] {
            assert_eq!(
                reduces(effect, live, wanted),
                expected,
                "{effect:?} {live:?} {wanted:?}"
            );
        }
    }

    #[test]
    fn a_policy_reduces_protection_where_it_keeps_backs_up_or_copies_less() {
        let kept = |rule: Option<&str>, in_vault, period: &str| Kept {
            rule: rule.map(str::to_owned),
            in_vault,
            period: period.into(),
        };
        let facts = |schedule: &str, retention: &str, vault: Option<&str>| Facts {
            rule: "r".into(),
            retention_tag: "Default".into(),
            vault_tier: vault.is_some(),
            schedule: schedule.into(),
            time: "06:00".into(),
            begins: "2024-01-01".into(),
            retention: retention.into(),
            starts: 1,
            first: Rules::default(),
            named: Vec::new(),
            winning: Vec::new(),
            kept: [kept(None, false, retention)]
                .into_iter()
                .chain(vault.map(|period| kept(Some("Daily"), true, period)))
                .collect(),
        };
        let live = facts("P1D", "P30D", Some("P90D"));
        for (wanted, count) in [
            (facts("P1D", "P30D", Some("P90D")), 0),
            (facts("PT4H", "P1Y", Some("P1Y")), 0),
            (facts("P1D", "P7D", Some("P90D")), 1),
            (facts("P1D", "P30D", Some("P7D")), 1),
            (facts("P1W", "P4W", Some("P90D")), 2),
            (facts("P1D", "P1M", None), 2),
            (facts("P1D", "soon", Some("P90D")), 1),
        ] {
            assert_eq!(of_policies(&live, &wanted).len(), count, "{wanted:?}");
        }
        // Fails before: a policy that starts in a hundred years was as good.
        let mut late = live.clone();
        late.begins = "2099-01-01".into();
        assert_eq!(
            of_policies(&live, &late),
            ["no scheduled backup starts before 2099-01-01"]
        );
        assert_eq!(of_policies(&late, &late).len(), 0);
        let now = "2099-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(idle_until(&late, now), None);
        // A policy of a file can have rules that one by schedule and retention doesn't have.
        let mut weekly = facts("P1D", "P7D", None);
        weekly.kept.push(kept(Some("Weekly"), false, "P12M"));
        weekly.starts = 2;
        let less = of_policies(&weekly, &facts("P1D", "P7D", None));
        assert_eq!(less[0], "new backups of rule Weekly are kept for P7D instead of P12M");
        assert_eq!(less.len(), 2);
        assert_eq!(weekly.further_rules(), ["Weekly (P12M)", "2 start times"]);
        assert_eq!(hours("PT12H"), Some(12));
        assert_eq!(hours("P2W"), Some(336));
        assert_eq!(hours("P1DT2H"), None);
    }

    /// Fails before: only default rules and those of periods were compared.
    #[test]
    fn a_tag_that_wins_over_the_default_one_reduces_protection_where_it_keeps_less() {
        use crate::checks::policy::{facts, tests::made};
        use serde_json::json;
        let tagged = |priority: f64, kept: &str, days: &[&str]| {
            let mut live = made(|_| ());
            let rules = live["policyRules"].as_array_mut().unwrap();
            let mut rule = rules[0].clone();
            (rule["name"], rule["isDefault"]) = (json!("Thursday"), json!(false));
            rule["lifecycles"][0]["deleteAfter"]["duration"] = json!(kept);
            let tag = json!({ "isDefault": false, "taggingPriority": priority, "tagInfo": { "tagName": "thursday" },
                "criteria": [{ "objectType": "ScheduleBasedBackupCriteria", "daysOfTheWeek": days }] });
            let tags = rules[1]["trigger"]["taggingCriteria"].as_array_mut();
            tags.unwrap().push(tag);
            rules.push(rule);
            facts(&live, "p").unwrap()
        };
        let plain = facts(&made(|_| ()), "p").unwrap();
        assert_eq!(
            of_policies(&plain, &tagged(1.0, "P1D", &["Thursday"])),
            ["new backups of rule thursday are kept for P1D instead of P7D"]
        );
        let none = Vec::<String>::new();
        assert_eq!(of_policies(&plain, &tagged(1.0, "P30D", &["Thursday"])), none);
        assert_eq!(
            of_policies(&plain, &tagged(100.0, "P1D", &["Thursday"])),
            none,
            "never applied"
        );
        let own = tagged(1.0, "P1D", &["Thursday"]);
        assert_eq!(of_policies(&own, &own), none);
        assert_eq!(of_policies(&own, &tagged(1.0, "P1D", &["Thursday", "Friday"])).len(), 1);
        // The default tag can name another rule than the default one.
        let mut other = made(|_| ());
        let rules = other["policyRules"].as_array_mut().unwrap();
        let mut rule = rules[0].clone();
        (rule["name"], rule["isDefault"]) = (json!("Short"), json!(false));
        rule["lifecycles"][0]["deleteAfter"]["duration"] = json!("P1D");
        rules[1]["trigger"]["taggingCriteria"][0]["tagInfo"]["tagName"] = json!("Short");
        rules.push(rule);
        assert_eq!(of_policies(&plain, &facts(&other, "p").unwrap()).len(), 1);
    }
}
