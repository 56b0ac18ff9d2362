//! The status table on standard output, for people and for machines.

use serde_json::json;

use crate::args::Format;
use crate::command_line::{az, kubectl, ours};
use crate::console::{Console, Tone, minute, short};
use crate::digest::Digest;
use crate::exit::Exit;
use crate::guide::StepName;
use crate::process::document;
use crate::program::Program;
use crate::runner::report::turn_lines;
use crate::schema::State;
use crate::status::{Row, Standing};
use crate::step::Turn;

/// What is shown, and how.
pub struct Shown<'a> {
    /// What the file says; `None` where there is no file.
    pub state: Option<&'a State>,
    /// The digest of its values.
    pub digest: Option<Digest>,
    /// The table.
    pub rows: &'a [Row],
    /// Whose turn it is.
    pub next: Option<Turn>,
    /// Whether nobody looked at the world.
    pub offline: bool,
    /// Whether anything that is left ends 8.
    pub check: bool,
}

/// Prints the status table and whose turn is next; gives the exit code of the command.
#[must_use]
pub fn show(console: &Console, format: Format, shown: &Shown<'_>) -> Exit {
    let settled = |row: &Row| matches!(row.standing, Standing::Done | Standing::Recorded) && row.warning.is_none();
    let exit = match shown.check && !shown.rows.iter().all(settled) {
        true => Exit::Pending,
        false => Exit::Done,
    };
    match format {
        Format::Json | Format::Yaml => console.document(&document(machine(shown, exit))),
        Format::Text => {
            for (head, evidence) in table(console, shown.rows) {
                console.row(&head, &evidence);
            }
            below(console, shown).iter().for_each(|line| console.text(line));
        }
    }
    exit
}

fn machine(shown: &Shown<'_>, exit: Exit) -> serde_json::Value {
    let cluster = shown
        .state
        .and_then(|state| state.target.as_ref())
        .map(|target| &target.cluster);
    json!({
        "command": "status",
        "exit": exit,
        "offline": shown.offline,
        "cluster": cluster,
        "digest": shown.digest.as_ref().map(ToString::to_string),
        "steps": shown.rows,
        "next": shown.next,
    })
}

/// The header and the rows: the columns before the evidence, and the evidence.
fn table(console: &Console, rows: &[Row]) -> Vec<(String, String)> {
    let width = |row: &Row| row.by.as_deref().map_or(0, |by| short(by).chars().count());
    let by = rows.iter().map(width).max().unwrap_or_default().max("BY".len());
    let header = format!(
        "{:>2}  {:<22} {:<8}  {:<17}  {:<by$} ",
        "", "STEP", "STATE", "SINCE", "BY"
    );
    let faint = |text: &str| console.paint(Tone::Faint, text);
    let mut lines = vec![(faint(&header), faint("EVIDENCE"))];
    for row in rows {
        let number = row.number.map_or_else(|| "+".to_owned(), |number| number.to_string());
        let since = row.since.map(minute);
        let (word, tone) = word(row);
        let state = console.paint(tone, &format!("{word:<8}"));
        let who = format!(
            "{:<17}  {:<by$}",
            since.unwrap_or_default(),
            short(row.by.as_deref().unwrap_or_default())
        );
        let who = console.paint(Tone::Faint, &who);
        let head = format!("{number:>2}  {:<22} {state}  {who} ", row.step.title());
        lines.push((head, row.evidence.clone()));
    }
    lines
}

/// What is said below the table: who has to act next, or that nothing is left, and the warnings.
fn below(console: &Console, shown: &Shown<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    match &shown.next {
        Some(turn) => {
            lines.extend(turn_lines(console, turn));
            lines.extend(
                later(shown.rows, turn)
                    .into_iter()
                    .map(|line| console.paint(Tone::Faint, &line)),
            );
        }
        None => lines.extend(verdict(shown.rows)),
    }
    let warnings = shown.rows.iter().filter_map(|row| row.warning.as_ref());
    lines.extend(warnings.map(|warning| console.paint(Tone::Attention, &format!("warning: {warning}"))));
    lines
}

/// Whose turns come after the `first`, one line for each command. A step that waits for what another person does first has that as its
/// turn: what its own command is comes after that.
fn later(rows: &[Row], first: &Turn) -> Vec<String> {
    let mut named = vec![first.command.clone()];
    let mut lines = Vec::new();
    for (row, turn) in rows.iter().filter_map(|row| Some((row, row.next.as_ref()?))) {
        let (who, own) = row.step.turn();
        let own = (who, ours(row.step.program(), own));
        for (who, command) in [(turn.who, turn.command.clone()), own] {
            if !named
                .iter()
                .any(|own| own.completes(&command) || command.completes(own))
            {
                lines.push(format!("  Then: {who}: {command}"));
                named.push(command);
            }
        }
    }
    lines
}

/// Returns the word for a row's state. A backup that lacks something is a warning, whoever reports it.
const fn word(row: &Row) -> (&'static str, Tone) {
    match (row.standing, &row.warning) {
        (Standing::Done | Standing::Recorded | Standing::Drifted, Some(_)) => ("warning", Tone::Attention),
        (standing, _) => standing.word(),
    }
}

impl Standing {
    const fn word(self) -> (&'static str, Tone) {
        match self {
            Self::Done => ("done", Tone::Good),
            Self::Recorded => ("reported", Tone::Faint),
            Self::Stale => ("stale", Tone::Attention),
            Self::Open => ("open", Tone::Attention),
            Self::Drifted => ("drifted", Tone::Bad),
            Self::Unknown => ("unknown", Tone::Faint),
        }
    }
}

/// Returns the lines that conclude a table in which nothing is left to do. The cluster is called protected only if this run checked
/// every step: what the file reports of the other program's steps is named, with the command that checks it.
#[must_use]
pub fn verdict(rows: &[Row]) -> Vec<String> {
    let titles = |standing| {
        let rows = rows.iter().filter(move |row: &&Row| row.standing == standing);
        rows.map(|row| row.step.title()).collect::<Vec<_>>().join(", ")
    };
    let (unknown, reported) = (titles(Standing::Unknown), titles(Standing::Recorded));
    if unknown.is_empty() && reported.is_empty() {
        return vec!["all steps complete: the cluster is protected".to_owned()];
    }
    let steps = || rows.iter().filter(|row| row.step != StepName::Preflight);
    let checked = steps().filter(|row| row.standing == Standing::Done).count();
    let mut lines = vec![match checked {
        0 => "the state file reports every step as complete; nothing was checked in this run".to_owned(),
        checked => format!(
            "checked in this run: {checked} of {} steps, all complete",
            steps().count()
        ),
    }];
    if checked > 0 && !reported.is_empty() {
        lines.push(format!("reported, not checked in this run: {reported}"));
    }
    if !unknown.is_empty() {
        lines.push(format!("could not be checked: {unknown}"));
    }
    for (program, command) in [(Program::Az, az("verify")), (Program::Kubectl, kubectl("verify"))] {
        // What could not be checked needs the same command: it names the missing permission.
        let unchecked = |row: &&Row| matches!(row.standing, Standing::Recorded | Standing::Unknown);
        if steps().filter(unchecked).any(|row| row.step.program() == program) {
            lines.push(format!("  Run: {command}"));
        }
    }
    lines
}
