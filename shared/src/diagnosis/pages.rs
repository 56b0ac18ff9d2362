//! Checks the pages in `docs/failures/` against the catalog, and writes them with `AKSBACKUP_WRITE_DOCS=1`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::chain::check::Verdict;
use crate::diagnosis::catalogue::{Catalogue, Group, Known};
use crate::diagnosis::show::{place, whose};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/failures")
}

/// Angle brackets would be taken for HTML.
fn plain(text: &str) -> String {
    text.replace('<', "\\<")
}

fn quoted(text: &str) -> String {
    let fence = if text.contains('`') { "``" } else { "`" };
    format!("{fence}{}{fence}", text.replace('\n', " "))
}

/// The texts of the files as they are written: a fix with its commands between backticks, as Markdown has them.
fn fixes(group: &Group) -> toml::Table {
    let file = format!("src/diagnosis/failures/{}.toml", group.name);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let page: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let rows = page["failure"].as_array().unwrap().iter();
    rows.map(|row| (row["id"].as_str().unwrap().to_owned(), row["fix"].clone()))
        .collect()
}

/// The fix with a command at its end in a block of its own.
fn fix(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    match parts.as_slice() {
        [words, command, ""] => {
            let words = words.trim_end();
            let words = words.strip_suffix(" Run:").unwrap_or(words);
            format!("**Fix:** {}\n\n```sh\n{command}\n```\n", plain(words))
        }
        _ => format!("**Fix:** {}\n", plain(text)),
    }
}

/// Where a source is on the web, if its text says so: an address, or a file of a repository at GitHub.
fn address(source: &str) -> Option<String> {
    if source.starts_with("https://") {
        return source.split(' ').next().map(str::to_owned);
    }
    let (repository, rest) = source.split_once(':')?;
    let (path, rest) = rest.split_once(" @")?;
    let commit = rest.split(' ').next()?;
    let is_one_file = repository.split('/').count() == 2 && !path.contains(['{', ',', '(']);
    is_one_file.then(|| format!("https://github.com/{repository}/blob/{commit}/{path}"))
}

/// The source, with a link for each of its letters with a number.
fn linked(source: &str) -> String {
    let mut text = plain(source);
    for (key, stands_for) in Catalogue::get().sources_of(source) {
        let target = address(stands_for).unwrap_or_else(|| "README.md#sources".to_owned());
        let is_word = |at: usize| {
            let before = text[..at].chars().next_back();
            let after = text[at + key.len()..].chars().next();
            [before, after]
                .iter()
                .all(|c| c.is_none_or(|c| !c.is_ascii_alphanumeric()))
        };
        let found = text.match_indices(key).map(|(at, _)| at).find(|at| is_word(*at));
        if let Some(at) = found {
            text.replace_range(at..at + key.len(), &format!("[{key}]({target})"));
        }
    }
    text
}

fn section(known: &Known, said: &str) -> String {
    let mut out = format!("## {}\n\n{}\n\n", known.id, plain(&known.cause));
    if known.examples.is_empty() {
        out.push_str("**Symptom:** no message; the check of the live state finds it.\n\n");
    } else {
        out.push_str("**Symptom:** a message such as\n\n");
        for example in &known.examples {
            let _ = writeln!(out, "* {}", quoted(example));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "**Confirm:** {}\n", plain(&known.proof));
    out.push_str(&fix(said));
    out.push_str("\n**Details:**\n\n");
    let mut item = |name: &str, words: &str| {
        let _ = writeln!(out, "* {name}: {words}");
    };
    item("check", known.link.title());
    let severity = match known.severity {
        Verdict::Error => "error",
        _ => "warning",
    };
    item("severity", severity);
    item("found by", whose(known.program));
    for pattern in &known.patterns {
        let words = format!("{} in {}", quoted(&pattern.expression), place(pattern.seen_in));
        item("pattern", &words);
    }
    if known.wrapper {
        item("note", "a consequence: another failure is the cause");
    }
    if known.harmless {
        item("note", "requires no action; not reported");
    }
    match known.unverified {
        true => item("source", "none found"),
        false => item("source", &linked(&known.source)),
    }
    out
}

fn page(group: &Group) -> String {
    let mut out = format!(
        "# {}\n\nPart of the catalog of [known failures](README.md). To find out which of them you have, run \
         `doctor` in either program.\n",
        group.title
    );
    let fixes = fixes(group);
    for known in &group.failures {
        let said = fixes[&known.id].as_str().unwrap();
        let _ = write!(out, "\n{}", section(known, said));
    }
    out
}

fn index(catalogue: &Catalogue) -> String {
    let mut out = String::from(
        "# Known failures\n\nThe failures that `az aksbackup doctor` and `kubectl aksbackup doctor` recognize, each with its symptom, cause, \
         and fix.\n`doctor explain ID` prints one of them. [How each failure was tested](tested.md).\n",
    );
    for group in &catalogue.groups {
        let _ = write!(out, "\n## {}\n\n", group.title);
        for known in &group.failures {
            let anchor = known.id.to_ascii_lowercase();
            let _ = writeln!(
                out,
                "* [{}]({}.md#{anchor}): {}",
                known.id,
                group.name,
                plain(&known.cause)
            );
        }
    }
    out.push_str("\n## Messages that look like a failure but aren't one\n\n");
    for text in &catalogue.harmless {
        let _ = writeln!(
            out,
            "* {} in {}: {}",
            quoted(&text.expression),
            place(text.seen_in),
            plain(&text.why)
        );
    }
    out.push_str("\n## Sources\n\n");
    for (key, source) in &catalogue.sources {
        match address(source) {
            Some(target) if source.starts_with("https://") => {
                let _ = writeln!(out, "* {key}: <{target}>");
            }
            Some(target) => {
                let _ = writeln!(out, "* {key}: [{}]({target})", plain(source));
            }
            None => {
                let _ = writeln!(out, "* {key}: {}", plain(source));
            }
        }
    }
    out
}

#[test]
fn the_pages_say_what_the_catalog_says() {
    let catalogue = Catalogue::get();
    let mut pages: Vec<_> = catalogue.groups.iter().map(|group| (group.name, page(group))).collect();
    pages.push(("README", index(catalogue)));
    for (name, text) in pages {
        let path = folder().join(format!("{name}.md"));
        if std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some() {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            written,
            text,
            "AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-shared --lib pages writes {}",
            path.display()
        );
    }
}
