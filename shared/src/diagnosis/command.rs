//! The half of `doctor` that both programs share: its words, its result, and the offer to mend.

use serde_json::{Value, json};

use crate::args::{CommonArgs, Format};
use crate::chain::args::DoctorArgs;
use crate::chain::examination::Examination;
use crate::chain::exchange;
use crate::chain::finding::Remedy;
use crate::command_line::ours;
use crate::diagnosis::catalogue::{Catalogue, Known};
use crate::diagnosis::{joint, show};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::fix;
use crate::ids::distance;
use crate::process::document;
use crate::program::Program;
use crate::schema::State;

/// The ids of the rows that an unknown one may have meant.
const SUGGESTIONS: usize = 3;

/// `doctor list` and `doctor explain ID`, which look at nothing but the catalogue. Nothing where the chain is to be examined.
///
/// # Errors
/// Exit 2: other words. Exit 3: there is no such failure.
pub fn look_up(common: &CommonArgs, args: &DoctorArgs, program: Program) -> Outcome<Option<Exit>> {
    let words: Vec<_> = args.words.iter().map(String::as_str).collect();
    let console = common.console();
    match (words.as_slice(), common.output) {
        ([], _) => return Ok(None),
        (["list"], Format::Text) => console.text(&show::list()),
        (["list"], Format::Json | Format::Yaml) => {
            let rows: Vec<_> = Catalogue::get().rows().map(of_row).collect();
            console.document(&document(
                json!({ "command": "doctor list", "exit": Exit::Done, "failures": rows }),
            ));
        }
        (["explain", id], Format::Text) => {
            console.text(&show::explained(row(id, program)?));
        }
        (["explain", id], Format::Json | Format::Yaml) => console.document(&document(
            json!({ "command": "doctor explain", "exit": Exit::Done, "failure": of_row(row(id, program)?) }),
        )),
        _ => {
            return Failure::usage(format!("unexpected argument for doctor: {}", args.words.join(" ")))
                .because("use doctor without an argument, with list, or with explain and an ID")
                .err();
        }
    }
    Ok(Some(Exit::Done))
}

/// Shows what was found, by this program and by the other one where there is a view of it which is not older than what
/// `state` says was done; keeps it where that is asked for; and says how the command ends: 4 where nothing at all could be seen.
///
/// # Errors
/// Exit 3 and 7: the other program's view was named and is not there, or cannot be used. One's own cannot be kept.
pub fn conclude(common: &CommonArgs, args: &DoctorArgs, own: &Examination, state: &State) -> Outcome<Exit> {
    conclude_as(common, args, own, state, Exit::NotPermitted)
}

/// The same, with the exit code for an examination that saw nothing at all.
///
/// # Errors
/// As [`conclude`].
pub fn conclude_as(
    common: &CommonArgs,
    args: &DoctorArgs,
    own: &Examination,
    state: &State,
    blind: Exit,
) -> Outcome<Exit> {
    let exit = match own.is_blind() {
        true => blind,
        false => own.exit(args.examine.fail_on),
    };
    let console = common.console();
    let other = exchange::other(&console, own, &args.examine, &common.state, state)?;
    let with = other.map(|other| {
        let joint = joint(own, &other);
        (other, joint)
    });
    // A failure prints a document of its own: there must not be one before it.
    if args.examine.save {
        exchange::save(own, &common.state, &own.document(exit, None))?;
    }
    match common.output {
        Format::Json | Format::Yaml => {
            let with = with.as_ref().map(|(other, joint)| (other, Some(joint.as_slice())));
            console.document(&own.document(exit, with));
        }
        Format::Text => show::findings(&console, own, with.as_ref()),
    }
    Ok(exit)
}

/// With `--fix`: which command of `program` is to be run for the first finding, once the person has said yes. What
/// this program has no command for is said, and not done.
///
/// # Errors
/// Exit 2: there is no terminal to ask, and no `--yes`.
pub fn offer(
    common: &CommonArgs,
    args: &DoctorArgs,
    examination: &Examination,
    program: Program,
) -> Outcome<Option<Remedy>> {
    let console = common.console();
    let Some(first) = examination.findings.first().filter(|_| args.fix) else {
        return Ok(None);
    };
    let Some(remedy) = first.remedy else {
        console.say(format!("{}: no aksbackup command fixes it", first.id));
        return Ok(None);
    };
    let command = remedy.command();
    if remedy.program() != program {
        console.say(format!("{}: run the other program to fix it: {command}", first.id));
        return Ok(None);
    }
    let agreed = common.yes || console.confirm(&format!("{} Run {command}?", first.cause))?;
    Ok(agreed.then_some(remedy))
}

/// The row of this id.
fn row(id: &str, program: Program) -> Outcome<&'static Known> {
    let catalogue = Catalogue::get();
    catalogue.row(id).map_or_else(
        || {
            let mut failure = Failure::missing(format!("no known failure has the ID {id}"));
            let near = similar(id).join(", ");
            if !near.is_empty() {
                failure = failure.hint(format!("check the spelling; similar IDs: {near}"));
            }
            failure
                .hint(fix!["list the known failures: ", ours(program, "doctor list")])
                .err()
        },
        Ok,
    )
}

/// The ids most like this one; none where none is like it.
fn similar(id: &str) -> Vec<&'static str> {
    let id = id.to_ascii_uppercase();
    let most = id.len().div_ceil(3);
    let mut ids: Vec<_> = Catalogue::get().rows().map(|known| known.id.as_str()).collect();
    ids.retain(|known| known.contains(&id) || distance(known, &id) <= most);
    ids.sort_by_key(|known| (!known.contains(&id), distance(known, &id)));
    ids.truncate(SUGGESTIONS);
    ids
}

/// A row as a document has it.
fn of_row(known: &Known) -> Value {
    let catalogue = Catalogue::get();
    let group = catalogue.page(&known.id).map(|page| page.name);
    let sources: Vec<_> = catalogue
        .sources_of(&known.source)
        .into_iter()
        .map(|(_, source)| source)
        .collect();
    json!({
        "id": known.id, "group": group, "link": known.link, "plane": known.program, "severity": known.severity,
        "cause": known.cause, "proof": known.proof, "fix": known.fix, "remedy": known.remedy,
        "command": known.remedy.map(Remedy::command), "by_state": known.by_state, "wrapper": known.wrapper,
        "harmless": known.harmless, "patterns": known.patterns, "examples": known.examples, "follows": known.follows,
        "source": known.source, "sources": sources, "unverified": known.unverified, "page": show::page_of(known),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_misspelt_brings_those_most_like_it() {
        assert_eq!(similar("fic-isuer")[0], "FIC-ISSUER");
        assert_eq!(similar("RBAC-BLOB")[0], "RBAC-BLOB-ROLE");
        assert!(similar("NO-SUCH-THING").is_empty(), "{:?}", similar("NO-SUCH-THING"));
        assert_eq!(distance("kitten", "sitting"), 3);
        let failure = row("BSL-UNAVAILBLE", Program::Az).unwrap_err();
        assert_eq!(failure.exit, Exit::Missing);
        assert!(failure.hints[0].to_string().contains("BSL-UNAVAILABLE"), "{failure}");
    }

    #[test]
    fn every_row_has_its_document() {
        for known in Catalogue::get().rows() {
            let document = of_row(known);
            assert!(
                document["group"].is_string() && document["page"].is_string(),
                "{document}"
            );
        }
    }
}
