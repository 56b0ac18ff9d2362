//! Repeats the command of this process with its arguments. A line with only the missing flag would drop the others, and the next run would ask for
//! those.

use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgAction, Command};

use super::words::{self, Word, flag, quoted};
use super::{CommandLine, Invocation};
use crate::program::Program;
use crate::schema::settings::FLAGS;

/// The command of a process and its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    /// The command.
    pub command: &'static str,
    /// All arguments of the process, as they are without a shell.
    pub arguments: Vec<String>,
    /// Whether the repeated line is one of az, whose extension passes flags that the person didn't write, and that az doesn't have.
    pub is_in_az: bool,
}

/// Flags with a value that a repeated line doesn't keep: it has its own state file, changes what a dry run only shows, and is printed, so that a
/// secret must not be in it.
const DROPPED: [&str; 4] = ["--state", "--plan-out", "--token", "--password"];

/// As [`DROPPED`], once this process has written the state file: the file has another digest since.
const EXPECTED: &str = "--expect-digest";

/// As [`DROPPED`], without a value. `--yes` is put last.
const DROPPED_ALONE: [&str; 2] = ["--dry-run", "--yes"];

/// As [`DROPPED`] and [`DROPPED_ALONE`] inside az: its extension chooses them by the output and the verbosity of az.
const OF_AZ: [&str; 2] = ["--output", "-o"];
const OF_AZ_ALONE: [&str; 2] = ["--quiet", "--verbose"];

/// The flag after which no word is a flag.
const END: &str = "--";

/// Flags of which az keeps only the last, with all values that are behind it.
const MANY: [&str; 1] = ["--operation-requests"];

/// The short flag of `--yes`, and all that take no value: they can stand together, as in `-qy`.
const SHORT_YES: char = 'y';
const SHORT_ALONE: [char; 5] = [SHORT_YES, 'q', 'v', 'f', 'p'];

/// The other names of flags: former ones, which are still accepted, those of az, and the short ones that take a value.
const OTHERS: [(&str, &str); 10] = [
    ("--snapshot-group", "--snapshot-resource-group"),
    ("--ids", "--cluster-id"),
    ("--name", "--cluster-name"),
    ("-g", "--resource-group"),
    ("-o", "--output"),
    ("-y", "--yes"),
    ("-q", "--quiet"),
    ("-v", "--verbose"),
    ("-c", "--container"),
    ("-s", "--server"),
];

/// The short flag that means something else in each program.
const SHORT_N: &str = "-n";

/// The command whose printed flags are values to use instead of those that were refused.
const INIT: &str = "init";

/// The flag of [`INIT`] that takes keys and their values.
const SET: &str = "--set";

/// Whether this process has written its state file.
static WRITTEN: AtomicBool = AtomicBool::new(false);

/// Remembers that this process has written its state file.
pub fn file_was_written() {
    WRITTEN.store(true, Ordering::Relaxed);
}

impl CommandLine {
    /// Returns the line with everything else that this process was called with, if it is a line of the same command: the values are those
    /// that the person wrote themselves.
    #[must_use]
    pub fn again(self) -> Self {
        match &Invocation::current().called {
            Some(called) => self.completed(called, WRITTEN.load(Ordering::Relaxed)),
            None => self,
        }
    }

    fn completed(mut self, called: &Called, is_written: bool) -> Self {
        let own = words::of(&self.words);
        let mut words = own.iter();
        // A command of a group has two words.
        let mut names = called.command.split(' ');
        if !names.all(|own| words.next().is_some_and(|word| word.raw == own)) {
            return self;
        }
        let program = self.program.unwrap_or(Program::Az);
        let (mut printed, mut kept) = (Printed::of(words), kept(called, is_written));
        kept.leave_to(program, &printed, called.command == INIT);
        kept.is_agreed |= printed.takes_yes();
        printed.leave_to(program, &kept, called.command == INIT);
        self.words = [vec![called.command.to_owned()], printed.joined(kept)]
            .concat()
            .join(" ")
            .into();
        self
    }
}

/// The words of a printed line behind its command.
struct Printed<'a> {
    /// What is in front of all flags.
    arguments: Vec<&'a Word<'a>>,
    /// Each flag with its values.
    groups: Vec<Vec<&'a Word<'a>>>,
}

