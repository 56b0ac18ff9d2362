//! How the steps stand: what the state file says, what was seen of the world, and whose turn is next.

use jiff::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::command_line::{az, ours};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::guide::StepName;
use crate::rights;
use crate::runner::report::{Ending, Report, StepReport};
use crate::schema::{State, Target};
use crate::step::{Deviation, Right, Turn};

mod show;

pub use show::{Shown, show, verdict};

/// The first step that the file does not have, or has for something that is another by now, with whose turn it is.
#[must_use]
pub fn next(state: &State) -> Option<Turn> {
    next_of(&rows(state, None))
}

/// As [`next`], after a run: a step that this run observed as complete or started shows that everything it requires is complete, even if
/// the file doesn't say so. It doesn't say so of a cluster that was protected before the file was created. What the run saw to be open is
/// next all the same: Azure keeps the state of an instance until its next backup fails for a role that was revoked.
#[must_use]
pub fn next_after(state: &State, report: &Report, seen_open: &[(StepName, Turn)]) -> Option<Turn> {
    let is_reached = |own: &&StepReport| matches!(own.ending, Ending::Done { .. } | Ending::Begun { .. });
    let mut required: Vec<StepName> = Vec::new();
    let mut open: Vec<StepName> = report.steps.iter().filter(is_reached).map(|own| own.step).collect();
    while let Some(step) = open.pop() {
        let new: Vec<StepName> = step
            .needs()
            .iter()
            .copied()
            .filter(|own| !required.contains(own))
            .collect();
        required.extend(&new);
        open.extend(new);
    }
    let is_observed = |step| report.steps.iter().any(|own| own.step == step);
    let mut rows = rows(state, None);
    let still_open = |step| seen_open.iter().find(|(own, _)| *own == step && !is_observed(step));
    let is_shown = |step| required.contains(&step) && !was_removed(state, step);
    rows.retain(|row| is_observed(row.step) || still_open(row.step).is_some() || !is_shown(row.step));
    for row in &mut rows {
        if let Some((_, turn)) = still_open(row.step) {
            row.next = Some(turn.clone());
        }
    }
    next_of(&rows)
}

/// Returns the steps whose result was deleted, as `teardown` does, and isn't there again.
pub fn removed(state: &State) -> impl Iterator<Item = StepName> {
    StepName::ALL
        .into_iter()
        .filter(|step| step.recorded(state).is_none() && was_removed(state, *step))
}

/// Whether the file says that the result of a step was deleted.
fn was_removed(state: &State, step: StepName) -> bool {
    let mut all = state.cloud.removed.iter().chain(&state.cluster.removed);
    step.table().is_some_and(|(_, table)| all.any(|own| own.table == table))
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Seen as done just now, and as the file has it where the file has it.
    Done,
    /// The file says that it was done; this run did not check it. Shown as "reported", and never counted as checked.
    Recorded,
    /// The file says that it was done, but for something that has changed since; or it is done, but not as the file says.
    Stale,
    /// Something is left to do.
    Open,
    /// The file says that it was done, and the world says otherwise.
    Drifted,
    /// Could not be looked at.
    Unknown,
}

/// A line of the status table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The step.
    pub step: StepName,
    /// The guide's number.
    pub number: Option<u8>,
    /// How it stands. A document has it under the name that the table's column has, and under the older one.
    #[serde(flatten, serialize_with = "in_both_names")]
    pub standing: Standing,
    /// What proves it, or what is missing.
    pub evidence: String,
    /// Whether this run checked the step itself.
    pub observed: bool,
    /// What is wrong with a result that the file has, such as a backup that finished with warnings.
    pub warning: Option<String>,
    /// Since when, as the file has it.
    pub since: Option<Timestamp>,
    /// By whom, as the file has it.
    pub by: Option<String>,
    /// Who has to act, with which right and command, where something is left.
    pub next: Option<Turn>,
}

fn in_both_names<S: Serializer>(standing: &Standing, serializer: S) -> Result<S::Ok, S::Error> {
    let mut names = serializer.serialize_map(Some(2))?;
    names.serialize_entry("state", standing)?;
    names.serialize_entry("standing", standing)?;
    names.end()
}

/// When one of these steps was last recorded.
#[must_use]
pub fn since(state: &State, steps: &[StepName]) -> Option<Timestamp> {
    let records = steps.iter().filter_map(|step| step.recorded(state)?.written);
    records.map(|written| written.observed_at).max()
}

/// The live state: the result of each step, and the state as it would be recorded now.
pub struct Seen<'a> {
    /// What came of each step.
    pub report: &'a Report,
    /// The state with what was seen.
    pub state: &'a State,
}

