//! Copies of the state file: bringing them together, and raising one to this program's number.

use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use crate::failure::{Failure, Outcome};
use crate::schema::SCHEMA;
use crate::state::merge::{Conflict, Refusal, Side, Taken, merge_into_own};
use crate::state::ownership::Owned;
use crate::state::parse;
use crate::state::store::{SCHEMA_LINE, Store};

/// What merging came to.
#[derive(Debug)]
pub enum Merging {
    /// The copies are one.
    Done {
        /// What was taken over, each with the copy that it came from.
        taken: Vec<(PathBuf, Taken)>,
        /// Whether the state file is, or in a dry run would be, another one than before.
        changed: bool,
    },
    /// A copy and the state file contradict each other; nothing was written.
    Conflicts(PathBuf, Vec<Conflict>),
}

/// What raising the number came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The file's number.
    pub from: u32,
    /// This program's number.
    pub to: u32,
}

/// What was found in one text after another.
struct Course<'a> {
    decide: &'a dyn Fn(&str) -> Option<Side>,
    taken: Vec<(PathBuf, Taken)>,
    conflicts: Option<(PathBuf, Vec<Conflict>)>,
}

impl<T: Owned> Store<T> {
    /// Merges the texts `others` into the state file, one after the other. Tables are copied whole, those of the other
    /// program too. `decide` says which side is meant where both changed a table, and whether `[target]` or a table of this program
    /// is taken from a copy. Where there is no state file yet, it becomes the first of the others. With `dry_run` nothing is
    /// written.
    ///
    /// # Errors
    /// Exit 2: files of different clusters. Exit 6 and 7 as [`Store::update`].
    pub async fn merge(
        &self,
        others: &[(PathBuf, String)],
        decide: &dyn Fn(&str) -> Option<Side>,
        dry_run: bool,
    ) -> Outcome<Merging> {
        let mut course = Course {
            decide,
            taken: Vec::new(),
            conflicts: None,
        };
        let changed = if dry_run {
            let own = self.read()?.map(|(text, _)| text);
            let merged = course.run(self, own.as_deref(), others)?;
            merged.is_some() && merged != own
        } else {
            let edit = |found: Option<(&str, &_)>| course.run(self, found.map(|(text, _)| text), others);
            self.rewrite(edit).await?.1
        };
        Ok(match course.conflicts {
            Some((path, conflicts)) => Merging::Conflicts(path, conflicts),
            None => Merging::Done {
                taken: course.taken,
                changed,
            },
        })
    }

    /// Raises the file to this program's number, unless `dry_run`; `None` where there is nothing to raise.
    ///
    /// # Errors
    /// Exit 6 and 7 as [`Store::update`].
    pub async fn migrate(&self, dry_run: bool) -> Outcome<Option<Migration>> {
        let Some((text, state)) = self.read()? else {
            return Ok(None);
        };
        self.expected(&text)?;
        self.must_write(&state)?;
        let from = state.schema;
        if from == SCHEMA {
            return Ok(None);
        }
        if !dry_run {
            self.rewrite(|found| match found {
                Some((text, state)) if state.schema < SCHEMA => Ok(Some(named(&parse::raised(self.path(), text)?))),
                Some(_) => Ok(None),
                None => Failure::missing(format!("state file {} no longer exists", self.path().display())).err(),
            })
            .await?;
        }
        Ok(Some(Migration { from, to: SCHEMA }))
    }
}

/// The document with a first line that names its schema to editors.
fn named(document: &DocumentMut) -> String {
    let text = document.to_string();
    match text.starts_with("#:schema ") {
        true => text,
        false => format!("{SCHEMA_LINE}{text}"),
    }
}

impl Course<'_> {
    /// The text that the store's file, which says `own`, becomes; nothing if there is a conflict.
    fn run<T: Owned>(
        &mut self,
        store: &Store<T>,
        own: Option<&str>,
        others: &[(PathBuf, String)],
    ) -> Outcome<Option<String>> {
        let (first, others) = match (own, others) {
            (Some(own), others) => {
                store.expected(own)?;
                (own, others)
            }
            (None, [(path, first), rest @ ..]) => {
                known(path, first)?;
                (first.as_str(), rest)
            }
            (None, []) => return Ok(None),
        };
        let mut text = first.to_owned();
        for (other, their) in others {
            match self.one::<T>(store.path(), &text, other, their)? {
                Some(merged) => text = merged,
                None => return Ok(None),
            }
        }
        Ok(Some(text))
    }

    fn one<T: Owned>(&mut self, path: &Path, ours: &str, other: &Path, theirs: &str) -> Outcome<Option<String>> {
        let (_, one) = known(path, ours)?;
        let (_, their) = known(other, theirs)?;
        match merge_into_own(&one, &their, self.decide, &is_own::<T>) {
            Ok(merged) => {
                let taken = merged.taken.into_iter().map(|taken| (other.to_owned(), taken));
                self.taken.extend(taken);
                if merged.document == one {
                    return Ok(Some(ours.to_owned()));
                }
                parse::with(path, ours, merged.document).map(Some)
            }
            Err(Refusal::Conflicts(conflicts)) => {
                self.conflicts = Some((other.to_owned(), conflicts));
                Ok(None)
            }
            Err(Refusal::OtherTarget(key, own, their)) => Failure::usage(format!(
                "cannot merge state file {} into {}",
                other.display(),
                path.display()
            ))
            .because(format!(
                "the files belong to different clusters: {key} is {own} in one file and {their} in the other"
            ))
            .hint("use a separate state file for each cluster: --state FILE")
            .err(),
        }
    }
}

/// A document that this program knows all about.
fn known(path: &Path, text: &str) -> Outcome<(u32, toml::Table)> {
    let (number, document) = parse::document(path, text)?;
    match number > SCHEMA {
        true => parse::newer(path, "cannot merge", number).err(),
        false => Ok((number, document)),
    }
}

/// Whether a table is `[target]`, from which everything else follows, or one of the program that merges.
fn is_own<T: Owned>(table: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('.');
    ["target", T::KEY]
        .iter()
        .any(|own| table.strip_prefix(own).is_some_and(below))
}

/// The text of another file than the store's, with its path.
///
/// # Errors
/// Exit 3: it does not exist. Exit 7: it cannot be read.
pub fn read(path: &Path) -> Outcome<(PathBuf, String)> {
    match parse::bytes(path)? {
        Some(bytes) => Ok((path.to_owned(), parse::text(path, bytes)?)),
        None => Failure::missing(format!("state file {} doesn't exist", path.display())).err(),
    }
}
