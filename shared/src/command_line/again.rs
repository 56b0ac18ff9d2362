//! Repeats the command of this process with its arguments. A line with only the missing flag would drop the others, and the next run would ask for
//! those.

use std::sync::atomic::{AtomicBool, Ordering};

use super::words::{self, Word, flag, quoted};
use super::{CommandLine, Invocation};

/// The command of a process and its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    /// The command.
    pub command: &'static str,
    /// All arguments of the process, as they are without a shell.
    pub arguments: Vec<String>,
}

/// Flags with a value that a repeated line doesn't keep: it has its own state file, changes what a dry run only shows, and is printed, so that a
/// secret must not be in it.
const DROPPED: [&str; 4] = ["--state", "--plan-out", "--token", "--password"];

/// As [`DROPPED`], once this process has written the state file: the file has another digest since.
const EXPECTED: &str = "--expect-digest";

/// As [`DROPPED`], without a value. `--yes` is put last.
const DROPPED_ALONE: [&str; 2] = ["--dry-run", "--yes"];

/// The short flag of `--yes`, and those that take no value: they can stand together, as in `-qy`.
const SHORT_YES: char = 'y';
const SHORT_ALONE: [char; 3] = [SHORT_YES, 'q', 'v'];

/// The former name of a flag, which is still accepted.
const FORMER: (&str, &str) = ("--snapshot-group", "--snapshot-resource-group");

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
        if words.next().is_none_or(|word| word.raw != called.command) {
            return self;
        }
        let (mut kept, is_agreed) = kept(called, is_written);
        // A flag with its values; what is in front of all flags are the arguments of the command.
        let (mut groups, mut arguments): (Vec<Vec<&Word>>, Vec<&Word>) = (Vec::new(), Vec::new());
        for word in words {
            match (word.raw.starts_with('-'), groups.last_mut()) {
                (false, Some(group)) => group.push(word),
                (false, None) => arguments.push(word),
                (true, _) => groups.push(vec![word]),
            }
        }
        for argument in &arguments {
            if let Some(at) = kept.iter().position(|own| *own == argument.raw) {
                kept.remove(at);
            }
        }
        let has = |flag: &str| kept.iter().any(|word| name(word) == flag);
        let is_yes = |group: &[&Word]| matches!(group, [one] if one.raw == "--yes");
        let wants = groups.iter().any(|group| is_yes(group));
        groups.retain(|group| !is_yes(group) && !group.first().is_some_and(|first| has(name(&first.raw))));
        let printed = arguments.into_iter().chain(groups.into_iter().flatten());
        let mut all = vec![called.command.to_owned()];
        all.extend(printed.map(|word| word.printed.to_owned()));
        all.extend(kept.iter().map(|word| quoted(word)));
        if wants || is_agreed {
            all.push("--yes".to_owned());
        }
        self.words = all.join(" ").into();
        self
    }
}

