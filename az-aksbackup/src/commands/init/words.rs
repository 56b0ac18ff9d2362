//! The rules of a policy and what an instance backs up, as people say it.

use std::fmt::Display;

use aksbackup_shared::schema::{InstanceTarget, Kind, PolicyTarget};

use crate::checks::policy::TIME;
use crate::checks::policy::retention::Period;

/// Returns the rules of a policy, such as `daily at 06:00 UTC, 7-day retention`.
pub(crate) fn rules(policy: &PolicyTarget) -> String {
    let time = policy.time.as_ref().map_or(TIME, |time| time.as_str());
    let schedule = match policy.schedule.as_str() {
        "P1D" => format!("daily at {time} UTC"),
        "P1W" => format!("weekly at {time} UTC"),
        other => match other.strip_prefix("PT").and_then(|own| own.strip_suffix('H')) {
            Some(hours) => format!("every {hours} hours from {time} UTC"),
            None => format!("every {other} from {time} UTC"),
        },
    };
    let first = policy.first_backups();
    let words = Period::ALL.map(Period::word);
    let kept = first
        .iter()
        .zip(words)
        .filter_map(|(own, word)| Some((own.operational?, word)));
    let operational: String = kept
        .map(|(kept, word)| format!(", {} retention for the first backup of each {word}", period(kept)))
        .collect();
    let copy =
        |(kept, word): (&str, &str)| format!(", a {word} copy in the vault tier with {} retention", period(kept));
    let vault: String = first
        .iter()
        .zip(["daily", "weekly", "monthly", "yearly"])
        .filter_map(|(own, word)| Some(copy((own.vault?, word))))
        .collect();
    format!(
        "{schedule}, {} retention{operational}{vault}",
        period(&policy.retention)
    )
}

/// Returns an ISO 8601 duration of one unit as an adjective, such as `7-day`.
fn period(duration: &str) -> String {
    let unit = match duration.chars().last() {
        Some('D') => "day",
        Some('W') => "week",
        Some('M') => "month",
        Some('Y') => "year",
        _ => return duration.to_owned(),
    };
    let number = duration
        .trim_start_matches('P')
        .trim_end_matches(|c: char| c.is_ascii_alphabetic());
    format!("{number}-{unit}")
}

/// Returns what an instance backs up, and what it leaves out. Secrets are named each time: backups contain them unless they are left out.
pub(super) fn backed_up(own: &InstanceTarget) -> String {
    let mut parts = vec![match own.included_namespaces.is_empty() {
        true => "all namespaces".to_owned(),
        false => format!("namespaces {}", listed(&own.included_namespaces)),
    }];
    if !own.excluded_namespaces.is_empty() {
        parts.push(format!("without {}", listed(&own.excluded_namespaces)));
    }
    if !own.label_selectors.is_empty() {
        parts.push(format!("labeled {}", listed(&own.label_selectors)));
    }
    if !own.included_resource_types.is_empty() {
        parts.push(format!("only {}", listed(&own.included_resource_types)));
    }
    let others: Vec<_> = own
        .excluded_resource_types
        .iter()
        .filter(|kind| kind.as_str() == "*" || !Kind::Secret.is_named(kind.as_str()))
        .collect();
    if !others.is_empty() {
        parts.push(format!("without {}", listed(&others)));
    }
    parts.push(match (own.snapshot_volumes, own.included_volume_types.is_empty()) {
        (false, _) => "no volumes".to_owned(),
        (true, true) => "volumes".to_owned(),
        (true, false) => format!("volumes of type {}", listed(&own.included_volume_types)),
    });
    if own.include_cluster_scope_resources {
        parts.push("cluster-scoped resources".to_owned());
    }
    parts.push(match own.takes(Kind::Secret) {
        true => "Secrets included".to_owned(),
        false => "Secrets excluded".to_owned(),
    });
    if !own.backup_hooks.is_empty() {
        parts.push(format!("hooks {}", listed(&own.backup_hooks)));
    }
    parts.join("; ")
}

fn listed<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn rules_read_like_a_sentence() {
        let mut policy = example().policy;
        assert_eq!(rules(&policy), "daily at 06:00 UTC, 7-day retention");
        policy.schedule = "PT4H".into();
        policy.retention = "P1M".into();
        policy.time = Some("01:30".parse().unwrap());
        policy.vault_tier_retention = Some("P90D".into());
        let expected =
            "every 4 hours from 01:30 UTC, 1-month retention, a daily copy in the vault tier with 90-day retention";
        assert_eq!(rules(&policy), expected);
        policy.weekly_retention = Some("P8W".into());
        policy.vault_tier_yearly_retention = Some("P10Y".into());
        let expected = "every 4 hours from 01:30 UTC, 1-month retention, 8-week retention for the first backup of each week, a daily copy \
                        in the vault tier with 90-day retention, a yearly copy in the vault tier with 10-year retention";
        assert_eq!(rules(&policy), expected);
    }

    #[test]
    fn what_is_backed_up_names_secrets_each_time() {
        let mut own = example().instance;
        assert_eq!(
            backed_up(&own),
            "all namespaces; volumes; cluster-scoped resources; Secrets included"
        );
        own.included_namespaces = vec!["shop".parse().unwrap()];
        own.excluded_resource_types = vec!["v1/Secret".parse().unwrap(), "events".parse().unwrap()];
        own.snapshot_volumes = false;
        own.include_cluster_scope_resources = false;
        assert_eq!(
            backed_up(&own),
            "namespaces shop; without events; no volumes; Secrets excluded"
        );
    }
}
