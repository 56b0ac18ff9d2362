//! What Azure Backup takes for AKS, held against a whole policy: a policy can't be changed once it exists, and what Azure ignores in it is
//! only noticed when a backup is missing.
//!
//! Kinds, intervals and tags: <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-using-cli>. Operational tier,
//! copies to the vault tier: <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix>.

use serde_json::Value;

use super::retention::hours;
use super::{SCHEDULES, is_default, text};

/// The longest time that the operational tier keeps a backup, in days.
pub(super) const MOST_DAYS: u64 = 360;

/// The longest retention of Azure Backup anywhere, in years. No source has a limit for the vault tier of AKS.
const MOST_YEARS: u64 = 99;

/// Returns why the operational tier can't keep backups for so long.
pub(super) fn operational(duration: &str) -> Option<String> {
    let fits = hours(duration).is_some_and(|hours| (24..=24 * MOST_DAYS).contains(&hours));
    (!fits).then(|| {
        format!(
            "Azure Backup keeps backups of AKS clusters in the operational tier for 1 to {MOST_DAYS} days; use a \
             value such as P7D"
        )
    })
}

/// Returns why copies in the vault tier can't be kept for so long.
pub(super) fn in_vault(duration: &str) -> Option<String> {
    let hours = hours(duration);
    match hours {
        Some(hours) if hours < 48 => Some(
            "a copy reaches the vault tier up to 24 hours after the backup, so a copy that is kept for less than 2 \
             days could expire before the next copy exists"
                .to_owned(),
        ),
        Some(hours) if hours <= 24 * 365 * MOST_YEARS => None,
        _ => Some(format!(
            "Azure Backup keeps no backup for more than {MOST_YEARS} years; use a value such as P90D or P10Y"
        )),
    }
}

/// Returns what a policy has that Azure Backup doesn't take or ignores, each with its place, value and reason. `root` is where its
/// `properties` are in the file.
pub(crate) fn problems(properties: &Value, root: &str) -> Vec<String> {
    let rules: Vec<(String, &Value)> = items(properties, "policyRules", root);
    let kind = |own: &Value| text(own, "/objectType").to_ascii_lowercase();
    let of = |name: &str| -> Vec<&(String, &Value)> { rules.iter().filter(|(_, own)| kind(own) == name).collect() };
    let (backup, retention) = (of("azurebackuprule"), of("azureretentionrule"));
    let mut all = Vec::new();
    if text(properties, "/objectType") != "BackupPolicy" {
        let found = text(properties, "/objectType");
        all.push(said(
            root.trim_end_matches('.'),
            "objectType",
            found,
            "expected BackupPolicy",
        ));
    }
    let known = ["azurebackuprule", "azureretentionrule"];
    for (place, own) in rules.iter().filter(|(_, own)| !known.contains(&kind(own).as_str())) {
        let found = text(own, "/objectType");
        all.push(said(
            place,
            "objectType",
            found,
            "expected AzureBackupRule or AzureRetentionRule",
        ));
    }
    if backup.len() != 1 {
        let why = "a policy for AKS has exactly one AzureBackupRule";
        all.push(format!("{root}policyRules has {} backup rules: {why}", backup.len()));
    }
    let defaults: Vec<&str> = retention
        .iter()
        .filter(|(_, own)| is_default(own))
        .map(|(_, own)| name(own))
        .collect();
    if defaults.len() != 1 {
        all.push(format!(
            "{root}policyRules has {} retention rules with isDefault: exactly one must apply to the backups that no \
             other rule applies to",
            defaults.len()
        ));
    }
    let names: Vec<&str> = retention.iter().map(|(_, own)| name(own)).collect();
    for (place, own) in &backup {
        all.extend(of_backup(place, own));
        all.extend(of_tags(place, own, (&names, &defaults)));
    }
    for (place, own) in &retention {
        all.extend(of_retention(place, own));
    }
    all
}

