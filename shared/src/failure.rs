//! The one error that reaches a person: what happened, to which object, why, and what to type next.

use std::fmt;

use serde::Serialize;

use crate::command_line::{CommandLine, Fix};
use crate::exit::Exit;
use crate::fix;

/// A result that carries a [`Failure`].
pub type Outcome<T> = Result<T, Box<Failure>>;

/// An error as its reader needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// How the process ends because of it.
    pub exit: Exit,
    /// What failed, with kind and name of the object: a lower-case fragment such as
    /// `cannot create storage account stbackup`.
    pub what: String,
    /// Why, innermost last; the remote's own words where there are any.
    pub why: Vec<String>,
    /// The remote's error code, such as `AuthorizationFailed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The remote's request id, for a support case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Commands or sentences that cure it, ready to paste.
    pub hints: Vec<Fix>,
    /// The key of `[target]` whose value it is about, such as `policy.retention`: whoever knows that the value comes from the state file
    /// adds its place.
    #[serde(skip)]
    pub key: Option<String>,
}

/// How a reason begins that names a key of the state file.
const KEY: &str = "key ";

impl Failure {
    /// A failure that ends the process with `exit`.
    #[must_use]
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            why: Vec::new(),
            code: None,
            request_id: None,
            hints: Vec::new(),
            key: None,
        }
    }

    /// An unexpected or remote failure (exit 1).
    #[must_use]
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// Wrong usage (exit 2).
    #[must_use]
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// A named resource that does not exist (exit 3).
    #[must_use]
    pub fn missing(what: impl Into<String>) -> Self {
        Self::new(Exit::Missing, what)
    }

    /// A right or a login that is not there (exit 4).
    #[must_use]
    pub fn not_permitted(what: impl Into<String>) -> Self {
        Self::new(Exit::NotPermitted, what)
    }

    /// Adds a reason.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        let why = why.into();
        if !why.is_empty() && !self.why.contains(&why) {
            self.why.push(why);
        }
        self
    }

    /// Adds a reason that lies in the value of the state file at `key`, such as `target.cloud`. Where the failure is told,
    /// the place of that value in the file is named too.
    #[must_use]
    pub fn at_key(self, key: &str, why: impl fmt::Display) -> Self {
        self.because(format!("{KEY}{key}: {why}"))
    }

    /// The failure of the value of a key of `[target]`.
    #[must_use]
    pub fn of_key(self, key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..self
        }
    }

    /// The failure with the place of each key that it names, such as `aksbackup.toml:3:9`, as far as `place_of` knows it.
    #[must_use]
    pub fn placed(mut self, place_of: impl Fn(&str) -> Option<String>) -> Self {
        for why in &mut self.why {
            let Some((key, rest)) = why.strip_prefix(KEY).and_then(|rest| rest.split_once(": ")) else {
                continue;
            };
            if let Some(place) = (!key.contains(' ')).then(|| place_of(key)).flatten() {
                *why = format!("{KEY}{key} ({place}): {rest}");
            }
        }
        self
    }

    /// Adds a cure.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Fix>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Completes the commands that it prints, see [`CommandLine::again`].
    #[must_use]
    pub fn again(mut self) -> Self {
        self.hints = self.hints.into_iter().map(Fix::again).collect();
        self
    }

    /// Adds the `command` that shows more, unless a cure is a command already.
    pub fn advise(&mut self, command: &CommandLine) {
        if self.hints.iter().all(|hint| !hint.has_command()) {
            let again = command.clone().with("--verbose").again();
            self.hints.push(fix!["to log every request, run: ", again]);
        }
    }

    /// Names the remote's error code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Names the remote's request id.
    #[must_use]
    pub fn request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// Whether the remote answered with this code (compared without regard to case).
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(code))
    }

    /// Boxes it as an error result.
    ///
    /// # Errors
    /// Always: this is the failure itself.
    pub fn err<T>(self) -> Outcome<T> {
        Err(Box::new(self))
    }
}

/// The report as a person reads it, without color.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        for why in &self.why {
            write!(f, "\n  because: {}", why.replace('\n', "\n    "))?;
        }
        match (&self.code, &self.request_id) {
            (Some(code), Some(id)) => write!(f, "\n  code: {code} (request {id})")?,
            (Some(code), None) => write!(f, "\n  code: {code}")?,
            (None, Some(id)) => write!(f, "\n  request: {id}")?,
            (None, None) => {}
        }
        for hint in &self.hints {
            write!(f, "\n  hint: {}", hint.lines().join("\n").replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::az;

    #[test]
    fn the_report_names_object_reason_code_request_and_cure() {
        let failure = Failure::failed("cannot create storage account st1")
            .because("the name is taken")
            .code("StorageAccountAlreadyTaken")
            .request_id(Some("r-1".into()))
            .hint(az("init --storage-account NAME"));
        assert_eq!(
            failure.to_string(),
            "cannot create storage account st1\n  because: the name is taken\n  \
             code: StorageAccountAlreadyTaken (request r-1)\n  hint: az aksbackup init --storage-account NAME"
        );
    }

    #[test]
    fn there_is_always_a_command_to_go_on_with() {
        let mut failure = Failure::failed("x").hint("check the network");
        failure.advise(&az("prepare"));
        assert_eq!(failure.hints.len(), 2);
        failure.advise(&az("prepare"));
        assert_eq!(failure.hints.len(), 2, "the first is enough");
    }

    #[test]
    fn the_same_reason_is_said_once() {
        let failure = Failure::failed("x").because("y").because("y").because("");
        assert_eq!(failure.why, ["y"]);
    }
}
