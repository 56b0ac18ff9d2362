//! Reads and writes the state file: a lock beside it, held for the read-change-write only, and an atomic replace.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml_edit::DocumentMut;

use crate::command_line::file_was_written;
use crate::console::Console;
use crate::digest::Digest;
use crate::failure::{Failure, Outcome};
use crate::schema::{CloudTables, SCHEMA, State, Target};
use crate::state::document;
use crate::state::lock::Lock;
use crate::state::migration::lower;
use crate::state::ownership::Owned;
use crate::state::parse;
use crate::state::replace::{Setback, cure, folder_of, follow, replace, sweep};
use crate::state::signature::Author;
use crate::state::voice::Voice;

/// The state file's name, unless another is given.
pub const DEFAULT_NAME: &str = "aksbackup.toml";

/// The line by which editors find the schema: a file beside the state file, so that it works without a network.
pub(super) const SCHEMA_LINE: &str = "#:schema aksbackup.schema.json\n";

/// What follows in a file that is made anew.
const HEADER: &str = "# State of the backup configuration of one cluster. It contains no secrets.\n# `az aksbackup` \
    writes [target] and [cloud], `kubectl aksbackup` writes [cluster]; comments and unknown keys are preserved.\n# \
    To validate it in an editor: az aksbackup schema > aksbackup.schema.json\n\n";

/// What a writer of Azure or the cluster is created from: only a state file that accepts changes gives it, because the name of
/// whatever is created goes into that file first.
pub struct WriteAccess {
    _private: (),
}

