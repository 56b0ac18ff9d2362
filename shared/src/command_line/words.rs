//! The words of a printed command line, as a shell takes them apart.

/// A shell word for a printed command line.
#[must_use]
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A word, as it is printed and as a program gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// With its quotes.
    pub(super) printed: &'a str,
    /// Without them.
    pub(super) raw: String,
}

/// Takes a line apart at the blanks that no quotes hold.
pub(super) fn of(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let (mut start, mut raw, mut quote, mut is_escaped) = (0, String::new(), None, false);
    for (at, own) in line.char_indices() {
        match (own, quote) {
            _ if is_escaped => {
                raw.push(own);
                is_escaped = false;
            }
            ('\\', None) => is_escaped = true,
            ('\'' | '"', None) => quote = Some(own),
            (own, Some(end)) if own == end => quote = None,
            (' ', None) => {
                add(&mut words, line.get(start..at), std::mem::take(&mut raw));
                start = at + 1;
            }
            _ => raw.push(own),
        }
    }
    add(&mut words, line.get(start..), raw);
    words
}

fn add<'a>(words: &mut Vec<Word<'a>>, printed: Option<&'a str>, raw: String) {
    if let Some(printed) = printed.filter(|own| !own.is_empty()) {
        words.push(Word { printed, raw });
    }
}

/// The flag of a word, without the value that can stand behind it.
pub(super) fn flag(word: &str) -> &str {
    match word.starts_with('-') {
        true => word.split('=').next().unwrap_or(word),
        false => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_word_together() {
        for raw in ["a", "a b", "it's", "(x) -- y", "--a=b c"] {
            let line = format!("first {} last", quoted(raw));
            let words: Vec<String> = of(&line).into_iter().map(|own| own.raw).collect();
            assert_eq!(words, ["first", raw, "last"]);
        }
        let words: Vec<&str> = of("a 'b c'  d").into_iter().map(|own| own.printed).collect();
        assert_eq!(words, ["a", "'b c'", "d"]);
    }
}