/// The arguments that a repeated line keeps, and whether `--yes` is one of the others.
fn kept(called: &Called, is_written: bool) -> (Vec<String>, bool) {
    let (mut kept, mut is_agreed, mut is_command) = (Vec::new(), false, true);
    let mut arguments = called.arguments.iter();
    let is_dropped = |flag: &str| DROPPED.contains(&flag) || (is_written && flag == EXPECTED);
    while let Some(word) = arguments.next() {
        if is_dropped(flag(word)) {
            // Its value is the next word, or stands behind the sign.
            if flag(word) == word {
                arguments.next();
            }
        } else if DROPPED_ALONE.contains(&word.as_str()) {
            is_agreed |= word == "--yes";
        } else if is_command && word == called.command {
            is_command = false;
        } else if let Some(others) = without_yes(word) {
            is_agreed = true;
            kept.extend(others);
        } else {
            kept.push(word.clone());
        }
    }
    (kept, is_agreed)
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

/// The name of a flag, without a value behind it: the one that it has now.
fn name(word: &str) -> &str {
    match flag(word) {
        former if former == FORMER.0 => FORMER.1,
        own => own,
    }
}

#[cfg(test)]
mod tests {
    use crate::command_line::{az, kubectl};

    use super::*;

    fn called(line: &str) -> Called {
        Called {
            command: "prepare",
            arguments: line.split(' ').map(str::to_owned).collect(),
        }
    }

    /// Fails before: each of two refusals printed a command without the flags that the other one had asked for.
    #[test]
    fn a_command_keeps_what_the_process_was_called_with() {
        let own = called(
            "--timeout 5m prepare --state x.toml --cluster rg/aks --snapshot-group=rg-s --dry-run --yes -o json",
        );
        let cases = [
            (
                "prepare --reduce-protection --yes",
                "prepare --reduce-protection --timeout 5m --cluster rg/aks --snapshot-group=rg-s -o json --yes",
            ),
            (
                "prepare --subscription SUBSCRIPTION --cluster RESOURCE-GROUP/NAME --snapshot-resource-group RESOURCE-GROUP",
                "prepare --subscription SUBSCRIPTION --timeout 5m --cluster rg/aks --snapshot-group=rg-s -o json --yes",
            ),
            ("grant --yes", "grant --yes"),
        ];
        for (line, told) in cases {
            assert_eq!(az(line).completed(&own, false), format!("az aksbackup {told}"));
        }
        assert_eq!(
            kubectl("configure").completed(&own, false),
            "kubectl aksbackup configure"
        );
    }

    #[test]
    fn a_question_that_was_not_skipped_is_asked_again_and_an_argument_stays() {
        let line = az("prepare --irreversible RESOURCE-GROUP/VAULT");
        assert_eq!(
            line.completed(&called("prepare --plan-out=plan.json --subject prepare"), false),
            "az aksbackup prepare --irreversible RESOURCE-GROUP/VAULT --subject prepare"
        );
        let apply = Called {
            command: "apply",
            arguments: ["apply", "my plan.json", "--yes"].map(str::to_owned).into(),
        };
        assert_eq!(
            az("apply 'my plan.json' --vault RESOURCE-GROUP/NAME --yes").completed(&apply, false),
            "az aksbackup apply 'my plan.json' --vault RESOURCE-GROUP/NAME --yes"
        );
    }

    fn raw(arguments: &[&str]) -> Called {
        Called {
            command: "prepare",
            arguments: arguments.iter().map(|own| (*own).to_owned()).collect(),
        }
    }

    /// Fails before: the quoted word was no flag any more, so that it was printed twice, or kept although it is dropped.
    #[test]
    fn a_flag_whose_value_needs_quotes_is_still_that_flag() {
        let own = raw(&["prepare", "--label-selector=app in (web)", "--plan-out=my plan.json"]);
        assert_eq!(
            az("prepare --label-selector 'app in (web)' --reduce-protection").completed(&own, false),
            "az aksbackup prepare --reduce-protection '--label-selector=app in (web)'"
        );
        // A value that looks like one of our flags is a value.
        let own = raw(&[
            "prepare",
            "--label-selector",
            "app in (--yes)",
            "--state",
            "my file.toml",
        ]);
        assert_eq!(
            az("prepare").completed(&own, false),
            "az aksbackup prepare --label-selector 'app in (--yes)'"
        );
    }

    /// Fails before: `-qy` was kept next to `--yes`, which the parser refuses.
    #[test]
    fn short_flags_that_stand_together_are_told_apart() {
        for (word, told) in [
            ("-qy", "az aksbackup prepare -q --yes"),
            ("-yojson", "az aksbackup prepare -ojson --yes"),
            ("-y", "az aksbackup prepare --yes"),
            ("-oyaml", "az aksbackup prepare -oyaml"),
            ("-v", "az aksbackup prepare -v"),
        ] {
            assert_eq!(az("prepare").completed(&raw(&[word, "prepare"]), false), told);
        }
    }

    /// Fails before: the printed line expected the digest of a file that this run had changed.
    #[test]
    fn the_digest_of_a_file_that_was_written_is_not_expected_again() {
        for own in [
            raw(&["prepare", "--expect-digest", "sha256:1"]),
            raw(&["prepare", "--expect-digest=sha256:1"]),
        ] {
            assert_eq!(az("prepare").completed(&own, true), "az aksbackup prepare");
            assert!(az("prepare").completed(&own, false).words.contains("--expect-digest"));
        }
    }
}
