//! The checks of `verify` as metrics.

use std::collections::BTreeMap;
use std::path::Path;

use crate::chain::check::Verdict;
use crate::chain::examination::Examination;
use crate::metrics::Metrics;

const CHECK: (&str, &str) = (
    "aksbackup_check",
    "Result of a check: 0 ok, 1 unknown, 2 warning, 3 error.",
);
const VERIFIED: (&str, &str) = (
    "aksbackup_verified_timestamp_seconds",
    "When the checks ran, in seconds since 1970.",
);

/// Returns what was seen of a cluster. `state` is the path of its state file, where there is one.
pub(super) fn of(own: &Examination, state: Option<&Path>) -> Metrics {
    let mut metrics = Metrics::default();
    add(&mut metrics, own, state);
    metrics
}

/// Adds what was seen of a cluster to the metrics of several.
pub fn add(metrics: &mut Metrics, own: &Examination, state: Option<&Path>) {
    // Alerts print it in a command, which is typed in another folder.
    let state = state.map(|file| std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
    let state = state.map(|file| file.display().to_string());
    let all: Vec<(&'static str, &str)> = [
        ("cluster", own.cluster.as_deref()),
        ("state_file", state.as_deref()),
        ("side", Some(own.program.side())),
    ]
    .into_iter()
    .filter_map(|(label, value)| Some((label, value?)))
    .collect();
    // A check that was made of several objects counts by the worst of them: labels must not repeat.
    let mut worst = BTreeMap::new();
    for check in &own.checks {
        let value = worst
            .entry((check.link, &check.check, check.failure.as_deref().unwrap_or_default()))
            .or_insert(0);
        *value = grade(check.verdict).max(*value);
    }
    for ((link, check, failure), value) in worst {
        let failure = [("failure", failure)];
        // To Prometheus, a label without a value is none.
        let failure = if failure[0].1.is_empty() { &[][..] } else { &failure };
        let labels = [("link", link.title()), ("check", check)];
        metrics.add(CHECK, &[&all[..], &labels, failure].concat(), value);
    }
    metrics.add(VERIFIED, &all, own.at.as_second());
}

const fn grade(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Ok => 0,
        Verdict::Unknown => 1,
        Verdict::Warning => 2,
        Verdict::Error => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::check::Check;
    use crate::chain::link::Link;
    use crate::program::Program;

    #[test]
    fn a_check_of_several_objects_counts_by_the_worst() {
        let role = |verdict| Check {
            verdict,
            ..Check::ok(Link::Vault, "roles", "says")
        };
        let own = Examination {
            command: "verify".into(),
            program: Program::Az,
            at: "2026-01-02T00:00:00Z".parse().unwrap(),
            issuer: None,
            cluster: Some("/c".into()),
            checks: vec![role(Verdict::Warning), role(Verdict::Error), role(Verdict::Ok)],
            findings: Vec::new(),
        };
        let all = of(&own, Some(Path::new("/a.toml"))).to_string();
        let samples: Vec<&str> = all.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "aksbackup_check{cluster=\"/c\",state_file=\"/a.toml\",side=\"cloud\",link=\"vault\",check=\"roles\"} 3",
                "aksbackup_verified_timestamp_seconds{cluster=\"/c\",state_file=\"/a.toml\",side=\"cloud\"} 1767312000",
            ]
        );
        assert!(!of(&own, None).to_string().contains("state_file"));
    }
}
