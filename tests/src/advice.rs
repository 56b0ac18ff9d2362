//! What no program may tell people to do without naming it as a decision.
//!
//! A command that deletes, uninstalls or opens something is pasted sooner than it is read. So no output has one that is ready
//! to paste, and each text that speaks of a deletion names the decision and whose it is.

use std::fs;
use std::path::Path;

/// Programs whose commands people paste.
const PROGRAMS: [&str; 5] = ["az", "kubectl", "velero", "helm", "rm"];

/// Subcommands that destroy what they name.
const DESTROYING: [&str; 5] = ["delete", "uninstall", "purge", "remove", "disable-protection"];

/// Settings that open something, switch a protection off, or cannot be taken back.
const SETTINGS: [&str; 8] = [
    "--default-action allow",
    "--allow-shared-key-access true",
    "--public-network-access enabled",
    "--soft-delete-state off",
    "--soft-delete-state alwayson",
    "--immutability-state locked",
    "--immutability-state disabled",
    "--disable-pod-identity",
];

/// Verbs that tell someone to destroy something, where a clause begins with them.
const VERBS: [&str; 6] = ["delete", "remove", "uninstall", "reinstall", "purge", "discard"];

/// Words of which one names a decision, or whose it is.
const DECISIONS: [&str; 3] = ["decide", "ask", "owner"];

/// Returns the first command of `text` that would destroy or open something if it was pasted.
#[must_use]
pub fn destructive_command(text: &str) -> Option<String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let bare = |word: &str| word.trim_matches(['`', '"', '\'', '(', ')']).to_owned();
    for (at, word) in words.iter().enumerate() {
        let word = bare(word);
        if !PROGRAMS.contains(&word.as_str()) {
            continue;
        }
        let command = command(&words[at..]);
        let flags = command.replace('=', " ");
        let named = command.split(' ').skip(1).map(bare);
        let destroys = word == "rm" || named.into_iter().any(|word| DESTROYING.contains(&word.as_str()));
        if destroys || SETTINGS.iter().any(|setting| flags.contains(setting)) {
            return Some(command);
        }
    }
    None
}

/// The words of a command up to the end of its clause.
fn command(words: &[String]) -> String {
    let end = words.iter().position(|word| word.ends_with([';', ':', ',', '.']));
    words[..end.map_or(words.len(), |end| end + 1)].join(" ")
}

/// Whether a clause of `text` tells someone to destroy something, and no word of it names the decision.
#[must_use]
pub fn is_undecided(text: &str) -> bool {
    let text = text.to_lowercase().replace("soft-delete", "");
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphabetic()).to_owned();
    let decided = words.iter().any(|word| DECISIONS.contains(&plain(word).as_str()));
    let begins = |at: usize| match at.checked_sub(1).map(|before| words[before]) {
        None => true,
        Some(before) => {
            before.ends_with([';', ':', ',', '.', '('])
                || ["and", "or", "then", "first"].contains(&plain(before).as_str())
        }
    };
    // A word by itself is a name, such as that of an HTTP method.
    let verb = |at: usize| VERBS.contains(&plain(words[at]).as_str()) && begins(at) && at + 1 < words.len();
    let again = words.first() == Some(&"install") && text.contains("anew");
    let anew = again || words.contains(&"take") && text.contains("away");
    !decided && (anew || (0..words.len()).any(verb))
}

/// Returns the string literals of a Rust source as the compiler reads them, without comments and without the module of its
/// tests.
#[must_use]
pub fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let source = source
        .split("#[cfg(test)]\npub(crate) mod tests")
        .next()
        .unwrap_or_default();
    let (mut all, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '/', '\'', 'r']) {
        let (before, from) = rest.split_at(at);
        rest = match from.as_bytes() {
            [b'/', b'/', ..] => from.split_once('\n').map_or("", |(_, after)| after),
            [b'"', ..] => quoted(&from[1..], &mut all),
            // A character, and not a lifetime.
            [b'\'', b'\\', _, ..] => from[3..].split_once('\'').map_or("", |(_, after)| after),
            [b'\'', b'"', b'\'', ..] => &from[3..],
            [b'r', b'"' | b'#', ..] if !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                raw(from, &mut all)
            }
            _ => &from[1..],
        };
    }
    all
}

/// Reads a literal behind its first quotation mark, and returns what follows it.
fn quoted<'a>(text: &'a str, all: &mut Vec<String>) -> &'a str {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                all.push(value);
                return &text[at + 1..];
            }
            '\\' => match letters.next() {
                // The next line goes on where its text begins.
                Some((_, '\n')) => {
                    let more = letters.as_str();
                    let indented = more.len() - more.trim_start().len();
                    letters.by_ref().take(indented).for_each(drop);
                }
                Some((_, 'n')) => value.push('\n'),
                Some((_, other)) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    ""
}

/// Reads a raw literal, or steps over what only looks like one.
fn raw<'a>(text: &'a str, all: &mut Vec<String>) -> &'a str {
    let hashes = text[1..].chars().take_while(|letter| *letter == '#').count();
    let Some(inner) = text[1 + hashes..].strip_prefix('"') else {
        return &text[1..];
    };
    match inner.split_once(&format!("\"{}", "#".repeat(hashes))) {
        Some((value, after)) => {
            all.push(value.to_owned());
            after
        }
        None => "",
    }
}

/// Returns each Rust source below `folder` that isn't a module of tests, as its path and text.
///
/// # Panics
/// The folder or a file can't be read.
#[must_use]
#[expect(clippy::expect_used, reason = "a test fails by it")]
pub fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry of a folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            all.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = fs::read_to_string(&path).expect("a readable source");
            all.push((path.display().to_string(), text));
        }
    }
    all
}
