//! From text to state, and the words for what is wrong with a text.

use std::path::Path;

use serde::Deserialize;
use toml::Table;
use toml_edit::DocumentMut;

use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::state::document::{self, carry_over};
use crate::state::migration::{OLDEST, lower, raise};
use crate::state::schema::{SCHEMA, State};

/// The text of a file without a byte order mark and with the line ends of Unix.
///
/// # Errors
/// Exit 7: it is not UTF-8.
pub(super) fn text(path: &Path, bytes: Vec<u8>) -> Outcome<String> {
    let text = String::from_utf8(bytes).or_else(|_| failure(path, "cannot read").because("it is not UTF-8").err())?;
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}

/// The state that `text` holds, whatever its number: an older one is raised, of a newer one the known keys are read.
/// [`State::schema`] is the file's own number.
///
/// # Errors
/// Exit 7: not TOML, a value of the wrong type, characters that could steer a terminal, or a number older than the first.
pub(super) fn state(path: &Path, text: &str) -> Outcome<State> {
    let number = number(path, text)?;
    let table = values(path, text)?;
    if let Some(value) = document::steering(&table) {
        return failure(path, "cannot use")
            .because(format!(
                "it has control characters in {value:?}, which could steer a terminal"
            ))
            .hint("ask where the file comes from; aksbackup writes no such characters")
            .err();
    }
    let raised = match number < SCHEMA {
        true => raised(path, text)?.to_string(),
        false => text.to_owned(),
    };
    let mut state: State = toml::from_str(&raised).map_err(|error| match number > SCHEMA {
        true => Box::new(newer_shape(*unreadable(path, &raised, &error), number)),
        false => unreadable(path, &raised, &error),
    })?;
    state.schema = number;
    Ok(state)
}

/// Everything that `text` says, whatever its number.
///
/// # Errors
/// Exit 7: it is not TOML.
pub(super) fn values(path: &Path, text: &str) -> Outcome<Table> {
    toml::from_str(text).map_err(|error| unreadable(path, text, &error))
}

/// The number of `text`, and what it says with the number of this program, keys that are not known as well.
///
/// # Errors
/// As [`state`].
pub(super) fn document(path: &Path, text: &str) -> Outcome<(u32, Table)> {
    state(path, text)?;
    let number = number(path, text)?;
    let mut table: Table = toml::from_str(text).map_err(|error| unreadable(path, text, &error))?;
    if number < SCHEMA {
        raise(&mut table, number);
    }
    Ok((number, table))
}

/// `text` with what `document`, a document of this program's number, says: in the text's own number, with its comments
/// and its order.
///
/// # Errors
/// Exit 7: the text is not TOML.
pub(super) fn with(path: &Path, text: &str, mut document: Table) -> Outcome<String> {
    let mut edited = edited(path, text)?;
    let old: Table = toml::from_str(text).map_err(|error| unreadable(path, text, &error))?;
    lower(&mut document, number(path, text)?);
    carry_over(&mut edited, &old, &document);
    Ok(edited.to_string())
}

/// The document that `text` becomes with the number of this program; comments, order and unknown keys stay.
///
/// # Errors
/// As [`state`].
pub(super) fn raised(path: &Path, text: &str) -> Outcome<DocumentMut> {
    let mut document = edited(path, text)?;
    let old = values(path, text)?;
    let mut new = old.clone();
    raise(&mut new, number(path, text)?);
    carry_over(&mut document, &old, &new);
    Ok(document)
}

/// `text` as a document that can be edited.
///
/// # Errors
/// Exit 7: it is not TOML.
pub(super) fn edited(path: &Path, text: &str) -> Outcome<DocumentMut> {
    text.parse().map_err(|error| unreadable(path, text, &error))
}

/// The number of the file's format.
fn number(path: &Path, text: &str) -> Outcome<u32> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let version: Version = toml::from_str(text).map_err(|error| unreadable(path, text, &error))?;
    if version.schema >= OLDEST {
        return Ok(version.schema);
    }
    failure(path, "cannot use")
        .because(format!("it has schema {}, and the first is {OLDEST}", version.schema))
        .hint("begin anew: az aksbackup init --state FILE")
        .err()
}

/// A failure about the file at `path`, with exit 7.
pub(super) fn failure(path: &Path, verb: &str) -> Failure {
    Failure::new(Exit::StateUnreadable, format!("{verb} state file {}", path.display()))
}

/// A file of a newer number is never written.
pub(super) fn newer(path: &Path, verb: &str, number: u32) -> Failure {
    failure(path, verb)
        .because(format!(
            "it has schema {number}, this program writes schema {SCHEMA} at the most"
        ))
        .because("an older program could not keep what a newer one needs; reading it is no problem")
        .hint("install the version of aksbackup that wrote it, or a later one; `written.tool` in the file names it")
}

fn newer_shape(mut failure: Failure, number: u32) -> Failure {
    failure.hints.clear();
    let why = format!("it has schema {number}, this program knows schema {SCHEMA}");
    failure
        .because(why)
        .hint("install the version of aksbackup that wrote it, or a later one")
}

fn unreadable(path: &Path, text: &str, error: &impl TomlError) -> Box<Failure> {
    let place = error.start().map(|at| place(text, at));
    let what = match place {
        Some((line, column)) => format!("cannot read state file {}:{line}:{column}", path.display()),
        None => format!("cannot read state file {}", path.display()),
    };
    Box::new(
        Failure::new(Exit::StateUnreadable, what)
            .because(error.text().trim_end().to_owned())
            .hint("restore it from the last good copy, or mend the line named above"),
    )
}

/// The two TOML crates' errors, which have the same questions under two types.
trait TomlError {
    fn start(&self) -> Option<usize>;
    fn text(&self) -> String;
}

impl TomlError for toml::de::Error {
    fn start(&self) -> Option<usize> {
        self.span().map(|span| span.start)
    }
    fn text(&self) -> String {
        self.message().to_owned()
    }
}

impl TomlError for toml_edit::TomlError {
    fn start(&self) -> Option<usize> {
        self.span().map(|span| span.start)
    }
    fn text(&self) -> String {
        self.message().to_owned()
    }
}

/// Line and column, both from 1, of a byte offset.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
