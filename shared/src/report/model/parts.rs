//! The lists of the page: findings, turns, steps, links, access, rights.

use jiff::Timestamp;
use serde::Serialize;

use crate::chain::finding::Certainty;
use crate::chain::link::Link;
use crate::guide::{Person, StepName};
use crate::program::Program;
use crate::report::model::Mark;
use crate::status::Standing;

/// Something that is wrong, with the names that SARIF has for its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Id in the catalogue of failures, or `verify/LINK/CHECK` where it is in none.
    pub rule_id: String,
    /// `error` or `warning`.
    pub level: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where.
    pub location: Location,
    /// How sure it is.
    pub certainty: Certainty,
    /// What was seen.
    pub evidence: Vec<String>,
    /// What to do.
    pub fix: String,
    /// The command that does it, ready to paste.
    pub command: Option<String>,
    /// Ids of findings that this one explains.
    pub explains: Vec<String>,
    /// Which program saw it.
    pub seen_by: Program,
    /// When.
    pub at: Timestamp,
    /// Whether the file notes that the link was worked on after that.
    pub outdated: bool,
    /// Whether a step that makes the link is still open, so that it cannot be otherwise yet.
    pub pending: bool,
}

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The link of the chain.
    pub link: Link,
    /// The object.
    pub object: String,
}

/// Somebody's turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Todo {
    /// Whose.
    pub who: Person,
    /// The steps.
    pub steps: Vec<String>,
    /// The command.
    pub command: String,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepLine {
    /// The step.
    pub step: StepName,
    /// The guide's number.
    pub number: Option<u8>,
    /// How it stands.
    pub mark: Mark,
    /// How it stands, as `status` says it.
    pub standing: Standing,
    /// What proves it, or what is missing.
    pub evidence: String,
    /// When it was recorded.
    pub since: Option<Timestamp>,
    /// By whom.
    pub by: Option<String>,
    /// Who usually does it, where nobody has.
    pub whose: Person,
}

/// An object that the tool made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its kind, the last segment of ARM's, such as `storageAccounts`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The step that made it.
    pub step: StepName,
    /// When it was asked for.
    pub at: Timestamp,
}

/// Something that lets somebody do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// `role`, `federated credential` or `trusted access`.
    pub kind: &'static str,
    /// Who.
    pub holder: String,
    /// Whom that is by id.
    pub holder_id: String,
    /// What it lets them do.
    pub what: String,
    /// On what.
    pub scope: String,
}

/// A link with what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkLine {
    /// The link.
    pub link: Link,
    /// How it stands.
    pub mark: Mark,
    /// What was checked.
    pub checks: Vec<CheckLine>,
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// Its name.
    pub check: String,
    /// How it ended.
    pub mark: Mark,
    /// What was seen.
    pub says: String,
    /// The facts behind it.
    pub evidence: Vec<String>,
    /// Which program looked.
    pub seen_by: Program,
    /// When.
    pub at: Timestamp,
    /// Whether the file notes that the link was worked on after that.
    pub outdated: bool,
}

/// Something that could not be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
    /// Who can see it.
    pub who: Person,
    /// With which command.
    pub command: String,
}

/// A right that a step needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NeededRight {
    /// Who.
    pub who: Person,
    /// The steps.
    pub steps: Vec<StepName>,
    /// The action.
    pub action: String,
    /// The scope.
    pub scope: String,
    /// What for.
    pub why: &'static str,
    /// Whether a step that needs it is left.
    pub open: bool,
}
