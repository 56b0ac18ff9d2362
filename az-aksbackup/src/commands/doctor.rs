//! `doctor`: what is wrong, why, and what to type; with `--fix`, the command of ours that mends it.

use aksbackup_shared::args::Format;
use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::finding::{Certainty, Remedy, Text};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::chain::{exchange, show};
use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::diagnosis::diagnose;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};

use crate::arm::client::Reader;
use crate::cli::{Cli, DoctorArgs, WriteArgs};
use crate::commands::examined::{Subject, issuer, not_blind};
use crate::commands::options;
use crate::commands::steps::run_list;
use crate::examine::{asked, judge, look, texts};
use crate::guide;

/// How many facts of a finding are shown to a person; all are in the document.
const SHOWN: usize = 3;

/// Looks at everything, reads all that Azure says besides, and names the known failures behind it, the cause first.
///
/// # Errors
/// As `verify`; exit 2 where `--fix` has nobody to ask.
pub(crate) async fn run(cli: &Cli, args: &DoctorArgs) -> Outcome<Exit> {
    if args.fix && cli.common.output == Format::Json {
        return Failure::usage("--fix runs other commands, and -o json prints one document").err();
    }
    let subject = Subject::of(cli, args.cluster_id.as_ref())?;
    let reader = match subject.sign_in(cli).await {
        Ok(reader) => reader,
        Err(failure) => return signed_out(cli, args, &subject, failure),
    };
    let own = examined(cli, &subject, &reader).await?;
    let exit = tell(cli, args, &own, own.exit(args.examine.fail_on))?;
    let remedies = remedies(&own);
    if !args.fix || remedies.is_empty() {
        return Ok(exit);
    }
    for remedy in remedies {
        if !mended(cli, args, &own, remedy).await? {
            return Ok(exit);
        }
    }
    // What the commands left behind is another world, and perhaps another file.
    let subject = Subject::of(cli, args.cluster_id.as_ref())?;
    let own = examined(cli, &subject, &reader).await?;
    tell(cli, args, &own, own.exit(args.examine.fail_on))
}

async fn examined(cli: &Cli, subject: &Subject, reader: &Reader) -> Outcome<Examination> {
    let view = look(reader, &subject.cluster, &subject.state).await;
    let checks = judge::checks(&view, &cli.common.state_flag());
    not_blind(&view, &checks)?;
    let mut words = texts::texts(&view);
    words.extend(asked::texts(reader, &view, cli.common.timeout, &cli.common.console()).await);
    Ok(diagnosed(subject, checks, &words, issuer(&view)))
}

fn diagnosed(subject: &Subject, checks: Vec<Check>, words: &[Text], issuer: Option<String>) -> Examination {
    let mut own = subject.examination("doctor", checks, issuer);
    own.findings = diagnose(&own.checks, words);
    own
}

/// Who cannot sign in sees nothing, but Entra has said why.
fn signed_out(cli: &Cli, args: &DoctorArgs, subject: &Subject, failure: Box<Failure>) -> Outcome<Exit> {
    let why = failure.why.join("; ");
    let hint = failure.hints.first().cloned().unwrap_or_else(|| "az login".to_owned());
    let check = Check::error(Link::Login, "login", format!("{}: {why}", failure.what), hint);
    let own = diagnosed(subject, vec![check], &texts::login(&failure), None);
    if failure.exit != Exit::NotPermitted || own.findings.is_empty() {
        return Err(failure);
    }
    tell(cli, args, &own, failure.exit)
}

fn tell(cli: &Cli, args: &DoctorArgs, own: &Examination, exit: Exit) -> Outcome<Exit> {
    let (console, state) = (cli.common.console(), &cli.common.state);
    console.clear();
    let other = exchange::other(&console, own, &args.examine, state)?;
    match cli.common.output {
        Format::Json => console.result(&own.document(exit, other.as_ref())),
        Format::Text => show(&console, own, other.as_ref()),
    }
    if args.examine.save {
        exchange::save(own, state, &own.document(exit, None))?;
    }
    Ok(exit)
}