/// The status table: what the file says, and the live state where it was `seen`.
#[must_use]
pub fn rows(state: &State, seen: Option<&Seen<'_>>) -> Vec<Row> {
    let looked = |step| seen.and_then(|seen| seen.report.steps.iter().find(|own| own.step == step));
    StepName::ALL
        .into_iter()
        .filter(|step| *step != StepName::Preflight || looked(*step).is_some())
        .map(|step| {
            let looked = looked(step);
            let (standing, evidence) = stand(state, seen.map(|seen| seen.state), step, looked);
            let ending = looked.map(|own| &own.ending);
            let recorded = step.recorded(state);
            let written = recorded.as_ref().and_then(|recorded| recorded.written);
            Row {
                step,
                number: step.number(),
                standing,
                evidence,
                observed: standing != Standing::Unknown
                    && ending.is_some_and(|ending| !matches!(ending, Ending::Held { .. })),
                since: written.map(|written| written.observed_at),
                by: written.map(|written| written.by.clone()),
                warning: recorded.and_then(|recorded| recorded.warning),
                next: turn(state, step, standing, ending),
            }
        })
        .collect()
}

/// How a step stands by the file and, where it was `seen`, by the live state; and the evidence.
fn stand(state: &State, now: Option<&State>, step: StepName, seen: Option<&StepReport>) -> (Standing, String) {
    match (seen.map(|seen| &seen.ending), step.recorded(state)) {
        (Some(ending @ Ending::Done { drift: Some(_), .. }), _) => (Standing::Drifted, left(ending)),
        (Some(Ending::Done { evidence, .. }), Some(old)) if now.is_some_and(|now| is_other(state, now, step)) => {
            let says = if old.evidence == *evidence {
                "different values"
            } else {
                &old.evidence
            };
            (Standing::Stale, format!("{evidence}; the state file has {says}"))
        }
        (Some(Ending::Done { evidence, .. }), _) => (Standing::Done, evidence.clone()),
        (Some(Ending::Failed { error, .. }), _) if !seen.is_some_and(is_seen_to_fail) => {
            (Standing::Unknown, unseen(error))
        }
        // Azure or Kubernetes is still working on it: nothing was reverted.
        (Some(ending @ (Ending::Waiting { .. } | Ending::Begun { .. })), _) => (Standing::Open, left(ending)),
        (None | Some(Ending::Held { .. }), Some(record)) => match step.stale(now.unwrap_or(state)) {
            Some(why) => (Standing::Stale, why),
            None => (Standing::Recorded, record.evidence),
        },
        (Some(ending), Some(_)) => (Standing::Drifted, left(ending)),
        (Some(ending), None) => (Standing::Open, left(ending)),
        (None, None) => (Standing::Open, String::new()),
    }
}

/// Whether a step was looked at and can't be done as it is, which a missing permission doesn't show. A value of the file that no one can
/// use is refused before anything is read.
fn is_seen_to_fail(seen: &StepReport) -> bool {
    let exit = seen.ending.exit();
    let is_unseen = matches!(exit, Exit::NotPermitted | Exit::Deadline | Exit::Interrupted);
    (seen.refused || exit == Exit::Usage) && !is_unseen
}

const fn deviates(deviation: Deviation) -> &'static str {
    match deviation {
        Deviation::Target => "differs from the target",
        Deviation::Incomplete => "finished with warnings",
    }
}

/// Whether the world has other values for a step than the file.
fn is_other(state: &State, now: &State, step: StepName) -> bool {
    values(state, step) != values(now, step)
}

/// The values of a step's table, without who wrote them and when.
fn values(state: &State, step: StepName) -> Option<toml::Value> {
    let (side, table) = step.table()?;
    toml::Value::from(state.values()).get(side)?.get(table).cloned()
}

