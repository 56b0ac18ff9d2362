//! What came of one cluster, ready to be told: its texts are made while its state file is known.

use std::path::PathBuf;

use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::runner::report::{Ending, Report};
use aksbackup_shared::status::{Row, Standing};
use aksbackup_shared::step::Turn;
use serde_json::{Value, json};

use super::folder::{Member, Unusable};
use super::told::brief;

/// How a step stands, as a mark of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Observed as done in this run.
    Done,
    /// Reported by the state file only.
    Reported,
    /// Something is left to do.
    Open,
    /// It is the turn of another person.
    TheirTurn,
    /// Azure is working on it.
    Waiting,
    /// It differs from the target, or from what the state file says.
    Differs,
    /// It failed.
    Failed,
    /// It could not be checked.
    Unknown,
    /// It waits for another step.
    Held,
}

impl Mark {
    /// The mark, and what it stands for.
    pub(super) const fn shown(self) -> (&'static str, &'static str) {
        match self {
            Self::Done => ("✓", "done"),
            Self::Reported => ("·", "reported by the state file"),
            Self::Open => ("+", "to do"),
            Self::TheirTurn => ("→", "waiting for another person"),
            Self::Waiting => ("…", "in progress"),
            Self::Differs => ("!", "differs"),
            Self::Failed => ("✗", "failed"),
            Self::Unknown => ("?", "not checked"),
            Self::Held => ("-", "after another step"),
        }
    }

    fn of_ending(ending: &Ending) -> Self {
        match ending {
            Ending::Done { drift: Some(_), .. } => Self::Differs,
            Ending::Done { .. } => Self::Done,
            Ending::Due { turns, .. } if !turns.is_empty() => Self::TheirTurn,
            Ending::Due { .. } => Self::Open,
            Ending::TheirTurn { .. } => Self::TheirTurn,
            Ending::Waiting { .. } | Ending::Begun { .. } => Self::Waiting,
            Ending::Held { .. } => Self::Held,
            Ending::Failed { .. } => Self::Failed,
        }
    }

    fn of_row(row: &Row) -> Self {
        match row.standing {
            Standing::Done if row.warning.is_some() => Self::Differs,
            Standing::Done => Self::Done,
            Standing::Recorded => Self::Reported,
            Standing::Stale | Standing::Drifted => Self::Differs,
            Standing::Open => Self::Open,
            Standing::Unknown => Self::Unknown,
        }
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) who: Person,
    pub(super) command: String,
}

/// What came of a cluster.
#[derive(Debug)]
pub(super) struct Came {
    /// Its state file.
    pub(super) file: PathBuf,
    /// The cluster, where it is known.
    pub(super) cluster: Option<ResourceId>,
    /// The exit code that the command would have for this cluster.
    pub(super) exit: Exit,
    /// Whether it was begun at all.
    pub(super) begun: bool,
    /// The steps.
    pub(super) steps: Vec<(StepName, Mark)>,
    /// What it counts as in the summary, where the exit code doesn't say it.
    pub(super) counts_as: Option<&'static str>,
    /// The result in a line.
    pub(super) says: String,
    /// Whose turn it is.
    pub(super) next: Option<Next>,
    /// What failed, in full.
    pub(super) errors: Vec<String>,
    /// The changes of a plan.
    pub(super) changes: Vec<String>,
    /// Those of them that reduce protection.
    pub(super) reduces: Vec<String>,
    /// The members of its JSON object that this command adds.
    pub(super) more: Value,
}

impl Came {
    /// A cluster for which the command ends with `exit`.
    pub(super) fn of(member: &Member, exit: Exit) -> Self {
        Self {
            file: member.file.clone(),
            cluster: Some(member.cluster.clone()),
            exit,
            begun: true,
            steps: Vec::new(),
            counts_as: None,
            says: String::new(),
            next: None,
            errors: Vec::new(),
            changes: Vec::new(),
            reduces: Vec::new(),
            more: json!({}),
        }
    }

    /// A cluster that was not begun, for this reason.
    pub(super) fn not_begun(member: &Member, exit: Exit, why: &str) -> Self {
        Self {
            begun: false,
            says: why.to_owned(),
            ..Self::of(member, exit)
        }
    }

    /// A cluster that failed.
    pub(super) fn failed(member: &Member, console: &Console, failure: &Failure) -> Self {
        Self {
            says: brief(failure),
            errors: vec![console.told(failure).to_string()],
            more: json!({ "error": failure }),
            ..Self::of(member, failure.exit)
        }
    }

    /// A file that can't be used.
    pub(super) fn unusable(own: &Unusable) -> Self {
        Self {
            file: own.file.clone(),
            cluster: own.cluster.clone(),
            exit: own.failure.exit,
            begun: true,
            steps: Vec::new(),
            counts_as: None,
            says: brief(&own.failure),
            next: None,
            errors: vec![own.failure.to_string()],
            changes: Vec::new(),
            reduces: Vec::new(),
            more: json!({ "error": own.failure }),
        }
    }

    /// Adds the endings of steps, and whose turn it is: that of another person before one's own.
    pub(super) fn with_report(mut self, console: &Console, report: &Report) -> Self {
        let ends = report
            .steps
            .iter()
            .filter(|own| own.step != StepName::Preflight || !own.ending.is_done());
        self.steps
            .extend(ends.map(|own| (own.step, Mark::of_ending(&own.ending))));
        let failed = report.steps.iter().filter_map(|own| match &own.ending {
            Ending::Failed { error, .. } => Some((own.step, error)),
            _ => None,
        });
        for (step, error) in failed {
            if self.says.is_empty() {
                self.says = brief(error);
            }
            self.errors.push(format!("{step}: {}", console.told(error)));
        }
        if let Some(turn) = report.turns().first() {
            self.turn(turn);
        }
        self
    }

    /// Adds the rows of a status table.
    pub(super) fn with_rows(mut self, rows: &[Row]) -> Self {
        let steps = rows.iter().filter(|row| row.step != StepName::Preflight);
        self.steps = steps.map(|row| (row.step, Mark::of_row(row))).collect();
        self.more = json!({ "steps": rows });
        self
    }

    /// Says whose turn it is, unless it is known.
    pub(super) fn turn(&mut self, turn: &Turn) {
        if self.next.is_none() {
            self.next = Some(Next {
                who: turn.who,
                command: turn.command.to_string(),
            });
        }
        if self.says.is_empty() {
            self.says.clone_from(&turn.why);
        }
    }

    /// The mark of a step.
    pub(super) fn mark(&self, step: StepName) -> Option<Mark> {
        self.steps.iter().find(|(own, _)| *own == step).map(|(_, mark)| *mark)
    }

    /// Forgets what only a document shows: of a thousand clusters it would fill the memory.
    pub(super) fn shorten(&mut self) {
        self.more = Value::Null;
    }

    /// Its JSON object.
    pub(super) fn document(&self) -> Value {
        let steps: serde_json::Map<String, Value> = self
            .steps
            .iter()
            .filter_map(|(step, mark)| {
                let name = serde_json::to_value(step).ok()?;
                Some((name.as_str()?.to_owned(), mark.shown().1.into()))
            })
            .collect();
        let next = self.next.as_ref();
        let mut object = json!({
            "cluster": self.cluster, "file": self.file, "exit": self.exit, "begun": self.begun, "says": self.says,
            "states": steps, "next": next.map(|own| json!({ "who": own.who, "command": own.command })),
        });
        if let (Value::Object(object), Value::Object(more)) = (&mut object, &self.more) {
            object.extend(more.clone());
        }
        object
    }
}
