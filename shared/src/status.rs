//! What the state file says: which steps are done, since when, by whom, and whose turn is next.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::args::Format;
use crate::console::{Console, Tone};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::guide::{Person, StepName};
use crate::process::document;
use crate::runner::report::{Ending, Report, turn_lines};
use crate::state::schema::{State, Target};
use crate::step::Turn;

mod record;

pub use record::{Record, record};

/// The first step that the file does not have although it has all that the step needs, with whose turn it is.
/// `state_flag` is appended to the command (see [`CommonArgs::state_flag`](crate::args::CommonArgs::state_flag)).
#[must_use]
pub fn next(state: &State, state_flag: &str) -> Option<Turn> {
    let step = StepName::ALL
        .into_iter()
        .filter(|step| !matches!(step, StepName::Preflight))
        .find(|step| record(state, *step).is_none())?;
    let (who, command) = turn(step, state, state_flag);
    Some(Turn {
        who,
        why: format!("next is {}", step.in_words()),
        command,
        right: None,
    })
}

/// Who does a step, with the whole command: that for the roles names what its reader has to vouch for.
fn turn(step: StepName, state: &State, state_flag: &str) -> (Person, String) {
    let (who, command) = step.turn();
    let target = state.target.as_ref().filter(|_| step == StepName::Roles);
    let vouchers = target.map(Target::vouchers).unwrap_or_default();
    (who, format!("{command}{vouchers}{state_flag}"))
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Seen as done just now.
    Done,
    /// The file says that it was done; this binary cannot see it, or did not look.
    Recorded,
    /// Something is left to do.
    Open,
    /// The file says that it was done, and the world says otherwise.
    Drifted,
    /// Could not be looked at.
    Unknown,
}

impl Standing {
    const fn word(self) -> (&'static str, Tone) {
        match self {
            Self::Done => ("done", Tone::Good),
            Self::Recorded => ("recorded", Tone::Good),
            Self::Open => ("open", Tone::Attention),
            Self::Drifted => ("drifted", Tone::Bad),
            Self::Unknown => ("unknown", Tone::Faint),
        }
    }
}

/// A line of the status table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The step.
    pub step: StepName,
    /// The guide's number.
    pub number: Option<u8>,
    /// How it stands.
    pub standing: Standing,
    /// What proves it, or what is missing.
    pub evidence: String,
    /// Since when, as the file has it.
    pub since: Option<Timestamp>,
    /// By whom, as the file has it.
    pub by: Option<String>,
    /// Who has to act first, where that is not who does the step.
    #[serde(skip)]
    pub turn: Option<Turn>,
}

/// The status table: what the file says, and what was `seen` of the world where somebody looked.
#[must_use]
pub fn rows(state: &State, seen: Option<&Report>) -> Vec<Row> {
    let looked = |step| {
        seen.and_then(|report| report.steps.iter().find(|own| own.step == step))
            .map(|own| &own.ending)
    };
    StepName::ALL
        .into_iter()
        .filter(|step| *step != StepName::Preflight || looked(*step).is_some())
        .map(|step| row(step, record(state, step), looked(step)))
        .collect()
}

fn row(step: StepName, record: Option<Record>, ending: Option<&Ending>) -> Row {
    let (standing, evidence) = match (ending, &record) {
        (Some(Ending::Done { evidence, .. }), _) => (Standing::Done, evidence.clone()),
        (Some(Ending::Failed { error, .. }), _) => (Standing::Unknown, unseen(error)),
        (None | Some(Ending::Held { .. }), Some(record)) => (Standing::Recorded, record.evidence.clone()),
        (Some(ending), Some(_)) => (Standing::Drifted, left(ending)),
        (Some(ending), None) => (Standing::Open, left(ending)),
        (None, None) => (Standing::Open, String::new()),
    };
    let (since, by) = record.map_or((None, None), |record| (record.since, record.by));
    Row {
        step,
        number: step.number(),
        standing,
        evidence,
        since,
        by,
        turn: ending.and_then(before).cloned(),
    }
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

/// What a table comes to in which nothing is open.
fn verdict(rows: &[Row]) -> &'static str {
    let any = |standing| rows.iter().any(|row| row.standing == standing);
    if any(Standing::Unknown) {
        "the state file has every step, but what is unknown above could not be looked at"
    } else if any(Standing::Done) {
        "nothing is left: the cluster is protected"
    } else {
        "the state file has every step; nobody has looked whether that is still so"
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
        Ending::Waiting { why, .. } => why.clone(),
        Ending::Held { by, .. } => {
            format!(
                "after {}",
                by.iter().map(|step| step.title()).collect::<Vec<_>>().join(", ")
            )
        }
        Ending::Done { evidence, .. } => evidence.clone(),
        Ending::Failed { error, .. } => error.what.clone(),
    }
}

/// Whose turn it is by the table: that of the first step which is open, or which the world no longer has. `state` and
/// `state_flag` as for [`next`].
#[must_use]
pub fn next_of(rows: &[Row], state: &State, state_flag: &str) -> Option<Turn> {
    let row = rows
        .iter()
        .find(|row| matches!(row.standing, Standing::Open | Standing::Drifted))?;
    if let Some(turn) = &row.turn {
        return Some(turn.clone());
    }
    let (who, command) = turn(row.step, state, state_flag);
    let drifted = row.standing == Standing::Drifted;
    let step = row.step.in_words();
    let why = match drifted {
        true => format!("{step}, was done and is not any more"),
        false => format!("next is {step}"),
    };
    Some(Turn {
        who,
        why,
        command,
        right: None,
    })
}

/// Prints the status table and whose turn is next. With `check` anything that is left ends 8.
#[must_use]
pub fn show(console: &Console, format: Format, rows: &[Row], next: Option<&Turn>, check: bool) -> Exit {
    let settled = rows
        .iter()
        .filter(|row| row.step != StepName::Backup)
        .all(|row| matches!(row.standing, Standing::Done | Standing::Recorded));
    let exit = if check && !settled { Exit::Pending } else { Exit::Done };
    if format == Format::Json {
        console.result(&document(
            json!({ "command": "status", "exit": exit, "steps": rows, "next": next }),
        ));
        return exit;
    }
    for row in rows {
        let (word, tone) = row.standing.word();
        let number = row.number.map_or_else(|| "+".to_owned(), |number| number.to_string());
        let since = row
            .since
            .map(|since| format!("  {}", since.strftime("%Y-%m-%d %H:%MZ")))
            .unwrap_or_default();
        let by = row.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let word = console.paint(tone, &format!("{word:<8}"));
        let note = console.paint(Tone::Faint, &format!("{since}{by}"));
        console.result(format!("{number:>2}  {:<22} {word}  {}{note}", row.step.title(), row.evidence).trim_end());
    }
    match next {
        Some(turn) => turn_lines(console, turn).iter().for_each(|line| console.result(line)),
        None => console.result(verdict(rows)),
    }
    exit
}

#[cfg(test)]
mod tests;
