//! From the file's number to the one that this program thinks in, and back: one pure function of a document each way and
//! number.
//!
//! A file keeps its number whoever writes it, so that a newer program does not lock an older one out; `migrate` alone
//! raises it. What an older number has no place for is left out of such a file.

use toml::{Table, Value};

use crate::schema::SCHEMA;

/// The oldest number that can be read.
pub const OLDEST: u32 = 1;

/// How documents of one number become those of the next, and how they go back.
struct Step {
    from: u32,
    raise: fn(&mut Table),
    lower: fn(&mut Table),
}

const STEPS: [Step; 1] = [Step {
    from: 1,
    raise: |document| each_writing(document, ancestors_for_parent),
    lower: |document| {
        each_writing(document, parent_for_ancestors);
        forget_removals(document);
    },
}];

/// Raises a document with the number `from` to [`SCHEMA`]. Its `schema` key becomes that number too.
pub fn raise(document: &mut Table, from: u32) {
    for step in STEPS.iter().filter(|step| step.from >= from) {
        (step.raise)(document);
    }
    document.insert("schema".into(), i64::from(SCHEMA).into());
}

/// Takes a document with the number [`SCHEMA`] back to the number `to`.
pub fn lower(document: &mut Table, to: u32) {
    for step in STEPS.iter().rev().filter(|step| step.from >= to) {
        (step.lower)(document);
    }
    document.insert("schema".into(), i64::from(to).into());
}

fn each_writing(document: &mut Table, change: fn(&mut Table)) {
    for (key, value) in document.iter_mut() {
        match value.as_table_mut() {
            Some(table) if key == "written" => change(table),
            Some(table) => each_writing(table, change),
            None => {}
        }
    }
}

/// Number 2 knows a writing's ancestors, where number 1 knew its parent: copies that are several writings apart can be
/// told from copies that went different ways.
fn ancestors_for_parent(written: &mut Table) {
    if let Some(parent) = written.remove("parent") {
        written.insert("ancestors".into(), Value::Array(vec![parent]));
    }
}

fn parent_for_ancestors(written: &mut Table) {
    if let Some(Value::Array(ancestors)) = written.remove("ancestors")
        && let Some(parent) = ancestors.into_iter().next()
    {
        written.insert("parent".into(), parent);
    }
}

/// Number 1 does not know that a table was taken away, only that it is not there.
fn forget_removals(document: &mut Table) {
    for side in ["cloud", "cluster"] {
        if let Some(tables) = document.get_mut(side).and_then(Value::as_table_mut) {
            tables.remove("removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "schema = 1\nx = 1\n[cloud.a]\nwritten = { id = \"b\", parent = \"a\", by = \"me\" }\n\
                         [cloud.b]\nwritten = { id = \"c\" }\n";

    #[test]
    fn there_is_a_step_for_every_older_number() {
        let numbers: Vec<u32> = STEPS.iter().map(|step| step.from).collect();
        assert_eq!(numbers, (OLDEST..SCHEMA).collect::<Vec<u32>>());
    }

    #[test]
    fn the_present_number_is_left_alone() {
        let document: Table = FIRST.replace("schema = 1", "schema = 2").parse().unwrap();
        let mut raised = document.clone();
        raise(&mut raised, SCHEMA);
        lower(&mut raised, SCHEMA);
        assert_eq!(raised, document);
    }

    #[test]
    fn what_was_raised_comes_back_as_it_was() {
        let document: Table = FIRST.parse().unwrap();
        let mut raised = document.clone();
        raise(&mut raised, 1);
        assert_eq!(raised["schema"].as_integer(), Some(2));
        assert_eq!(raised["cloud"]["a"]["written"]["ancestors"][0].as_str(), Some("a"));
        assert_eq!(raised["cloud"]["b"]["written"].get("ancestors"), None);
        lower(&mut raised, 1);
        assert_eq!(raised, document);
    }

    #[test]
    fn what_an_older_number_cannot_say_is_left_out() {
        let mut document: Table = "schema = 2\n[cluster]\nremoved = [{ table = \"rollout\" }]\n\
                                   [cluster.a]\nwritten = { id = \"c\", ancestors = [\"b\", \"a\"] }\n"
            .parse()
            .unwrap();
        lower(&mut document, 1);
        assert_eq!(document["cluster"].get("removed"), None);
        assert_eq!(document["cluster"]["a"]["written"]["parent"].as_str(), Some("b"));
    }
}
