//! What a report must not hold: IDs become short hashes that are the same within one report, and tokens disappear.

use ring::digest::{SHA256, digest};

/// The longest text that one value is given.
const LONGEST: usize = 600;

/// The longest run of characters that can't be a secret.
const LONGEST_WORD: usize = 100;

/// Replaces IDs and secrets.
#[derive(Debug, Clone)]
pub(crate) struct Mask {
    salt: String,
}

impl Mask {
    /// Creates a mask whose hashes nobody can compare with those of another report.
    pub(crate) fn new() -> Self {
        Self {
            salt: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// Returns `text` without IDs and secrets, on one line and of bounded length.
    pub(crate) fn of(&self, text: &str) -> String {
        let masked: String = words(text).into_iter().map(|word| self.word(word)).collect();
        if masked.chars().count() <= LONGEST {
            return masked;
        }
        masked.chars().take(LONGEST).chain("…".chars()).collect()
    }

    fn word(&self, word: &str) -> String {
        if word.contains('@') && word.contains('.') {
            return self.hash("user", word);
        }
        if word.starts_with("eyJ") || word.len() > LONGEST_WORD {
            return "(removed)".to_owned();
        }
        if word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return self.hash("id", word);
        }
        self.ids(word)
    }

    /// Replaces each GUID of a word.
    fn ids(&self, word: &str) -> String {
        let (mut out, mut rest) = (String::new(), word);
        while let Some(first) = rest.chars().next() {
            let guid = rest.get(..36).filter(|text| is_guid(text));
            let length = guid.map_or(first.len_utf8(), str::len);
            let (own, others) = rest.split_at(length);
            out.push_str(&guid.map_or_else(|| own.to_owned(), |guid| self.hash("id", guid)));
            rest = others;
        }
        out
    }

    fn hash(&self, kind: &str, value: &str) -> String {
        let own = value.to_ascii_lowercase().replace('-', "");
        let hash = digest(&SHA256, format!("{}{own}", self.salt).as_bytes());
        let short: String = hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}-{short}")
    }
}

/// Splits a text into words of what IDs, addresses of people and tokens consist of, and the characters between them.
fn words(text: &str) -> Vec<&str> {
    let part = |c: char| c.is_alphanumeric() || "-_.@+%=".contains(c);
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        if before.is_some_and(|before| before != part(c)) || before == Some(false) {
            parts.push(&text[begin..at]);
            begin = at;
        }
        before = Some(part(c));
    }
    parts.push(&text[begin..]);
    let blank = |word: &str| word.chars().all(char::is_control) && !word.is_empty();
    parts
        .into_iter()
        .map(|word| if blank(word) { " " } else { word })
        .collect()
}

fn is_guid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if dashes.contains(&at) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

#[cfg(test)]
mod tests {
    use super::Mask;

    #[test]
    fn ids_tokens_and_people_are_masked_the_same_way_each_time() {
        let mask = Mask::new();
        let id = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
        let masked = mask.of(&format!(
            "/subscriptions/{id}/x, {}, {id} of a@contoso.com",
            id.to_uppercase()
        ));
        assert!(
            !masked.to_lowercase().contains("0b1f6471") && !masked.contains("contoso"),
            "{masked}"
        );
        let hashes: Vec<&str> = masked.split("id-").skip(1).map(|rest| &rest[..8]).collect();
        assert_eq!(hashes.len(), 3);
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{masked}");
        assert_eq!(mask.of(&id.replace('-', "")), mask.of(id));
        assert!(!mask.of("Bearer eyJ0eXAi.eyJh.c2Vh").contains("eyJ"));
        assert_ne!(Mask::new().of(id), mask.of(id));
    }

    #[test]
    fn texts_are_bounded_and_stay_on_one_line() {
        let mask = Mask::new();
        assert!(mask.of(&"a b ".repeat(1_000)).chars().count() < 700);
        assert!(!mask.of("a\nb\u{1b}[31m").contains(['\n', '\u{1b}']));
        assert_eq!(mask.of("aks-demo: Komma, ü"), "aks-demo: Komma, ü");
        assert_eq!(mask.of(&"s".repeat(101)), "(removed)");
    }
}
