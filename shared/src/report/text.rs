//! Texts of others on a page of ours: without secrets, shortened, in characters that do nothing, never taken for markup.

use std::fmt::Write as _;

use crate::console::steers;
use crate::diagnosis::mask;

/// As much as is kept of a name.
pub const NAME: usize = 200;
/// As much as is kept of a sentence, or of a command line.
pub const SENTENCE: usize = 800;
/// As much as is kept of a fact that is quoted.
pub const FACT: usize = 1_200;
/// As many lines as are kept of a fact.
const LINES: usize = 12;

/// A text on one line, of at most `limit` characters.
#[must_use]
pub fn line(text: &str, limit: usize) -> String {
    let read = start(text, limit);
    let words: Vec<String> = mask(read).split_whitespace().map(harmless).collect();
    cut(&words.join(" "), limit, read.len() < text.len())
}

/// A name or an id.
#[must_use]
pub fn name(text: &str) -> String {
    line(text, NAME)
}

/// A sentence, or a command line.
#[must_use]
pub fn sentence(text: &str) -> String {
    line(text, SENTENCE)
}

/// A quoted text, whose lines stay lines.
#[must_use]
pub fn fact(text: &str) -> String {
    let read = start(text, FACT);
    let masked = mask(read);
    let mut lines = masked.lines();
    let kept: Vec<String> = lines
        .by_ref()
        .take(LINES)
        .map(|line| harmless(line.trim_end()))
        .collect();
    let more = lines.next().is_some() || read.len() < text.len();
    cut(kept.join("\n").trim_end(), FACT, more)
}

/// How many characters are looked at for each one that is kept, so that spaces and secrets are seen as a whole.
const READ: usize = 4;

/// The beginning of a text that may be very long.
fn start(text: &str, limit: usize) -> &str {
    let end = text.char_indices().nth(READ * limit).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

/// The text with every character that turns the direction of writing, or that nobody sees, spelt out as JSON would.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            _ if steers(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out
}

fn cut(text: &str, limit: usize, more: bool) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None if more => format!("{text}…"),
        None => text.to_owned(),
    }
}

/// A text within HTML, in an element or in a quoted attribute.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
}

/// A text within Markdown: as it stands where nothing in it could be markup, a mention or a link, and else between
/// backticks. For cells of tables too.
#[must_use]
pub fn literal(text: &str) -> String {
    let tame = |c: char| c.is_alphanumeric() || " .,;:()/'%+=-".contains(c);
    let links = text.contains("://") || text.to_lowercase().contains("www.");
    let begins = text.starts_with(|c: char| c.is_alphabetic() || c == '(' || c == '/');
    if begins && !links && text.chars().all(tame) {
        return text.to_owned();
    }
    code(text)
}

/// A text of others as code within Markdown, between more backticks than it holds.
#[must_use]
pub fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = text.replace('\n', " ").replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let gap = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{gap}{text}{gap}{fence}")
}

