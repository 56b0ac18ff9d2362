//! What came of each step, for people and for machines.

use serde::Serialize;

use crate::args::known;
use crate::command_line::CommandLine;
use crate::console::{Console, Tone, one_line};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::guide::StepName;
use crate::schema::Target;
use crate::step::{ChangeNote, Drift, Turn};

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Ending {
    /// It is as it should be.
    Done {
        /// What proves it.
        evidence: String,
        /// What this command changed to get there.
        changed: Vec<ChangeNote>,
        /// How it differs from the target all the same.
        #[serde(skip_serializing_if = "Option::is_none")]
        drift: Option<Drift>,
    },
    /// Changes are pending; only looked at.
    Due {
        /// The changes.
        changes: Vec<ChangeNote>,
        /// Whose turn it is besides.
        turns: Vec<Turn>,
    },
    /// Only time will bring it; only looked at.
    Waiting {
        /// For what.
        why: String,
        /// The changes that follow then.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        foreseen: Vec<ChangeNote>,
    },
    /// It was asked for and goes on by itself; whoever asked did not want to wait.
    Begun {
        /// What goes on, as it was last seen.
        why: String,
        /// What this command changed to get there.
        changed: Vec<ChangeNote>,
    },
    /// It is the turn of others.
    TheirTurn {
        /// What this command changed nevertheless.
        changed: Vec<ChangeNote>,
        /// Whose.
        turns: Vec<Turn>,
    },
    /// What it needs is not there yet.
    Held {
        /// The steps that it needs.
        by: Vec<StepName>,
        /// The changes to expect then.
        foreseen: Vec<ChangeNote>,
        /// What this command changed nevertheless.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        changed: Vec<ChangeNote>,
    },
    /// It failed.
    Failed {
        /// Why.
        error: Box<Failure>,
        /// What this command changed before.
        changed: Vec<ChangeNote>,
    },
}

impl Ending {
    /// How a command that ends so exits.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Done { drift: Some(_), .. } => Exit::Pending,
            Self::Done { .. } | Self::Begun { .. } => Exit::Done,
            Self::Due { turns, .. } if !turns.is_empty() => Exit::TheirTurn,
            Self::Due { .. } | Self::Waiting { .. } => Exit::Pending,
            Self::TheirTurn { .. } => Exit::TheirTurn,
            // What holds it up has its own ending.
            Self::Held { .. } => Exit::Done,
            Self::Failed { error, .. } => error.exit,
        }
    }

    /// Whether the steps that need this one can go on.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }
}

/// A step with its ending.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepReport {
    /// The step.
    pub step: StepName,
    /// Its ending.
    #[serde(flatten)]
    pub ending: Ending,
    /// Whether it was looked at and can't be done, which is more than a look that failed.
    #[serde(skip)]
    pub refused: bool,
}

/// What came of a command's steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// In the guide's order.
    pub steps: Vec<StepReport>,
}

impl Report {
    /// Returns the failure of a step that the deadline cut off: what is known without it is not all there is.
    ///
    /// # Errors
    /// Exit 124, with what was waited for.
    pub fn in_time(&self) -> Outcome<()> {
        let late = self.steps.iter().find_map(|step| match &step.ending {
            Ending::Failed { error, .. } if error.exit == Exit::Deadline => Some(error.clone()),
            _ => None,
        });
        late.map_or(Ok(()), Err)
    }

    /// The report as `console` tells its failures and waits.
    #[must_use]
    pub fn told(&self, console: &Console) -> Self {
        let mut told = self.clone();
        for step in &mut told.steps {
            if let Ending::Failed { error, .. } = &mut step.ending {
                **error = console.told(error);
            }
        }
        told
    }

