//! Changes a TOML document to new values and leaves everything else as it was: comments, order, unknown keys.

use toml_edit::{DocumentMut, Item, Table, Value};

/// Brings `document` from the values `old` to the values `new`: what differs is set, what `old` had and `new` has not is
/// removed, everything else is not touched.
///
/// `old` and `new` are the same type serialised before and after a change; `document` is the file that `old` was read
/// from.
pub fn carry_over(document: &mut DocumentMut, old: &toml::Table, new: &toml::Table) {
    carry_table(document.as_table_mut(), old, new);
}

fn carry_table(document: &mut Table, old: &toml::Table, new: &toml::Table) {
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        document.remove(key);
    }
    for (key, value) in new {
        if old.get(key) == Some(value) && document.contains_key(key) {
            continue;
        }
        let before = old
            .get(key)
            .and_then(toml::Value::as_table)
            .cloned()
            .unwrap_or_default();
        match (value, document.get_mut(key)) {
            (toml::Value::Table(after), Some(Item::Table(table))) => carry_table(table, &before, after),
            (toml::Value::Table(after), None) if !is_leaf(key) => {
                let mut table = Table::new();
                table.set_implicit(after.values().all(toml::Value::is_table));
                carry_table(&mut table, &toml::Table::new(), after);
                document.insert(key, Item::Table(table));
            }
            (_, Some(item)) => replace(item, value),
            (_, None) => {
                document.insert(key, Item::Value(edit_value(value)));
            }
        }
    }
}

/// `written` stands on one line: who and when are a note to a table, not a table of their own.
fn is_leaf(key: &str) -> bool {
    key == "written"
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
    if items.len() > 1 {
        for item in array.iter_mut() {
            item.decor_mut().set_prefix("\n    ");
        }
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
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

    #[test]
    fn a_value_that_is_gone_is_removed_and_its_neighbours_stay() {
        let text = changed(|table| {
            storage(table).remove("list");
        });
        assert_eq!(text, FILE.replace("list = [1, 2]\n", ""));
    }
}