/// An ARM id of this subscription in words, the innermost first: `managedClusters aks in group rg`. Any other text stays
/// as it is.
#[must_use]
pub fn in_words(id: &str, subscription: &str) -> String {
    let mut segments = id.trim_matches('/').split('/');
    let mut is = |word: &str| segments.next().is_some_and(|own| own.eq_ignore_ascii_case(word));
    if !(is("subscriptions") && is(subscription) && is("resourceGroups")) {
        return id.to_owned();
    }
    let Some(group) = segments.next() else {
        return id.to_owned();
    };
    let mut parts = Vec::new();
    while let (Some(kind), Some(name)) = (segments.next(), segments.next()) {
        if !kind.eq_ignore_ascii_case("providers") {
            parts.push(format!("{kind} {name}"));
        }
    }
    parts.reverse();
    match parts.is_empty() {
        true => format!("resource group {group}"),
        false => format!("{} in resource group {group}", parts.join(" of ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_the_inside_out() {
        let group = "/subscriptions/S/resourceGroups/rg";
        let account = format!("{group}/providers/Microsoft.Storage/storageAccounts/st");
        for (id, words) in [
            (group.to_owned(), "resource group rg"),
            (account.clone(), "storageAccounts st in resource group rg"),
            (
                format!("{account}/blobServices/default/containers/c"),
                "containers c of blobServices default of storageAccounts st in resource group rg",
            ),
            ("namespace n".to_owned(), "namespace n"),
            (
                "/subscriptions/other/resourceGroups/rg".to_owned(),
                "/subscriptions/other/resourceGroups/rg",
            ),
            ("/subscriptions/S".to_owned(), "/subscriptions/S"),
        ] {
            assert_eq!(in_words(&id, "s"), words);
        }
    }

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape(text, &mut out);
        out
    }

    #[test]
    fn nothing_in_a_text_is_an_element_an_attribute_or_an_entity() {
        let hostile = "<script>alert(1)</script>&lt;\" onload='x'";
        let safe = escaped(&sentence(hostile));
        assert!(!safe.contains(['<', '>', '"', '\'']), "{safe}");
        assert_eq!(
            safe,
            "&lt;script&gt;alert(1)&lt;/script&gt;&amp;lt;&quot; onload=&#39;x&#39;"
        );
    }

    #[test]
    fn what_steers_is_spelt_out() {
        for (steering, shown) in [
            ("a\u{202e}b", "a\\u{202e}b"),
            ("\u{1b}]0;x\u{7}", "\\u{1b}]0;x\\u{7}"),
            ("a\0b", "a\\u{0}b"),
            ("a\u{200b}b", "a\\u{200b}b"),
            ("a\u{2066}b", "a\\u{2066}b"),
        ] {
            assert_eq!(name(steering), shown);
            assert_eq!(fact(steering), shown);
        }
        assert_eq!(name("a\r\n\t b"), "a b");
        assert_eq!(fact("a\r\nb\tc"), "a\nb c");
    }

    #[test]
    fn a_text_of_any_length_costs_and_shows_little() {
        for long in ["x".repeat(10 << 20), "\u{202e}".repeat(3 << 20), "ä\n".repeat(3 << 20)] {
            for short in [name(&long), sentence(&long), fact(&long)] {
                assert!(short.chars().count() <= FACT + 1, "{}", short.len());
                assert!(short.ends_with('…'));
            }
        }
        assert_eq!(name(&"x".repeat(NAME)), "x".repeat(NAME));
        assert_eq!(line("one two", 3), "one…");
    }

    #[test]
    fn secrets_are_masked_also_where_the_text_is_cut() {
        let token = format!("eyJ{}.{}.{}", "a".repeat(300), "b".repeat(300), "c".repeat(300));
        let padded = format!("{}{token} end", "x ".repeat(NAME / 2 - 5));
        for text in [format!("sig={}&x=1", "s".repeat(40)), token, padded] {
            for shown in [name(&text), sentence(&text), fact(&text)] {
                assert!(!shown.contains("aaa") && !shown.contains("ssss"), "{shown}");
                assert!(shown.contains("[token]") || shown.contains("[masked]"), "{shown}");
            }
        }
    }

    #[test]
    fn nothing_in_a_text_is_markdown() {
        for plain in [
            "binding backup-7fc8b28b",
            "role (inherited), 3 of 4",
            "/subscriptions/a/b",
        ] {
            assert_eq!(literal(plain), plain);
        }
        for hostile in [
            "[x](http://evil)",
            "http://evil",
            "www.evil.example",
            "@all",
            "#1",
            "<img>",
            "**b**",
            "a|b",
            "- x",
            "1. x",
            "~~x~~",
            "a_b_c",
        ] {
            let safe = literal(hostile);
            assert!(safe.starts_with('`') && safe.ends_with('`'), "{safe}");
        }
        assert_eq!(literal("a|b"), "`a\\|b`");
        assert_eq!(literal("``x"), "``` ``x ```");
        assert_eq!(code(""), "");
    }
}
