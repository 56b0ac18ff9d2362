//! Lists: an item that stays keeps its comments and the keys that this program does not know.

use toml_edit::{Array, ArrayOfTables, Item, Value};

use super::{edit_value, fresh_table};

/// Brings a list of the document from the items `old` to the items `new`. Gives whether it could: it is a list with just
/// the old items.
pub(super) fn carry(item: &mut Item, old: &[toml::Value], new: &[toml::Value]) -> bool {
    match item {
        Item::Value(Value::Array(array)) if array.len() == old.len() => {
            carry_array(array, old, new);
            true
        }
        Item::ArrayOfTables(tables) if tables.len() == old.len() && new.iter().all(toml::Value::is_table) => {
            carry_tables(tables, old, new);
            true
        }
        _ => false,
    }
}

fn carry_array(array: &mut Array, old: &[toml::Value], new: &[toml::Value]) {
    let items: Vec<Value> = array.iter().cloned().collect();
    array.clear();
    for (value, kept) in new.iter().zip(kept(old, new)) {
        let own = kept.and_then(|at| items.get(at).cloned());
        array.push_formatted(own.unwrap_or_else(|| edit_value(value)));
    }
    line_by_line(array);
}

fn carry_tables(tables: &mut ArrayOfTables, old: &[toml::Value], new: &[toml::Value]) {
    let items: Vec<_> = tables.iter().cloned().collect();
    tables.clear();
    for (value, kept) in new.iter().zip(kept(old, new)) {
        let fresh = || value.as_table().map(fresh_table);
        if let Some(table) = kept.and_then(|at| items.get(at).cloned()).or_else(fresh) {
            tables.push(table);
        }
    }
}

/// For each new item the place that it had among the old ones.
fn kept(old: &[toml::Value], new: &[toml::Value]) -> Vec<Option<usize>> {
    let mut free = vec![true; old.len()];
    let mut take = |value: &toml::Value| {
        let at = (0..old.len()).find(|at| free[*at] && old[*at] == *value)?;
        free[at] = false;
        Some(at)
    };
    new.iter().map(&mut take).collect()
}

/// More than one item stand one a line, so that a diff shows which one changed. A comment is where people put it.
pub(super) fn line_by_line(array: &mut Array) {
    if array.len() < 2 {
        return;
    }
    for item in array.iter_mut() {
        let decor = item.decor_mut();
        let prefix = decor.prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        if !prefix.contains('\n') {
            decor.set_prefix("\n    ");
        }
    }
    if !array
        .trailing()
        .as_str()
        .is_some_and(|trailing| trailing.contains('\n'))
    {
        array.set_trailing("\n");
    }
    array.set_trailing_comma(true);
}

#[cfg(test)]
mod tests {
    use toml_edit::DocumentMut;

    use super::*;

    fn changed(text: &str, new: &[&str]) -> String {
        let mut document: DocumentMut = text.parse().unwrap();
        let mut old = text.parse::<toml::Table>().unwrap()["a"].as_array().unwrap().clone();
        for table in old.iter_mut().filter_map(toml::Value::as_table_mut) {
            table.remove("x");
        }
        let new: Vec<toml::Value> = new
            .iter()
            .map(|text| format!("a = {text}").parse::<toml::Table>().unwrap()["a"].clone())
            .collect();
        assert!(carry(&mut document["a"], &old, &new));
        document.to_string()
    }

    #[test]
    fn what_stays_keeps_its_comments_and_unknown_keys() {
        let text = "a = [\n    # the first\n    { n = 1, x = 2 },\n    { n = 2 }, # gone\n    # the last\n] # all\n";
        let expected =
            "a = [\n    # the first\n    { n = 1, x = 2 },\n    { n = 3 }, # gone\n    # the last\n] # all\n";
        assert_eq!(changed(text, &["{ n = 1 }", "{ n = 3 }"]), expected);
        let expected = "a = [\n    # the first\n    { n = 1, x = 2 }, # gone\n    # the last\n] # all\n";
        assert_eq!(changed(text, &["{ n = 1 }"]), expected);
        assert_eq!(changed("a = [1, 2]\n", &["2", "3"]), "a = [\n    2,\n    3,\n]\n");
        assert_eq!(changed("a = [1]\n", &["1", "1"]), "a = [\n    1,\n    1,\n]\n");
    }

    #[test]
    fn a_list_of_whole_tables_stays_one() {
        let text = "# the first\n[[a]]\nn = 1\nx = 2\n\n[[a]]\nn = 2\n";
        let expected = "# the first\n[[a]]\nn = 1\nx = 2\n\n[[a]]\nn = 3\n";
        assert_eq!(changed(text, &["{ n = 1 }", "{ n = 3 }"]), expected);
    }

    #[test]
    fn what_is_not_the_old_list_is_not_touched() {
        let mut document: DocumentMut = "a = [1]\nb = 1\n".parse().unwrap();
        assert!(!carry(&mut document["a"], &[], &[1.into()]));
        assert!(!carry(&mut document["b"], &[], &[]));
    }
}
