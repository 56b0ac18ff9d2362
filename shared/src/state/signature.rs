//! Who wrote a table, when, and after which writings: signed by the program that the table belongs to.

use jiff::Timestamp;
use toml::{Table, Value};
use uuid::Uuid;

use crate::schema::{ANCESTORS, Removal, Written};

/// Who writes.
#[derive(Debug, Clone)]
pub(super) struct Author {
    /// The signed-in principal or Kubernetes user.
    pub(super) by: String,
    /// Program and version.
    pub(super) tool: String,
}

impl Author {
    /// A writing of now that follows `last`.
    fn after(&self, last: Option<Written>) -> Written {
        Written {
            id: Uuid::new_v4().simple().to_string().chars().take(16).collect(),
            ancestors: last
                .map(|last| last.line().take(ANCESTORS).map(str::to_owned).collect())
                .unwrap_or_default(),
            observed_at: now(),
            by: self.by.clone(),
            tool: self.tool.clone(),
        }
    }

    /// Signs `[target]`, if it differs from the old one.
    pub(super) fn sign_target(&self, old: &Table, new: &mut Table) {
        if let Some(target) = new.get_mut("target").and_then(Value::as_table_mut) {
            self.sign_table(old.get("target").and_then(Value::as_table), None, target);
        }
    }

    /// Signs every table below `program` that differs from the old one, and notes which ones are gone.
    pub(super) fn sign_side(&self, side: &str, old: &Table, new: &mut Table) {
        let none = Table::new();
        let old = old.get(side).and_then(Value::as_table).unwrap_or(&none);
        let Some(new) = new.get_mut(side).and_then(Value::as_table_mut) else {
            return;
        };
        let mut removed = removals(old);
        for (name, value) in new.iter_mut() {
            if let Some(table) = value.as_table_mut() {
                let at = removed.iter().position(|removal| removal.table == *name);
                let gone = at.map(|at| removed.swap_remove(at).written);
                self.sign_table(old.get(name).and_then(Value::as_table), gone, table);
            }
        }
        for (name, table) in old
            .iter()
            .filter(|(name, value)| value.is_table() && !new.contains_key(*name))
        {
            removed.push(Removal {
                table: name.clone(),
                written: self.after(written(table)),
            });
        }
        removed.sort_by(|one, other| one.table.cmp(&other.table));
        match Value::try_from(&removed) {
            Ok(value) if !removed.is_empty() => new.insert("removed".into(), value),
            Ok(_) | Err(_) => new.remove("removed"),
        };
    }

    /// A table whose values are the old ones keeps its signature, or stays without one if nobody ever signed it.
    fn sign_table(&self, old: Option<&Table>, gone: Option<Written>, new: &mut Table) {
        new.remove("written");
        let last = old.and_then(|old| old.get("written"));
        if old.is_some_and(|old| same_values(old, new)) {
            if let Some(last) = last {
                new.insert("written".into(), last.clone());
            }
            return;
        }
        let last = last.and_then(|last| last.clone().try_into().ok()).or(gone);
        if let Ok(written) = Value::try_from(self.after(last)) {
            new.insert("written".into(), written);
        }
    }
}

/// Whether two tables say the same, whoever wrote them.
pub(super) fn same_values(one: &Table, other: &Table) -> bool {
    let values = |table: &Table| {
        let mut table = table.clone();
        table.remove("written");
        table
    };
    values(one) == values(other)
}

/// Who wrote a table, where it says so.
pub(super) fn written(table: &Value) -> Option<Written> {
    table.get("written")?.clone().try_into().ok()
}

/// The tables of a program that are gone.
pub(super) fn removals(side: &Table) -> Vec<Removal> {
    let removed = side.get("removed").cloned();
    removed.and_then(|removed| removed.try_into().ok()).unwrap_or_default()
}

/// Whole seconds: nobody reads more out of the file.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
