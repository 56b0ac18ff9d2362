//! What protects less than before: it is agreed to apart from other changes.

use std::collections::BTreeSet;

use super::Setting;
use crate::checks::policy::Facts;

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
                    .then(|| format!("{} no longer has {}", setting.words(), listed(lost.iter())));
            }
            Self::Selects if wanted.is_empty() => return None,
            Self::Selects => {
                let wanted = listed(wanted.iter());
                return Some(format!("only resources with the labels {wanted} are backed up"));
            }
            Self::LeavesOut => (wanted.difference(live), "now has"),
            Self::Narrows | Self::Adds => (live.difference(wanted), "no longer has"),
        };
        let lost: Vec<&String> = lost.collect();
        (!lost.is_empty()).then(|| format!("{} {words} {}", setting.words(), listed(lost.into_iter())))
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Returns what policy `wanted` protects less than policy `live`, in words. A period that can't be read is taken for less.
pub(crate) fn of_policies(live: &Facts, wanted: &Facts) -> Vec<String> {
    let mut all = Vec::new();
    let (before, after) = (hours(&live.retention), hours(&wanted.retention));
    if live.retention != wanted.retention && before.is_none_or(|before| after.is_none_or(|after| after < before)) {
        all.push(format!(
            "new backups are kept for {} instead of {}",
            wanted.retention, live.retention
        ));
    }
    let (before, after) = (hours(&live.schedule), hours(&wanted.schedule));
    if live.schedule != wanted.schedule && before.is_none_or(|before| after.is_none_or(|after| after > before)) {
        all.push(format!(
            "the cluster is backed up every {} instead of every {}",
            wanted.schedule, live.schedule
        ));
    }
    if live.vault_tier && !wanted.vault_tier {
        all.push("new backups are no longer copied to the vault tier".to_owned());
    }
    all
}

/// Returns the hours of an ISO 8601 duration of one unit, as Azure Backup has them; a month has 30 days, a year 365.
fn hours(duration: &str) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let facts = |schedule: &str, retention: &str, vault_tier| Facts {
            rule: "r".into(),
            retention_tag: "Default".into(),
            vault_tier,
            schedule: schedule.into(),
            time: "06:00".into(),
            retention: retention.into(),
        };
        let live = facts("P1D", "P30D", true);
        for (wanted, count) in [
            (facts("P1D", "P30D", true), 0),
            (facts("PT4H", "P1Y", true), 0),
            (facts("P1D", "P7D", true), 1),
            (facts("P1W", "P4W", true), 2),
            (facts("P1D", "P1M", false), 1),
            (facts("P1D", "soon", true), 1),
        ] {
            assert_eq!(of_policies(&live, &wanted).len(), count, "{wanted:?}");
        }
        assert_eq!(hours("PT12H"), Some(12));
        assert_eq!(hours("P2W"), Some(336));
        assert_eq!(hours("P1DT2H"), None);
    }
}
