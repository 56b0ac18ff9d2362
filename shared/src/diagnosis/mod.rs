//! From what was seen to the known failures that explain it.
//!
//! [`catalogue`] holds what is known, as data. `unwrap` opens errors within errors, `matching` finds the rows that a text
//! names, [`meaning`](mod@meaning) is what one text says by itself, `causes` tells causes from what they bring about, `joint` from
//! the views of both programs. [`command`] is the half of `doctor` that both programs share, `show` what a person reads of it,
//! `pages` the same as documentation. [`mask`](mod@mask) makes the words of others fit to be shown.

pub mod catalogue;
mod causes;
pub mod command;
mod joint;
pub mod mask;
mod matching;
mod meaning;
#[cfg(test)]
mod pages;
mod show;
mod unwrap;

pub use joint::joint;
pub use mask::mask;
pub use matching::may_matter;
pub use meaning::{Meaning, meaning};

use crate::chain::check::{Check, Verdict};
use crate::chain::finding::{Certainty, Finding, SeenIn, Text};
use crate::chain::link::Link;
use catalogue::Catalogue;
use causes::{Candidate, Candidates};

/// The known failures behind `checks` and `texts`, the cause first. Pure: the same input gives the same findings.
///
/// In the order of the chain's links; within one, what is proved goes before what a text says. What only follows from
/// something else that was found stands in that one's [`Finding::explains`].
#[must_use]
pub fn diagnose(checks: &[Check], texts: &[Text]) -> Vec<Finding> {
    let mut candidates = Candidates::default();
    for check in checks {
        candidates.prove(check);
    }
    for text in texts {
        read(&mut candidates, text, checks);
    }
    candidates.conclude()
}

/// Logs are told line by line, all else as a whole.
fn read(candidates: &mut Candidates, text: &Text, checks: &[Check]) {
    match text.seen_in {
        SeenIn::Vlog | SeenIn::Plog => text
            .text
            .lines()
            .for_each(|line| read_one(candidates, text, line, checks)),
        _ => read_one(candidates, text, &text.text, checks),
    }
}

fn read_one(candidates: &mut Candidates, text: &Text, words: &str, checks: &[Check]) {
    let words = mask::cut(words);
    if !may_matter(&words) || matching::is_harmless(text.seen_in, &words) {
        return;
    }
    let layers = unwrap::layers(&words);
    let mut found: Vec<(usize, matching::Hit)> = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        for hit in matching::hits(text.seen_in, &layer.text) {
            // What is in an inner layer is in the outer ones too: the innermost is the one that says it.
            found.retain(|(outer, other)| !(other.known.id == hit.known.id && unwrap::lies_in(&layers, at, *outer)));
            found.push((at, hit));
        }
    }
    found.retain(|(_, hit)| !hit.known.harmless && !is_over(text, hit.known.link, checks));
    for (at, hit) in &found {
        let inner = found
            .iter()
            .filter(|(inner, other)| !other.known.wrapper && unwrap::lies_in(&layers, *inner, *at));
        candidates.add(Candidate {
            known: hit.known,
            certainty: Certainty::Likely,
            severity: hit.known.severity,
            link: if hit.known.anywhere { text.link } else { hit.known.link },
            object: mask(&text.object),
            evidence: vec![format!("{}: {}", mask(&text.object), hit.quote)],
            hint: None,
            exact: hit.exact,
            depth: layers[*at].depth,
            within: inner.map(|(_, other)| other.known.id.as_str()).collect(),
        });
    }
}

/// Whether a text is history: said before something changed, and what it was about is well now.
fn is_over(text: &Text, link: Link, checks: &[Check]) -> bool {
    let well = |link: Link| {
        let mut verdicts = checks
            .iter()
            .filter(|check| check.link == link)
            .map(|check| check.verdict)
            .peekable();
        verdicts.peek().is_some() && verdicts.all(|verdict| verdict == Verdict::Ok)
    };
    text.past && (well(link) || well(text.link))
}

impl Candidates {
    /// A state that proves a known failure.
    fn prove(&mut self, check: &Check) {
        let known = check.failure.as_deref().and_then(|id| Catalogue::get().row(id));
        let Some(known) = known.filter(|known| check.verdict != Verdict::Ok && !known.harmless) else {
            return;
        };
        let facts = check.evidence.iter().map(|fact| mask(fact));
        self.add(Candidate {
            known,
            certainty: Certainty::Proved,
            severity: if check.is_finding() {
                check.verdict
            } else {
                known.severity
            },
            link: if known.anywhere { check.link } else { known.link },
            object: mask(&check.check),
            evidence: std::iter::once(mask(&check.says)).chain(facts).collect(),
            hint: check.hint.clone(),
            exact: true,
            depth: 0,
            within: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests;