impl<'a> Printed<'a> {
    fn of(words: impl Iterator<Item = &'a Word<'a>>) -> Self {
        let (mut arguments, mut groups): (Vec<_>, Vec<Vec<_>>) = (Vec::new(), Vec::new());
        for word in words {
            match (word.raw.starts_with('-'), groups.last_mut()) {
                (false, Some(group)) => group.push(word),
                (false, None) => arguments.push(word),
                (true, _) => groups.push(vec![word]),
            }
        }
        Self { arguments, groups }
    }

    /// Drops `--yes`, which is put last, and returns whether it was there.
    fn takes_yes(&mut self) -> bool {
        let before = self.groups.len();
        self.groups
            .retain(|group| !matches!(group.as_slice(), [one] if one.raw == "--yes"));
        self.groups.len() < before
    }

    /// Drops the flags that the repeated ones have.
    fn leave_to(&mut self, program: Program, kept: &Kept, is_init: bool) {
        let has = |own: &str| kept.flags.iter().any(|word| name(program, word) == own);
        self.groups.retain(|group| {
            let own = group.first().map_or("", |first| name(program, &first.raw));
            !has(own) || is_init && own == SET
        });
    }

    /// All words in their order.
    fn joined(self, kept: Kept) -> Vec<String> {
        let printed = |own: Vec<&Word<'_>>| own.into_iter().map(|word| word.printed.to_owned()).collect::<Vec<_>>();
        // A word that looks like a flag stays where it can't be one.
        let is_plain = !kept.arguments.iter().any(|own| own.starts_with('-'));
        let behind: Vec<String> = kept.arguments.iter().map(|word| quoted(word)).collect();
        let (first, last) = match is_plain {
            true => (behind, Vec::new()),
            false => (Vec::new(), [vec![END.to_owned()], behind].concat()),
        };
        let yes = kept.is_agreed.then(|| "--yes".to_owned());
        [
            printed(self.arguments),
            first,
            printed(self.groups.into_iter().flatten().collect()),
            kept.flags.iter().map(|word| quoted(word)).collect(),
            yes.into_iter().collect(),
            last,
        ]
        .concat()
    }
}

/// What a repeated line keeps.
#[derive(Debug, Default)]
struct Kept {
    /// What is behind [`END`].
    arguments: Vec<String>,
    /// Everything else.
    flags: Vec<String>,
    /// Whether `--yes` is one of the others.
    is_agreed: bool,
}

impl Kept {
    /// Drops what the printed line has itself.
    fn leave_to(&mut self, program: Program, printed: &Printed<'_>, is_init: bool) {
        for argument in &printed.arguments {
            if let Some(at) = self.flags.iter().position(|own| *own == argument.raw) {
                self.flags.remove(at);
            }
        }
        self.arguments
            .retain(|own| !printed.arguments.iter().any(|argument| argument.raw == *own));
        if is_init {
            let raw = |group: &Vec<&Word<'_>>| group.iter().map(|word| word.raw.clone()).collect();
            let groups: Vec<Vec<String>> = printed.groups.iter().map(raw).collect();
            replace(program, &mut self.flags, &groups);
        }
        let mut first = printed.groups.iter().filter_map(|group| group.first());
        if first.any(|own| name(program, &own.raw) == "--verbose") {
            self.flags.retain(|own| name(program, own) != "--quiet");
        }
    }
}

fn kept(called: &Called, is_written: bool) -> Kept {
    let (mut kept, mut command) = (Kept::default(), called.command.split(' ').peekable());
    let mut words = called.arguments.iter();
    let is_dropped = |flag: &str| {
        DROPPED.contains(&flag) || (is_written && flag == EXPECTED) || (called.is_in_az && OF_AZ.contains(&flag))
    };
    let is_alone = |word: &str| DROPPED_ALONE.contains(&word) || (called.is_in_az && OF_AZ_ALONE.contains(&word));
    while let Some(word) = words.next() {
        if word == END {
            kept.arguments.extend(words.by_ref().cloned());
        } else if is_dropped(flag(word)) {
            // Its value is the next word, or stands behind the sign.
            if flag(word) == word {
                words.next();
            }
        } else if is_alone(flag(word)) {
            kept.is_agreed |= word == "--yes";
        } else if command.peek() == Some(&word.as_str()) {
            command.next();
        } else if let Some(others) = without_yes(word) {
            kept.is_agreed = true;
            kept.flags.extend(others);
        } else {
            kept.flags.push(word.clone());
        }
    }
    if called.is_in_az {
        MANY.iter().for_each(|own| gather(&mut kept.flags, own));
    }
    kept
}

