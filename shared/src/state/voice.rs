//! What the store tells the person: that it waits, and, where asked for more, what it wrote.

use std::path::Path;

use crate::console::Console;

/// A way to the console for code that cannot hold it.
pub(super) struct Voice {
    say: Box<dyn Fn(String) + Send + Sync>,
    detail: Box<dyn Fn(String) + Send + Sync>,
}

impl Voice {
    /// One that nobody hears.
    pub(super) fn silent() -> Self {
        Self {
            say: Box::new(|_| {}),
            detail: Box::new(|_| {}),
        }
    }

    /// One that is heard on `console`.
    pub(super) fn on(console: &Console) -> Self {
        Self {
            say: Box::new(console.sayer()),
            detail: Box::new(console.detailer()),
        }
    }

    /// Says a line.
    pub(super) fn say(&self, line: String) {
        (self.say)(line);
    }

    /// Details each table of the file at `path` that was written: its writing, and the one that it replaced.
    pub(super) fn written(&self, path: &Path, old: &toml::Table, new: &toml::Table) {
        for (table, id, parent) in writings(old, new) {
            let parent = parent.map(|parent| format!(" after {parent}")).unwrap_or_default();
            (self.detail)(format!("wrote [{table}] of {}: {id}{parent}", path.display()));
        }
    }
}

/// The tables whose writing differs: their name, the new writing, and its parent.
fn writings(old: &toml::Table, new: &toml::Table) -> Vec<(String, String, Option<String>)> {
    let mut found = Vec::new();
    for (name, value) in new {
        let Some(table) = value.as_table() else { continue };
        let before = old.get(name).and_then(toml::Value::as_table);
        if let Some(written) = table.get("written").and_then(toml::Value::as_table)
            && before.and_then(|before| before.get("written")?.as_table()) != Some(written)
        {
            let text = |key: &str| written.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            let parent = written
                .get("ancestors")
                .and_then(|line| line.get(0)?.as_str())
                .map(str::to_owned);
            found.push((name.clone(), text("id").unwrap_or_default(), parent));
        }
        let inner = writings(before.unwrap_or(&toml::Table::new()), table);
        found.extend(
            inner
                .into_iter()
                .map(|(own, id, parent)| (format!("{name}.{own}"), id, parent)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_anew_is_told() {
        let old: toml::Table = "[a]\nwritten = { id = \"1\" }\n[b.c]\nwritten = { id = \"2\" }\n"
            .parse()
            .unwrap();
        assert!(writings(&old, &old).is_empty());
        let text = "[a]\nwritten = { id = \"1\" }\n[b.c]\nwritten = { id = \"3\", ancestors = [\"2\", \"1\"] }\n[d]\nwritten = { id = \"4\" }\n";
        let told = writings(&old, &text.parse().unwrap());
        let expected = [
            ("b.c".to_owned(), "3".to_owned(), Some("2".to_owned())),
            ("d".to_owned(), "4".to_owned(), None),
        ];
        assert_eq!(told, expected);
    }
}
