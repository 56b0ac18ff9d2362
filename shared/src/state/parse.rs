//! From text to state, and the words for what is wrong with a text.

use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use toml::Table;
use toml_edit::DocumentMut;

use crate::command_line::az;
use crate::console::steers;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::fix;
use crate::regular;
use crate::schema::settings::{SETTINGS, allowed_instead, is_known, nearest_key};
use crate::schema::{SCHEMA, State};
use crate::state::document::carry_over;
use crate::state::migration::{OLDEST, lower, raise};
use crate::state::place::{self, Place};

/// The text of a file without a byte order mark and with the line ends of Unix.
///
/// # Errors
/// Exit 7: it is not UTF-8.
pub(super) fn text(path: &Path, bytes: Vec<u8>) -> Outcome<String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]);
        let failure = at(path, "cannot read", &place::of_offset(&before, good));
        Box::new(failure.because("the text that follows isn't valid UTF-8"))
    })?;
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}

/// The state that `text` holds, whatever its number: an older one is raised, of a newer one the known keys are read.
/// [`State::schema`] is the file's own number.
///
/// # Errors
/// Exit 7: not TOML, a value of the wrong type, characters that could steer a terminal, or a number older than the first.
pub(super) fn state(path: &Path, text: &str) -> Outcome<State> {
    let number = number(path, text)?;
    values(path, text)?;
    harmless(path, text)?;
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

/// Fails if `[target]` of a file of this program's number has a key that doesn't exist: a filter with a typo would be ignored, and a
/// backup would lack what it names.
///
/// # Errors
/// Exit 7: the key with its place, and the one that was meant; or as [`allowed`].
pub(super) fn settings(path: &Path, text: &str) -> Outcome<()> {
    if number(path, text)? != SCHEMA {
        return Ok(());
    }
    let setting = |key: &str| key.strip_prefix("target.").map(str::to_owned);
    let Some(place) = place::of_text(text, |key, _| setting(key).is_some_and(|key| !is_known(&key))) else {
        return allowed(path, text);
    };
    let key = setting(&place.key).unwrap_or_default();
    at(path, "cannot use", &place)
        .because("[target] doesn't support this key, so it would be ignored")
        .hint(match nearest_key(&key) {
            Some(own) => format!("use {own} if you meant that key; otherwise, omit the key"),
            None => "omit the key: [target] has no similar key".to_owned(),
        })
        .hint("or install the version of aksbackup that wrote the key, if it is a newer one")
        .err()
}

/// Fails if a text of `[target]` is one that its key can't have.
///
/// # Errors
/// Exit 7: the key with its place, its value, and what is allowed.
fn allowed(path: &Path, text: &str) -> Outcome<()> {
    let file = values(path, text)?;
    for setting in SETTINGS {
        let mut parts = setting.key.split('.');
        let value = parts.try_fold(file.get("target"), |table, part| table.map(|own| own.get(part)));
        let Some(value) = value.flatten().and_then(toml::Value::as_str) else {
            continue;
        };
        if let Some(why) = allowed_instead(setting, value) {
            let place = place::of_key(text, &format!("target.{}", setting.key));
            return at(path, "cannot use", &place.unwrap_or_else(|| place::of_offset(text, 0)))
                .because(format!("the value is {:?}; {why}", cut(value)))
                .hint("change the value on this line of the file")
                .err();
        }
    }
    Ok(())
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
    let place = place::of_key(text, "schema").unwrap_or_else(|| place::of_offset(text, 0));
    at(path, "cannot use", &place)
        .because(format!(
            "it has schema {}; the first schema is {OLDEST}",
            version.schema
        ))
        .hint(fix!["create a new state file: ", az("init --state FILE")])
        .err()
}

/// Refuses texts that could steer the terminal that they are shown on or pretend to be other lines. Line breaks have their
/// place in keys of others alone.
fn harmless(path: &Path, text: &str) -> Outcome<()> {
    let steering = |key: &str, text: &str| {
        let own = ["target", "cloud", "cluster"].contains(&key.split('.').next().unwrap_or_default());
        text.chars().any(|c| steers(c) || (own && c.is_control()))
    };
    let Some(place) = place::of_text(text, steering) else {
        return Ok(());
    };
    at(path, "cannot use", &place)
        .because("it contains control characters or invisible characters at this position")
        .hint("ask where the file comes from; aksbackup doesn't write such characters")
        .err()
}

/// The most bytes that a state file has: hundreds of times what the longest that was ever written had.
const MOST_BYTES: u64 = 256 * 1024;

/// The bytes of the file; `None` where there is none. No more is read than a state file can have.
///
/// # Errors
/// Exit 7: it cannot be read, is larger, or is no file but a folder, a pipe or a device.
pub(super) fn bytes(path: &Path) -> Outcome<Option<Vec<u8>>> {
    let cannot = |why: String| failure(path, "cannot read").because(why);
    match regular::read(path, MOST_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => Ok(None),
            ErrorKind::FileTooLarge => cannot(format!(
                "it is larger than {}, the maximum size of a state file",
                most()
            ))
            .err(),
            _ => cannot(error.to_string()).err(),
        },
    }
}

