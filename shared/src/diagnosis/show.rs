//! Findings and rows of the catalogue as a person reads them.

use std::fmt::Write as _;

use crate::chain::check::{Check, Verdict};
use crate::chain::examination::Examination;
use crate::chain::finding::{Certainty, Finding, Joint, Remedy, SeenIn};
use crate::chain::show::{check, mark, width};
use crate::command_line::Fix;
use crate::console::Console;
use crate::diagnosis::catalogue::{Catalogue, Known, Whose};
use crate::program::Program;

/// Prints each finding with its cause, where it was seen, and what cures it, and what else is not as it should be; where
/// there is the other program's view, of both, with what follows from what.
pub(super) fn findings(console: &Console, own: &Examination, with: Option<&(Examination, Vec<Joint>)>) {
    let print = |severity: Verdict, words: &str| {
        let mark = mark(console, severity);
        console.text(&format!("{mark} {words}"));
    };
    match with {
        None => own
            .findings
            .iter()
            .for_each(|finding| print(finding.severity, &one(finding))),
        Some((other, joint)) => joint
            .iter()
            .for_each(|joint| print(joint.finding.severity, &one_of_both(joint, own.program, other))),
    }
    let others = left(&own.checks, &own.findings);
    let theirs = with.map(|(other, joint)| {
        let told: Vec<_> = joint.iter().map(|joint| joint.finding.clone()).collect();
        left(&other.checks, &told)
    });
    let theirs = theirs.unwrap_or_default();
    let width = width(others.iter().chain(&theirs).copied());
    others.iter().for_each(|own| check(console, own, None, width));
    let program = Some(own.program.other());
    theirs.iter().for_each(|other| check(console, other, program, width));
    if let Some(first) = with.and_then(|(_, joint)| joint.first()) {
        let seen: Vec<_> = first.seen_by.iter().map(|program| program.name()).collect();
        console.text(&format!(
            "first broken check: {} ({}, reported by {})",
            first.finding.link.title(),
            first.finding.id,
            seen.join(" and ")
        ));
    }
    let alone = with.map_or(0, |(_, joint)| {
        let alone = joint.iter().filter(|joint| !joint.seen_by.contains(&own.program));
        alone.count()
    });
    console.text(&format!("doctor: {}", in_sum(own, &others, alone)));
}

/// The checks that are not as they should be and that no finding speaks of.
fn left<'a>(checks: &'a [Check], findings: &[Finding]) -> Vec<&'a Check> {
    checks.iter().filter(|check| is_left(check, findings)).collect()
}

/// A finding with who has seen it and what it follows from.
fn one_of_both(joint: &Joint, own: Program, other: &Examination) -> String {
    let mut out = one(&joint.finding);
    if joint.seen_by.contains(&other.program) {
        let also = if joint.seen_by.contains(&own) { ", too" } else { "" };
        let _ = write!(out, "\n    found by: {} at {:.0}{also}", other.program.name(), other.at);
    }
    if let Some(cause) = &joint.follows_from {
        let _ = write!(out, "\n    follows:  {cause}");
    }
    out
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
        Certainty::Proved => "confirmed",
        Certainty::Likely => "probable",
    };
    let mut out = format!("{} ({sure}, {}): {}", finding.id, finding.link.title(), finding.cause);
    let mut line = |name: &str, words: &str| {
        let _ = write!(out, "\n    {:<9} {words}", format!("{name}:"));
    };
    if !finding.object.is_empty() {
        line("at", &finding.object);
    }
    for evidence in &finding.evidence {
        line("evidence", evidence);
    }
    let runs = finding.remedy.is_some() || finding.hint.as_ref().is_some_and(Fix::has_command);
    line(
        "fix",
        &if runs {
            finding.fix.without_run()
        } else {
            finding.fix.to_string()
        },
    );
    match (&finding.hint, finding.remedy) {
        (Some(hint), Some(_)) if hint.has_command() => line("run", &hint.to_string()),
        (hint, remedy) => {
            if let Some(hint) = hint {
                line("hint", &hint.to_string());
            }
            if let Some(remedy) = remedy {
                line("run", &remedy.command().to_string());
            }
        }
    }
    if !finding.explains.is_empty() {
        line("explains", &finding.explains.join(", "));
    }
    out
}

