//! The command of this process once more. A line that names only what is missing would drop the other flags, and whoever pastes it would be
//! asked for those the next time.

use super::{CommandLine, Invocation};

/// The command of a process and its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    /// The command.
    pub command: &'static str,
    /// All arguments of the process, each as a shell word.
    pub arguments: Vec<String>,
}

/// Flags with a value that a repeated line doesn't keep: it has its own state file, and changes what a dry run only shows.
const DROPPED: [&str; 2] = ["--state", "--plan-out"];

/// As [`DROPPED`], without a value. `--yes` is put last.
const DROPPED_ALONE: [&str; 3] = ["--dry-run", "--yes", "-y"];

/// The former name of a flag, which is still accepted.
const FORMER: (&str, &str) = ("--snapshot-group", "--snapshot-resource-group");

impl CommandLine {
    /// Returns the line with everything else that this process was called with, if it is a line of the same command: the values are those
    /// that the person wrote themselves.
    #[must_use]
    pub fn again(self) -> Self {
        match &Invocation::current().called {
            Some(called) => self.completed(called),
            None => self,
        }
    }

    fn completed(mut self, called: &Called) -> Self {
        let mut words = self.words.split(' ');
        if words.next() != Some(called.command) {
            return self;
        }
        let (mut kept, is_agreed) = kept(called);
        // A flag with its values; what is in front of all flags is the argument of the command.
        let (mut groups, mut argument): (Vec<Vec<&str>>, Vec<&str>) = (Vec::new(), Vec::new());
        for word in words {
            match (word.starts_with('-'), groups.last_mut()) {
                (false, Some(group)) => group.push(word),
                (false, None) => argument.push(word),
                (true, _) => groups.push(vec![word]),
            }
        }
        let argument = argument.join(" ");
        kept.retain(|own| *own != argument);
        let has = |flag: &str| kept.iter().any(|word| name(word) == flag);
        let wants = groups.iter().any(|group| group == &["--yes"]);
        groups.retain(|group| !has(name(group[0])) && group != &["--yes"]);
        let mut all = vec![called.command];
        if !argument.is_empty() {
            all.push(&argument);
        }
        all.extend(groups.into_iter().flatten());
        all.extend(kept.iter().map(String::as_str));
        if wants || is_agreed {
            all.push("--yes");
        }
        self.words = all.join(" ").into();
        self
    }
}

/// The arguments that a repeated line keeps, and whether `--yes` is one of the others.
fn kept(called: &Called) -> (Vec<String>, bool) {
    let (mut kept, mut is_agreed, mut is_command) = (Vec::new(), false, true);
    let mut arguments = called.arguments.iter();
    while let Some(word) = arguments.next() {
        if DROPPED.contains(&word.as_str()) {
            arguments.next();
        } else if DROPPED_ALONE.contains(&word.as_str()) {
            is_agreed |= word != "--dry-run";
        } else if is_command && word == called.command {
            is_command = false;
        } else if !DROPPED.contains(&name(word)) {
            kept.push(word.clone());
        }
    }
    (kept, is_agreed)
}

/// The name of a flag, without a value behind it.
fn name(word: &str) -> &str {
    let name = word.split('=').next().unwrap_or(word);
    if name == FORMER.0 { FORMER.1 } else { name }
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
            assert_eq!(az(line).completed(&own), format!("az aksbackup {told}"));
        }
        assert_eq!(kubectl("configure").completed(&own), "kubectl aksbackup configure");
    }

    #[test]
    fn a_question_that_was_not_skipped_is_asked_again_and_an_argument_stays() {
        let line = az("prepare --irreversible RESOURCE-GROUP/VAULT");
        assert_eq!(
            line.completed(&called("prepare --plan-out=plan.json --subject prepare")),
            "az aksbackup prepare --irreversible RESOURCE-GROUP/VAULT --subject prepare"
        );
        let apply = Called {
            command: "apply",
            arguments: ["apply", "'my plan.json'", "--yes"].map(str::to_owned).into(),
        };
        assert_eq!(
            az("apply 'my plan.json' --vault RESOURCE-GROUP/NAME --yes").completed(&apply),
            "az aksbackup apply 'my plan.json' --vault RESOURCE-GROUP/NAME --yes"
        );
    }
}
