//! Backup policies: made from presets, and read.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::schema::PolicyTarget;
use serde_json::{Value, json};

use crate::arm::backups::DATASOURCE_TYPE;

pub(crate) mod limits;
pub(crate) mod naming;
pub(crate) mod retention;

use retention::Rules;

/// The intervals that Azure Backup takes for AKS.
const SCHEDULES: [&str; 6] = ["PT4H", "PT6H", "PT8H", "PT12H", "P1D", "P1W"];

/// What later steps need to know of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Name of its backup rule.
    pub(crate) rule: String,
    /// Its default retention tag.
    pub(crate) retention_tag: String,
    /// Whether it copies backups to the vault tier.
    pub(crate) vault_tier: bool,
    /// Its interval, such as `P1D`.
    pub(crate) schedule: String,
    /// Time of day of its first backup, UTC, such as `06:00`; empty where its schedule names another time zone.
    pub(crate) time: String,
    /// The date of its first backup; empty where the schedule has none.
    pub(crate) begins: String,
    /// How long its default retention keeps, such as `P7D`.
    pub(crate) retention: String,
    /// How many starts its schedule has in one interval.
    pub(crate) starts: usize,
    /// The rules for the first backups of a day, a week, a month and a year.
    pub(crate) first: Rules,
    /// The names of these rules.
    pub(crate) named: Vec<String>,
    /// Every retention rule: its name, the store that it is about, and how long it keeps.
    pub(crate) kept: Vec<Kept>,
    /// The tags that no key of the target stands for and that win over the default one.
    pub(crate) winning: Vec<Winning>,
}

/// A tag that decides how long backups are kept, whatever the default rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Winning {
    /// Its name, which is that of its retention rule.
    pub(crate) name: String,
    /// Which backups it is for.
    criteria: Value,
    /// What its rule says of each store.
    pub(crate) kept: Vec<Kept>,
}

/// How long a retention rule of a policy keeps what is in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The rule's name; `None` for the default one.
    pub(crate) rule: Option<String>,
    /// Whether it is about the vault tier.
    pub(crate) in_vault: bool,
    /// The period, such as `P7D`.
    pub(crate) period: String,
}

impl Facts {
    /// Whether a retention rule is one of those for the first backup of a period.
    pub(crate) fn is_of_period(&self, kept: &Kept) -> bool {
        kept.rule.as_ref().is_some_and(|rule| self.named.contains(rule))
    }

    /// The rules that no key of the target stands for.
    pub(crate) fn further_rules(&self) -> Vec<String> {
        let own = |kept: &&Kept| kept.rule.is_some() && !self.is_of_period(kept);
        let all = self.kept.iter().filter(own);
        let further = all.map(|kept| format!("{} ({})", kept.rule.as_deref().unwrap_or_default(), kept.period));
        let starts = (self.starts > 1).then(|| format!("{} start times", self.starts));
        further.chain(starts).collect()
    }

    /// Whether it copies daily backups to the vault tier; where no rule for the first backup of a period copies any, whether any does.
    pub(crate) fn copies_daily(&self) -> bool {
        let [daily, ..] = &self.first;
        match self.first.iter().flatten().any(|own| own.vault.is_some()) {
            true => daily.as_ref().is_some_and(|own| own.vault.is_some()),
            false => self.vault_tier,
        }
    }

    /// How long it keeps these copies.
    pub(crate) fn vault_tier_retention(&self) -> Option<&str> {
        let said = |kept: &&str| !kept.is_empty();
        if self.first.iter().flatten().any(|own| own.vault.is_some()) {
            let [daily, ..] = &self.first;
            return daily.as_ref().and_then(|own| own.vault.as_deref()).filter(said);
        }
        let in_vault = self.kept.iter().find(|kept| kept.in_vault);
        in_vault.map(|kept| kept.period.as_str()).filter(said)
    }

    /// How long the default rule keeps backups in a tier.
    pub(crate) fn default_retention(&self, in_vault: bool) -> Option<&str> {
        let mut all = self.kept.iter();
        let own = all.find(|kept| kept.rule.is_none() && kept.in_vault == in_vault);
        own.map(|kept| kept.period.as_str())
    }
}

fn kept(rules: &[&Value]) -> Vec<Kept> {
    let of_rule = |rule: &&Value| {
        let name = (!is_default(rule)).then(|| text(rule, "/name").to_owned());
        let lifecycles = rule
            .get("lifecycles")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        lifecycles.into_iter().map(move |own| Kept {
            rule: name.clone(),
            in_vault: text(&own, "/sourceDataStore/dataStoreType").eq_ignore_ascii_case("VaultStore"),
            period: text(&own, "/deleteAfter/duration").to_owned(),
        })
    };
    let retention = rules
        .iter()
        .filter(|rule| text(rule, "/objectType").eq_ignore_ascii_case("AzureRetentionRule"));
    retention.flat_map(of_rule).collect()
}

