//! Reads and writes the state file: a lock beside it, held for the read-change-write only, and an atomic replace.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use toml_edit::DocumentMut;
use uuid::Uuid;

use crate::console::Console;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::state::document;
use crate::state::lock::Lock;
use crate::state::ownership::Owned;
use crate::state::replace::{Setback, cure, folder_of, follow, replace, sweep};
use crate::state::schema::{CloudTables, SCHEMA, State, Target, Written};
use crate::state::voice::Voice;

/// First lines of a file that is made anew.
const HEADER: &str = "# State of one cluster's backup set-up, handed from team to team. It holds no secret.\n\
# `az aksbackup` writes [target] and [cloud], `kubectl aksbackup` writes [cluster]; comments and unknown keys survive.\n\n";

/// The state file of one cluster, in the hands of the plane that owns the tables `T`: it reads everything and changes
/// those alone.
pub struct Store<T: Owned> {
    path: PathBuf,
    lock_timeout: Duration,
    locking: bool,
    author: String,
    tool: String,
    tables: PhantomData<T>,
    voice: Voice,
}

impl<T: Owned> Store<T> {
    /// The store at `path`. `tool` is name and version of the program; `lock_timeout` bounds the wait for another
    /// process; `locking` is off only where the file system has no locks and the caller said so.
    #[must_use]
    pub fn new(path: &Path, tool: &str, lock_timeout: Duration, locking: bool) -> Self {
        Self {
            path: path.to_owned(),
            lock_timeout,
            locking,
            author: "unknown".into(),
            tool: tool.to_owned(),
            tables: PhantomData,
            voice: Voice::silent(),
        }
    }

    /// Lets the store speak from now on: of a wait for another process, and, where asked for more, of each write.
    pub fn speak_on(&mut self, console: &Console) {
        self.voice = Voice::on(console);
    }