    /// The exit code of the whole.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let own = self
            .steps
            .iter()
            .map(|step| step.ending.exit())
            .fold(Exit::Done, Exit::worse);
        match self.unrequested().is_empty() {
            true => own,
            false => own.worse(Exit::Pending),
        }
    }

    /// The steps that were not requested, because what they require was only begun: nothing continues those by itself.
    #[must_use]
    pub fn unrequested(&self) -> Vec<StepName> {
        let mut behind: Vec<StepName> = Vec::new();
        loop {
            let is_behind = |step: &StepName| {
                let mut all = self.steps.iter();
                behind.contains(step) || all.any(|own| own.step == *step && matches!(own.ending, Ending::Begun { .. }))
            };
            let new: Vec<StepName> = self
                .steps
                .iter()
                .filter(|own| matches!(&own.ending, Ending::Held { by, .. } if by.iter().any(is_behind)))
                .map(|own| own.step)
                .collect();
            if new.len() == behind.len() {
                return behind;
            }
            behind = new;
        }
    }

    /// Whether a step failed, or could not be looked at.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.ending, Ending::Failed { .. }))
    }

    /// Gives every failed step that names no command to go on with `command`.
    pub fn advise(&mut self, command: &CommandLine) {
        for step in &mut self.steps {
            if let Ending::Failed { error, .. } = &mut step.ending {
                error.advise(command);
            }
        }
    }

    /// Fills in the cluster where a hint has placeholders for it, as the fixes of the catalog have.
    pub fn name_cluster(&mut self, target: &Target) {
        let known = known(&target.cluster, Some(target));
        for step in &mut self.steps {
            if let Ending::Failed { error, .. } = &mut step.ending {
                error.hints.iter_mut().for_each(|hint| hint.fill(&known));
            }
        }
    }

    /// Whether nothing was changed and nothing is left.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(&step.ending, Ending::Done { changed, drift: None, .. } if changed.is_empty()))
    }

    /// What was changed, also by steps that failed or wait for others.
    pub fn changed(&self) -> impl Iterator<Item = &ChangeNote> {
        self.steps.iter().flat_map(|step| match &step.ending {
            Ending::Done { changed, .. }
            | Ending::Begun { changed, .. }
            | Ending::TheirTurn { changed, .. }
            | Ending::Held { changed, .. }
            | Ending::Failed { changed, .. } => changed.as_slice(),
            Ending::Due { .. } | Ending::Waiting { .. } => &[],
        })
    }

    /// Every change that is pending or foreseen, with its step.
    #[must_use]
    pub fn pending(&self) -> Vec<(StepName, &ChangeNote)> {
        self.steps
            .iter()
            .flat_map(|step| {
                let changes = match &step.ending {
                    Ending::Due { changes, .. } => changes.as_slice(),
                    Ending::Held { foreseen, .. } | Ending::Waiting { foreseen, .. } => foreseen.as_slice(),
                    Ending::Done { .. } | Ending::Begun { .. } | Ending::TheirTurn { .. } | Ending::Failed { .. } => {
                        &[]
                    }
                };
                changes.iter().map(|change| (step.step, change))
            })
            .collect()
    }

    /// Whose turn it is, without repetition.
    #[must_use]
    pub fn turns(&self) -> Vec<&Turn> {
        let mut turns: Vec<&Turn> = Vec::new();
        for step in &self.steps {
            if let Ending::Due { turns: own, .. } | Ending::TheirTurn { turns: own, .. } = &step.ending {
                for turn in own {
                    if !turns.contains(&turn) {
                        turns.push(turn);
                    }
                }
            }
        }
        turns
    }

    /// What differs from the target and is not changed, with its step.
    #[must_use]
    pub fn drifts<'a>(&'a self) -> Vec<(StepName, &'a Drift)> {
        let drift = |own: &'a StepReport| match &own.ending {
            Ending::Done { drift: Some(drift), .. } => Some((own.step, drift)),
            _ => None,
        };
        self.steps.iter().filter_map(drift).collect()
    }

    /// The pending changes as lines for people: the change and its warning, and `with_rights` each permission that they require, once.
    #[must_use]
    pub fn plan(&self, console: &Console, with_rights: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for (step, change) in self.pending() {
            lines.push(format!(
                "{} {}",
                console.paint(Tone::Attention, &format!("{step}:")),
                one_line(&change.summary)
            ));
            if let Some(warning) = &change.warning {
                lines.push(format!("    {}", console.paint(Tone::Attention, &one_line(warning))));
            }
            for reduced in &change.reduces {
                let text = format!("reduces protection: {}", one_line(reduced));
                lines.push(format!("    {}", console.paint(Tone::Bad, &text)));
            }
        }
        if with_rights {
            let mut required: Vec<String> = Vec::new();
            for (_, change) in self.pending() {
                let line = format!("Requires: {}", change.right);
                if !required.contains(&line) {
                    required.push(line);
                }
            }
            lines.extend(required.iter().map(|line| console.paint(Tone::Faint, line)));
        }
        lines
    }

    /// What others have to do, as lines for people. A command stands once, below all that it does.
    #[must_use]
    pub fn handover(&self, console: &Console) -> Vec<String> {
        let turns = self.turns();
        let mut lines = Vec::new();
        for (at, turn) in turns.iter().enumerate() {
            lines.extend(reason_lines(console, turn));
            let is_same = |next: &&Turn| (next.who, &next.command) == (turn.who, &turn.command);
            if !turns.get(at + 1).is_some_and(is_same) {
                lines.push(command_line(turn));
            }
        }
        lines
    }
}

/// A turn as lines for people: who and why, the right, the command.
#[must_use]
pub fn turn_lines(console: &Console, turn: &Turn) -> Vec<String> {
    let mut lines = reason_lines(console, turn);
    lines.push(command_line(turn));
    lines
}

fn command_line(turn: &Turn) -> String {
    format!("    Run: {}", turn.command)
}

fn reason_lines(console: &Console, turn: &Turn) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {}: {}",
        console.paint(Tone::Attention, "Next:"),
        turn.who,
        turn.why
    )];
    for right in turn.right.iter().chain(&turn.also) {
        lines.push(format!("    Requires: {right}"));
    }
    lines
}