/// Drops what printed flags have another value for.
fn replace(program: Program, words: &mut Vec<String>, printed: &[Vec<String>]) {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for word in words.drain(..) {
        match groups.last_mut().filter(|_| !word.starts_with('-')) {
            Some(group) => group.push(word),
            None => groups.push(vec![word]),
        }
    }
    let new: Vec<String> = printed.iter().map(|group| key(program, group)).collect();
    groups.retain(|group| !new.contains(&key(program, group)));
    words.extend(groups.into_iter().flatten());
}

/// The setting that a flag with its values is about, or its name.
fn key(program: Program, group: &[String]) -> String {
    let Some(first) = group.first() else {
        return String::new();
    };
    let own = name(program, first);
    if own == SET {
        let value = first
            .split_once('=')
            .map(|(_, value)| value)
            .or(group.get(1).map(String::as_str));
        let key = value.unwrap_or_default().split('=').next().unwrap_or_default();
        return key.trim_end_matches('+').to_owned();
    }
    let stands_for = FLAGS.iter().find(|(_, flag)| name(program, flag) == own);
    stands_for.map_or(own, |(key, _)| key).to_owned()
}

/// Puts all values of a flag that is repeated behind the first.
fn gather(words: &mut Vec<String>, flag: &str) {
    let start = format!("{flag}=");
    let values: Vec<String> = words
        .iter()
        .filter_map(|own| own.strip_prefix(&start))
        .map(str::to_owned)
        .collect();
    let Some(at) = words
        .iter()
        .position(|own| own.starts_with(&start))
        .filter(|_| values.len() > 1)
    else {
        return;
    };
    words.retain(|own| !own.starts_with(&start));
    words.splice(at..at, [vec![flag.to_owned()], values].concat());
}

/// The other flags of a word of short flags that has that of `--yes`, such as `-qy` or `-yojson`; `None` of any other word.
fn without_yes(word: &str) -> Option<Option<String>> {
    let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
    // A flag that takes a value takes all that is behind it.
    let end = letters.find(|own| !SHORT_ALONE.contains(&own)).unwrap_or(letters.len());
    let (alone, rest) = letters.split_at_checked(end)?;
    if !alone.contains(SHORT_YES) {
        return None;
    }
    let others = format!("{}{rest}", alone.replace(SHORT_YES, ""));
    Some((!others.is_empty()).then(|| format!("-{others}")))
}

/// The name of a flag, without a value behind it: the long one that it has now.
fn name(program: Program, word: &str) -> &str {
    let own = match (flag(word), word.get(..2)) {
        (own, _) if own.starts_with(END) => own,
        // The value of a short flag can follow without a sign.
        (own, short) => short.filter(|_| own.starts_with('-')).unwrap_or(own),
    };
    if own == SHORT_N {
        return match program {
            Program::Az => "--cluster-name",
            Program::Kubectl => "--namespace",
        };
    }
    OTHERS
        .iter()
        .find(|(other, _)| *other == own)
        .map_or(own, |(_, name)| name)
}

/// The flags of a program that this module doesn't know; for the tests of the programs, which have the definitions.
#[must_use]
pub fn unknown(program: Program, command: &Command) -> Vec<String> {
    let mut all: Vec<String> = command
        .get_subcommands()
        .flat_map(|own| unknown(program, own))
        .collect();
    for arg in command.get_arguments() {
        let Some(long) = arg.get_long().map(|own| format!("--{own}")) else {
            continue;
        };
        let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        for letter in arg.get_short_and_visible_aliases().into_iter().flatten() {
            let is_known = match takes_value {
                true => !SHORT_ALONE.contains(&letter) && name(program, &format!("-{letter}")) == long,
                false => SHORT_ALONE.contains(&letter),
            };
            all.extend((!is_known).then(|| format!("-{letter} of {}", command.get_name())));
        }
        let others = arg
            .get_all_aliases()
            .into_iter()
            .flatten()
            .map(|own| format!("--{own}"));
        all.extend(others.filter(|own| name(program, own) != long));
    }
    all
}

#[cfg(test)]
mod tests;
