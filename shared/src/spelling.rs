//! Flags without a value as kubectl also takes them: `--follow=false`, `-f=true`, `-v=6`.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{ArgAction, Command};

/// How kubectl names its flag for more words, of which this program's `-v` is the next.
const LEVEL: &str = "--v";
/// What it is here.
const VERBOSE: &str = "-v";

/// Returns the words of a command line for `command`, with each switch that has a value as the bare flag, or left out where the value is
/// false. Words that it cannot read stay as they are.
#[must_use]
pub fn plain(words: Vec<OsString>, command: &Command) -> Vec<OsString> {
    // What is typed for completion is not a command line yet.
    if words.get(1).is_some_and(|word| word == "__complete") {
        return words;
    }
    let switches = switches(command);
    let mut plain = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        if text == "--" {
            plain.push(word);
            plain.extend(words);
            break;
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let name = if name == LEVEL { VERBOSE } else { name };
        // kubectl's level may also be a word of its own; no other word here is a number.
        let apart = (name == VERBOSE && value.is_none()).then(|| words.next_if(|next| level(next.to_str()).is_some()));
        let value = value.or_else(|| apart.flatten()?.into_string().ok());
        match value.filter(|_| switches.contains(name)) {
            Some(value) => match is_on(name, &value) {
                Some(true) => plain.push(name.into()),
                Some(false) => {}
                None => plain.push(word),
            },
            None if text == LEVEL => plain.push(VERBOSE.into()),
            None => plain.push(word),
        }
    }
    plain
}

/// A boolean as Go's flags read it, or kubectl's level of words.
fn is_on(name: &str, value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        level_of if name == VERBOSE => level(Some(level_of)).map(|own| own > 0),
        _ => None,
    }
}

fn level(text: Option<&str>) -> Option<u8> {
    text.and_then(|text| text.parse().ok())
}

/// The flags that are switches in every command that has them.
fn switches(command: &Command) -> BTreeSet<String> {
    let (mut switches, mut others) = (BTreeSet::new(), BTreeSet::new());
    collect(command, &mut switches, &mut others);
    &switches - &others
}

fn collect(command: &Command, switches: &mut BTreeSet<String>, others: &mut BTreeSet<String>) {
    for arg in command.get_arguments() {
        let kind = match arg.get_action() {
            ArgAction::SetTrue => &mut *switches,
            _ => &mut *others,
        };
        kind.extend(arg.get_long().map(|name| format!("--{name}")));
        kind.extend(arg.get_short().map(|name| format!("-{name}")));
    }
    command.get_subcommands().for_each(|own| collect(own, switches, others));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    fn read(line: &str) -> String {
        let switch = |name: &'static str, short| Arg::new(name).long(name).short(short).action(ArgAction::SetTrue);
        let command = Command::new("x")
            .arg(switch("verbose", 'v'))
            .subcommand(
                Command::new("logs")
                    .arg(switch("follow", 'f'))
                    .arg(switch("mixed", 'm')),
            )
            .subcommand(Command::new("other").arg(Arg::new("mixed").long("mixed")));
        let words = line.split(' ').map(OsString::from).collect();
        let plain = plain(words, &command)
            .into_iter()
            .map(|word| word.into_string().unwrap());
        plain.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_switch_may_have_a_boolean_and_words_a_level() {
        for (line, expected) in [
            ("x logs --follow=false", "x logs"),
            ("x logs --follow=true -f=1", "x logs --follow -f"),
            ("x logs --v=6", "x logs -v"),
            ("x logs --v 6", "x logs -v"),
            ("x -v 6 logs", "x -v logs"),
            ("x -v=0 logs", "x logs"),
            ("x -v logs", "x -v logs"),
            ("x logs --follow=maybe --v=much", "x logs --follow=maybe --v=much"),
            ("x other --mixed=true", "x other --mixed=true"),
            ("x other -- --follow=false", "x other -- --follow=false"),
        ] {
            assert_eq!(read(line), expected);
        }
    }
}
