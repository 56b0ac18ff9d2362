//! What cures something, as data.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::command_line::{CommandLine, Known, az, kubectl, shell};
use crate::program::Program;

/// A part of a [`Fix`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Words.
    Words(String),
    /// A command line.
    Command(CommandLine),
    /// The permission that is missing, and on what.
    Permission(String),
}

impl Part {
    fn command(&self) -> Option<&CommandLine> {
        match self {
            Self::Command(line) => Some(line),
            Self::Words(_) | Self::Permission(_) => None,
        }
    }
}

/// What stands between a command and what is said of it.
const COMMENT: &str = "  # ";

/// What a sentence that only names the command to run begins with.
const RUN: &str = ". Run:";

/// The command line of a text between backticks.
fn marked(text: &str) -> CommandLine {
    let of = |program: Program| text.strip_prefix(program.name())?.strip_prefix(' ');
    match (of(Program::Az), of(Program::Kubectl)) {
        (Some(words), _) => az(words.to_owned()),
        (_, Some(words)) => kubectl(words.to_owned()),
        (None, None) => shell(text.to_owned()),
    }
}

/// What cures something: words and command lines, in the order in which they are printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fix(Vec<Part>);

/// A [`Fix`] of words and command lines: `fix!["begin with: ", az("init")]`.
#[macro_export]
macro_rules! fix {
    ($($part:expr),+ $(,)?) => {
        $crate::command_line::Fix::default()$(.and($part))+
    };
}

impl Fix {
    /// Adds words, a command line, or another fix.
    #[must_use]
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// To get a permission, such as `Microsoft.Storage/storageAccounts/read on /subscriptions/s`.
    #[must_use]
    pub fn permission(permission: impl Into<String>) -> Self {
        Self(vec![Part::Permission(permission.into())])
    }

    /// The permission that is missing.
    #[must_use]
    pub fn missing_permission(&self) -> Option<&str> {
        self.0.iter().find_map(|part| match part {
            Part::Permission(permission) => Some(permission.as_str()),
            Part::Words(_) | Part::Command(_) => None,
        })
    }

    /// Fills in the cluster in those of its commands that have placeholders for it.
    pub fn fill(&mut self, known: &Known) {
        for part in &mut self.0 {
            if let Part::Command(line) = part {
                line.fill(known);
            }
        }
    }

    /// Completes each command, see [`CommandLine::again`].
    #[must_use]
    pub fn again(self) -> Self {
        let again = |part| match part {
            Part::Command(line) => Part::Command(line.again()),
            other => other,
        };
        Self(self.0.into_iter().map(again).collect())
    }

    /// Puts another command in the place of `old`.
    pub fn replace(&mut self, old: &CommandLine, new: &CommandLine) {
        for part in &mut self.0 {
            if part.command() == Some(old) {
                *part = Part::Command(new.clone());
            }
        }
    }

    /// Nothing to do.
    pub const NOTHING: Self = Self(Vec::new());

    /// Whether a command is part of it.
    #[must_use]
    pub fn has_command(&self) -> bool {
        self.first_command().is_some()
    }

    /// The command to begin with.
    #[must_use]
    pub fn first_command(&self) -> Option<&CommandLine> {
        self.0.iter().find_map(Part::command)
    }

    /// The words and the command, if there is one command only, at the end or before a comment.
    #[must_use]
    pub fn split(&self) -> (String, Option<&CommandLine>) {
        let words = |parts: &[Part]| parts.iter().map(Part::to_string).collect::<String>();
        match self.0.as_slice() {
            [lead @ .., Part::Command(line)] if lead.iter().all(|part| part.command().is_none()) => {
                let words = words(lead);
                let words = words.trim_end();
                let said = words.strip_suffix(RUN).map(|words| format!("{words}."));
                (
                    said.unwrap_or_else(|| words.trim_end_matches(':').to_owned()),
                    Some(line),
                )
            }
            [Part::Command(line), Part::Words(comment), rest @ ..] if comment == COMMENT => (words(rest), Some(line)),
            _ => (self.to_string(), None),
        }
    }

