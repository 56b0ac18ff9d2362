//! Brings two copies of a state file together that went different ways: table by table, by the ancestry of their
//! writings. Pure functions of two documents of this program's number.
//!
//! Where nothing conflicts, merging is commutative, associative and idempotent in what the tables say. Which of two equal
//! writings signs a table is decided by their times.

use serde::Serialize;
use toml::{Table, Value};

use crate::ids::same;
use crate::schema::{Removal, Written};
use crate::state::signature::removals;

mod creations;
mod version;

use version::{Joined, Version, join};

/// One of two copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The state file's.
    Ours,
    /// That of the copy which is merged into it.
    Theirs,
}

/// A table that two copies changed without knowing of each other, or one that isn't taken from a copy without being asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    /// The table, such as `cloud.roles`.
    pub table: String,
    /// Whether the copy claims to be the later one, of a table that belongs to the program that merges.
    pub own: bool,
    /// What the state file has.
    pub ours: Claim,
    /// What the copy has.
    pub theirs: Claim,
}

/// What one copy says of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Claim {
    /// The values; nothing if it has no such table.
    pub values: Option<Value>,
    /// Who says so, where it is signed.
    pub written: Option<Written>,
}

/// What was taken over from the copy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Taken {
    /// The table.
    pub table: String,
    /// Who wrote it, where it is signed.
    pub written: Option<Written>,
}

/// Two copies in one.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The document.
    pub document: Table,
    /// What came from the copy.
    pub taken: Vec<Taken>,
}

/// Why two copies do not come together.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// They are about different clusters: a key of `[target]`, and what the two say.
    OtherTarget(&'static str, String, String),
    /// These tables were changed on both sides.
    Conflicts(Vec<Conflict>),
}

/// Merges `theirs` into `ours`. `decide` is asked which side is meant where both changed a table.
///
/// # Errors
/// The refusal, with every conflict that `decide` left open.
pub fn merge(ours: &Table, theirs: &Table, decide: &dyn Fn(&str) -> Option<Side>) -> Result<Merged, Refusal> {
    merge_into_own(ours, theirs, decide, &|_| false)
}

/// As [`merge`], for a program with tables of its own: what a copy says of those is taken only where `decide` says so. Who wrote
/// a table after whom is free text of whoever sends the copy.
///
/// # Errors
/// As [`merge`]; a table of one's own that the copy would change is a conflict, unless `decide` has decided it.
pub fn merge_into_own(
    ours: &Table,
    theirs: &Table,
    decide: &dyn Fn(&str) -> Option<Side>,
    is_own: &dyn Fn(&str) -> bool,
) -> Result<Merged, Refusal> {
    same_target(ours, theirs)?;
    let mut merging = Merging {
        decide,
        is_own,
        taken: Vec::new(),
        conflicts: Vec::new(),
    };
    let mut document = Table::new();
    let empty = Table::new();
    for key in keys(ours, theirs) {
        let (one, other) = (ours.get(key), theirs.get(key));
        let value = match (key, side(one, &empty), side(other, &empty)) {
            ("schema", _, _) => one.or(other).cloned(),
            ("cloud" | "cluster", Some(one), Some(other)) => Some(Value::Table(merging.side(key, one, other))),
            _ => {
                merging
                    .table(key, Version::of(one, None), Version::of(other, None))
                    .value
            }
        };
        if let Some(value) = value {
            document.insert(key.to_owned(), value);
        }
    }
    match merging.conflicts.is_empty() {
        true => Ok(Merged {
            document,
            taken: merging.taken,
        }),
        false => Err(Refusal::Conflicts(merging.conflicts)),
    }
}

/// The tables of a program; none of them where the copy has no such key.
fn side<'a>(value: Option<&'a Value>, empty: &'a Table) -> Option<&'a Table> {
    value.map_or(Some(empty), Value::as_table)
}

/// The keys of both, in the order of the first.
fn keys<'a>(ours: &'a Table, theirs: &'a Table) -> impl Iterator<Item = &'a str> {
    let added = theirs.keys().filter(|key| !ours.contains_key(*key));
    ours.keys().chain(added).map(String::as_str)
}

/// One file, one cluster.
fn same_target(ours: &Table, theirs: &Table) -> Result<(), Refusal> {
    for key in ["cluster", "tenant", "cloud"] {
        let text = |document: &Table| Some(document.get("target")?.get(key)?.as_str()?.to_owned());
        if let (Some(one), Some(other)) = (text(ours), text(theirs))
            && !same(&one, &other)
        {
            return Err(Refusal::OtherTarget(key, one, other));
        }
    }
    Ok(())
}

