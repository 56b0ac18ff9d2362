//! One chain from two views: the other program's document, taken from a file, and one's own kept for it.
//!
//! The document may come from anyone. It is shown, with its age, and never acted on: it decides no exit code, and what it advises
//! is left out ([`super::foreign`]).

use std::io::Write as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::chain::args::ExamineArgs;
use crate::chain::check::Check;
use crate::chain::examination::Examination;
use crate::chain::link::Link;
use crate::chain::show;
use crate::console::{Console, human};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::program::Program;
use crate::schema::State;
use crate::status;

/// The other program's view: of the file that the flags name, else of the one beside the state file `path`, where there is
/// one. Links that somebody has worked on since, as `state` tells, are left out of it, which is said.
///
/// # Errors
/// A file that was named cannot be read, is of another cluster, or of the future. One that only lies there is left out, which is said.
pub fn other(
    console: &Console,
    own: &Examination,
    arguments: &ExamineArgs,
    path: &Path,
    state: &State,
) -> Outcome<Option<Examination>> {
    let from = own.program.other();
    let beside = Examination::beside(path, from);
    let read = match &arguments.with {
        Some(path) => own.read(path).map(Some)?,
        None if beside.exists() => own.read(&beside).map(Some).unwrap_or_else(|failure| {
            console.say(format!("{} is ignored: {}", beside.display(), failure.why.join("; ")));
            None
        }),
        None => None,
    };
    let path = arguments.with.as_deref().unwrap_or(&beside);
    match read {
        Some(read) if read.program != from => {
            let failure = Failure::new(Exit::StateUnreadable, format!("cannot use {}", path.display()));
            failure
                .because("it is a result of this program; a result of the other program is required")
                .err()
        }
        Some(read) => {
            let (read, old) = without_old(read, state);
            let (path, age) = (path.display(), age(&read, own.at));
            console.say(match old.is_empty() {
                true => format!("including {path}, created {age}"),
                false => {
                    let old: Vec<_> = old.iter().map(|link| link.title()).collect();
                    let old = old.join(", ");
                    format!("including {path}, created {age}, except for stages that have changed since then: {old}")
                }
            });
            Ok(Some(read))
        }
        None => Ok(None),
    }
}

fn age(read: &Examination, now: Timestamp) -> String {
    let past = now.duration_since(read.at).max(SignedDuration::ZERO);
    format!("{} ago", human(past.unsigned_abs()))
}

/// The view without the links that somebody has worked on since, and these.
fn without_old(mut read: Examination, state: &State) -> (Examination, Vec<Link>) {
    let is_old = |link: Link| status::since(state, link.steps()).is_some_and(|since| since > read.at);
    let old: Vec<Link> = Link::ALL.into_iter().filter(|link| is_old(*link)).collect();
    read.checks.retain(|check| !old.contains(&check.link));
    read.findings.retain(|finding| !old.contains(&finding.link));
    (read, old)
}

/// Keeps one's own view beside the state file, where the other program finds it. Others may write there too: whatever has the
/// name, a link or a pipe, is replaced itself and not written to.
///
/// # Errors
/// It cannot be written.
pub fn save(own: &Examination, state: &Path, document: &str) -> Outcome<()> {
    let path = Examination::beside(state, own.program);
    let folder = path
        .parent()
        .filter(|own| !own.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        writeln!(file, "{document}")?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    });
    written.or_else(|error| {
        Failure::failed(format!("cannot write {}", path.display()))
            .because(error.to_string())
            .err()
    })
}

