//! Changes that can never be changed back wait until the rest of the guide is known to be possible.

use tokio::time::Instant;

use crate::failure::Outcome;
use crate::guide::StepName;
use crate::names::capital;
use crate::runner::prospects::Prospect;
use crate::runner::report::Ending;
use crate::runner::session::Session;
use crate::step::{Change, ChangeNote, Decision, Platform, Wait};

/// Whether the steps are possible that such a change depends on.
pub(super) enum Possible {
    /// They are.
    Yes,
    /// They are, since a wait: what was seen before it might be different now.
    Since,
    /// These aren't.
    No(Vec<StepName>),
}

/// Returns a step that waits for `by` with what it has left to change.
pub(super) fn held(by: Vec<StepName>, changed: Vec<ChangeNote>) -> Ending {
    let foreseen = Vec::new();
    Ending::Held { by, foreseen, changed }
}

/// Returns what a decision comes to without such changes, which wait for the steps `by`; `None` if there are none.
pub(super) fn without<C: Change>(decision: &Decision<C>, by: &[StepName]) -> Option<Ending> {
    let (changes, turns) = match decision {
        Decision::Change(changes) => (changes, Vec::new()),
        Decision::Blocked(changes, turns) => (changes, turns.clone()),
        Decision::Done(_) | Decision::Differs(..) | Decision::Wait(_) => return None,
    };
    let (last, now): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.is_final());
    let notes: Vec<ChangeNote> = now.into_iter().map(Change::note).collect();
    match (last.is_empty(), notes.is_empty() && turns.is_empty()) {
        (true, _) => None,
        (false, true) => Some(held(by.to_vec(), Vec::new())),
        (false, false) => Some(Ending::Due { changes: notes, turns }),
    }
}

/// Waits until it is known whether the steps are possible that such a change of `step` depends on.
///
/// # Errors
/// Exit 124 at the deadline.
pub(super) async fn must_be_possible<P: Platform>(
    step: StepName,
    begun: Instant,
    session: &Session<P>,
) -> Outcome<Possible> {
    let needed = step.only_if_possible();
    let mut possible = Possible::Yes;
    loop {
        let stuck = session.prospects.with(needed, Prospect::Stuck);
        if !stuck.is_empty() {
            return Ok(Possible::No(stuck));
        }
        let open = session.prospects.with(needed, Prospect::Open);
        if open.is_empty() {
            return Ok(possible);
        }
        let titles: Vec<String> = open.iter().map(|step| capital(step.title())).collect();
        let why = format!(
            "waiting to confirm that these steps are possible: {}",
            titles.join("; ")
        );
        let changed = Box::pin(session.prospects.changed());
        session
            .wait(step, &Wait::for_(why), begun.elapsed(), changed, &|| true)
            .await?;
        possible = Possible::Since;
    }
}
