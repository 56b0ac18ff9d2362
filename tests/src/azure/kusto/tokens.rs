//! The words of a query.

use jiff::Timestamp;

use super::Trouble;

/// A word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word(String),
    Number(usize),
    Text(String),
    /// `datetime(…)`, as it stands between the parentheses.
    Time(String),
    Sign(String),
}

impl Token {
    /// As it is named where it is not understood.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Text(text) | Self::Time(text) | Self::Sign(text) => text,
            Self::Number(_) => "number",
        }
    }
}

/// Longer ones first.
const SIGNS: [&str; 13] = ["=~", "==", "!=", "|", ",", "(", ")", "[", "]", ".", "=", "<", ">"];

/// Takes a query apart; each token with the position of its first byte.
///
/// # Errors
/// A text without end, a date that is none, or a sign that is not known here.
pub(crate) fn tokens(query: &str) -> Result<Vec<(usize, Token)>, Trouble> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = query[at..].chars().next() {
        let rest = &query[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = token(rest, first).ok_or_else(|| (at, first.to_string()))?;
        tokens.push((at, token));
        at += length;
    }
    Ok(tokens)
}

/// The token at the beginning of `rest`, and its length.
fn token(rest: &str, first: char) -> Option<(Token, usize)> {
    if first == '\'' || first == '"' {
        let text = &rest[1..][..rest[1..].find(first)?];
        return Some((Token::Text(text.to_owned()), text.len() + 2));
    }
    if first.is_alphanumeric() || first == '_' {
        let word = rest.split(|next: char| !next.is_alphanumeric() && next != '_').next()?;
        return worded(rest, word);
    }
    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
    Some((Token::Sign((*sign).to_owned()), sign.len()))
}

fn worded(rest: &str, word: &str) -> Option<(Token, usize)> {
    let behind = &rest[word.len()..];
    if let Some(inner) = behind.strip_prefix('(').filter(|_| word == "datetime") {
        let time = &inner[..inner.find(')')?];
        time.parse::<Timestamp>().ok()?;
        return Some((Token::Time(time.to_owned()), word.len() + time.len() + 2));
    }
    if let Ok(number) = word.parse() {
        return Some((Token::Number(number), word.len()));
    }
    match (word, behind.starts_with('~')) {
        ("in", true) => Some((Token::Sign("in~".to_owned()), 3)),
        _ => Some((Token::Word(word.to_owned()), word.len())),
    }
}