/// What a backup rule does.
fn of_backup(place: &str, own: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (member, wanted, why) in [
        (
            "backupParameters.objectType",
            "AzureBackupParams",
            "AKS backups have no other parameters",
        ),
        (
            "backupParameters.backupType",
            "Incremental",
            "AKS backups are incremental",
        ),
        (
            "dataStore.dataStoreType",
            "OperationalStore",
            "backups are written to the operational tier; a retention rule copies them to the vault tier",
        ),
        (
            "trigger.objectType",
            "ScheduleBasedTriggerContext",
            "scheduled backups require this trigger",
        ),
    ] {
        let found = text(own, &pointer(member));
        if !found.eq_ignore_ascii_case(wanted) {
            all.push(said(place, member, found, &format!("expected {wanted}: {why}")));
        }
    }
    const INTERVALS: &str = "trigger.schedule.repeatingTimeIntervals";
    let intervals = own.pointer(&pointer(INTERVALS)).and_then(Value::as_array);
    let intervals = intervals.map(Vec::as_slice).unwrap_or_default();
    if intervals.is_empty() {
        all.push(said(
            place,
            INTERVALS,
            "",
            "expected R/START/INTERVAL, such as R/2024-01-01T06:00:00+00:00/P1D",
        ));
    }
    for (at, interval) in intervals.iter().enumerate() {
        let found = interval.as_str().unwrap_or_default();
        let parts: Vec<&str> = found.split('/').collect();
        let why = match parts.as_slice() {
            ["R", start, every] => match (is_start(start), SCHEDULES.contains(every)) {
                (false, _) => Some("expected a start such as 2024-01-01T06:00:00+00:00".to_owned()),
                (true, false) => Some(format!(
                    "Azure Backup supports the intervals {} for AKS",
                    SCHEDULES.join(", ")
                )),
                (true, true) => None,
            },
            _ => Some("expected R/START/INTERVAL, such as R/2024-01-01T06:00:00+00:00/P1D".to_owned()),
        };
        all.extend(why.map(|why| said(place, &format!("{INTERVALS}[{at}]"), found, &why)));
    }
    all
}

/// `YYYY-MM-DDThh:mm` with whatever follows: Azure refuses the compact form.
fn is_start(start: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd";
    start.len() >= form.len()
        && start.bytes().zip(form.bytes()).all(|(own, form)| match form {
            b'd' => own.is_ascii_digit(),
            other => own == other,
        })
}

/// The tags that a backup rule gives, each of which has to be a retention rule.
fn of_tags(place: &str, own: &Value, (names, defaults): (&[&str], &[&str])) -> Vec<String> {
    let tags = items(own, "trigger.taggingCriteria", &format!("{place}."));
    let mut all = Vec::new();
    let of_default = tags.iter().filter(|(_, tag)| is_default(tag)).count();
    if of_default != 1 {
        all.push(format!(
            "{place}.trigger.taggingCriteria has {of_default} tags with isDefault: exactly one must apply to the \
             backups that no other tag applies to"
        ));
    }
    for (place, tag) in &tags {
        let found = text(tag, "/tagInfo/tagName");
        let is = |own: &&str| own.eq_ignore_ascii_case(found);
        if !names.iter().any(&is) {
            all.push(said(
                place,
                "tagInfo.tagName",
                found,
                "no retention rule has this name, so backups with this tag would have no retention",
            ));
        } else if is_default(tag) && !defaults.iter().any(is) {
            all.push(said(
                place,
                "tagInfo.tagName",
                found,
                "the default tag must have the name of the default retention rule",
            ));
        }
    }
    all
}

/// How long a retention rule keeps backups.
fn of_retention(place: &str, own: &Value) -> Vec<String> {
    let lifecycles = items(own, "lifecycles", &format!("{place}."));
    let store = |own: &Value| text(own, "/sourceDataStore/dataStoreType").to_ascii_lowercase();
    let mut all = Vec::new();
    if !lifecycles.iter().any(|(_, own)| store(own) == "operationalstore") {
        all.push(format!(
            "{place}.lifecycles has no entry for OperationalStore: the rule wouldn't define how long the \
             operational tier keeps a backup"
        ));
    }
    let is_copied = super::copies_to_vault(&without_vault_lifecycles(own));
    for (place, own) in &lifecycles {
        let (found, kind) = (text(own, "/deleteAfter/duration"), text(own, "/deleteAfter/objectType"));
        if !kind.eq_ignore_ascii_case("AbsoluteDeleteOption") {
            all.push(said(
                place,
                "deleteAfter.objectType",
                kind,
                "expected AbsoluteDeleteOption",
            ));
        }
        let why = match store(own).as_str() {
            "operationalstore" => operational(found),
            "vaultstore" => in_vault(found),
            _ => {
                let why = "expected OperationalStore or VaultStore: AKS backups have no other tier";
                all.push(said(
                    place,
                    "sourceDataStore.dataStoreType",
                    text(own, "/sourceDataStore/dataStoreType"),
                    why,
                ));
                None
            }
        };
        all.extend(why.map(|why| said(place, "deleteAfter.duration", found, &why)));
        if store(own) == "vaultstore" && !is_copied {
            all.push(format!(
                "{place} keeps copies in the vault tier, but no targetDataStoreCopySettings of the rule copies any backup there"
            ));
        }
    }
    all
}

/// A retention rule with what it copies, and without what it keeps of that.
fn without_vault_lifecycles(own: &Value) -> Value {
    let mut own = own.clone();
    if let Some(all) = own.get_mut("lifecycles").and_then(Value::as_array_mut) {
        all.retain(|own| !text(own, "/sourceDataStore/dataStoreType").eq_ignore_ascii_case("VaultStore"));
    }
    own
}

