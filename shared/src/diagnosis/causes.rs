//! Causes, and what they bring about.

use std::collections::HashMap;

use crate::chain::check::Verdict;
use crate::chain::finding::{Certainty, Finding, Remedy};
use crate::chain::link::Link;
use crate::command_line::Fix;
use crate::diagnosis::catalogue::Known;

/// How many facts and quoted texts are told of one finding.
const MOST_EVIDENCE: usize = 4;

/// A row that something points at.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) known: &'static Known,
    pub(super) certainty: Certainty,
    pub(super) severity: Verdict,
    pub(super) link: Link,
    pub(super) object: String,
    pub(super) evidence: Vec<String>,
    pub(super) hint: Option<Fix>,
    /// Whether its text was seen where such texts are.
    pub(super) exact: bool,
    /// How deep in its text it was.
    pub(super) depth: usize,
    /// Rows that lay within it in the same text.
    pub(super) within: Vec<&'static str>,
}

impl Candidate {
    /// The order of findings, smallest first.
    fn rank(&self) -> impl Ord + use<> {
        (
            self.link,
            self.certainty,
            self.severity != Verdict::Error,
            self.known.wrapper,
            !self.exact,
            usize::MAX - self.depth,
        )
    }

    /// Whether `cause` explains this one.
    fn follows_from(&self, cause: &Self) -> bool {
        let (id, by) = (self.known.id.as_str(), cause.known.id.as_str());
        if id == by || cause.follows_if_proved(id) && cause.is_surely_less_than(self) {
            return false;
        }
        let may_be_inner = self.known.wrapper || self.certainty != Certainty::Proved;
        let inner = may_be_inner && self.within.contains(&by);
        inner
            || self
                .known
                .follows
                .iter()
                .any(|follows| match follows.strip_suffix('!') {
                    Some(follows) => follows == by && cause.certainty < self.certainty,
                    None if follows == by => true,
                    None => self.follows_link(follows, cause),
                })
    }

    /// A whole link brings about what is behind it; of wrappers, only another wrapper further on.
    fn follows_link(&self, follows: &str, cause: &Self) -> bool {
        let named = cause.link.title().replace(' ', "-") == follows;
        let wraps = cause.known.wrapper && !(self.known.wrapper && cause.link < self.link);
        named && !wraps
    }

    fn follows_if_proved(&self, id: &str) -> bool {
        self.known
            .follows
            .iter()
            .any(|follows| follows.strip_suffix('!') == Some(id))
    }

    fn is_surely_less_than(&self, other: &Self) -> bool {
        self.certainty > other.certainty
    }

    /// Takes what another look at the same row has seen.
    fn merge(&mut self, other: Self) {
        let better = (other.certainty, !other.exact) < (self.certainty, !self.exact);
        let rest = match better {
            true => std::mem::replace(self, other),
            false => other,
        };
        for evidence in rest.evidence {
            if !self.evidence.contains(&evidence) && self.evidence.len() < MOST_EVIDENCE {
                self.evidence.push(evidence);
            }
        }
        self.hint = self.hint.take().or(rest.hint);
        self.depth = self.depth.max(rest.depth);
        self.severity = self.severity.max(rest.severity);
        // Said once without anything within it, it stands for itself.
        self.within.retain(|id| rest.within.contains(id));
    }

    pub(super) fn finding(self, explains: Vec<String>) -> Finding {
        let known = self.known;
        Finding {
            id: known.id.clone(),
            certainty: self.certainty,
            severity: self.severity,
            link: self.link,
            object: self.object,
            cause: known.cause.clone(),
            evidence: self.evidence,
            fix: known.fix.clone(),
            remedy: known.remedy.filter(|remedy| begins(self.hint.as_ref(), *remedy)),
            hint: self.hint,
            explains,
        }
    }
}

/// Whether the remedy is what to begin with. Who saw the state knows more than the row: something else can come first, or the
/// remedy's command would refuse here.
fn begins(hint: Option<&Fix>, remedy: Remedy) -> bool {
    let first = hint.and_then(Fix::first_command);
    first.is_none_or(|first| first.completes(&remedy.command()))
}

/// What was found so far, each row once.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    rows: Vec<Candidate>,
}

impl Candidates {
    /// Adds what points at a row.
    pub(super) fn add(&mut self, candidate: Candidate) {
        match self.rows.iter_mut().find(|row| row.known.id == candidate.known.id) {
            Some(row) => row.merge(candidate),
            None => self.rows.push(candidate),
        }
    }

    /// The causes in their order, each with what it explains.
    pub(super) fn conclude(self) -> Vec<Finding> {
        let ranked = self.ranked();
        let explained = |cause: &Candidate| {
            let rows = ranked.iter().filter(|(_, root)| *root == Some(cause.known.id.as_str()));
            rows.map(|(row, _)| row.known.id.clone()).collect()
        };
        let causes = ranked.iter().filter(|(_, root)| root.is_none());
        causes
            .map(|(cause, _)| cause.clone().finding(explained(cause)))
            .collect()
    }

    /// Every row in its order, with the id of the cause that it follows from.
    pub(super) fn ranked(mut self) -> Vec<(Candidate, Option<&'static str>)> {
        self.rows.sort_by_key(Candidate::rank);
        let causes = self.causes();
        let id = |at: usize| self.rows[at].known.id.as_str();
        let roots: Vec<_> = (0..self.rows.len()).map(|row| root(&causes, row).map(id)).collect();
        self.rows.into_iter().zip(roots).collect()
    }

    /// For each row that follows from another: from which. Never in a circle.
    fn causes(&self) -> HashMap<usize, usize> {
        let mut causes: HashMap<usize, usize> = HashMap::new();
        for (row, candidate) in self.rows.iter().enumerate() {
            let explains = |(cause, other): &(usize, &Candidate)| {
                candidate.follows_from(other) && *cause != row && root(&causes, *cause) != Some(row)
            };
            // A cause that is not itself a wrapper, or the consequence of another, tells most.
            let cause = self
                .rows
                .iter()
                .enumerate()
                .filter(explains)
                .min_by_key(|(cause, other)| (other.known.wrapper, *cause));
            if let Some((cause, _)) = cause {
                causes.insert(row, cause);
            }
        }
        causes
    }
}

/// Where the chain of causes from `row` ends.
fn root(causes: &HashMap<usize, usize>, row: usize) -> Option<usize> {
    let mut at = *causes.get(&row)?;
    while let Some(cause) = causes.get(&at) {
        at = *cause;
    }
    Some(at)
}