/// The state file of one cluster, in the hands of the program that owns the tables `T`: it reads everything and changes
/// those alone.
pub struct Store<T: Owned> {
    path: PathBuf,
    lock_timeout: Duration,
    locking: bool,
    author: Author,
    tables: PhantomData<T>,
    voice: Voice,
    expected: Option<Digest>,
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
            author: Author {
                by: "unknown".into(),
                tool: tool.to_owned(),
            },
            tables: PhantomData,
            voice: Voice::silent(),
            expected: None,
        }
    }

    /// Lets the store speak from now on: of a wait for another process, and, where asked for more, of each write.
    pub fn speak_on(&mut self, console: &Console) {
        self.voice = Voice::on(console);
    }

    /// Names the signed-in principal or Kubernetes user that writes from now on.
    pub fn set_author(&mut self, author: impl Into<String>) {
        self.author.by = author.into();
    }

    /// Takes only a file whose values have this digest; what this program itself changes later is not held to it.
    pub fn expect(&mut self, digest: Option<Digest>) {
        self.expected = digest;
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
    /// Exit 7: not readable, not TOML, a value of the wrong type, or not of the digest that is expected. A newer file is
    /// read as far as its keys are known.
    pub fn load(&self) -> Outcome<Option<State>> {
        Ok(self.load_with_digest()?.map(|(state, _)| state))
    }

    /// As [`Store::load_with_digest`], for a program that acts on `[target]`.
    ///
    /// # Errors
    /// As [`Store::load`]; exit 7 also where `[target]` has a key that this program doesn't know.
    pub fn load_target(&self) -> Outcome<Option<(State, Digest)>> {
        let Some((text, state)) = self.read()? else {
            return Ok(None);
        };
        let digest = self.expected(&text)?;
        parse::settings(&self.path, &text)?;
        Ok(Some((state, digest)))
    }

    /// As [`Store::load`], with the digest of what the file says.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn load_with_digest(&self) -> Outcome<Option<(State, Digest)>> {
        let Some((text, state)) = self.read()? else {
            return Ok(None);
        };
        Ok(Some((state, self.expected(&text)?)))
    }

    /// The digest of a text, which is the one that is expected.
    ///
    /// # Errors
    /// Exit 7: it is another.
    pub(super) fn expected(&self, text: &str) -> Outcome<Digest> {
        let digest = Digest::of(&parse::values(&self.path, text)?);
        match &self.expected {
            Some(expected) if *expected != digest => self.another_file(expected, &digest).err(),
            _ => Ok(digest),
        }
    }

    fn another_file(&self, expected: &Digest, own: &Digest) -> Failure {
        parse::failure(&self.path, "refused")
            .because(format!("expected digest: {expected}"))
            .because(format!("actual digest:   {own}"))
            .hint("ask for the file that has this digest: --state FILE")
            .hint("or review the file before you use it: status --offline, without --expect-digest")
    }

    /// Reads the file, changes the program's tables, and writes it if anything is different. Returns the state as it now
    /// stands, and whether the file was written.
    ///
    /// # Errors
    /// Exit 6: another process holds the file for longer than the lock timeout. Exit 7: as [`Store::load`], the file is
    /// a newer program's, or it cannot be written; the old file is then intact.
    pub async fn update(&self, change: impl FnOnce(&mut T)) -> Outcome<(State, bool)> {
        self.write(|state| change(T::of(state))).await
    }

    async fn write(&self, change: impl FnOnce(&mut State)) -> Outcome<(State, bool)> {
        self.rewrite(|found| {
            let nothing = State::default();
            let (text, before) = found.unwrap_or(("", &nothing));
            let mut after = before.clone();
            change(&mut after);
            if after == *before && !text.is_empty() {
                return Ok(None);
            }
            self.signed(text, before, &after).map(Some)
        })
        .await
    }

    /// The text with the values of `after` in place of those of `before`, in the file's own number.
    fn signed(&self, text: &str, before: &State, after: &State) -> Outcome<String> {
        let (mut old, mut new) = (self.table(before)?, self.table(after)?);
        if T::HAS_TARGET {
            self.author.sign_target(&old, &mut new);
        }
        self.author.sign_side(T::KEY, &old, &mut new);
        lower(&mut old, before.schema);
        lower(&mut new, before.schema);
        if text.is_empty() {
            old.clear();
        }
        let mut edited: DocumentMut = parse::edited(&self.path, text)?;
        document::carry_over(&mut edited, &old, &new);
        Ok(match text.is_empty() {
            true => format!("{SCHEMA_LINE}{HEADER}{edited}"),
            false => edited.to_string(),
        })
    }

    /// Reads the file under its lock, has its text edited, and replaces it if the text is another then. `edit` is given
    /// the text and what it says, or nothing where there is no file; it gives nothing where all stays as it is. Returns
    /// the state as it now stands, and whether the file was written.
    pub(super) async fn rewrite(
        &self,
        edit: impl FnOnce(Option<(&str, &State)>) -> Outcome<Option<String>>,
    ) -> Outcome<(State, bool)> {
        let (target, _lock) = self.taken().await?;
        let found = self.read()?;
        if let Some((_, before)) = &found {
            self.must_write(before)?;
        }
        let edited = edit(found.as_ref().map(|(text, before)| (text.as_str(), before)))?;
        let Some(edited) = edited.filter(|edited| found.as_ref().is_none_or(|(text, _)| text != edited)) else {
            return Ok((found.map(|(_, before)| before).unwrap_or_default(), false));
        };
        parse::fits(&self.path, &edited)?;
        let state = parse::state(&self.path, &edited)?;
        replace(&target, edited.as_bytes()).or_else(|setback| self.unwritten(&target, setback).err())?;
        file_was_written();
        let old = found.map_or_else(|| Ok(toml::Table::new()), |(_, before)| self.table(&before))?;
        self.voice.written(&self.path, &old, &self.table(&state)?);
        Ok((state, true))
    }

    /// The file that the path leads to, and its lock. A link that was turned elsewhere during the wait is followed anew:
    /// what is read has to be what is replaced.
    async fn taken(&self) -> Outcome<(PathBuf, Option<Lock>)> {
        loop {
            let target = follow(&self.path);
            if !self.locking {
                return Ok((target, None));
            }
            let lock = Lock::take(&target, self.lock_timeout, |line| self.voice.say(line)).await?;
            if follow(&self.path) == target {
                sweep(&target);
                return Ok((target, Some(lock)));
            }
        }
    }

    /// Refuses a state that this program must not write back, before anything else is done with it.
    ///
    /// # Errors
    /// Exit 7: the file was written by a newer program.
    pub fn must_write(&self, state: &State) -> Outcome<WriteAccess> {
        match state.schema > SCHEMA {
            true => parse::newer(&self.path, "cannot write", state.schema).err(),
            false => Ok(WriteAccess { _private: () }),
        }
    }

    /// The file's text and what it says; `None` where there is none.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub(super) fn read(&self) -> Outcome<Option<(String, State)>> {
        let Some(bytes) = parse::bytes(&self.path)? else {
            return Ok(None);
        };
        let text = parse::text(&self.path, bytes)?;
        let state = parse::state(&self.path, &text)?;
        Ok(Some((text, state)))
    }

    fn table(&self, state: &State) -> Outcome<toml::Table> {
        toml::Table::try_from(state).or_else(|error| {
            parse::failure(&self.path, "cannot write")
                .because(error.to_string())
                .err()
        })
    }

    fn unwritten(&self, target: &Path, setback: Setback) -> Failure {
        let failure = parse::failure(&self.path, "cannot write");
        match setback {
            Setback::Intact(error) => {
                let failure = failure
                    .because(error.to_string())
                    .because("the previous file is unchanged; the next run finds the completed changes");
                cure(failure, &error, folder_of(target))
            }
            Setback::Unconfirmed(error) => {
                let failure = failure.because("the new file was written, but the disk didn't confirm it");
                cure(failure.because(error.to_string()), &error, folder_of(target))
            }
        }
    }
}

impl Store<CloudTables> {
    /// Writes what is wanted, as [`Store::update`] does the program's tables.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub async fn choose(&self, target: Target) -> Outcome<(State, bool)> {
        self.write(|state| state.target = Some(target)).await
    }

    /// Changes what is wanted, where there is something, as [`Store::update`] does the program's tables.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub async fn amend(&self, change: impl Fn(&mut Target)) -> Outcome<(State, bool)> {
        self.write(|state| state.target.iter_mut().for_each(&change)).await
    }

    /// Writes a new file with what is wanted; one that exists is left as it is. Returns whether it was written.
    ///
    /// # Errors
    /// As [`Store::update`].
    pub async fn create(&self, target: Target) -> Outcome<bool> {
        let (before, after) = (
            State::default(),
            State {
                target: Some(target),
                ..State::default()
            },
        );
        let (_, written) = self
            .rewrite(|found| match found {
                Some(_) => Ok(None),
                None => self.signed("", &before, &after).map(Some),
            })
            .await?;
        Ok(written)
    }
}

#[cfg(test)]
mod tests;