/// The `properties` of a policy by the target's schedule and retention.
///
/// # Errors
/// Exit 2: an interval or a retention that Azure Backup does not take for AKS, or rules that contradict each other.
pub(crate) fn preset(target: &PolicyTarget) -> Outcome<Value> {
    if !SCHEDULES.contains(&target.schedule.as_str()) {
        return Failure::usage(format!(
            "policy.schedule {} isn't a valid backup interval",
            target.schedule
        ))
        .of_key("policy.schedule")
        .because(format!("Azure Backup supports {} for AKS", SCHEDULES.join(", ")))
        .hint(fix![
            "set one of these intervals, such as PT12H: ",
            az("init --set policy.schedule=PT12H")
        ])
        .err();
    }
    retention::usable(target)?;
    let mut tags = vec![json!({ "isDefault": true, "taggingPriority": 99, "tagInfo": { "tagName": "Default" } })];
    let (of_periods, mut rules) = retention::bodies(&retention::asked(target));
    tags.extend(of_periods);
    rules.push(retention_rule(
        "Default",
        true,
        &[keep(&target.retention, "OperationalStore", false)],
    ));
    rules.push(backup(target, &tags));
    Ok(json!({ "objectType": "BackupPolicy", "datasourceTypes": [DATASOURCE_TYPE], "policyRules": rules }))
}

/// The time of day of the first backup where the target has none, UTC.
pub(crate) const TIME: &str = "06:00";

fn backup(target: &PolicyTarget, tags: &[Value]) -> Value {
    let (schedule, time) = (
        &target.schedule,
        target.time.as_ref().map_or(TIME, |time| time.as_str()),
    );
    let name = match schedule.as_str() {
        "P1D" => "BackupDaily",
        "P1W" => "BackupWeekly",
        _ => "BackupHourly",
    };
    json!({
        "name": name,
        "objectType": "AzureBackupRule",
        "backupParameters": { "objectType": "AzureBackupParams", "backupType": "Incremental" },
        "dataStore": store("OperationalStore"),
        "trigger": {
            "objectType": "ScheduleBasedTriggerContext",
            "schedule": {
                "repeatingTimeIntervals": [format!("R/2024-01-01T{time}:00+00:00/{schedule}")],
                "timeZone": "UTC",
            },
            "taggingCriteria": tags,
        },
    })
}

fn retention_rule(name: &str, default: bool, lifecycles: &[Value]) -> Value {
    json!({ "name": name, "objectType": "AzureRetentionRule", "isDefault": default, "lifecycles": lifecycles })
}

fn keep(duration: &str, place: &str, copied: bool) -> Value {
    let copies = match copied {
        true => json!([{ "copyAfter": { "objectType": "ImmediateCopyOption" }, "dataStore": store("VaultStore") }]),
        false => json!([]),
    };
    json!({
        "deleteAfter": { "objectType": "AbsoluteDeleteOption", "duration": duration },
        "sourceDataStore": store(place),
        "targetDataStoreCopySettings": copies,
    })
}

fn store(kind: &str) -> Value {
    json!({ "objectType": "DataStoreInfoBase", "dataStoreType": kind })
}

