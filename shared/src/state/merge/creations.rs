//! Intents and creations, which are merged one by one: a creation that either copy knows was made, and an intent holds
//! until a copy has seen what became of it.

use toml::{Table, Value};

use crate::ids;
use crate::schema::{Intent, Written};
use crate::state::signature::written;

/// Puts the intents and creations of both copies of a program into `merged`.
pub(super) fn merge(ours: &Table, theirs: &Table, merged: &mut Table) {
    let created = union(list(ours, "created"), list(theirs, "created"));
    let open = |own: &Table, other: &Table| -> Vec<Intent> {
        let elsewhere = list(other, "intents");
        let keep = |intent: &Intent| elsewhere.iter().any(|one| same(one, intent)) || !settled(intent, own, other);
        list(own, "intents").into_iter().filter(keep).collect()
    };
    let mut intents = union(open(ours, theirs), open(theirs, ours));
    intents.retain(|intent| !created.iter().any(|made| same(made, intent) && made.at >= intent.at));
    put(merged, "intents", intents);
    put(merged, "created", created);
}

fn list(side: &Table, key: &str) -> Vec<Intent> {
    let list = side.get(key).cloned();
    list.and_then(|list| list.try_into().ok()).unwrap_or_default()
}

fn same(one: &Intent, other: &Intent) -> bool {
    one.step == other.step && ids::same(&one.object, &other.object)
}

/// Both lists without repetition; of two times the later one, and of two spellings always the same one.
fn union(mut list: Vec<Intent>, others: Vec<Intent>) -> Vec<Intent> {
    for other in others {
        match list.iter_mut().find(|own| same(own, &other)) {
            Some(own) if (own.at, &own.object) < (other.at, &other.object) => *own = other,
            Some(_) => {}
            None => list.push(other),
        }
    }
    list
}

/// Whether the copy `other`, which does not have the intent, wrote the step's table after it, and later than `own` did.
fn settled(intent: &Intent, own: &Table, other: &Table) -> bool {
    let table = |side: &Table| side.get(intent.step.table()?.1).and_then(written);
    let later = |one: &Written, than: Option<Written>| than.is_none_or(|than| one.follows(&than));
    table(other).is_some_and(|seen| seen.observed_at >= intent.at && later(&seen, table(own)))
}

fn put(merged: &mut Table, key: &str, list: Vec<Intent>) {
    if let Ok(value) = Value::try_from(&list)
        && !list.is_empty()
    {
        merged.insert(key.into(), value);
    }
}