/// The items of a list, each with its place.
fn items<'a>(own: &'a Value, member: &str, root: &str) -> Vec<(String, &'a Value)> {
    let all = own.pointer(&pointer(member)).and_then(Value::as_array);
    let place = |(at, own)| (format!("{root}{member}[{at}]"), own);
    all.into_iter().flatten().enumerate().map(place).collect()
}

fn pointer(member: &str) -> String {
    format!("/{}", member.replace('.', "/"))
}

fn name(own: &Value) -> &str {
    text(own, "/name")
}

fn said(place: &str, member: &str, found: &str, why: &str) -> String {
    let place = [place, member]
        .into_iter()
        .filter(|own| !own.is_empty())
        .collect::<Vec<_>>()
        .join(".");
    match found.is_empty() {
        true => format!("{place} is missing: {why}"),
        false => format!("{place} is {found}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::policy::tests::made;

    fn tiered() -> Value {
        made(|own| own.vault_tier_retention = Some("P90D".into()))
    }

    #[test]
    fn what_this_tool_creates_has_no_problem() {
        assert_eq!(problems(&made(|_| ()), ""), Vec::<String>::new());
        assert_eq!(problems(&tiered(), ""), Vec::<String>::new());
    }

    /// Fails before: each of them was accepted from a file, and Azure would have ignored or refused it.
    #[test]
    fn each_problem_names_place_value_and_reason() {
        let (rule, kept) = ("/policyRules/1", "/policyRules/0/lifecycles/0");
        for (pointer, value, says) in [
            (
                format!("{kept}/deleteAfter/duration"),
                json!("P400D"),
                "policyRules[0].lifecycles[0].deleteAfter.duration is P400D: Azure Backup keeps",
            ),
            (format!("{kept}/deleteAfter/duration"), json!("PT5H"), "1 to 360 days"),
            (format!("{kept}/deleteAfter/duration"), json!("soon"), "1 to 360 days"),
            (
                format!("{kept}/deleteAfter/objectType"),
                json!("Custom"),
                "expected AbsoluteDeleteOption",
            ),
            (
                format!("{kept}/sourceDataStore/dataStoreType"),
                json!("ArchiveStore"),
                "AKS backups have no other tier",
            ),
            (
                "/policyRules/0/isDefault".into(),
                json!(false),
                "has 0 retention rules with isDefault",
            ),
            (
                "/policyRules/0/name".into(),
                json!("Other"),
                "taggingCriteria[0].tagInfo.tagName is Default: no retention rule has this name",
            ),
            (
                format!("{rule}/backupParameters/backupType"),
                json!("Full"),
                "policyRules[1].backupParameters.backupType is Full: expected Incremental",
            ),
            (
                format!("{rule}/dataStore/dataStoreType"),
                json!("VaultStore"),
                "expected OperationalStore",
            ),
            (
                format!("{rule}/trigger/schedule/repeatingTimeIntervals/0"),
                json!("R/2024-01-01T06:00:00+00:00/PT5H"),
                "supports the intervals PT4H",
            ),
            (
                format!("{rule}/trigger/schedule/repeatingTimeIntervals/0"),
                json!("R/20240101T0600/P1D"),
                "expected a start such as",
            ),
            (
                format!("{rule}/trigger/schedule/repeatingTimeIntervals"),
                json!([]),
                "repeatingTimeIntervals is missing",
            ),
            (
                format!("{rule}/trigger/taggingCriteria/0/isDefault"),
                json!(false),
                "has 0 tags with isDefault",
            ),
            (
                format!("{rule}/objectType"),
                json!("AzureArchiveRule"),
                "expected AzureBackupRule or",
            ),
        ] {
            let mut policy = made(|_| ());
            *policy.pointer_mut(&pointer).unwrap() = value;
            let all = problems(&policy, "").join("\n");
            assert!(all.contains(says), "{pointer}: {all}");
        }
        let mut two = made(|_| ());
        let again = two["policyRules"][0].clone();
        two["policyRules"].as_array_mut().unwrap().push(again);
        assert!(problems(&two, "properties.")[0].starts_with("properties.policyRules has 2 retention rules"));
    }

    #[test]
    fn copies_in_the_vault_tier_outlive_the_time_until_the_next_one_and_no_one_keeps_them_for_200_years() {
        let place = "/policyRules/0/lifecycles/1/deleteAfter/duration";
        for (kept, says) in [
            ("P1D", "up to 24 hours"),
            ("P200Y", "99 years"),
            ("P2D", ""),
            ("P99Y", ""),
        ] {
            let mut policy = tiered();
            *policy.pointer_mut(place).unwrap() = json!(kept);
            let all = problems(&policy, "").join("\n");
            assert!(all.contains(says) && all.is_empty() == says.is_empty(), "{kept}: {all}");
        }
        let mut uncopied = tiered();
        uncopied["policyRules"][0]["lifecycles"][0]["targetDataStoreCopySettings"] = json!([]);
        assert!(problems(&uncopied, "").join("\n").contains("copies any backup there"));
    }
}
