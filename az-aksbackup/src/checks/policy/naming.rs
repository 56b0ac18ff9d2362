//! The default name of a policy: by its rules, since Azure doesn't let a policy for AKS be changed.

use aksbackup_shared::digest::Digest;
use aksbackup_shared::ids::PolicyName;
use aksbackup_shared::schema::PolicyTarget;
use serde_json::Value;

use super::retention::{self, Period};
use super::{Facts, TIME, facts, holds, preset};

/// The name of a policy with these rules, such as `aks-daily-7d`, or that of its file.
pub(crate) fn of_rules(own: &PolicyTarget) -> String {
    if own.file.is_some() {
        return of_file(own.file_digest.as_ref());
    }
    let first = Period::ALL.into_iter().zip(own.first_backups());
    let operational = first.clone().filter_map(|(period, first)| {
        let kept = short(first.operational?);
        Some(format!("-{}-{kept}", period.word()))
    });
    let vault = first.filter_map(|(period, first)| {
        let kept = short(first.vault?);
        Some(match period {
            Period::Day => format!("-vault-{kept}"),
            Period::Week | Period::Month | Period::Year => format!("-vault-{}-{kept}", period.word()),
        })
    });
    let time = own.time.as_ref().map(|time| time.as_str()).filter(|time| *time != TIME);
    let time = time.map(|time| format!("-at-{}", time.replace(':', "")));
    let interval = match own.schedule.as_str() {
        "P1D" => "daily".to_owned(),
        other => short(other),
    };
    let further: String = operational.chain(vault).chain(time).collect();
    format!("aks-{interval}-{}{further}", short(&own.retention))
}

/// Where the name of a target's policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameOrigin {
    /// A person chose it: the policy can have rules that the target has no key for.
    Chosen,
    /// This tool derives it from the target's rules, without or with a digest. Another user with permission to create policies might have
    /// given it to other rules.
    Rules,
    /// It has the form of one that this tool derives, but from other rules than the target's: a policy with it would be taken for what it
    /// isn't.
    OtherRules,
}

impl NameOrigin {
    /// Whether the name stands for nothing but rules, so that it can be exchanged for that of the target's.
    pub(crate) fn is_derived(self) -> bool {
        self != Self::Chosen
    }
}

/// Returns where the name of the target's policy comes from.
pub(crate) fn origin(own: &PolicyTarget) -> NameOrigin {
    // Azure doesn't tell names apart by letter case.
    let name = own.name.as_str().to_ascii_lowercase();
    let rest = name.strip_prefix(&of_rules(own));
    if rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('-').is_some_and(is_short_digest)) {
        return NameOrigin::Rules;
    }
    match own.file.is_none() && has_derived_form(&name) {
        true => NameOrigin::OtherRules,
        false => NameOrigin::Chosen,
    }
}

/// Whether a name consists of the words that [`of_rules`] and [`candidates`] write. A word of another kind is one of a person.
fn has_derived_form(name: &str) -> bool {
    let is_amount = |word: &str| {
        let number = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        word.len() == number.len() + 1 && !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit())
    };
    let words: Vec<&str> = name.split('-').collect();
    let words = match words.as_slice() {
        [words @ .., last] if is_short_digest(last) => words,
        words => words,
    };
    let is_period = |word: &str| word == "vault" || Period::ALL.iter().any(|own| own.word() == word);
    let is_time = |word: &str| word.len() == 4 && word.bytes().all(|c| c.is_ascii_digit());
    let is_further = |word: &&str| is_period(word) || is_amount(word) || *word == "at" || is_time(word);
    match words {
        ["aks", interval, kept, further @ ..] => {
            (*interval == "daily" || is_amount(interval)) && is_amount(kept) && further.iter().all(is_further)
        }
        _ => false,
    }
}