    /// Names the signed-in principal or Kubernetes user that writes from now on.
    pub fn set_author(&mut self, author: impl Into<String>) {
        self.author = author.into();
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Reads the file; `None` where there is none. Takes no lock, since a rename is atomic.
    ///
    /// # Errors
    /// Exit 7: not readable, not TOML, a value of the wrong type, or written by a newer program.
    pub fn load(&self) -> Outcome<Option<State>> {
        Ok(self.read()?.map(|(_, state)| state))
    }

    /// Reads the file, changes the plane's tables, and writes it if anything is different. Returns the state as it now
    /// stands, and whether the file was written.
    ///
    /// # Errors
    /// Exit 6: another process holds the file for longer than the lock timeout. Exit 7: as [`Store::load`], or the file
    /// cannot be written; the old file is then intact.
    pub async fn update(&self, change: impl FnOnce(&mut T)) -> Outcome<(State, bool)> {
        self.write(|state| change(T::of(state))).await
    }

    async fn write(&self, change: impl FnOnce(&mut State)) -> Outcome<(State, bool)> {
        let target = follow(&self.path);
        let _lock = if self.locking {
            let lock = Lock::take(&target, self.lock_timeout, |line| self.voice.say(line)).await?;
            sweep(&target);
            Some(lock)
        } else {
            None
        };
        let (text, before) = self.read()?.unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        let fresh = !self.exists();
        if after == before && !fresh {
            return Ok((after, false));
        }
        let old = if fresh {
            toml::Table::new()
        } else {
            self.table(&before)?
        };
        let mut new = self.table(&after)?;
        self.sign(&old, &mut new);
        let mut edited: DocumentMut = text.parse().map_err(|error| self.unreadable(&text, &error))?;
        document::carry_over(&mut edited, &old, &new);
        let edited = format!("{}{edited}", if fresh { HEADER } else { "" });
        let state = self.parse(&edited)?;
        let changed = fresh || edited != text;
        if changed {
            replace(&target, edited.as_bytes()).or_else(|setback| self.unwritten(&target, setback).err())?;
            self.voice.written(&self.path, &old, &new);
        }
        Ok((state, changed))
    }

    fn read(&self) -> Outcome<Option<(String, State)>> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return self.failure("cannot read").because(error.to_string()).err(),
        };
        let text =
            String::from_utf8(bytes).or_else(|_| self.failure("cannot read").because("it is not UTF-8").err())?;
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let state = self.parse(&text)?;
        Ok(Some((text, state)))
    }

    fn parse(&self, text: &str) -> Outcome<State> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let version: Version = toml::from_str(text).map_err(|error| self.unreadable(text, &error))?;
        if version.schema != SCHEMA {
            return self
                .failure("cannot use")
                .because(format!(
                    "it has schema {}, this program knows schema {SCHEMA}",
                    version.schema
                ))
                .hint("install the version of aksbackup that wrote it, or a later one")
                .err();
        }
        let table: toml::Table = toml::from_str(text).map_err(|error| self.unreadable(text, &error))?;
        if let Some(value) = document::steering(&table) {
            return self
                .failure("cannot use")
                .because(format!(
                    "it has control characters in {value:?}, which could steer a terminal"
                ))
                .hint("ask where the file comes from; aksbackup writes no such characters")
                .err();
        }
        toml::from_str(text).map_err(|error| self.unreadable(text, &error))
    }

    fn table(&self, state: &State) -> Outcome<toml::Table> {
        toml::Table::try_from(state).or_else(|error| self.failure("cannot write").because(error.to_string()).err())
    }

    /// Every table of this plane whose values differ gets a new note of who wrote it and which writing it replaces.
    fn sign(&self, old: &toml::Table, new: &mut toml::Table) {
        let previous = |path: &[&str]| {
            path.iter()
                .try_fold(toml::Value::from(old.clone()), |value, key| value.get(key).cloned())
        };
        if T::HAS_TARGET
            && let Some(target) = new.get_mut("target").and_then(toml::Value::as_table_mut)
        {
            self.sign_table(previous(&["target"]).as_ref(), target);
        }
        let Some(tables) = new.get_mut(T::KEY).and_then(toml::Value::as_table_mut) else {
            return;
        };
        for (name, value) in tables.iter_mut() {
            if let Some(table) = value.as_table_mut() {
                self.sign_table(previous(&[T::KEY, name]).as_ref(), table);
            }
        }
    }

    fn sign_table(&self, old: Option<&toml::Value>, new: &mut toml::Table) {
        let mut values = old.and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let parent = values
            .remove("written")
            .and_then(|written| written.get("id")?.as_str().map(str::to_owned));
        new.remove("written");
        if values == *new {
            if let Some(written) = old.and_then(|old| old.get("written")) {
                new.insert("written".into(), written.clone());
            }
            return;
        }
        let written = Written {
            id: Uuid::new_v4().to_string(),
            parent,
            observed_at: now(),
            by: self.author.clone(),
            tool: self.tool.clone(),
        };
        if let Ok(written) = toml::Value::try_from(written) {
            new.insert("written".into(), written);
        }
    }

    fn failure(&self, verb: &str) -> Failure {
        Failure::new(
            Exit::StateUnreadable,
            format!("{verb} state file {}", self.path.display()),
        )
    }

    fn unwritten(&self, target: &Path, setback: Setback) -> Failure {
        let failure = self.failure("cannot write");
        match setback {
            Setback::Intact(error) => {
                let failure = failure
                    .because(error.to_string())
                    .because("the old file is intact; what was achieved is found again by the next run");
                cure(failure, &error, folder_of(target))
            }
            Setback::Unconfirmed(error) => {
                let failure = failure.because("the new file is in its place, but the disk did not confirm it");
                cure(failure.because(error.to_string()), &error, folder_of(target))
            }
        }
    }

    fn unreadable(&self, text: &str, error: &impl TomlError) -> Box<Failure> {
        let place = error.start().map(|at| place(text, at));
        let what = match place {
            Some((line, column)) => format!("cannot read state file {}:{line}:{column}", self.path.display()),
            None => format!("cannot read state file {}", self.path.display()),
        };
        Box::new(
            Failure::new(Exit::StateUnreadable, what)
                .because(error.text().trim_end().to_owned())
                .hint("restore it from the last good copy, or mend the line named above"),
        )
    }
}

impl Store<CloudTables> {
    /// Writes what is wanted, as [`Store::update`] does the plane's tables.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub async fn choose(&self, target: Target) -> Outcome<(State, bool)> {
        self.write(|state| state.target = Some(target)).await
    }
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

fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests;