/// Reads a policy's `properties`.
///
/// # Errors
/// It is not for AKS, or has no backup rule.
pub(crate) fn facts(policy: &Value, name: &str) -> Outcome<Facts> {
    let types = texts(policy.get("datasourceTypes"));
    if !types.iter().any(|kind| kind.eq_ignore_ascii_case(DATASOURCE_TYPE)) {
        return unusable(
            name,
            &format!(
                "its data source type is {}; expected {DATASOURCE_TYPE}",
                types.join(", ")
            ),
        );
    }
    let rules: Vec<&Value> = policy
        .get("policyRules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let is = |rule: &&&Value, kind: &str| text(rule, "/objectType").eq_ignore_ascii_case(kind);
    let Some(rule) = rules.iter().find(|rule| is(rule, "AzureBackupRule")) else {
        return unusable(name, "it has no backup rule");
    };
    let default = rules
        .iter()
        .filter(|rule| is(rule, "AzureRetentionRule"))
        .find(|rule| is_default(rule));
    let default_text = |pointer| default.map(|rule| text(rule, pointer)).unwrap_or_default();
    let intervals = texts(rule.pointer("/trigger/schedule/repeatingTimeIntervals"));
    let of_retention: Vec<&Value> = rules
        .iter()
        .copied()
        .filter(|rule| is(&rule, "AzureRetentionRule"))
        .collect();
    let (first, named) = retention::of_policy(rule, &of_retention);
    let tags = [default_tag(rule), default_text("/name"), "Default"];
    Ok(Facts {
        rule: text(rule, "/name").to_owned(),
        retention_tag: tags
            .into_iter()
            .find(|tag| !tag.is_empty())
            .unwrap_or_default()
            .to_owned(),
        vault_tier: has_vault_tier(policy),
        schedule: intervals
            .first()
            .and_then(|interval| interval.rsplit('/').next())
            .unwrap_or_default()
            .to_owned(),
        time: intervals.first().map(|interval| time_of(interval)).unwrap_or_default(),
        begins: intervals.first().map(|interval| date_of(interval)).unwrap_or_default(),
        retention: default_text("/lifecycles/0/deleteAfter/duration").to_owned(),
        starts: intervals.len(),
        first,
        winning: winning(rule, &of_retention, &named),
        named,
        kept: kept(&rules),
    })
}

/// The tags of a backup rule that win over the default one, without those that stand for the first backup of a period. Azure applies the tag
/// with the lowest number; one whose number can't be read is taken for one that wins.
fn winning(backup: &Value, retention: &[&Value], of_periods: &[String]) -> Vec<Winning> {
    let tags = backup.pointer("/trigger/taggingCriteria").and_then(Value::as_array);
    let priority = |tag: &Value| tag.get("taggingPriority").and_then(Value::as_f64);
    let default = tags
        .into_iter()
        .flatten()
        .find(|tag| is_default(tag))
        .and_then(priority);
    let wins = |tag: &&Value| match (priority(tag), default) {
        (Some(own), Some(default)) => own <= default,
        (None, _) | (_, None) => true,
    };
    let of_tag = |tag: &Value| {
        let name = text(tag, "/tagInfo/tagName").to_owned();
        let is_own = |rule: &&&Value| text(rule, "/name").eq_ignore_ascii_case(&name);
        let rules: Vec<&Value> = retention.iter().filter(is_own).copied().collect();
        let is_usual = of_periods.contains(&name) || is_default(tag) && rules.iter().any(|rule| is_default(rule));
        let criteria = tag.get("criteria").cloned().unwrap_or_default();
        (!is_usual).then(|| Winning {
            kept: kept(&rules),
            criteria,
            name,
        })
    };
    tags.into_iter().flatten().filter(wins).filter_map(of_tag).collect()
}

fn unusable<T>(name: &str, why: &str) -> Outcome<T> {
    Failure::failed(format!("policy {name} can't protect a cluster"))
        .because(why)
        .hint(fix!["choose another policy, or a new name: ", az("init --policy NAME")])
        .err()
}

/// The time of day, UTC, in an interval such as `R/2024-01-01T06:00:00+00:00/P1D`; empty where it isn't in UTC. Whether Azure goes by the
/// offset or by the schedule's `timeZone` where both are given, no source says.
fn time_of(interval: &str) -> String {
    let start = interval.split('/').nth(1).unwrap_or_default();
    let time = start.split_once('T').map(|(_, time)| time).unwrap_or_default();
    let is_utc = time.ends_with("+00:00") || time.ends_with('Z');
    match (is_utc, time.get(..5)) {
        (true, Some(time)) => time.to_owned(),
        _ => String::new(),
    }
}

/// The date in an interval such as `R/2024-01-01T06:00:00+00:00/P1D`.
fn date_of(interval: &str) -> String {
    let start = interval.split('/').nth(1).unwrap_or_default();
    start.split_once('T').map_or(start, |(date, _)| date).to_owned()
}

/// The retention tag that backups of a rule get where no criterion says otherwise.
fn default_tag(rule: &Value) -> &str {
    let tags = rule.pointer("/trigger/taggingCriteria").and_then(Value::as_array);
    let tag = tags.into_iter().flatten().find(|tag| is_default(tag));
    tag.map(|tag| text(tag, "/tagInfo/tagName")).unwrap_or_default()
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).collect()
}

fn is_default(value: &Value) -> bool {
    value.get("isDefault").and_then(Value::as_bool).unwrap_or_default()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a policy that Azure gives back has all that was asked for: it adds members of its own.
pub(crate) fn holds(own: &Value, asked: &Value) -> bool {
    match (own, asked) {
        (_, Value::Null) => true,
        (Value::Object(own), Value::Object(asked)) => asked.iter().all(|(key, asked)| match own.get(key) {
            Some(own) => holds(own, asked),
            None => asked.is_null() || asked.as_array().is_some_and(Vec::is_empty),
        }),
        (Value::Array(own), Value::Array(asked)) => {
            own.len() == asked.len() && asked.iter().all(|asked| own.iter().any(|own| holds(own, asked)))
        }
        (Value::String(own), Value::String(asked)) => own.eq_ignore_ascii_case(asked),
        (own, asked) => own == asked || own.as_f64().is_some_and(|own| asked.as_f64() == Some(own)),
    }
}

/// Whether a policy's `properties` keep copies in the vault tier.
pub(crate) fn has_vault_tier(policy: &Value) -> bool {
    let rules = policy
        .get("policyRules")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    rules.into_iter().any(copies_to_vault)
}

/// Whether a retention rule keeps copies in the vault tier.
fn copies_to_vault(rule: &Value) -> bool {
    let lifecycles = rule.get("lifecycles").and_then(Value::as_array);
    lifecycles.into_iter().flatten().any(|lifecycle| {
        let in_vault = |value: &Value| text(value, "/dataStoreType").eq_ignore_ascii_case("VaultStore");
        let copies = lifecycle.get("targetDataStoreCopySettings").and_then(Value::as_array);
        lifecycle.get("sourceDataStore").is_some_and(in_vault)
            || copies
                .into_iter()
                .flatten()
                .any(|copy| copy.get("dataStore").is_some_and(in_vault))
    })
}

#[cfg(test)]
pub(crate) mod tests;
