//! Command lines that are printed, and the texts around them: data until they are printed, so that each has the name that the
//! program was called by, and the state file that it was called with.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Serialize, Serializer};

use crate::program::Program;

mod again;
mod fix;
mod words;

pub use again::{Called, file_was_written, unknown};
pub use fix::{Fix, Part};
pub use words::quoted;

/// How this process was called. Facts of the process, like its arguments: every line that it prints is about the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The program that was called by its own name, as `az-aksbackup`, instead of through az or kubectl.
    pub bare: Option<Program>,
    /// The `--state` flag, with a space before it; empty for the default file.
    pub state_flag: String,
    /// What the process was called with, where its command can be repeated; see [`CommandLine::again`].
    pub called: Option<Called>,
}

static INVOCATION: OnceLock<Invocation> = OnceLock::new();

tokio::task_local! {
    /// The `--state` flag of the cluster that a command over several clusters is working on.
    static STATE_FLAG: String;
}

/// Runs `work` on one of several clusters: every command line that is printed meanwhile has this `--state` flag.
pub async fn on_state<F: Future>(state_flag: String, work: F) -> F::Output {
    STATE_FLAG.scope(state_flag, work).await
}

impl Invocation {
    /// Remembers how this process was called. Only the first call counts.
    pub fn remember(self) {
        let _ = INVOCATION.set(self);
    }

    /// How `program` was called by `argument`, the first one of the process. A shell passes the name as it was typed, az and
    /// kubectl pass the path of the program.
    #[must_use]
    pub fn bare(program: Program, argument: Option<&Path>) -> Option<Program> {
        let name = argument?;
        // Windows has a suffix behind it, or not, as it was typed.
        (name.components().count() == 1 && name.file_stem()? == program.binary()).then_some(program)
    }

    fn current() -> &'static Self {
        static DEFAULT: Invocation = Invocation {
            bare: None,
            state_flag: String::new(),
            called: None,
        };
        INVOCATION.get().unwrap_or(&DEFAULT)
    }

    fn name(&self, program: Program) -> &'static str {
        match self.bare == Some(program) {
            true => program.binary(),
            false => program.name(),
        }
    }
}

/// The placeholder for a cluster in a command.
pub(crate) const CLUSTER: &str = "CLUSTER";

/// What is known of a cluster, for commands with placeholders for it.
#[derive(Debug, Clone)]
pub struct Known {
    /// Words of a command, each with what stands in its place.
    pub(crate) values: Vec<(&'static str, String)>,
    /// Flags that are added, with a blank before each.
    pub(crate) flags: String,
}

/// A command line to paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program of ours that it calls; `None` for others.
    program: Option<Program>,
    /// What follows the name of a program of ours; of others the whole line.
    words: Cow<'static, str>,
}

/// A command of `az aksbackup`: `words` are what follows, such as `init --vault NAME`.
#[must_use]
pub fn az(words: impl Into<Cow<'static, str>>) -> CommandLine {
    ours(Program::Az, words)
}

/// A command of `kubectl aksbackup`: `words` are what follows, such as `configure`.
#[must_use]
pub fn kubectl(words: impl Into<Cow<'static, str>>) -> CommandLine {
    ours(Program::Kubectl, words)
}

/// A command of `program`.
#[must_use]
pub fn ours(program: Program, words: impl Into<Cow<'static, str>>) -> CommandLine {
    let (program, words) = (Some(program), words.into());
    CommandLine { program, words }
}

/// A command line of another program, as it is pasted.
#[must_use]
pub fn shell(line: impl Into<Cow<'static, str>>) -> CommandLine {
    let (program, words) = (None, line.into());
    CommandLine { program, words }
}

