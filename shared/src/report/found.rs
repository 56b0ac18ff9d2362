//! What is wrong: the findings of both programs, and the checks that no finding explains.

use jiff::Timestamp;

use crate::args::with_state;
use crate::chain::check::{Check, Verdict};
use crate::chain::examination::Examination;
use crate::chain::finding::{Certainty, Finding};
use crate::chain::link::Link;
use crate::guide::Plane;
use crate::report::links::facts;
use crate::report::model::{Found, Location};
use crate::report::text;
use crate::report::views::Views;

/// As many findings as a page has room for; the cause is among the first.
const SHOWN: usize = 60;

/// All that is wrong, errors before warnings, current before outdated, each of them in the order of the chain. What
/// both programs found is named once.
pub(super) fn all(views: Views<'_>, state_flag: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (plane, seen) in views.examinations() {
        let own = seen.findings.iter().map(|finding| {
            let outdated = views.is_outdated(finding.link, seen.at);
            of_finding(finding, plane, seen.at, outdated, state_flag)
        });
        let own: Vec<Found> = own.collect();
        let checks = seen.checks.iter().filter(|check| check.is_finding());
        let rest = checks.filter(|check| !is_explained(check, seen)).map(|check| {
            let outdated = views.is_outdated(check.link, seen.at);
            of_check(check, plane, seen.at, outdated, state_flag)
        });
        for found in own.into_iter().chain(rest) {
            if !all.iter().any(|known| is_same(known, &found)) {
                all.push(found);
            }
        }
    }
    all.sort_by_key(|found| (found.outdated, found.level == WARNING, found.location.link));
    all.truncate(SHOWN);
    all
}

const WARNING: &str = "warning";

const fn level(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Error => "error",
        Verdict::Warning | Verdict::Ok | Verdict::Unknown => WARNING,
    }
}

fn is_same(one: &Found, other: &Found) -> bool {
    one.rule_id == other.rule_id && one.location == other.location
}

/// Whether a finding of the same look says what the check says.
fn is_explained(check: &Check, seen: &Examination) -> bool {
    let named = |finding: &Finding| check.failure.as_ref() == Some(&finding.id);
    let by_id = |finding: &Finding| {
        let explains = |id: &String| finding.explains.contains(id);
        named(finding) || check.failure.as_ref().is_some_and(explains)
    };
    seen.findings
        .iter()
        .any(|finding| by_id(finding) || (check.failure.is_none() && finding.link == check.link))
}

fn of_finding(finding: &Finding, plane: Plane, at: Timestamp, outdated: bool, state_flag: &str) -> Found {
    let own = finding.remedy.map(|remedy| format!("{}{state_flag}", remedy.command()));
    let (fix, pasted) = cure(&finding.fix, state_flag);
    Found {
        rule_id: text::name(&finding.id),
        level: level(finding.severity),
        message: text::sentence(&finding.cause),
        location: Location {
            link: finding.link,
            object: text::name(&finding.object),
        },
        certainty: finding.certainty,
        evidence: facts(&finding.evidence),
        fix,
        command: own.or(pasted),
        explains: finding.explains.iter().map(|id| text::name(id)).collect(),
        seen_by: plane,
        at,
        outdated,
    }
}

fn of_check(check: &Check, plane: Plane, at: Timestamp, outdated: bool, state_flag: &str) -> Found {
    let (fix, command) = cure(check.hint.as_deref().unwrap_or_default(), state_flag);
    let rule_id = check
        .failure
        .as_deref()
        .map_or_else(|| rule(check.link, &check.check), text::name);
    Found {
        rule_id,
        level: level(check.verdict),
        message: text::sentence(&check.says),
        location: Location {
            link: check.link,
            object: text::name(&check.check),
        },
        certainty: Certainty::Proved,
        evidence: facts(&check.evidence),
        fix,
        command,
        explains: Vec::new(),
        seen_by: plane,
        at,
        outdated,
    }
}

/// The id of a check that is in no catalogue: `verify/storage-role/role-of-the-identity`.
fn rule(link: Link, check: &str) -> String {
    let slug = |text: &str| -> String {
        let words = text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
    };
    text::name(&format!("verify/{}/{}", slug(link.title()), slug(check)))
}

/// A hint as what to do and the command that does it, where it ends with one: `annotate it: kubectl annotate …`.
fn cure(hint: &str, state_flag: &str) -> (String, Option<String>) {
    const PROGRAMS: [&str; 2] = ["az ", "kubectl "];
    let hint = text::sentence(&with_state(hint, state_flag));
    let (words, command) = hint.rsplit_once(": ").unwrap_or(("", &hint));
    match PROGRAMS.iter().any(|program| command.starts_with(program)) {
        true => (words.to_owned(), Some(command.to_owned())),
        false => (hint, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_that_ends_with_a_command_is_told_apart_from_it() {
        let flag = " --state x.toml";
        for (hint, words, command) in [
            (
                "roll it out: az aksbackup grant",
                "roll it out",
                Some("az aksbackup grant --state x.toml"),
            ),
            (
                "kubectl aksbackup configure",
                "",
                Some("kubectl aksbackup configure --state x.toml"),
            ),
            ("see https://a: b", "see https://a: b", None),
            ("open the firewall", "open the firewall", None),
            ("", "", None),
        ] {
            assert_eq!(cure(hint, flag), (words.to_owned(), command.map(str::to_owned)));
        }
    }

    #[test]
    fn a_check_without_a_failure_s_name_has_an_id_of_its_own() {
        assert_eq!(
            rule(Link::StorageLocation, "phase of \"default\""),
            "verify/storage-location/phase-of-default"
        );
    }
}