/// The commands of this program that mend what was found, in the order of their causes, each once.
fn remedies(own: &Examination) -> Vec<Remedy> {
    let mut all = Vec::new();
    for remedy in own.findings.iter().filter_map(|finding| finding.remedy) {
        let ours = matches!(remedy, Remedy::Prepare | Remedy::Grant | Remedy::Protect);
        if ours && !all.contains(&remedy) {
            all.push(remedy);
        }
    }
    all.sort_by_key(|remedy| match remedy {
        Remedy::Prepare => 0,
        Remedy::Grant => 1,
        Remedy::Configure | Remedy::Protect | Remedy::Backup => 2,
    });
    all
}

/// Runs a command after asking. Gives whether the next one may follow.
async fn mended(cli: &Cli, args: &DoctorArgs, own: &Examination, remedy: Remedy) -> Outcome<bool> {
    let console = cli.common.console();
    let cured = own.findings.iter().filter(|finding| finding.remedy == Some(remedy));
    let ids: Vec<&str> = cured.map(|finding| finding.id.as_str()).collect();
    let question = format!("run {} now, against {}?", remedy.command(), ids.join(", "));
    if !cli.common.yes && !console.confirm(&question)? {
        return Ok(true);
    }
    let write = WriteArgs { dry_run: false };
    let exit = match remedy {
        Remedy::Prepare => {
            let steps = guide::prepare(options::prepare(cli, &[]));
            run_list(cli, "prepare", false, steps).await?
        }
        Remedy::Grant => {
            let steps = guide::grant(options::grant(cli, &args.roles, write));
            run_list(cli, "grant", false, steps).await?
        }
        Remedy::Protect => {
            let steps = guide::protect(options::protect(cli, true));
            run_list(cli, "protect", false, steps).await?
        }
        Remedy::Configure | Remedy::Backup => Exit::Done,
    };
    Ok(exit == Exit::Done)
}

/// Prints the findings, the cause first, and what keeps the view from being whole.
fn show(console: &Console, own: &Examination, other: Option<&Examination>) {
    let theirs = other.into_iter().flat_map(|other| &other.findings);
    for finding in own.findings.iter().chain(theirs) {
        let (mark, tone) = match finding.severity {
            Verdict::Error => ("✗", Tone::Bad),
            _ => ("!", Tone::Attention),
        };
        let sure = match finding.certainty {
            Certainty::Proved => "proved",
            Certainty::Likely => "likely",
        };
        let mark = console.paint(tone, mark);
        console.result(&format!(
            "{mark} {} ({sure}, {})  {}",
            finding.id, finding.object, finding.cause
        ));
        for fact in finding.evidence.iter().take(SHOWN) {
            console.result(&format!("    seen: {fact}"));
        }
        console.result(&format!("    fix:  {}", finding.fix));
        if let Some(remedy) = finding.remedy {
            console.result(&format!("    run:  {}", remedy.command()));
        }
    }
    let unknown: Vec<Check> = own
        .checks
        .iter()
        .filter(|own| own.verdict == Verdict::Unknown)
        .cloned()
        .collect();
    show::checks(console, &unknown);
    console.result(&match own.findings.len() {
        0 if unknown.is_empty() => "doctor: nothing is wrong".to_owned(),
        0 => "doctor: nothing is wrong, as far as it may be seen".to_owned(),
        1 => "doctor: 1 finding".to_owned(),
        count => format!("doctor: {count} findings"),
    });
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::chain::finding::Finding;

    use super::*;

    fn finding(id: &str, remedy: Option<Remedy>) -> Finding {
        Finding {
            id: id.into(),
            certainty: Certainty::Proved,
            severity: Verdict::Error,
            link: Link::Cluster,
            object: "cluster aks".into(),
            cause: "x".into(),
            evidence: vec![],
            fix: "y".into(),
            remedy,
            explains: vec![],
        }
    }

    #[test]
    fn only_our_own_cloud_commands_are_run_and_each_once_in_the_guide_s_order() {
        let subject = Subject {
            cluster: crate::steps::wanted::tests::example().cluster,
            state: crate::steps::wanted::tests::state(),
        };
        let mut own = diagnosed(&subject, vec![], &[], None);
        own.findings = vec![
            finding("A", Some(Remedy::Grant)),
            finding("B", Some(Remedy::Configure)),
            finding("C", Some(Remedy::Prepare)),
            finding("D", Some(Remedy::Grant)),
            finding("E", None),
        ];
        assert_eq!(remedies(&own), [Remedy::Prepare, Remedy::Grant]);
    }
}
