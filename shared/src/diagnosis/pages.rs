//! `docs/failures/`: the catalogue as pages, written by this test with `AKSBACKUP_WRITE_DOCS=1`, and compared otherwise.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::chain::check::Verdict;
use crate::chain::finding::Remedy;
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

fn section(known: &Known) -> String {
    let mut out = format!("## {}\n\n{}\n\n", known.id, plain(&known.cause));
    let mut item = |name: &str, words: &str| {
        let _ = writeln!(out, "* {name}: {words}");
    };
    item("fix", &plain(&known.fix.to_string()));
    if let Some(remedy) = known.remedy.map(Remedy::command) {
        item("command", &quoted(&remedy.to_string()));
    }
    item("link", known.link.title());
    item(
        "severity",
        if known.severity == Verdict::Error {
            "error"
        } else {
            "warning"
        },
    );
    item("seen by", whose(known.program));
    item("proof", &plain(&known.proof));
    for pattern in &known.patterns {
        item(
            "text",
            &format!("{} in {}", quoted(&pattern.expression), place(pattern.seen_in)),
        );
    }
    for example in &known.examples {
        item("example", &quoted(example));
    }
    if known.wrapper {
        item("note", "it only says that something else is wrong");
    }
    if known.harmless {
        item("note", "nothing is to be done about it; it is not reported");
    }
    match known.unverified {
        true => item("source", "none was found"),
        false => item("source", &plain(&known.source)),
    }
    out
}

fn page(group: &Group) -> String {
    let mut out = format!(
        "# {}\n\nOne of the pages of [known failures](README.md).\n",
        group.title
    );
    for known in &group.failures {
        let _ = write!(out, "\n{}", section(known));
    }
    out
}

fn index(catalogue: &Catalogue) -> String {
    let mut out = String::from(
        "# Known failures\n\nWhat `az aksbackup doctor` and `kubectl aksbackup doctor` know; `doctor explain ID` tells one of them. How each \
         was tried: [tested.md](tested.md).\n",
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
    out.push_str("\n## Texts that look like a failure and are none\n\n");
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
        let _ = writeln!(out, "* {key}: {}", plain(source));
    }
    out
}

#[test]
fn the_pages_say_what_the_catalogue_says() {
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