struct Merging<'a> {
    decide: &'a dyn Fn(&str) -> Option<Side>,
    is_own: &'a dyn Fn(&str) -> bool,
    taken: Vec<Taken>,
    conflicts: Vec<Conflict>,
}

impl Merging<'_> {
    fn side(&mut self, side: &str, ours: &Table, theirs: &Table) -> Table {
        let (gone, their_gone) = (removals(ours), removals(theirs));
        let mut merged = Table::new();
        let mut removed = Vec::new();
        let removed_only = gone.iter().chain(&their_gone).map(|removal| removal.table.as_str());
        let mut names: Vec<&str> = keys(ours, theirs).chain(removed_only).collect();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| !["removed", "intents", "created"].contains(name) && seen.insert(*name));
        for name in names {
            let one = Version::of(ours.get(name), written_of(&gone, name));
            let other = Version::of(theirs.get(name), written_of(&their_gone, name));
            let joined = self.table(&format!("{side}.{name}"), one, other);
            match (joined.value, joined.written) {
                (Some(value), _) => {
                    merged.insert(name.to_owned(), value);
                }
                (None, Some(written)) => removed.push(Removal {
                    table: name.to_owned(),
                    written,
                }),
                (None, None) => {}
            }
        }
        self.creations(side, ours, theirs, &mut merged);
        removed.sort_by(|one, other| one.table.cmp(&other.table));
        if let Ok(value) = Value::try_from(&removed)
            && !removed.is_empty()
        {
            merged.insert("removed".into(), value);
        }
        merged
    }

    /// Intents and creations of one's own program are merged only where the copy's are asked for, by the name of the list: they say
    /// what it made itself.
    fn creations(&mut self, side: &str, ours: &Table, theirs: &Table, merged: &mut Table) {
        creations::merge(ours, theirs, merged);
        for list in ["intents", "created"] {
            let name = format!("{side}.{list}");
            let (old, new) = (ours.get(list).cloned(), merged.get(list).cloned());
            if !(self.is_own)(&name) || old == new {
                continue;
            }
            match (self.decide)(&name) {
                Some(Side::Theirs) => self.taken.push(Taken {
                    table: name,
                    written: None,
                }),
                Some(Side::Ours) => {
                    merged.remove(list);
                    merged.extend(old.map(|old| (list.to_owned(), old)));
                }
                None => {
                    let claim = |values| Claim { values, written: None };
                    self.conflicts.push(Conflict {
                        table: name,
                        own: true,
                        ours: claim(old),
                        theirs: claim(new),
                    });
                }
            }
        }
    }

    fn table(&mut self, name: &str, ours: Option<Version>, theirs: Option<Version>) -> Joined {
        let (ours, theirs) = match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours, theirs),
            (Some(ours), None) => return ours.into(),
            (None, Some(theirs)) => return self.added(name, theirs),
            (None, None) => return Joined::default(),
        };
        let same = ours.says(&theirs);
        let later = join(&ours, &theirs);
        let claimed = later == Some(Side::Theirs) && !same && (self.is_own)(name);
        let side = if claimed { None } else { later };
        match side.or_else(|| (self.decide)(name)) {
            Some(Side::Ours) => ours.over(&theirs),
            Some(Side::Theirs) if same => theirs.over(&ours),
            Some(Side::Theirs) => self.take(name, theirs.over(&ours)),
            None => {
                self.conflicts.push(Conflict {
                    table: name.to_owned(),
                    own: claimed,
                    ours: ours.claim(),
                    theirs: theirs.claim(),
                });
                ours.into()
            }
        }
    }

    /// A table that the state file does not have.
    fn added(&mut self, name: &str, theirs: Version) -> Joined {
        let side = match (self.is_own)(name) && theirs.has_values() {
            true => (self.decide)(name),
            false => Some(Side::Theirs),
        };
        match side {
            Some(Side::Theirs) => self.take(name, theirs.into()),
            Some(Side::Ours) => Joined::default(),
            None => {
                self.conflicts.push(Conflict {
                    table: name.to_owned(),
                    own: true,
                    ours: Claim::default(),
                    theirs: theirs.claim(),
                });
                Joined::default()
            }
        }
    }

    fn take(&mut self, name: &str, joined: Joined) -> Joined {
        self.taken.push(Taken {
            table: name.to_owned(),
            written: joined.written.clone(),
        });
        joined
    }
}

fn written_of(removals: &[Removal], table: &str) -> Option<Written> {
    let removal = removals.iter().find(|removal| removal.table == table)?;
    Some(removal.written.clone())
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
