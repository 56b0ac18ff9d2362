//! Values as people type them, and as Azure wants them.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::Tag;
use aksbackup_shared::schema::settings::words;
use clap::ValueEnum;

use crate::checks::policy::retention::of_flag;

/// Redundancy of a new vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Redundancy {
    /// Store three copies in one zone
    #[value(name = "LocallyRedundant", alias = "LRS")]
    Local,
    /// Store copies in three zones
    #[value(name = "ZoneRedundant", alias = "ZRS")]
    Zone,
    /// Also store copies in the paired region
    #[value(name = "GeoRedundant", alias = "GRS")]
    Geo,
}

impl Redundancy {
    /// Azure's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Local => "LocallyRedundant",
            Self::Zone => "ZoneRedundant",
            Self::Geo => "GeoRedundant",
        }
    }
}

/// Soft delete of a new vault. `AlwaysOn` is not offered: it cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum SoftDelete {
    /// Keep deleted backups for a retention period
    On,
    /// Remove deleted backups immediately
    Off,
}

impl SoftDelete {
    /// Azure's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::Off => "Off",
        }
    }
}

/// A SKU in Azure's spelling: those of general purpose v2 accounts. Azure Backup takes no premium ones.
pub(super) fn sku(text: &str) -> Result<String, String> {
    let skus = words("storage.sku");
    let known = skus.iter().find(|sku| sku.eq_ignore_ascii_case(text));
    known
        .map(|sku| (*sku).to_owned())
        .ok_or_else(|| format!("Azure Backup supports standard accounts: {}", skus.join(", ")))
}

/// An interval as an ISO 8601 duration. Azure Backup takes these six for AKS.
pub(super) fn schedule(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    let hours = lower.trim_start_matches("pt").trim_end_matches('h');
    match (lower.as_str(), hours) {
        ("daily" | "1d" | "p1d" | "24h", _) => Ok("P1D".to_owned()),
        ("weekly" | "1w" | "p1w", _) => Ok("P1W".to_owned()),
        (_, "4" | "6" | "8" | "12") if lower.ends_with('h') => Ok(format!("PT{hours}H")),
        _ => Err("supported intervals for AKS: 4h, 6h, 8h, 12h, daily, and weekly".to_owned()),
    }
}

/// A period in days, weeks, months or years as an ISO 8601 duration.
pub(super) fn retention(text: &str) -> Result<String, String> {
    of_flag(text).ok_or_else(|| format!("{text:?} isn't a valid retention; use a value such as 7d, 4w, 3m, 1y, or P7D"))
}

/// A word in Azure's spelling.
pub(super) fn word(text: &str, words: &[&str]) -> Result<String, String> {
    let known = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    known
        .map(|word| (*word).to_owned())
        .ok_or_else(|| format!("{text:?} isn't one of {}", words.join(", ")))
}

/// A name for people.
pub(super) fn friendly_name(text: &str) -> Result<String, String> {
    let fits = !text.trim().is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "1 to 200 characters on one line".to_owned())
}

/// Azure takes 50 tags for a resource, and a vault gets two of ours.
const MOST_TAGS: usize = 48;

/// Checks the tags as a whole.
///
/// # Errors
/// Exit 2: too many, or a name twice; Azure doesn't tell names apart by letter case.
pub(super) fn usable_tags(tags: &[Tag]) -> Outcome<()> {
    if tags.len() > MOST_TAGS {
        return Failure::usage(format!("too many tags: {}", tags.len()))
            .because(format!(
                "Azure accepts 50 tags per resource, and aksbackup needs two of them: specify at most {MOST_TAGS}"
            ))
            .err();
    }
    let name = |own: &Tag| own.pair().0.to_lowercase();
    let twice = |(at, own): &(usize, &Tag)| tags.iter().take(*at).any(|other| name(other) == name(own));
    match tags.iter().enumerate().find(twice) {
        Some((_, own)) => Failure::usage(format!("tag {} is specified twice", own.pair().0))
            .because("Azure doesn't distinguish letter case in tag names")
            .err(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_redundancies_of_the_flag_are_those_of_the_key() {
        let own: Vec<&str> = Redundancy::value_variants().iter().map(|own| own.word()).collect();
        assert_eq!(own, words("vault.redundancy"));
    }

    #[test]
    fn tags_have_names_of_their_own_and_leave_room_for_ours() {
        let tags = |all: &[String]| all.iter().map(|own| own.parse().unwrap()).collect::<Vec<Tag>>();
        let many = |count: usize| (0..count).map(|at| format!("t{at}=v")).collect::<Vec<_>>();
        assert!(usable_tags(&tags(&many(48))).is_ok());
        assert!(usable_tags(&tags(&many(49))).is_err());
        assert!(usable_tags(&tags(&["Team=a".to_owned(), "team=b".to_owned()])).is_err());
    }

    #[test]
    fn intervals_are_those_that_azure_backup_takes() {
        for (text, value) in [
            ("daily", "P1D"),
            ("P1D", "P1D"),
            ("4h", "PT4H"),
            ("PT12H", "PT12H"),
            ("24h", "P1D"),
            ("weekly", "P1W"),
        ] {
            assert_eq!(schedule(text).as_deref(), Ok(value));
        }
        for text in ["5h", "hourly", "4", "PT4M", ""] {
            assert!(schedule(text).is_err(), "{text}");
        }
    }

    #[test]
    fn periods_become_iso_durations() {
        for (text, value) in [("7d", "P7D"), ("P30D", "P30D"), ("p3m", "P3M"), ("1Y", "P1Y")] {
            assert_eq!(retention(text).as_deref(), Ok(value));
        }
        for text in ["", "P", "7", "0d", "-1d", "PT7H", "7dd", "d"] {
            assert!(retention(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_premium_sku_is_refused() {
        assert_eq!(sku("standard_lrs").as_deref(), Ok("Standard_LRS"));
        assert!(sku("Premium_LRS").is_err());
    }
}
