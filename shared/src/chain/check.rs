//! One question to a link of the chain, with its answer.

use serde::{Deserialize, Serialize};

use crate::chain::link::Link;
use crate::command_line::Fix;
use crate::console::one_line;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Could not be seen.
    Unknown,
    /// Works, and will not for long, or not for everything.
    Warning,
    /// Not as it should be.
    Error,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Check {
    /// The link that it is about.
    pub link: Link,
    /// What is checked: a stable name within its link and program, such as `pod templates`.
    pub check: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen, in a sentence.
    pub says: String,
    /// The facts behind it as the remote tells them, such as `properties.provisioningState = Failed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// What to type or to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Fix>,
    /// The known failure that this state proves, by its id in the catalogue, such as `WI-LABEL-MISSING`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Check {
    /// As it should be.
    #[must_use]
    pub fn ok(link: Link, check: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(link, check, Verdict::Ok, says)
    }

    /// Could not be seen.
    #[must_use]
    pub fn unknown(link: Link, check: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(link, check, Verdict::Unknown, says)
    }

    /// Works, but not for long or not for everything; with what cures it.
    #[must_use]
    pub fn warning(link: Link, check: impl Into<String>, says: impl Into<String>, hint: impl Into<Fix>) -> Self {
        Self::new(link, check, Verdict::Warning, says).hinted(hint)
    }

    /// Not as it should be, with what cures it.
    #[must_use]
    pub fn error(link: Link, check: impl Into<String>, says: impl Into<String>, hint: impl Into<Fix>) -> Self {
        Self::new(link, check, Verdict::Error, says).hinted(hint)
    }

    fn new(link: Link, check: impl Into<String>, verdict: Verdict, says: impl Into<String>) -> Self {
        Self {
            link,
            check: one_line(&check.into()),
            verdict,
            says: one_line(&says.into()),
            evidence: Vec::new(),
            hint: None,
            failure: None,
        }
    }

    /// Adds what cures it.
    #[must_use]
    pub fn hinted(mut self, hint: impl Into<Fix>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn because(mut self, fact: impl Into<String>) -> Self {
        self.evidence.push(one_line(&fact.into()));
        self
    }

    /// Names the known failure that this state proves.
    #[must_use]
    pub fn proves(mut self, failure: impl Into<String>) -> Self {
        self.failure = Some(failure.into());
        self
    }

    /// Whether something is to be done about it.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        matches!(self.verdict, Verdict::Warning | Verdict::Error)
    }
}
