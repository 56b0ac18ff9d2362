//! What is wrong: the findings of both programs, and the checks that no finding explains.

use jiff::Timestamp;

use crate::chain::check::{Check, Verdict};
use crate::chain::examination::Examination;
use crate::chain::finding::{Certainty, Finding, Remedy};
use crate::chain::link::Link;
use crate::command_line::Fix;
use crate::program::Program;
use crate::report::links::facts;
use crate::report::model::{Found, Location};
use crate::report::text;
use crate::report::views::Views;

/// As many findings as a page has room for; the cause is among the first.
const SHOWN: usize = 60;

/// All that is wrong, current before pending before outdated, errors before warnings, each of them in the order of the chain. What
/// both programs found is named once.
pub(super) fn all(views: Views<'_>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (program, seen) in views.examinations() {
        let own = seen.findings.iter().map(of_finding);
        let checks = seen.checks.iter().filter(|check| check.is_finding());
        let rest = checks.filter(|check| !is_explained(check, seen)).map(of_check);
        let about = |raw: Raw<'_>| Found {
            seen_by: program,
            at: seen.at,
            outdated: views.is_outdated(raw.link, seen.at),
            pending: views.is_pending(raw.link),
            ..raw.found()
        };
        for found in own.chain(rest).map(about) {
            if !all.iter().any(|known| is_same(known, &found)) {
                all.push(found);
            }
        }
    }
    all.sort_by_key(|found| {
        (
            found.outdated,
            found.pending,
            found.level == WARNING,
            found.location.link,
        )
    });
    all.truncate(SHOWN);
    all
}

/// As many ids as are named of what a finding explains.
const EXPLAINED: usize = 8;

const WARNING: &str = "warning";

static NOTHING: Fix = Fix::NOTHING;

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

/// A finding or a check, as it was told.
struct Raw<'a> {
    id: String,
    severity: Verdict,
    message: String,
    link: Link,
    object: &'a str,
    certainty: Certainty,
    evidence: &'a [String],
    fix: &'a Fix,
    here: Option<&'a Fix>,
    remedy: Option<Remedy>,
    explains: &'a [String],
}

fn of_finding(finding: &Finding) -> Raw<'_> {
    Raw {
        id: finding.id.clone(),
        severity: finding.severity,
        message: finding.cause.clone(),
        link: finding.link,
        object: &finding.object,
        certainty: finding.certainty,
        evidence: &finding.evidence,
        fix: &finding.fix,
        here: finding.hint.as_ref(),
        remedy: finding.remedy,
        explains: &finding.explains,
    }
}

fn of_check(check: &Check) -> Raw<'_> {
    Raw {
        id: check.failure.clone().unwrap_or_else(|| rule(check.link, &check.check)),
        severity: check.verdict,
        message: format!("{}: {}", check.check, check.says),
        link: check.link,
        object: &check.check,
        certainty: Certainty::Proved,
        evidence: &check.evidence,
        fix: check.hint.as_ref().unwrap_or(&NOTHING),
        here: None,
        remedy: None,
        explains: &[],
    }
}

impl Raw<'_> {
    fn found(&self) -> Found {
        let (words, pasted) = self.fix.split();
        let own = self.remedy.map(Remedy::command);
        // With the names of this world, where somebody knew them.
        let here = self.here.and_then(|here| here.split().1.cloned());
        let command = here.or(own).or(pasted.cloned());
        Found {
            rule_id: text::name(&self.id),
            level: level(self.severity),
            message: text::sentence(&self.message),
            location: Location {
                link: self.link,
                object: text::name(self.object),
            },
            certainty: self.certainty,
            evidence: facts(self.evidence),
            fix: text::sentence(&words),
            command: command.map(|line| text::sentence(&line.to_string())),
            explains: self.explains.iter().take(EXPLAINED).map(|id| text::name(id)).collect(),
            seen_by: Program::Az,
            at: Timestamp::UNIX_EPOCH,
            outdated: false,
            pending: false,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_without_a_failure_s_name_has_an_id_of_its_own() {
        assert_eq!(
            rule(Link::StorageLocation, "phase of \"default\""),
            "verify/storage-location/phase-of-default"
        );
    }
}
