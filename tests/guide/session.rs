//! The whole handoff as it looks on a terminal, in docs/session; the end of one command, and its picture, in the README.
//!
//! What is another each time is made the same: ids, the random ends of pods' names, ports, the clock, how long something
//! took, and the order in which steps end that run at the same time.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use aksbackup_shared::guide::StepName;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::picture::svg;
use aksbackup_tests::terminal::shown;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const INIT: &str = "init --resource-group rg-aks --cluster-name aks-demo --storage-resource-group rg-backup \
                    --vault-resource-group rg-backup --snapshot-group rg-snapshots --vault bv-demo \
                    --storage-account stbackupdemo --yes";
const GRANT: &str = "grant --subscription 0b1f6471-1bf0-4dda-aec3-cb9272f09590 --cluster rg-aks/aks-demo --vault rg-backup/bv-demo \
    --storage-account rg-backup/stbackupdemo --snapshot-resource-group rg-snapshots --yes";

/// Who types what, and how it ends.
const SESSION: [(&str, &str, &str, i32); 8] = [
    ("platform", "az-aksbackup", INIT, 0),
    ("platform", "az-aksbackup", "prepare --yes", 0),
    ("owner", "az-aksbackup", GRANT, 0),
    ("cluster-admin", "kubectl-aksbackup", "configure", 0),
    ("cluster-admin", "kubectl-aksbackup", "verify", 0),
    ("platform", "az-aksbackup", "protect", 0),
    ("platform", "az-aksbackup", "backup --yes", 0),
    ("reader", "az-aksbackup", "status", 0),
];

/// The command that the README shows.
const SHOWN: &str = "kubectl-aksbackup configure";

#[test]
fn eighty_columns_without_color() {
    recorded("docs/session/handoff-80.txt", 80, false);
}

#[test]
fn eighty_columns_on_a_dark_terminal() {
    let commands = recorded("docs/session/handoff-80-dark.ansi", 80, true);
    let done = |line: &String| line.contains("\u{1b}[32m✓\u{1b}[0m");
    assert!(
        commands.iter().flatten().any(done),
        "what is done is green\n{commands:?}"
    );
}

#[test]
fn a_hundred_and_twenty_columns_without_color_and_the_end_of_one_command_in_the_readme() {
    let commands = recorded("docs/session/handoff-120.txt", 120, false);
    let readme = fs::read_to_string(format!("{ROOT}/README.md")).unwrap();
    let parts: Vec<&str> = readme.split("<!-- session -->").collect();
    assert_eq!(parts.len(), 3, "the README has one place for the session");
    let lines = command(&commands);
    let answered = lines
        .iter()
        .position(|line| line.starts_with("Apply these changes?"))
        .unwrap();
    let block = format!("\n```console\n{}\n```\n", lines[answered + 1..].join("\n"));
    keep("README.md", &[parts[0], &block, parts[2]].join("<!-- session -->"));
}

#[test]
fn a_hundred_and_twenty_columns_on_a_dark_terminal_and_a_picture_of_one_command() {
    let commands = recorded("docs/session/handoff-120-dark.ansi", 120, true);
    let title = format!("{SHOWN}: the plan, the question, and the results");
    keep("docs/session/configure.svg", &svg(&title, command(&commands), 110));
}

/// Returns the prompt and the output of the command that the README shows.
fn command(commands: &[Vec<String>]) -> &[String] {
    commands.iter().find(|lines| lines[0].ends_with(SHOWN)).unwrap()
}