/// Refuses a text that nobody could read again once it is a file.
///
/// # Errors
/// Exit 7: it is longer than a state file can be.
pub(super) fn fits(path: &Path, text: &str) -> Outcome<()> {
    if text.len() as u64 <= MOST_BYTES {
        return Ok(());
    }
    failure(path, "cannot write")
        .because(format!(
            "it would be larger than {}, the maximum size that can be read",
            most()
        ))
        .because("the previous file is unchanged")
        .hint("shorten the comments, and the keys that aksbackup doesn't use")
        .err()
}

fn most() -> String {
    format!("{} KiB", MOST_BYTES / 1024)
}

/// A failure at a place of the file, with exit 7.
fn at(path: &Path, verb: &str, place: &Place) -> Failure {
    let what = format!("{verb} state file {}:{place}", path.display());
    let failure = Failure::new(Exit::StateUnreadable, what);
    match place.key.is_empty() {
        true => failure,
        false => failure.because(format!("key {}", cut(&place.key))),
    }
}

/// As much of a text of the file as a message can hold, with nothing in it that could steer a terminal.
fn cut(text: &str) -> String {
    const MOST: usize = 300;
    let shown = text.chars().take(MOST).flat_map(|c| match steers(c) {
        true => c.escape_unicode().collect::<Vec<_>>(),
        false => vec![c],
    });
    let more = if text.chars().nth(MOST).is_some() { "…" } else { "" };
    format!("{}{more}", shown.collect::<String>())
}

/// A failure about the file at `path`, with exit 7.
pub(super) fn failure(path: &Path, verb: &str) -> Failure {
    Failure::new(Exit::StateUnreadable, format!("{verb} state file {}", path.display()))
}

/// A file of a newer number is never written.
pub(super) fn newer(path: &Path, verb: &str, number: u32) -> Failure {
    failure(path, verb)
        .because(format!(
            "it has schema {number}; this program writes schema {SCHEMA} at most"
        ))
        .because("an older program would lose data of the newer schema; it can only read the file")
        .hint("install the version of aksbackup that wrote it, or a later one; `written.tool` in the file shows the version")
}

fn newer_shape(mut failure: Failure, number: u32) -> Failure {
    failure.hints.clear();
    let why = format!("it has schema {number}; this program supports schema {SCHEMA}");
    failure
        .because(why)
        .hint("install the version of aksbackup that wrote it, or a later one")
}

fn unreadable(path: &Path, text: &str, error: &impl TomlError) -> Box<Failure> {
    // What is missing as a whole is missing at the beginning.
    let failure = at(path, "cannot read", &place::of_offset(text, error.start().unwrap_or(0)));
    Box::new(
        failure
            .because(cut(error.text().trim_end()))
            .hint("restore it from the last good copy, or fix the line named above"),
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