/// Who has to act for a step that is not settled: the person that the live state calls for, else the step's usual one.
fn turn(state: &State, step: StepName, standing: Standing, ending: Option<&Ending>) -> Option<Turn> {
    let words = step.in_words();
    if let Some(turn) = way_back(state, step, standing, ending) {
        return Some(turn);
    }
    let why = match standing {
        Standing::Done | Standing::Recorded | Standing::Unknown => return None,
        Standing::Open => words.clone(),
        Standing::Drifted => format!("{words}, which was complete but no longer is"),
        Standing::Stale => format!("{words}, which no longer matches the state file"),
    };
    if let Some(Ending::Failed { error, .. }) = ending {
        // What the step can't do itself, its failure says how to do.
        let own = error.hints.iter().find_map(|hint| hint.first_command().cloned());
        return Some(Turn {
            who: step.turn().0,
            why: format!("{words}: {}", error.what),
            command: own.unwrap_or_else(|| ours(step.program(), "verify")),
            right: None,
            also: Vec::new(),
        });
    }
    if let Some(turn) = ending.and_then(before) {
        return Some(turn.clone());
    }
    let (who, verb) = step.turn();
    if let Some(Ending::Done { drift: Some(drift), .. }) = ending {
        // What the step says is to be done comes first; else `verify` tells what can be done.
        let own = drift.hints.first().and_then(|hint| hint.first_command().cloned());
        return Some(Turn {
            who,
            why: format!(
                "{words} {}: {}",
                deviates(drift.deviation),
                drift.differences.join("; ")
            ),
            command: own.unwrap_or_else(|| az("verify")),
            right: None,
            also: Vec::new(),
        });
    }
    let mut rights = missing(state, step, ending).into_iter();
    // The command for the roles has placeholders for what its reader confirms.
    let confirmations = match step {
        StepName::Roles => Target::confirmations(state.target.as_ref()),
        _ => String::new(),
    };
    Some(Turn {
        who,
        why,
        command: ours(step.program(), format!("{verb}{confirmations}")),
        right: rights.next(),
        also: rights.collect(),
    })
}

/// The turn for protection that was ended on purpose: it is resumed, not written again. A step that was seen to need changes is another
/// case by now.
fn way_back(state: &State, step: StepName, standing: Standing, ending: Option<&Ending>) -> Option<Turn> {
    let own = state.cloud.instance.as_ref().filter(|own| own.is_paused())?;
    let is_over = standing == Standing::Done || matches!(ending, Some(Ending::Due { .. }));
    if step != StepName::BackupInstance || is_over {
        return None;
    }
    Some(Turn {
        who: step.turn().0,
        why: format!(
            "{}: its state was {}, which was set on purpose",
            step.in_words(),
            own.protection
        ),
        command: az("resume"),
        right: None,
        also: Vec::new(),
    })
}

/// The rights that what is left of a step needs: those of the changes that were seen, else all that the step can need.
fn missing(state: &State, step: StepName, ending: Option<&Ending>) -> Vec<Right> {
    let mut rights: Vec<Right> = match ending {
        Some(Ending::Due { changes, .. }) if !changes.is_empty() => {
            changes.iter().map(|change| change.right.clone()).collect()
        }
        _ => rights::of(step, state).into_iter().map(|needed| needed.right).collect(),
    };
    let mut known = Vec::new();
    rights.retain(|right| {
        let new = !known.contains(right);
        known.push(right.clone());
        new
    });
    rights
}

/// Whose turn it is before a step, if the caller has nothing to do in it.
fn before(ending: &Ending) -> Option<&Turn> {
    match ending {
        Ending::Due { changes, turns } if changes.is_empty() => turns.first(),
        _ => None,
    }
}

/// What could not be looked at, and why: Azure's and Kubernetes' codes are shorter than their words.
fn unseen(error: &Failure) -> String {
    match error.code.as_ref().or(error.why.first()) {
        Some(why) => format!("{}: {why}", error.what),
        None => error.what.clone(),
    }
}

fn left(ending: &Ending) -> String {
    match ending {
        Ending::Due { changes, turns }
        | Ending::TheirTurn {
            changed: changes,
            turns,
        } => {
            let changes = changes.iter().map(|change| change.summary.clone());
            let turns = turns.iter().map(|turn| turn.why.clone());
            changes.chain(turns).collect::<Vec<_>>().join("; ")
        }
        Ending::Waiting { why, .. } | Ending::Begun { why, .. } => why.clone(),
        Ending::Held { by, .. } => {
            format!(
                "after {}",
                by.iter().map(|step| step.title()).collect::<Vec<_>>().join(", ")
            )
        }
        Ending::Done { evidence, drift, .. } => {
            let drift = drift.iter().flat_map(|drift| &drift.differences);
            let texts = std::iter::once(evidence).chain(drift);
            texts.map(String::as_str).collect::<Vec<_>>().join("; ")
        }
        Ending::Failed { error, .. } => error.what.clone(),
    }
}

/// Whose turn it is by the table: that of the first step which is not settled.
#[must_use]
pub fn next_of(rows: &[Row]) -> Option<Turn> {
    rows.iter().find_map(|row| row.next.clone())
}

#[cfg(test)]
mod tests;
