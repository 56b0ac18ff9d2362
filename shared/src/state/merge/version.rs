//! A table as one copy has it, and which of two versions is the later one.

use toml::{Table, Value};

use super::{Claim, Side};
use crate::ids;
use crate::schema::{ANCESTORS, Written};
use crate::state::signature::written;

/// A table as one copy has it: its values, or that it is gone.
pub(super) struct Version {
    value: Option<Value>,
    written: Option<Written>,
}

/// What two versions come to.
#[derive(Default)]
pub(super) struct Joined {
    pub(super) value: Option<Value>,
    pub(super) written: Option<Written>,
}

impl Version {
    /// What a copy knows of a table: its `value`, else who took it away; nothing if it never had it.
    pub(super) fn of(value: Option<&Value>, gone: Option<Written>) -> Option<Self> {
        match (value, gone) {
            (Some(value), _) => Some(Self {
                value: Some(value.clone()),
                written: written(value),
            }),
            (None, Some(gone)) => Some(Self {
                value: None,
                written: Some(gone),
            }),
            (None, None) => None,
        }
    }

    /// Whether the copy has the table, rather than only knowing that it was removed.
    pub(super) fn has_values(&self) -> bool {
        self.value.is_some()
    }

    /// Whether both say the same, whoever wrote it.
    pub(super) fn says(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Some(one), Some(other)) => same(&unsigned(one), &unsigned(other)),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// This version, signed as one that the other led to.
    pub(super) fn over(self, other: &Self) -> Joined {
        let Self { mut value, written } = self;
        let written = written.map(|own| match &other.written {
            Some(other) => remembering(own, other),
            None => own,
        });
        let note = value
            .as_mut()
            .and_then(|value| value.get_mut("written")?.as_table_mut());
        if let (Some(note), Some(written)) = (note, &written)
            && !written.ancestors.is_empty()
        {
            note.insert("ancestors".into(), written.ancestors.clone().into());
        }
        Joined { value, written }
    }

    /// As it is shown where it conflicts.
    pub(super) fn claim(&self) -> Claim {
        Claim {
            values: self.value.as_ref().map(unsigned),
            written: self.written.clone(),
        }
    }
}

impl From<Version> for Joined {
    fn from(version: Version) -> Self {
        Self {
            value: version.value,
            written: version.written,
        }
    }
}

/// Which version is the later one; nothing where each side went its own way. Of two that say the same, the one that was
/// seen last.
pub(super) fn join(ours: &Version, theirs: &Version) -> Option<Side> {
    let follows = |one: &Version, other: &Version| match (&one.written, &other.written) {
        (Some(one), Some(other)) => one.follows(other),
        _ => false,
    };
    match (follows(ours, theirs), follows(theirs, ours)) {
        (true, false) => Some(Side::Ours),
        (false, true) => Some(Side::Theirs),
        (true, true) | (false, false) if ours.says(theirs) => {
            let (one, other) = (ours.written.as_ref(), theirs.written.as_ref());
            Some(if order(one) >= order(other) {
                Side::Ours
            } else {
                Side::Theirs
            })
        }
        (true, true) | (false, false) => None,
    }
}

fn order(written: Option<&Written>) -> Option<(jiff::Timestamp, &str, &[String])> {
    written.map(|written| (written.observed_at, written.id.as_str(), written.ancestors.as_slice()))
}

/// `own` with the line of `other` among its ancestors. Beyond the bound the latest of both lines stay.
fn remembering(mut own: Written, other: &Written) -> Written {
    let follows = own.follows(other);
    let known = own.line().collect::<Vec<_>>();
    let others: Vec<String> = other
        .line()
        .filter(|id| !known.contains(id))
        .map(str::to_owned)
        .collect();
    if follows || own.ancestors.len() + others.len() <= ANCESTORS {
        own.ancestors.extend(others);
    } else {
        own.ancestors = in_turn(&own.ancestors, &others);
    }
    own.ancestors.truncate(ANCESTORS);
    own
}

fn in_turn(one: &[String], other: &[String]) -> Vec<String> {
    let longest = one.len().max(other.len());
    let pairs = (0..longest).flat_map(|at| [one.get(at), other.get(at)]);
    pairs.flatten().cloned().collect()
}

fn unsigned(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Table(table) = &mut value {
        table.remove("written");
    }
    value
}

/// Whether two values are the same. ARM ids are, however Azure spelt them this time.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) if one.starts_with("/subscriptions/") => ids::same(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Table(one), Value::Table(other)) => {
            let equal = |(key, value): (&String, &Value)| other.get(key).is_some_and(|other| same(value, other));
            one.len() == other.len() && Table::iter(one).all(equal)
        }
        _ => one == other,
    }
}
