//! `doctor`: what is wrong, why, and what to type; with `--fix`, the command of ours that mends it.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::finding::{Remedy, SeenIn, Text};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::shell;
use aksbackup_shared::diagnosis::command::{conclude, look_up, offer};
use aksbackup_shared::diagnosis::diagnose;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::program::Program;

use crate::arm::client::Reader;
use crate::checks::{asked, judge, look, texts};
use crate::cli::{Cli, WriteArgs};
use crate::commands::examined::{Subject, issuer, not_blind};
use crate::commands::flags::{ClusterFlags, DoctorFlags};
use crate::commands::options;
use crate::commands::steps::{Trust, run_list};
use crate::guide;

/// Looks at everything, reads all that Azure says besides, and names the known failures behind it, the cause first. With
/// `--fix`, as long as a command of this program mends the first, runs that after asking, and looks again.
///
/// # Errors
/// As `verify`; exit 2 where `--fix` has nobody to ask; as the commands that it runs.
pub(crate) async fn run(cli: &Cli, args: &DoctorFlags) -> Outcome<Exit> {
    if let Some(exit) = look_up(&cli.common, &args.shared, Program::Az)? {
        return Ok(exit);
    }
    if args.shared.fix && cli.common.output.is_document() {
        return Failure::usage("--fix runs other commands, and --output asks for one document").err();
    }
    let mut done: Vec<Remedy> = Vec::new();
    loop {
        // What a command leaves behind is another world, and perhaps another file.
        let subject = Subject::of(cli, &args.cluster).await?;
        let reader = match subject.sign_in(cli).await {
            Ok(reader) => reader,
            Err(failure) => return unseen(cli, args, &subject, failure, Link::Login),
        };
        let own = match examined(cli, &subject, &reader).await {
            Ok(own) => own,
            Err(failure) => return unseen(cli, args, &subject, failure, Link::Cluster),
        };
        let exit = conclude(&cli.common, &args.shared, &own, &subject.state)?;
        let remedy = match own.findings.first().and_then(|first| first.remedy) {
            Some(remedy) if done.contains(&remedy) => None,
            _ => offer(&cli.common, &args.shared, &own, Program::Az)?,
        };
        let Some(remedy) = remedy else { return Ok(exit) };
        let ended = mend(cli, args, remedy).await?;
        if ended != Exit::Done {
            return Ok(ended);
        }
        done.push(remedy);
    }
}

/// The same for `report`: what is seen of the state file's cluster, and what that means.
///
/// # Errors
/// As `verify`.
pub(crate) async fn examine(cli: &Cli) -> Outcome<Examination> {
    let subject = Subject::of(cli, &ClusterFlags::default()).await?;
    let reader = subject.sign_in(cli).await?;
    let own = examined(cli, &subject, &reader).await;
    cli.common.console().clear();
    own
}

async fn examined(cli: &Cli, subject: &Subject, reader: &Reader) -> Outcome<Examination> {
    let view = look(reader, &subject.cluster, &subject.state, &subject.folder).await;
    let checks = judge::checks(&view);
    not_blind(&view)?;
    let mut words = texts::texts(&view);
    words.extend(asked::texts(reader, &view, cli.common.deadline().left(), &cli.common.console()).await);
    Ok(diagnosed(subject, checks, &words, issuer(&view)))
}

fn diagnosed(subject: &Subject, checks: Vec<Check>, words: &[Text], issuer: Option<String>) -> Examination {
    let mut own = subject.examination("doctor", checks, issuer);
    own.findings = diagnose(&own.checks, words);
    own.naming_cluster(subject.state.target.as_ref())
}

/// Who cannot sign in, or may read nothing, sees nothing; but Entra or Azure has said why.
fn unseen(cli: &Cli, args: &DoctorFlags, subject: &Subject, failure: Box<Failure>, link: Link) -> Outcome<Exit> {
    let why = failure.why.join("; ");
    let hint = failure
        .hints
        .first()
        .cloned()
        .unwrap_or_else(|| shell("az login").into());
    let check = Check::unknown(link, link.title(), format!("{}: {why}", failure.what)).hinted(hint);
    let words = match link {
        Link::Login => texts::login(&failure),
        _ => texts::of_arm(&failure, SeenIn::Arm, subject.cluster.name(), link),
    };
    let own = diagnosed(subject, vec![check], &words, None);
    if failure.exit != Exit::NotPermitted || own.findings.is_empty() {
        return Err(failure);
    }
    conclude(&cli.common, &args.shared, &own, &subject.state)
}

/// Runs a command of ours, as if it had been typed. Of what others have, and of backups, none is run.
async fn mend(cli: &Cli, args: &DoctorFlags, remedy: Remedy) -> Outcome<Exit> {
    let write = WriteArgs { dry_run: false };
    let confirm = options::confirm(cli, &args.roles.confirm, false);
    match remedy {
        Remedy::Prepare => {
            let steps = guide::prepare(options::prepare(cli, &[]));
            run_list(cli, ("prepare", ""), false, Trust::Known(confirm), steps).await
        }
        Remedy::Grant => {
            let steps = guide::grant(options::grant(cli, &args.roles, write));
            run_list(cli, ("grant", ""), false, Trust::Named(confirm), steps).await
        }
        Remedy::Protect => {
            let steps = guide::protect(options::protect(cli, false));
            run_list(cli, ("protect", ""), false, Trust::Known(confirm), steps).await
        }
        Remedy::Configure | Remedy::Backup => {
            cli.common
                .console()
                .say(format!("run this command yourself: {}", remedy.command()));
            Ok(Exit::Pending)
        }
    }
}
