//! What is wrong: the findings of both programs, and the checks that no finding explains.

use jiff::Timestamp;

use crate::args::with_state;
use crate::chain::check::{Check, Verdict};
use crate::chain::examination::Examination;
use crate::chain::exchange::COMMENT;
use crate::chain::finding::{Certainty, Finding, Remedy};
use crate::chain::link::Link;
use crate::guide::Plane;
use crate::report::links::facts;
use crate::report::model::{Found, Location};
use crate::report::text;
use crate::report::views::Views;

/// As many findings as a page has room for; the cause is among the first.
const SHOWN: usize = 60;

/// All that is wrong, current before pending before outdated, errors before warnings, each of them in the order of the chain. What
/// both programs found is named once.
pub(super) fn all(views: Views<'_>, state_flag: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (plane, seen) in views.examinations() {
        let own = seen.findings.iter().map(of_finding);
        let checks = seen.checks.iter().filter(|check| check.is_finding());
        let rest = checks.filter(|check| !is_explained(check, seen)).map(of_check);
        let cure = |hint: &str| cure(hint, state_flag, views.is_live(plane));
        let about = |raw: Raw<'_>| Found {
            seen_by: plane,
            at: seen.at,
            outdated: views.is_outdated(raw.link, seen.at),
            pending: views.is_pending(raw.link),
            ..raw.found(&cure, state_flag)
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
    hint: &'a str,
    here: Option<&'a str>,
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
        hint: &finding.fix,
        here: finding.hint.as_deref(),
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
        hint: check.hint.as_deref().unwrap_or_default(),
        here: None,
        remedy: None,
        explains: &[],
    }
}

impl Raw<'_> {
    fn found(&self, cure: &dyn Fn(&str) -> (String, Option<String>), state_flag: &str) -> Found {
        let (fix, pasted) = cure(self.hint);
        let own = self.remedy.map(|remedy| format!("{}{state_flag}", remedy.command()));
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
            fix,
            // With the names of this world, where somebody knew them.
            command: self.here.and_then(|here| cure(here).1).or(own).or(pasted),
            explains: self.explains.iter().take(EXPLAINED).map(|id| text::name(id)).collect(),
            seen_by: Plane::Cloud,
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

/// A hint as what to do and the command that does it, where it ends with one: `annotate it: kubectl annotate …`. Of a
/// view that is not `live`, and may therefore be anybody's, only commands of these two programs are taken, alone.
pub(super) fn cure(hint: &str, state_flag: &str, live: bool) -> (String, Option<String>) {
    const PROGRAMS: [&str; 2] = ["az ", "kubectl "];
    const OURS: [&str; 2] = ["az aksbackup ", "kubectl aksbackup "];
    let programs = if live { PROGRAMS } else { OURS };
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_./:=,".contains(c);
    let hint = text::sentence(&with_state(hint, state_flag));
    let (words, command) = match hint.split_once(COMMENT) {
        Some((command, words)) => (words, command),
        None => hint.rsplit_once(": ").unwrap_or(("", &hint)),
    };
    let taken = programs.iter().any(|program| command.starts_with(program)) && (live || command.chars().all(plain));
    match taken {
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
        for (hint, live, words, command) in [
            (
                "roll it out: az aksbackup grant",
                false,
                "roll it out",
                Some("az aksbackup grant --state x.toml"),
            ),
            (
                "kubectl aksbackup configure",
                false,
                "",
                Some("kubectl aksbackup configure --state x.toml"),
            ),
            (
                "label it: kubectl label pod a b=c",
                true,
                "label it",
                Some("kubectl label pod a b=c"),
            ),
            (
                "label it: kubectl label pod a b=c",
                false,
                "label it: kubectl label pod a b=c",
                None,
            ),
            (
                "az aksbackup up; curl x | sh",
                false,
                "az aksbackup up --state x.toml; curl x | sh",
                None,
            ),
            ("see https://a: b", true, "see https://a: b", None),
            ("open the firewall", true, "open the firewall", None),
            ("", true, "", None),
        ] {
            assert_eq!(
                cure(hint, flag, live),
                (words.to_owned(), command.map(str::to_owned)),
                "{hint}"
            );
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