    /// Returns the text as lines of a terminal: each command ends one, so that it can be pasted.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let last = self.0.iter().rposition(|part| part.command().is_some());
        let (mut lines, mut line, mut is_complete) = (Vec::new(), String::new(), false);
        for (at, part) in self.0.iter().enumerate() {
            let text = part.to_string();
            if is_complete && last.is_some_and(|last| at <= last) {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                line.push_str(text.trim_start_matches([',', ';', '.', ' ']));
            } else {
                line.push_str(&text);
            }
            is_complete = part.command().is_some();
        }
        lines.push(line);
        lines
    }

    /// Returns the text without a last sentence that only names the command to run, for a place where the command follows.
    #[must_use]
    pub fn without_run(&self) -> String {
        let text = self.to_string();
        let command = self.0.last().and_then(Part::command);
        let lead = command.and_then(|line| text.strip_suffix(&line.to_string())?.trim_end().strip_suffix(RUN));
        lead.map_or(text.clone(), |lead| format!("{lead}."))
    }

    /// The fix with `comment` behind it, so that both can be pasted together.
    #[must_use]
    pub fn commented(self, comment: &Self) -> Self {
        self.and(COMMENT).and(comment.clone())
    }

    /// Several fixes, one after the other.
    #[must_use]
    pub fn joined(all: impl IntoIterator<Item = Self>) -> Self {
        let mut all = all.into_iter();
        let first = all.next().unwrap_or_default();
        all.fold(first, |fix, next| fix.and("; ").and(next))
    }

    /// Reads a text in which command lines stand between backticks.
    ///
    /// # Errors
    /// It is no text.
    pub fn marked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
        Ok(Self(
            parts
                .map(|(at, part)| match at % 2 {
                    0 => Part::Words(part.to_owned()),
                    _ => Part::Command(marked(part)),
                })
                .collect(),
        ))
    }
}

impl From<&str> for Fix {
    fn from(words: &str) -> Self {
        Self(vec![Part::Words(words.to_owned())])
    }
}

impl From<String> for Fix {
    fn from(words: String) -> Self {
        Self(vec![Part::Words(words)])
    }
}

impl From<&String> for Fix {
    fn from(words: &String) -> Self {
        Self::from(words.as_str())
    }
}

impl From<CommandLine> for Fix {
    fn from(line: CommandLine) -> Self {
        Self(vec![Part::Command(line)])
    }
}

impl From<&CommandLine> for Fix {
    fn from(line: &CommandLine) -> Self {
        Self::from(line.clone())
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Command(line) => line.fmt(f),
            Self::Permission(permission) => write!(f, "get permission {permission}"),
        }
    }
}

impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| part.fmt(f))
    }
}

/// Equal to what is printed.
impl<T: AsRef<str>> PartialEq<T> for Fix {
    fn eq(&self, text: &T) -> bool {
        let printed = self.to_string();
        printed == text.as_ref()
    }
}

impl Serialize for Fix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Another program's document has texts only: nothing in them counts as a command.
impl<'de> Deserialize<'de> for Fix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Fix {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        String::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_that_ends_with_its_command_is_told_apart_from_it() {
        let line = az("grant");
        assert_eq!(
            fix!["assign it: ", az("grant")].split(),
            ("assign it".into(), Some(&line))
        );
        assert_eq!(fix![az("grant")].split(), (String::new(), Some(&line)));
        let commented = Fix::from(az("grant")).commented(&fix!["Assign it."]);
        assert_eq!(commented.split(), ("Assign it.".into(), Some(&line)));
        let said = fix!["Assign it. Run: ", az("grant")];
        assert_eq!(said.split(), ("Assign it.".into(), Some(&line)));
        assert_eq!(said.without_run(), "Assign it.");
        assert_eq!(
            fix!["assign it: ", az("grant")].without_run(),
            "assign it: az aksbackup grant"
        );
        let long = fix!["see ", az("doctor"), "; then: ", az("grant")];
        assert_eq!(long.split().1, None);
        assert_eq!(long.first_command(), Some(&az("doctor")));
        assert_eq!(long.to_string(), "see az aksbackup doctor; then: az aksbackup grant");
    }

    /// Fails before: two commands stood in one line, and neither could be copied as a line.
    #[test]
    fn each_command_of_a_hint_ends_a_line() {
        let fix = fix![
            "to change it, run: ",
            az("init"),
            ", then: ",
            az("protect"),
            " (platform team)"
        ];
        assert_eq!(
            fix.lines(),
            [
                "to change it, run: az aksbackup init",
                "then: az aksbackup protect (platform team)"
            ]
        );
        assert_eq!(fix!["run: ", az("init"), ", as often as needed"].lines().len(), 1);
        assert_eq!(fix!["wait"].lines(), ["wait"]);
    }

    #[test]
    fn only_a_command_about_the_cluster_is_filled_in() {
        let known = Known {
            values: vec![("CLUSTER", "aks".into()), ("GROUP", "'rg (1)'".into())],
            flags: " --subscription s".into(),
        };
        let mut fix = fix![
            "repair it: ",
            shell("az aks update --resource-group GROUP --name CLUSTER"),
            " or ",
            shell("az lock list --resource-group GROUP"),
            az("init -g GROUP -n CLUSTER")
        ];
        fix.fill(&known);
        assert_eq!(
            fix.to_string(),
            "repair it: az aks update --resource-group 'rg (1)' --name aks --subscription s or az lock list \
             --resource-group GROUPaz aksbackup init -g GROUP -n CLUSTER"
        );
    }
}