fn in_sum(examination: &Examination, others: &[&Check], theirs: usize) -> String {
    let findings = &examination.findings;
    let is_proved = |finding: &&Finding| finding.certainty == Certainty::Proved;
    let proved = findings.iter().filter(is_proved).count();
    let wrong = others.iter().filter(|check| check.is_finding()).count();
    let besides = match wrong {
        0 => String::new(),
        1 => "; 1 more failed check doesn't match a known failure".to_owned(),
        count => format!("; {count} more failed checks don't match a known failure"),
    };
    match findings.len() {
        _ if examination.is_blind() => "nothing could be checked".to_owned(),
        0 if theirs > 0 => format!("no known failure on this side, {theirs} on the other side"),
        0 if others.is_empty() => "no findings".to_owned(),
        0 if wrong == 0 => "no findings, but not all checks could be run".to_owned(),
        0 => "no known failure, but not all checks passed".to_owned(),
        1 => format!(
            "1 finding, {}{besides}",
            if proved == 1 { "confirmed" } else { "probable" }
        ),
        count => format!("{count} findings, {proved} of them confirmed; root cause first{besides}"),
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
    let _ = write!(out, "For details on one of them, run: doctor explain ID");
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
    line("found by", whose(known.program));
    line("confirm", &known.proof);
    line("fix", &known.fix.without_run());
    if let Some(remedy) = known.remedy.map(Remedy::command) {
        line("run", &remedy.to_string());
    }
    if known.wrapper {
        line("note", "a consequence: the cause is reported separately if it is known");
    }
    if known.harmless {
        line("note", "requires no action; doctor doesn't report it");
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
        line("can follow", &known.follows.join(", ").replace('!', ""));
    }
    line(
        "source",
        if known.unverified {
            "none published"
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
pub(super) const fn whose(program: Whose) -> &'static str {
    match program {
        Whose::Cloud => "az aksbackup",
        Whose::Cluster => "kubectl aksbackup",
        Whose::Both => "az aksbackup and kubectl aksbackup",
        Whose::Local => "the program that runs on the machine",
    }
}

/// Where a text is seen, in words.
pub(super) const fn place(seen_in: SeenIn) -> &'static str {
    match seen_in {
        SeenIn::Arm => "errors of Azure Resource Manager",
        SeenIn::Ext => "status messages of the extension",
        SeenIn::Bsl => "the message of the backup storage location",
        SeenIn::Vlog => "the Velero log",
        SeenIn::Plog => "logs of other pods",
        SeenIn::Evt => "events",
        SeenIn::Cond => "conditions of pods and deployments",
        SeenIn::Bi => "the protection error of the backup instance",
        SeenIn::Job => "errors and warnings of backup jobs",
        SeenIn::Kube => "responses of the API server",
        SeenIn::Cli => "messages of the Azure CLI and Microsoft Entra ID",
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
            hint: None,
            remedy: Some(Remedy::Prepare),
            explains: vec!["BSL-UNAVAILABLE".into()],
        };
        assert_eq!(
            one(&finding),
            "FIC-ISSUER (confirmed, federated credentials): It is wrong.\n    at:       credential x\n    evidence: issuer = y\n    \
             fix:      Mend it.\n    run:      az aksbackup prepare\n    explains: BSL-UNAVAILABLE"
        );
    }

    #[test]
    fn what_both_programs_found_is_told_with_who_saw_it_and_what_it_follows_from() {
        let known = Catalogue::get().row("BSL-UNAVAILABLE").unwrap();
        let finding = Finding {
            id: known.id.clone(),
            certainty: Certainty::Likely,
            severity: Verdict::Error,
            link: known.link,
            object: String::new(),
            cause: known.cause.clone(),
            evidence: Vec::new(),
            fix: "Mend it.".into(),
            hint: None,
            remedy: None,
            explains: Vec::new(),
        };
        let joint = Joint {
            finding,
            seen_by: vec![Program::Kubectl],
            follows_from: Some("FIC-ISSUER".into()),
        };
        let other = Examination {
            command: "doctor".into(),
            program: Program::Kubectl,
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            issuer: None,
            cluster: None,
            checks: Vec::new(),
            findings: Vec::new(),
        };
        assert_eq!(
            one_of_both(&joint, Program::Az, &other),
            "BSL-UNAVAILABLE (probable, storage location): The backup storage location isn't available.\n    fix:      Mend it.\n    \
             found by: kubectl aksbackup at 2026-01-01T00:00:00Z\n    follows:  FIC-ISSUER"
        );
    }

    #[test]
    fn rows_are_told_whole_and_those_without_a_source_are_marked() {
        let catalogue = Catalogue::get();
        let told = |id: &str| catalogue.row(id).map(explained).unwrap_or_default();
        let issuer = told("FIC-ISSUER");
        for part in [
            "confirm:",
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
        assert_eq!(list().lines().filter(|line| line.starts_with("  ")).count(), 215);
    }
}
