//! The result of a command for one cluster, ready to be shown: its texts are rendered while its `--state` flag is in force.

use std::path::PathBuf;

use aksbackup_shared::command_line::az;
use aksbackup_shared::console::{Console, one_line};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::runner::report::{Ending, Report};
use aksbackup_shared::status::{Row, Standing};
use aksbackup_shared::step::Turn;
use serde_json::{Value, json};

use super::folder::{Member, Unusable};

/// How a step stands, as a mark of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepState {
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

impl StepState {
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
            Self::Held => ("-", "waiting for another step"),
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

/// The result for one cluster.
#[derive(Debug)]
pub(super) struct ClusterResult {
    /// Its state file.
    pub(super) file: PathBuf,
    /// The cluster.
    pub(super) cluster: ResourceId,
    /// The exit code that the command would have for this cluster.
    pub(super) exit: Exit,
    /// The exit code apart from the steps that other people have to complete first.
    pub(super) without_handoffs: Exit,
    /// Whether it was begun at all.
    pub(super) begun: bool,
    /// Whether nothing of it was checked, because its state file reports every step.
    pub(super) is_skipped: bool,
    /// The steps.
    pub(super) steps: Vec<(StepName, StepState)>,
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

impl ClusterResult {
    /// A cluster for which the command ends with `exit`.
    pub(super) fn of(member: &Member, exit: Exit) -> Self {
        Self::new(member.file.clone(), member.cluster.clone(), exit)
    }

    fn new(file: PathBuf, cluster: ResourceId, exit: Exit) -> Self {
        Self {
            file,
            cluster,
            exit,
            without_handoffs: match exit {
                Exit::TheirTurn => Exit::Done,
                exit => exit,
            },
            begun: true,
            is_skipped: false,
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

    /// A cluster that has several files, or the container of another one; `None` for a file that can't be read, whose cluster isn't known.
    pub(super) fn set_apart(own: &Unusable) -> Option<Self> {
        let files: Vec<&PathBuf> = own.files().collect();
        Some(Self {
            counts_as: Some(own.counts_as),
            says: brief(&own.failure),
            errors: vec![own.failure.to_string()],
            more: json!({ "files": files, "error": own.failure }),
            ..Self::new(own.file.clone(), own.cluster.clone()?, own.failure.exit)
        })
    }

    /// Adds the endings of steps, and whose turn it is: that of another person before one's own.
    pub(super) fn with_report(mut self, console: &Console, report: &Report) -> Self {
        let ends = report
            .steps
            .iter()
            .filter(|own| own.step != StepName::Preflight || !own.ending.is_done());
        self.steps
            .extend(ends.map(|own| (own.step, StepState::of_ending(&own.ending))));
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
        // A step that failed or differs isn't hidden by the handoff of another one.
        let exits = report.steps.iter().map(|own| without_handoff(&own.ending));
        self.without_handoffs = exits.fold(self.without_handoffs, Exit::worse);
        self
    }

    /// Adds the rows of a status table.
    pub(super) fn with_rows(mut self, rows: &[Row]) -> Self {
        let steps = rows.iter().filter(|row| row.step != StepName::Preflight);
        self.steps = steps.map(|row| (row.step, StepState::of_row(row))).collect();
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
    pub(super) fn mark(&self, step: StepName) -> Option<StepState> {
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
            "cluster": self.cluster, "file": self.file, "exit": self.exit, "begun": self.begun, "skipped": self.is_skipped, "says": self.says,
            "states": steps, "next": next.map(|own| json!({ "who": own.who, "command": own.command })),
        });
        if let (Value::Object(object), Value::Object(more)) = (&mut object, &self.more) {
            object.extend(more.clone());
        }
        object
    }
}

/// A failure in one line.
pub(super) fn brief(failure: &Failure) -> String {
    let why = failure.code.as_ref().or(failure.why.first());
    one_line(&match why {
        Some(why) => format!("{}: {why}", failure.what),
        None => failure.what.clone(),
    })
}

/// The exit code of a step where handoffs are expected. A step of this command that the signed-in account isn't authorized to complete is
/// none of them.
fn without_handoff(ending: &Ending) -> Exit {
    let own = |turn: &Turn| {
        ["prepare", "protect"]
            .iter()
            .any(|own| turn.command.completes(&az(*own)))
    };
    match ending {
        Ending::Due { turns, .. } | Ending::TheirTurn { turns, .. } if turns.iter().any(own) => Exit::NotPermitted,
        Ending::Due { turns, .. } | Ending::TheirTurn { turns, .. } if !turns.is_empty() => Exit::Done,
        other => other.exit(),
    }
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::console::Talk;
    use aksbackup_shared::runner::report::StepReport;
    use aksbackup_shared::step::{Deviation, Drift};

    use super::*;

    fn their_turn(who: Person, command: &'static str) -> Ending {
        Ending::TheirTurn {
            changed: vec![],
            turns: vec![Turn {
                who,
                why: "roles".into(),
                command: az(command),
                right: None,
                also: vec![],
            }],
        }
    }

    /// Fails before: a setting that differs from the target was hidden by `--handoff-ok`, since a handoff outranks it.
    #[test]
    fn an_expected_handoff_hides_nothing_else() {
        let drift = Ending::Done {
            evidence: String::new(),
            changed: vec![],
            drift: Some(Drift {
                deviation: Deviation::Target,
                differences: vec!["schedule".into()],
                hints: vec![],
            }),
        };
        let exit = |endings: &[Ending]| {
            let step = |ending: &Ending| StepReport {
                step: StepName::Roles,
                ending: ending.clone(),
                refused: false,
            };
            let report = Report {
                steps: endings.iter().map(step).collect(),
            };
            let member = Member::sample("a", "v", "s", "rg-1");
            let own = ClusterResult::of(&member, report.exit()).with_report(&Console::new(Talk::Quiet, true), &report);
            (own.exit, own.without_handoffs)
        };
        let owner = their_turn(Person::SubscriptionOwner, "grant --state x");
        assert_eq!(exit(std::slice::from_ref(&owner)), (Exit::TheirTurn, Exit::Done));
        assert_eq!(exit(&[owner.clone(), drift]), (Exit::TheirTurn, Exit::Pending));
        let own = their_turn(Person::PlatformTeam, "prepare --state x");
        assert_eq!(exit(&[owner, own]), (Exit::TheirTurn, Exit::NotPermitted));
    }
}