/// Whether a word of a name is the beginning of a digest, as [`candidates`] writes it.
fn is_short_digest(word: &str) -> bool {
    word.len() == 8 && word.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// An ISO 8601 duration within a name, such as `7d`.
fn short(iso: &str) -> String {
    iso.trim_start_matches('P').trim_start_matches('T').to_ascii_lowercase()
}

/// The name of a policy of a file: by its content, since Azure doesn't let a policy for AKS be changed.
fn of_file(digest: Option<&Digest>) -> String {
    let digest = digest.map(ToString::to_string).unwrap_or_default();
    let hex = digest.rsplit(':').next().unwrap_or_default();
    format!("aks-own-{}", hex.get(..8).unwrap_or_default())
        .trim_end_matches('-')
        .to_owned()
}

/// Returns the names under which the vault can have the rules of the target, in the order in which they are tried: the target's own, the one
/// that stands for the rules, and one with a digest of them, in case another policy has that name.
pub(crate) fn candidates(own: &PolicyTarget, asked: &Value) -> Vec<PolicyName> {
    let derived = of_rules(own);
    let digest = Digest::of_bytes(asked.to_string().as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or_default();
    let apart = format!("{derived}-{}", hex.get(..8).unwrap_or_default());
    let mut all = vec![own.name.clone()];
    for name in [derived, apart] {
        all.extend(name.parse().ok().filter(|name| !all.contains(name)));
    }
    all
}

/// Whether a live policy is exactly what this tool creates under this name, which it derives of the rules.
pub(crate) fn is_derived(name: &str, live: &Value) -> bool {
    let target = facts(live, name).ok().and_then(|facts| target(name, &facts));
    target.is_some_and(|target| of_rules(&target) == name && preset(&target).is_ok_and(|own| is_exactly(live, &own)))
}

/// Whether a live policy has what was asked for, and nothing else.
pub(crate) fn is_exactly(live: &Value, asked: &Value) -> bool {
    holds(live, asked) && holds(asked, &tidied(live))
}

/// The keys of the target for the rules of a live policy.
fn target(name: &str, facts: &Facts) -> Option<PolicyTarget> {
    let mut target = PolicyTarget::new(name.parse().ok()?, &facts.schedule, &facts.retention);
    target.time = facts.time.parse().ok();
    retention::adopt(&mut target, &facts.first);
    Some(target)
}

/// A live policy without what Azure adds to a tag.
fn tidied(live: &Value) -> Value {
    match live {
        Value::Object(members) => {
            let is_tag = members.contains_key("tagName");
            let own = members.iter().filter(|(key, _)| !is_tag || *key == "tagName");
            Value::Object(own.map(|(key, value)| (key.clone(), tidied(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(tidied).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::policy::tests::made;

    #[test]
    fn a_policy_is_named_by_what_it_does() {
        let mut policy = crate::target_ids::tests::example().policy;
        assert_eq!(of_rules(&policy), "aks-daily-7d");
        policy.time = Some("06:00".parse().unwrap());
        assert_eq!(of_rules(&policy), "aks-daily-7d");
        (policy.schedule, policy.retention) = ("PT4H".into(), "P30D".into());
        policy.time = Some("01:30".parse().unwrap());
        policy.vault_tier_retention = Some("P90D".into());
        assert_eq!(of_rules(&policy), "aks-4h-30d-vault-90d-at-0130");
        for (operational, vault) in policy.first_backups_mut() {
            (*operational, *vault) = (Some("P360D".into()), Some("P9999D".into()));
        }
        let all = of_rules(&policy);
        assert!(
            all.starts_with("aks-4h-30d-day-360d-week-360d-month-360d-year-360d-vault-9999d-vault-week-"),
            "{all}"
        );
        assert!(all.parse::<PolicyName>().is_ok(), "{all}");
        policy.file = Some("own.json".into());
        assert_eq!(of_rules(&policy), "aks-own");
    }

    /// Fails before: whatever follows the derived name was taken for a digest, so that a name with a tier that was removed stayed; and a name
    /// with a person's word was renamed.
    #[test]
    fn a_name_that_stands_for_other_rules_is_recognized() {
        let mut policy = crate::target_ids::tests::example().policy;
        for (name, expected) in [
            ("aks-daily-7d", NameOrigin::Rules),
            ("aks-daily-7d-1a2b3c4d", NameOrigin::Rules),
            ("aks-daily-7d-vault-90d", NameOrigin::OtherRules),
            ("aks-daily-7d-at-0130", NameOrigin::OtherRules),
            ("aks-daily-7d-week-8w-1a2b3c4d", NameOrigin::OtherRules),
            ("aks-daily-7d-1a2b3c4", NameOrigin::Chosen),
            ("aks-daily-7d-prod", NameOrigin::Chosen),
            ("aks-daily-30d-prod", NameOrigin::Chosen),
            ("aks-daily-30d", NameOrigin::OtherRules),
            ("aks-4h-7d", NameOrigin::OtherRules),
            ("aks-daily", NameOrigin::Chosen),
            ("aks-gold-7d", NameOrigin::Chosen),
            ("policy-aks", NameOrigin::Chosen),
        ] {
            policy.name = name.parse().unwrap();
            assert_eq!(origin(&policy), expected, "{name}");
        }
        (policy.file, policy.name) = (Some("own.json".into()), "aks-daily-7d".parse().unwrap());
        assert_eq!(origin(&policy), NameOrigin::Chosen, "the rules are those of the file");
    }

    #[test]
    fn other_rules_have_another_name_and_one_that_is_in_use_gets_a_digest() {
        let mut policy = crate::target_ids::tests::example().policy;
        policy.name = "gold".parse().unwrap();
        let asked = made(|_| ());
        let names = candidates(&policy, &asked);
        assert_eq!((names[0].as_str(), names[1].as_str()), ("gold", "aks-daily-7d"));
        assert!(names[2].as_str().starts_with("aks-daily-7d-"), "{names:?}");
        policy.name = "aks-daily-7d".parse().unwrap();
        assert_eq!(candidates(&policy, &asked), names[1..]);
        let other = made(|own| own.yearly_retention = Some("P360D".into()));
        assert_ne!(candidates(&policy, &other)[1], names[2], "by the content");
    }

    #[test]
    fn a_policy_is_derived_if_name_and_content_are_what_this_tool_creates() {
        let live = made(|own| own.yearly_retention = Some("P360D".into()));
        assert!(is_derived("aks-daily-7d-year-360d", &live));
        assert!(!is_derived("aks-daily-7d", &live));
        assert!(!is_derived("mine", &live));
        // As Azure returns it.
        let mut azure = live.clone();
        let backup = azure["policyRules"].as_array_mut().unwrap().last_mut().unwrap();
        backup["trigger"]["taggingCriteria"][0]["tagInfo"]["id"] = json!("Default_");
        assert!(is_derived("aks-daily-7d-year-360d", &azure));
        // A policy of someone else with the same rules starts on another day, or says more.
        let text = live.to_string();
        let other: Value = serde_json::from_str(&text.replace("2024-01-01", "2025-05-05")).unwrap();
        assert!(!is_derived("aks-daily-7d-year-360d", &other));
        let mut more = live;
        more["policyRules"][0]["lifecycles"][0]["note"] = json!("theirs");
        assert!(!is_derived("aks-daily-7d-year-360d", &more));
    }
}
