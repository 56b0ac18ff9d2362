//! The support bundle: what a supporter needs, in one file, without secrets.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Value, json};

use crate::console::Console;
use crate::diagnosis::mask;
use crate::failure::{Failure, Outcome};
use crate::process::document;
use crate::report::model::Report;
use crate::report::views::Look;
use crate::report::{html, machine};
use crate::schema::State;
use crate::status::Row;

/// The most bytes of one file in it, and of all together.
const OF_FILE: usize = 1 << 20;
const OF_ALL: usize = 16 << 20;

/// A file of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFile {
    /// Its name in the bundle.
    pub name: String,
    /// Its contents.
    pub text: String,
}

impl BundleFile {
    /// A file of this name and text.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let (name, text) = (name.into(), text.into());
        Self { name, text }
    }
}

/// What goes into every bundle.
pub(super) struct Contents<'a> {
    pub(super) page: &'a Report,
    pub(super) state: &'a State,
    pub(super) rows: &'a [Row],
    pub(super) looks: &'a [Look],
    pub(super) tool: &'a str,
}

/// Writes the bundle to `path`, which must not exist yet, and returns the names of the files inside.
///
/// # Errors
/// The file exists, or cannot be written.
pub(super) fn write(
    console: &Console,
    path: &Path,
    contents: &Contents<'_>,
    own: Vec<BundleFile>,
) -> Outcome<Vec<String>> {
    let files = bounded(files(contents)?.into_iter().chain(own).map(without_secrets));
    let listing = listing(contents.tool, &files);
    let all = [vec![BundleFile::new("README.txt", listing)], files].concat();
    let bytes = archive(&all)
        .and_then(|bytes| create(path, &bytes).map(|()| bytes))
        .or_else(|error| {
            Failure::failed(format!("cannot write support bundle {}", path.display()))
                .because(error.to_string())
                .hint(match error.kind() {
                    io::ErrorKind::AlreadyExists => "specify a file that doesn't exist yet: --bundle FILE",
                    _ => {
                        "specify a file in an existing directory that you can write to and that has free space: \
                        --bundle FILE"
                    }
                })
                .err()
        })?;
    let kilobytes = bytes.len().div_ceil(1024);
    console.say(format!(
        "report: wrote {} ({} files, {kilobytes} KiB)",
        path.display(),
        all.len()
    ));
    console.say(
        "Check the bundle before you send it (README.txt lists its files): known secrets are masked, but \
        names, IDs, and log lines aren't",
    );
    Ok(all.into_iter().map(|file| file.name).collect())
}

/// Returns the files as an archive. Equal contents give equal bytes: no time, no owner.
fn archive(files: &[BundleFile]) -> io::Result<Vec<u8>> {
    let mut out = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(file.text.len().try_into().map_err(io::Error::other)?);
        header.set_mode(0o600);
        out.append_data(&mut header, &file.name, file.text.as_bytes())?;
    }
    out.into_inner()
}

/// Writes a new file for its owner alone: it has names and log lines.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes).inspect_err(|_| {
        // Half an archive is of no use, and would be in the way of the next try.
        let _ = std::fs::remove_file(path);
    })
}

fn files(contents: &Contents<'_>) -> Outcome<Vec<BundleFile>> {
    // By way of the values, which every writer of the state file goes: written directly, each table's code would be there once more.
    let values = toml::Table::try_from(contents.state);
    let state = values.and_then(|values| toml::to_string(&values)).or_else(|error| {
        Failure::failed("cannot write the state file into the bundle")
            .because(error.to_string())
            .err()
    })?;
    let version = json!({ "tool": contents.tool, "os": std::env::consts::OS, "arch": std::env::consts::ARCH });
    let mut all = vec![
        BundleFile::new("version.json", document(version)),
        BundleFile::new("report.html", html::html(contents.page)),
        BundleFile::new("report.json", machine::machine(contents.page)),
        BundleFile::new("status.json", document(json!({ "steps": contents.rows }))),
        BundleFile::new("aksbackup.toml", state),
    ];
    for look in contents.looks {
        let program = look.program.name().replace(' ', "-");
        let text = match &look.seen {
            Ok(seen) => document(serde_json::to_value(seen).unwrap_or(Value::Null)),
            Err(why) => document(json!({ "not_checked": why })),
        };
        all.push(BundleFile::new(format!("checks-{program}.json"), text));
    }
    Ok(all)
}

