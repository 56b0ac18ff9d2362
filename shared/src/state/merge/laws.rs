//! The laws of merging, over random histories of copies that were handed around.

use proptest::prelude::*;

use super::*;

/// What happens to one of three copies.
#[derive(Debug, Clone)]
enum Event {
    /// It is written: a table gets a value.
    Write { copy: usize, table: usize, value: i64 },
    /// A table is taken away from it.
    Remove { copy: usize, table: usize },
    /// It is replaced by another copy.
    HandOver { from: usize, to: usize },
    /// A creation is about to be asked for.
    Intend { copy: usize, object: usize },
    /// The creations that were asked for were made.
    Confirm { copy: usize },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3_usize, 0..6_usize, 0..3_i64).prop_map(|(copy, table, value)| Event::Write { copy, table, value }),
        1 => (0..3_usize, 0..6_usize).prop_map(|(copy, table)| Event::Remove { copy, table }),
        1 => (0..3_usize, 0..3_usize).prop_map(|(from, to)| Event::HandOver { from, to }),
        1 => (0..3_usize, 0..3_usize).prop_map(|(copy, object)| Event::Intend { copy, object }),
        1 => (0..3_usize).prop_map(|copy| Event::Confirm { copy }),
    ]
}

const NAMES: [(&str, &str); 6] = [
    ("cloud", "storage"),
    ("cloud", "vault"),
    ("cloud", "roles"),
    ("cluster", "workloads"),
    ("cluster", "rollout"),
    ("cluster", "unknown"),
];

/// The three copies after the events, each a second after the last.
fn copies(events: &[Event]) -> [Table; 3] {
    let start: Table = "schema = 2\n[cloud]\n[cluster]\n".parse().unwrap();
    let mut copies = [start.clone(), start.clone(), start];
    for (second, event) in events.iter().enumerate() {
        let at = format!("2026-01-01T00:{:02}:{:02}Z", second / 60, second % 60);
        match event {
            Event::Write { copy, table, value } => write(&mut copies[*copy], NAMES[*table], Some(*value), &at),
            Event::Remove { copy, table } => write(&mut copies[*copy], NAMES[*table], None, &at),
            Event::HandOver { from, to } => copies[*to] = copies[*from].clone(),
            Event::Intend { copy, object } => {
                let note = format!("x = {{ step = \"backup\", object = \"/{object}\", at = \"{at}\" }}");
                let note = note.parse::<Table>().unwrap()["x"].clone();
                push(&mut copies[*copy], "intents", note);
            }
            Event::Confirm { copy } => {
                let cloud = copies[*copy]["cloud"].as_table_mut().unwrap();
                let intents = cloud.remove("intents");
                for intent in intents.iter().flat_map(|intents| intents.as_array().unwrap().clone()) {
                    push(&mut copies[*copy], "created", intent);
                }
            }
        }
    }
    copies
}

fn push(copy: &mut Table, key: &str, note: Value) {
    let cloud = copy["cloud"].as_table_mut().unwrap();
    let list = cloud.entry(key).or_insert_with(|| Value::Array(Vec::new()));
    list.as_array_mut()
        .unwrap()
        .retain(|own| own["object"] != note["object"]);
    list.as_array_mut().unwrap().push(note);
}

/// Writes a table as the store does: signed, after the writing that it replaces. The same value is no writing.
fn write(copy: &mut Table, (side, name): (&str, &str), value: Option<i64>, at: &str) {
    let tables = copy[side].as_table_mut().unwrap();
    let mut removed = removals(tables);
    let gone = removed.iter().position(|removal| removal.table == name);
    let last = match tables.get(name) {
        Some(table) if table.get("value").and_then(Value::as_integer) == value => return,
        Some(table) => crate::state::signature::written(table),
        None if value.is_none() => return,
        None => gone.map(|gone| removed.swap_remove(gone).written),
    };
    let written = Written {
        id: at.to_owned(),
        ancestors: last
            .map(|last| last.line().map(str::to_owned).collect())
            .unwrap_or_default(),
        observed_at: at.parse().unwrap(),
        by: "p".into(),
        tool: "t".into(),
    };
    tables.remove(name);
    match value {
        Some(value) => {
            let mut table = Table::new();
            table.insert("value".into(), value.into());
            table.insert("written".into(), Value::try_from(written).unwrap());
            tables.insert(name.into(), Value::Table(table));
        }
        None => removed.push(Removal {
            table: name.into(),
            written,
        }),
    }
    removed.sort_by(|one, other| one.table.cmp(&other.table));
    tables.remove("removed");
    if !removed.is_empty() {
        tables.insert("removed".into(), Value::try_from(removed).unwrap());
    }
}

/// The same document with every list of ancestors, intents and creations in one order: what is a set is compared as one.
fn in_order(mut document: Table) -> Table {
    for (_, value) in document.iter_mut() {
        sort(value);
    }
    document
}

fn sort(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(sort);
            items.sort_by_key(Value::to_string);
        }
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| sort(value)),
        _ => {}
    }
}

fn both(one: &Table, other: &Table) -> Option<Table> {
    merge(one, other, &|_| None).ok().map(|merged| merged.document)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_a_copy_with_itself_changes_nothing(events in prop::collection::vec(event(), 0..25)) {
        for copy in copies(&events) {
            prop_assert_eq!(both(&copy, &copy), Some(copy));
        }
    }

    #[test]
    fn merging_is_commutative(events in prop::collection::vec(event(), 0..25)) {
        let [a, b, _] = copies(&events);
        prop_assert_eq!(both(&a, &b).map(in_order), both(&b, &a).map(in_order));
    }

    #[test]
    fn what_was_merged_holds_what_it_was_merged_from(events in prop::collection::vec(event(), 0..25)) {
        let [a, b, _] = copies(&events);
        if let Some(merged) = both(&a, &b) {
            prop_assert_eq!(both(&merged, &a).map(in_order), Some(in_order(merged.clone())));
            prop_assert_eq!(both(&b, &merged).map(in_order), Some(in_order(merged)));
        }
    }

    #[test]
    fn merging_is_associative_where_nothing_conflicts(events in prop::collection::vec(event(), 0..25)) {
        let [a, b, c] = copies(&events);
        let left = both(&a, &b).and_then(|ab| both(&ab, &c));
        let right = both(&b, &c).and_then(|bc| both(&a, &bc));
        if let (Some(left), Some(right)) = (left, right) {
            prop_assert_eq!(in_order(left), in_order(right));
        }
    }
}