/// Prints the chain, in order, with the checks of both views; those of the other one say so.
pub fn show(console: &Console, own: &Examination, other: Option<&Examination>) {
    let Some(other) = other else {
        return show::checks(console, &own.checks);
    };
    let both = own.checks.iter().map(|check| (check, own.program));
    let mut all: Vec<(&Check, Program)> = both
        .chain(other.checks.iter().map(|check| (check, other.program)))
        .collect();
    all.sort_by_key(|(check, _)| check.link);
    let width = show::width(all.iter().map(|(check, _)| *check));
    let mut heading = show::Heading::default();
    for (check, program) in &all {
        heading.of(console, check.link);
        show::check(
            console,
            check,
            Some(*program).filter(|program| *program != own.program),
            width,
        );
    }
    if let Some((broken, program)) = all.iter().find(|(check, _)| check.is_finding()) {
        console.text(&format!(
            "first broken check: {} ({}, reported by {})",
            broken.link.title(),
            broken.check,
            program.name()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::az;
    use crate::console::Talk;

    fn view(program: Program) -> Examination {
        Examination {
            command: "verify".into(),
            program,
            at: Timestamp::now(),
            issuer: Some("https://i/".into()),
            cluster: None,
            checks: vec![Check::error(Link::Storage, "account", "is gone", az("prepare"))],
            findings: Vec::new(),
        }
    }

    fn arguments(with: Option<&Path>) -> ExamineArgs {
        ExamineArgs {
            with: with.map(Path::to_owned),
            save: false,
            fail_on: crate::chain::args::FailOn::Warning,
        }
    }

    #[test]
    fn what_one_program_keeps_the_other_one_finds() {
        let folder = tempfile::tempdir().unwrap();
        let (state, console) = (folder.path().join("s.toml"), Console::new(Talk::Quiet, true));
        let (own, theirs) = (view(Program::Kubectl), view(Program::Az));
        assert_eq!(
            other(&console, &own, &arguments(None), &state, &State::default()).unwrap(),
            None
        );
        save(&theirs, &state, &theirs.document(Exit::Pending, None)).unwrap();
        let found = other(&console, &own, &arguments(None), &state, &State::default())
            .unwrap()
            .unwrap();
        assert_eq!(found.checks, theirs.checks);
    }

    #[test]
    fn a_named_file_of_another_cluster_or_of_ones_own_is_refused_and_one_that_lies_there_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let (state, console) = (folder.path().join("s.toml"), Console::new(Talk::Quiet, true));
        let own = view(Program::Kubectl);
        let foreign = Examination {
            issuer: Some("https://other/".into()),
            ..view(Program::Az)
        };
        save(&foreign, &state, &foreign.document(Exit::Done, None)).unwrap();
        assert_eq!(
            other(&console, &own, &arguments(None), &state, &State::default()).unwrap(),
            None
        );
        let path = Examination::beside(&state, Program::Az);
        let refused = other(&console, &own, &arguments(Some(&path)), &state, &State::default()).unwrap_err();
        assert_eq!(refused.exit, Exit::StateUnreadable);
        save(&own, &state, &own.document(Exit::Done, None)).unwrap();
        let path = Examination::beside(&state, Program::Kubectl);
        assert!(other(&console, &own, &arguments(Some(&path)), &state, &State::default()).is_err());
    }

    #[test]
    fn a_link_that_was_worked_on_since_is_left_out() {
        let state: State = toml::from_str(include_str!("../../tests/report/aksbackup.toml")).unwrap();
        let (mut older, mut younger) = (view(Program::Az), view(Program::Az));
        let since = status::since(&state, Link::Storage.steps()).unwrap();
        (older.at, younger.at) = (since - SignedDuration::from_secs(1), since);
        older.checks.push(Check::ok(Link::Login, "login", "signed in"));
        let (read, old) = without_old(older, &state);
        assert!(old.contains(&Link::Storage) && read.checks.len() == 1, "{old:?}");
        assert!(!without_old(younger, &state).0.checks.is_empty());
    }

    #[test]
    fn what_others_put_in_the_place_of_ones_own_view_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (state, precious) = (folder.path().join("s.toml"), folder.path().join("precious"));
        std::fs::write(&precious, "precious").unwrap();
        let own = view(Program::Kubectl);
        let path = Examination::beside(&state, Program::Kubectl);
        #[cfg(unix)]
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        save(&own, &state, &own.document(Exit::Done, None)).unwrap();
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
        assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
    }
}