/// Email addresses, which identify user accounts.
static ACCOUNTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // A guest has #EXT# in its name, others letters of every script.
    let expression = r#"[^\s"<>@,;:()\[\]{}|=/\\]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"#;
    RegexBuilder::new(expression).unicode(false).build().ok()
});

/// The file without what looks like a secret, and without accounts of people.
fn without_secrets(file: BundleFile) -> BundleFile {
    let masked = mask(&file.text);
    let text = match ACCOUNTS.as_ref() {
        Some(accounts) => accounts.replace_all(masked.as_bytes(), b"[account]".as_slice()),
        None => masked.as_bytes().into(),
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    BundleFile { text, ..file }
}

/// The files within their bounds: of one that is too long the end, and none beyond the size of all.
fn bounded(files: impl Iterator<Item = BundleFile>) -> Vec<BundleFile> {
    let (mut all, mut held) = (Vec::new(), 0_usize);
    for mut file in files {
        if file.text.len() > OF_FILE {
            let from = file.text.len() - OF_FILE;
            let from = (from..file.text.len()).find(|at| file.text.is_char_boundary(*at));
            let end = file.text.split_off(from.unwrap_or_default());
            file.text = format!(
                "[the beginning is omitted: the file was longer than {} KiB]\n{end}",
                OF_FILE >> 10
            );
        }
        held = held.saturating_add(file.text.len());
        if held > OF_ALL {
            file.text = "[omitted: the bundle would be too large]\n".to_owned();
        }
        all.push(file);
    }
    all
}

fn listing(tool: &str, files: &[BundleFile]) -> String {
    let mut out = format!(
        "Support bundle of {tool}.\n\nCheck these files before you send them. Tokens, keys, passwords, values of \
         environment variables, and account\nnames in the form of email addresses are masked; names and IDs of \
         resources, and other log lines, are not.\n\n"
    );
    for file in files {
        let _ = writeln!(out, "{:>9}  {}", file.text.len(), file.name);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_accounts_are_masked() {
        for account in [
            "ada_fabrikam.com#EXT#@contoso.onmicrosoft.com",
            "jörg@contoso.com",
            "o'brien@contoso.com",
        ] {
            let file = without_secrets(BundleFile::new("a", format!("by = \"{account}\"")));
            assert_eq!(file.text, "by = \"[account]\"");
        }
        let text = "by = \"ada@contoso.com\" client_secret=abcdef123 image mcr.microsoft.com/x@sha256:00";
        let file = without_secrets(BundleFile::new("a", text));
        assert_eq!(
            file.text,
            "by = \"[account]\" client_secret=[masked] image mcr.microsoft.com/x@sha256:00"
        );
    }

    #[test]
    fn tar_reads_the_archive_and_equal_contents_are_equal_bytes() {
        let long = BundleFile::new(format!("logs/{}.log", "p".repeat(200)), "x".repeat(700));
        let files = [BundleFile::new("README.txt", "hello"), long];
        let bytes = archive(&files).unwrap();
        assert_eq!(bytes, archive(&files).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        create(&path, &bytes).unwrap();
        create(&path, b"other").unwrap_err();
        let tar = std::process::Command::new("tar")
            .args(["-xf", "a.tar"])
            .current_dir(folder.path())
            .status();
        assert!(tar.unwrap().success());
        for file in &files {
            assert_eq!(
                std::fs::read_to_string(folder.path().join(&file.name)).unwrap(),
                file.text
            );
        }
    }

    #[test]
    fn a_long_file_keeps_its_end_and_the_whole_has_a_bound() {
        let long = format!("{}end", "x".repeat(2 * OF_FILE));
        let files = bounded((0..40).map(|at| BundleFile::new(format!("{at}"), long.clone())));
        assert!(files[0].text.len() < OF_FILE + 200 && files[0].text.ends_with("end"));
        let size: usize = files.iter().map(|file| file.text.len()).sum();
        assert!(size < OF_ALL + (1 << 20), "{size}");
        assert!(files[39].text.contains("omitted"));
    }
}
