//! Changes a TOML document to new values and leaves everything else as it was: comments, order, unknown keys.

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

mod list;

/// Brings `document` from the values `old` to the values `new`: what differs is set, what `old` had and `new` has not is
/// removed, everything else is not touched.
///
/// `old` and `new` are the same type serialised before and after a change; `document` is the file that `old` was read
/// from.
pub fn carry_over(document: &mut DocumentMut, old: &toml::Table, new: &toml::Table) {
    carry_table(document.as_table_mut(), old, new);
}

fn carry_table(document: &mut dyn TableLike, old: &toml::Table, new: &toml::Table) {
    let none = toml::Table::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        document.remove(key);
    }
    for (key, value) in new {
        let before = old.get(key);
        if before == Some(value) && document.contains_key(key) {
            continue;
        }
        match (value, document.get_mut(key)) {
            (toml::Value::Table(after), Some(item)) if is_carried(key, item) => {
                if let Some(table) = item.as_table_like_mut() {
                    carry_table(table, before.and_then(toml::Value::as_table).unwrap_or(&none), after);
                }
            }
            (toml::Value::Array(after), Some(item)) => {
                let before = before.and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
                if !list::carry(item, before, after) {
                    replace(item, value);
                }
            }
            (_, Some(item)) => replace(item, value),
            (toml::Value::Table(after), None) if !is_leaf(key) => {
                document.insert(key, Item::Table(fresh_table(after)));
            }
            (_, None) => {
                document.insert(key, Item::Value(edit_value(value)));
            }
        }
    }
}

fn fresh_table(values: &toml::Table) -> Table {
    let mut table = Table::new();
    table.set_implicit(values.values().all(toml::Value::is_table));
    carry_table(&mut table, &toml::Table::new(), values);
    table
}

/// `written` stands on one line: who and when are a note to a table, not a table of their own.
fn is_leaf(key: &str) -> bool {
    key == "written"
}

/// Whether a table of the document is changed key by key. A note on one line is another note as a whole.
fn is_carried(key: &str, item: &Item) -> bool {
    item.is_table() || (item.is_inline_table() && !is_leaf(key))
}

/// Sets a value and keeps the comment behind the old one.
fn replace(item: &mut Item, value: &toml::Value) {
    let mut fresh = edit_value(value);
    if let Some(old) = item.as_value() {
        *fresh.decor_mut() = old.decor().clone();
    }
    *item = Item::Value(fresh);
}

fn edit_value(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.clone().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(time) => (*time).into(),
        toml::Value::Array(items) => edit_array(items).into(),
        toml::Value::Table(table) => on_one_line(table),
    }
}

/// A table within a value: nothing in it breaks the line.
fn on_one_line(table: &toml::Table) -> Value {
    let mut inline = toml_edit::InlineTable::new();
    for (key, value) in table {
        let value = match value {
            toml::Value::Array(items) => items.iter().map(edit_value).collect::<toml_edit::Array>().into(),
            other => edit_value(other),
        };
        inline.insert(key, value);
    }
    inline.into()
}

/// An array of more than one value stands one value a line, so that a diff shows which one changed.
fn edit_array(items: &[toml::Value]) -> toml_edit::Array {
    let mut array: toml_edit::Array = items.iter().map(edit_value).collect();
    list::line_by_line(&mut array);
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\nschema = 1\nunknown = \"kept\" # so is this\n\n# the place\n[cloud.storage]\ncontainer = \"a\" # why\nlist = [1, 2]\n";

    fn changed(change: impl FnOnce(&mut toml::Table)) -> String {
        let mut document: DocumentMut = FILE.parse().unwrap();
        let mut old: toml::Table = FILE.parse().unwrap();
        old.remove("unknown");
        let mut new = old.clone();
        change(&mut new);
        carry_over(&mut document, &old, &new);
        document.to_string()
    }

    fn storage(table: &mut toml::Table) -> &mut toml::Table {
        table["cloud"]["storage"].as_table_mut().unwrap()
    }

    #[test]
    fn no_change_leaves_every_byte() {
        assert_eq!(changed(|_| {}), FILE);
    }

    #[test]
    fn a_new_value_keeps_comments_and_unknown_keys() {
        let text = changed(|table| {
            storage(table).insert("container".into(), "b".into());
        });
        assert_eq!(text, FILE.replace("\"a\"", "\"b\""));
    }

    #[test]
    fn a_new_table_goes_to_the_end_with_its_note_on_one_line() {
        let text = changed(|table| {
            let written: toml::Table = "by = \"me\"".parse().unwrap();
            let mut vault = toml::Table::new();
            vault.insert("rule".into(), "daily".into());
            vault.insert("written".into(), written.into());
            table["cloud"]
                .as_table_mut()
                .unwrap()
                .insert("vault".into(), vault.into());
        });
        assert_eq!(
            text,
            format!("{FILE}\n[cloud.vault]\nrule = \"daily\"\nwritten = {{ by = \"me\" }}\n")
        );
    }

    /// The file with a change to its table `t`, which it has in some form of its own.
    fn of_form(form: &str, change: impl FnOnce(&mut toml::Table)) -> String {
        let mut document: DocumentMut = form.parse().unwrap();
        let mut old: toml::Table = form.parse().unwrap();
        forget_unknown(&mut old);
        let mut new = old.clone();
        change(new["t"].as_table_mut().unwrap());
        carry_over(&mut document, &old, &new);
        document.to_string()
    }

    /// What a program knows of a file: not the keys that begin with x.
    fn forget_unknown(table: &mut toml::Table) {
        table.retain(|key, _| !key.starts_with('x'));
        for (_, value) in table.iter_mut() {
            match value {
                toml::Value::Table(table) => forget_unknown(table),
                toml::Value::Array(items) => items
                    .iter_mut()
                    .filter_map(toml::Value::as_table_mut)
                    .for_each(forget_unknown),
                _ => {}
            }
        }
    }

    #[test]
    fn unknown_keys_survive_in_tables_on_one_line_too() {
        let change = |table: &mut toml::Table| {
            table.insert("a".into(), 2.into());
            table.insert("b".into(), vec![1].into());
        };
        let text = of_form("t = { a = 1, x = { y = 1 }, c = { d = 1, x = 2 } } # why\n", change);
        assert_eq!(
            text,
            "t = { a = 2, x = { y = 1 }, c = { d = 1, x = 2 } , b = [1] } # why\n"
        );
        let text = of_form("t.a = 1 # why\nt.x = 2\n", change);
        assert_eq!(text, "t.a = 2 # why\nt.x = 2\nt.b = [1]\n");
    }

    #[test]
    fn a_value_that_is_gone_is_removed_and_its_neighbours_stay() {
        let text = changed(|table| {
            storage(table).remove("list");
        });
        assert_eq!(text, FILE.replace("list = [1, 2]\n", ""));
    }
}