/// A session, which is as `page` has it: the prompt and the lines of each command.
fn recorded(page: &str, columns: u16, color: bool) -> Vec<Vec<String>> {
    let commands = session(columns, color);
    let mut text = String::new();
    for lines in &commands {
        for line in lines {
            wrap(&mut text, line, usize::from(columns));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    keep(page, &text);
    commands
}

/// Compares `text` with the page, or writes the page anew.
fn keep(page: &str, text: &str) {
    let path = PathBuf::from(ROOT).join(page);
    if std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let (old, new) = (without_order(&kept), without_order(text));
    let differing = old.iter().zip(&new).find(|(old, new)| old != new);
    assert!(
        old == new,
        "{page} is not what a terminal shows, first at {differing:?}: AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-tests \
         --test guide session"
    );
}

/// The words of a page without the order that steps of the same time happen to have, and without the IDs that are numbered by it.
/// Where a line is wrapped depends on how long a step took.
fn without_order(text: &str) -> Vec<String> {
    let mut words: Vec<String> = text.split_whitespace().map(unnumbered).collect();
    words.sort();
    words
}

fn unnumbered(word: &str) -> String {
    const MIDDLE: &str = "-0000-4000-8000-";
    let digits = |part: &str| {
        part.chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect::<String>()
    };
    match word.contains(MIDDLE) {
        true => digits(word),
        false => word.to_owned(),
    }
}

fn session(columns: u16, color: bool) -> Vec<Vec<String>> {
    let stage = Stage::new().unwrap();
    let (mut commands, mut same) = (Vec::new(), Same::default());
    for (person, program, words, code) in SESSION {
        let arguments: Vec<&str> = words.split_whitespace().collect();
        let mut command = match program {
            "az-aksbackup" => stage.az_command(person, &arguments),
            _ => stage.kubectl_command(person, &arguments),
        };
        command.env_remove("AKSBACKUP_STATE");
        if !color {
            command.env("NO_COLOR", "1");
        }
        let asks = ["configure", "protect"].contains(&words);
        let (lines, ended) = shown(command, columns, asks.then_some(("Apply these changes?", "y"))).unwrap();
        assert_eq!(ended, code, "{person}$ {program} {words}\n{}", lines.join("\n"));
        let prompt = format!("{person}$ {} {}", program, arguments.join(" "));
        // The order first: ids are numbered as they come.
        let lines = in_the_guide_s_order(lines);
        let lines = lines.iter().map(|line| same.line(line));
        commands.push(std::iter::once(prompt).chain(lines).collect());
    }
    commands
}

/// Steps that run at the same time end in any order: the lines of such a run in the order of the guide, each with what continues it.
fn in_the_guide_s_order(lines: Vec<String>) -> Vec<String> {
    let mut whole: Vec<Vec<String>> = Vec::new();
    for line in lines {
        match whole.last_mut() {
            Some(last) if last[0].contains('✓') && line.starts_with("  ") => last.push(line),
            _ => whole.push(vec![line]),
        }
    }
    let place = |lines: &Vec<String>| {
        let line = &lines[0];
        let (_, rest) = line.split_once("✓")?;
        let rest = rest.trim_start_matches("\u{1b}[0m").trim_start();
        StepName::ALL
            .iter()
            .position(|step| rest.starts_with(&format!("{step}: ")))
    };
    whole
        .chunk_by_mut(|one, other| place(one).is_some() && place(other).is_some())
        .for_each(|run| run.sort_by_key(place));
    whole.concat()
}

/// A line as a terminal of `columns` breaks it.
fn wrap(text: &mut String, line: &str, columns: usize) {
    let (mut column, mut rest) = (0, line);
    while let Some(next) = rest.chars().next() {
        let code = rest
            .strip_prefix("\u{1b}[")
            .and_then(|code| code.find('m'))
            .map(|end| end + 3);
        let taken = code.unwrap_or(next.len_utf8());
        if code.is_none() {
            if column == columns {
                text.push('\n');
                column = 0;
            }
            column += 1;
        }
        text.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    text.push('\n');
}

/// What stands for what is another each time.
#[derive(Default)]
struct Same {
    ids: HashMap<String, String>,
}

impl Same {
    fn line(&mut self, line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(|word| self.word(word)).collect();
        without_time(&words.join(" "))
    }

    fn word(&mut self, word: &str) -> String {
        let (mut out, mut rest) = (String::new(), word);
        while !rest.is_empty() {
            let taken = match rest.get(..36) {
                Some(id) if is_uuid(id) => {
                    let number = self.ids.len() + 1;
                    let own = self.ids.entry(id.to_owned());
                    out.push_str(own.or_insert_with(|| format!("{number:08}-0000-4000-8000-{number:012}")));
                    36
                }
                _ => {
                    let length = rest.chars().next().map_or(1, char::len_utf8);
                    out.push_str(&rest[..length]);
                    length
                }
            };
            rest = &rest[taken..];
        }
        pod(&port(&moment(&out)))
    }
}

fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    let fits = |(at, c): (usize, char)| {
        if dashes.contains(&at) {
            c == '-'
        } else {
            c.is_ascii_hexdigit()
        }
    };
    text.char_indices().all(fits)
}

/// A day, or the time of a day; a colour may begin with it.
fn moment(word: &str) -> String {
    const MOMENTS: [(&str, &str); 2] = [("0000-00-00", "2026-11-26"), ("00:00Z", "09:00Z")];
    let (word, end) = word.split_at(word.trim_end_matches([';', ',']).len());
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let known = MOMENTS.iter().find(|(form, _)| shape.ends_with(form));
    known.map_or_else(
        || format!("{word}{end}"),
        |(form, same)| format!("{}{same}{end}", &word[..word.len() - form.len()]),
    )
}

fn port(word: &str) -> String {
    let Some((before, after)) = word.split_once("127.0.0.1:") else {
        return word.to_owned();
    };
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}127.0.0.1:6443{after}")
}

/// The random end of a pod's name.
fn pod(word: &str) -> String {
    match word.rsplit_once('-') {
        Some((deployment, end))
            if word.starts_with("dataprotection-microsoft-") && end.len() == 5 && is_pod(deployment) =>
        {
            format!("{deployment}-xxxxx")
        }
        _ => word.to_owned(),
    }
}

/// Whether a name ends with the number of a template, as that of a replica set does.
fn is_pod(name: &str) -> bool {
    let number = name.rsplit('-').next().unwrap_or_default();
    (8..=10).contains(&number.len()) && number.contains(|c: char| c.is_ascii_digit())
}

/// Without ` (12s)` at the end, whatever its colour.
fn without_time(line: &str) -> String {
    let bare = line.strip_suffix("\u{1b}[0m").unwrap_or(line);
    let Some((before, took)) = bare.strip_suffix(')').and_then(|bare| bare.rsplit_once('(')) else {
        return line.to_owned();
    };
    let is_time = took.ends_with('s') && took.chars().all(|c| c.is_ascii_digit() || c == 'm' || c == 's');
    match is_time {
        true => before.trim_end_matches("\u{1b}[2m").trim_end().to_owned(),
        false => line.to_owned(),
    }
}