impl CommandLine {
    /// Whether it is `other`, perhaps with flags.
    #[must_use]
    pub fn completes(&self, other: &Self) -> bool {
        let rest = self.words.strip_prefix(&*other.words);
        self.program == other.program && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// The line with another flag or argument.
    #[must_use]
    pub fn with(mut self, argument: impl fmt::Display) -> Self {
        self.words = format!("{} {argument}", self.words).into();
        self
    }

    /// The line for somebody else, who has the state file in another place and their own way to call the program.
    #[must_use]
    pub fn for_others(&self) -> Self {
        shell(self.of(&Invocation::default()))
    }

    /// The line as it is typed where this process was called as `invocation` says.
    #[must_use]
    pub fn of(&self, invocation: &Invocation) -> String {
        let Some(program) = self.program else {
            return self.words.clone().into_owned();
        };
        // A command over a folder of state files takes no single one.
        let names_file = words::of(&self.words)
            .iter()
            .any(|own| words::flag(&own.raw) == "--state");
        let flag = match names_file || self.words.starts_with("fleet ") {
            true => "",
            false => &invocation.state_flag,
        };
        format!("{} {}{flag}", invocation.name(program), self.words)
    }
}

impl CommandLine {
    /// Fills in a command of another program that has the placeholder [`CLUSTER`].
    fn fill(&mut self, known: &Known) {
        let words: Vec<&str> = self.words.split(' ').collect();
        if self.program.is_some() || !words.contains(&CLUSTER) {
            return;
        }
        let own = |word: &str| {
            let value = known.values.iter().find(|(name, _)| *name == word);
            value.map(|(_, value)| value.clone())
        };
        let words: Vec<String> = words
            .iter()
            .map(|word| own(word).unwrap_or_else(|| (*word).to_owned()))
            .collect();
        self.words = format!("{}{}", words.join(" "), known.flags).into();
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = Invocation::current();
        let of_cluster = STATE_FLAG.try_with(|flag| Invocation {
            bare: current.bare,
            state_flag: flag.clone(),
            called: None,
        });
        f.write_str(&self.of(of_cluster.as_ref().unwrap_or(current)))
    }
}

impl Serialize for CommandLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Equal to what is printed.
impl<T: AsRef<str>> PartialEq<T> for CommandLine {
    fn eq(&self, text: &T) -> bool {
        let printed = self.to_string();
        printed == text.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_name_and_the_file_that_the_program_was_called_with() {
        let invocation = Invocation {
            bare: Invocation::bare(Program::Az, Some(Path::new("az-aksbackup"))),
            state_flag: " --state x.toml".into(),
            called: None,
        };
        for (line, told) in [
            (az("prepare"), "az-aksbackup prepare --state x.toml"),
            (az("init --vault NAME"), "az-aksbackup init --vault NAME --state x.toml"),
            (az("init --state FILE"), "az-aksbackup init --state FILE"),
            (kubectl("configure"), "kubectl aksbackup configure --state x.toml"),
            (az("fleet plan clusters"), "az-aksbackup fleet plan clusters"),
            // Fails before: a value that mentions the flag was taken for it.
            (
                az("restore --label-selector 'app in (--state)'"),
                "az-aksbackup restore --label-selector 'app in (--state)' --state x.toml",
            ),
            (shell("az lock list"), "az lock list"),
        ] {
            assert_eq!(line.of(&invocation), told);
        }
        assert_eq!(az("prepare").to_string(), "az aksbackup prepare");
    }

    #[tokio::test]
    async fn a_command_for_one_of_several_clusters_has_the_file_of_that_cluster() {
        let own = |file: &str| on_state(format!(" --state {file}"), async { az("prepare").to_string() });
        let both = futures::join!(own("a.toml"), own("b.toml"));
        assert_eq!(
            (both.0.as_str(), both.1.as_str()),
            (
                "az aksbackup prepare --state a.toml",
                "az aksbackup prepare --state b.toml"
            )
        );
        assert_eq!(az("prepare").to_string(), "az aksbackup prepare");
    }

    #[test]
    fn a_path_is_what_az_and_kubectl_call() {
        for (argument, bare) in [
            ("az-aksbackup", Some(Program::Az)),
            ("az-aksbackup.exe", Some(Program::Az)),
            ("/usr/bin/az-aksbackup", None),
            ("./az-aksbackup", None),
            ("kubectl-aksbackup", None),
        ] {
            assert_eq!(
                Invocation::bare(Program::Az, Some(Path::new(argument))),
                bare,
                "{argument}"
            );
        }
    }

    #[test]
    fn flags_complete_a_command_and_other_words_do_not() {
        assert!(az("grant --yes").completes(&az("grant")));
        assert!(!az("grants").completes(&az("grant")));
        assert!(!kubectl("grant").completes(&az("grant")));
    }
}
