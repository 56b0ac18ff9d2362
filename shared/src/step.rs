//! The shape of a step: observe, decide, apply, record.
//!
//! A step never waits, asks, prints or saves; the [`runner`](crate::runner) does. `decide` is a pure function of what was
//! seen, so that it can be tested without a server. What is recorded was seen, never hoped for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;

use crate::command_line::{CommandLine, Fix};
use crate::failure::{Failure, Outcome};
use crate::guide::{Person, StepName};
use crate::schema::State;
use crate::state::ownership::Owned;

/// A future that stays on its thread.
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One side of the tool: what its steps read with, write with, and record into.
pub trait Platform: 'static {
    /// Reads the world; cannot write.
    type Reader: 'static;
    /// Writes the world; a dry run never holds one.
    type Writer: 'static;
    /// The tables of the state file that belong to this program.
    type Tables: Owned;

    /// Notes a creation that is about to be asked for.
    fn intend(tables: &mut Self::Tables, step: StepName, object: &str);
    /// Turns the step's intents into objects that this tool made.
    fn confirm(tables: &mut Self::Tables, step: StepName);
}

/// A right that somebody needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Right {
    /// The action: of ARM such as `Microsoft.Storage/storageAccounts/write`, or of Kubernetes such as `patch
    /// deployments`.
    pub action: String,
    /// Where: an ARM scope or a namespace.
    pub scope: String,
}

impl Right {
    /// The right to `action` on `scope`.
    #[must_use]
    pub fn new(action: impl Into<String>, scope: impl fmt::Display) -> Self {
        Self {
            action: action.into(),
            scope: scope.to_string(),
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Azure's scopes are paths; Kubernetes' verbs are for resources in a namespace.
        let word = match &self.scope {
            scope if scope.starts_with('/') => "at scope",
            scope if scope.starts_with("namespace ") => "in",
            _ => "on",
        };
        write!(f, "{} {word} {}", self.action, self.scope)
    }
}

/// A change as people read it before they agree to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeNote {
    /// Verb and object, such as `create storage account stbackup in group rg-backup`.
    pub summary: String,
    /// The right that it needs.
    pub right: Right,
    /// The object's id or name if this creates it: its intent goes into the state file first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creates: Option<String>,
    /// What the person should know before agreeing, such as an outage or that it cannot be undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What is protected less afterwards, such as `namespace shop is no longer backed up`: it has to be agreed to apart from the
    /// rest, since the state file may come from another user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reduces: Vec<String>,
    /// What keeps the protection instead, where the target can be changed to what there is.
    #[serde(skip)]
    pub keeps: Option<Fix>,
}

/// One change that a step can make.
pub trait Change {
    /// How people read it.
    fn note(&self) -> ChangeNote;

    /// Returns whether it can never be changed back, so that it waits until the rest of the guide is known to be possible.
    fn is_final(&self) -> bool {
        false
    }
}

/// For steps that only read: a change that cannot exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {}

impl Change for Never {
    fn note(&self) -> ChangeNote {
        match *self {}
    }
}

/// Somebody else's turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Who.
    pub who: Person,
    /// Why it is theirs, and what it is about.
    pub why: String,
    /// The command that they run, ready to paste.
    pub command: CommandLine,
    /// The right that they need and the caller lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Right>,
    /// Further rights that they need, such as the same action on other scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Right>,
}

/// Something that only time will bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for, with the last state seen: `extension azure-aks-backup: Creating`.
    pub why: String,
    /// When the remote wants to be asked again.
    pub retry_after: Option<Duration>,
    /// The failure that the wait becomes if `why` stays the same for ten minutes. For a state that nobody knows the end of: waiting
    /// for the deadline would only say later that nothing has happened.
    pub stuck: Option<Box<Failure>>,
}

impl Wait {
    /// A wait without a wish of the remote.
    #[must_use]
    pub fn for_(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            retry_after: None,
            stuck: None,
        }
    }

    /// A wait that ends with `failure` if `why` stays the same for ten minutes.
    #[must_use]
    pub fn unless_stuck(why: impl Into<String>, failure: Failure) -> Self {
        Self {
            stuck: Some(Box::new(failure)),
            ..Self::for_(why)
        }
    }
}

/// What a step that is done deviates from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deviation {
    /// The live state isn't as the target says.
    Target,
    /// What was requested finished without everything, such as a backup with warnings.
    Incomplete,
}

/// How a step that is done deviates from what was requested, where no command of this version changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// What it deviates from.
    pub deviation: Deviation,
    /// What differs, each with both values, such as `schedule is P1W (the target has P1D)`.
    pub differences: Vec<String>,
    /// What to do about it, without deleting anything.
    pub hints: Vec<Fix>,
}

impl Drift {
    /// A live state that isn't as the target says.
    #[must_use]
    pub fn of_target(differences: Vec<String>, hints: Vec<Fix>) -> Self {
        let deviation = Deviation::Target;
        Self {
            deviation,
            differences,
            hints,
        }
    }
}

/// What is to be done, as far as has been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<C> {
    /// Nothing. The text is the evidence, such as `container aks-backups in account stbackup`.
    Done(String),
    /// Nothing that this version can do, although the live state deviates from what was requested.
    Differs(String, Drift),
    /// These changes, in this order.
    Change(Vec<C>),
    /// Look again later.
    Wait(Wait),
    /// These changes first (possibly none), and then it is the turn of others.
    Blocked(Vec<C>, Vec<Turn>),
}

/// What came of a change that was asked for.
pub enum Applied {
    /// It is made.
    Done,
    /// It is accepted and goes on; the operation tells when it is over.
    Running(Box<dyn Operation>),
    /// It is made; leave the remote alone for so long before the next change of this step (time of the remote).
    Rest(Duration),
    /// It was refused for now; look again later.
    Busy(Wait),
}

/// A long-running operation of the remote.
pub trait Operation {
    /// What it is, such as `install extension azure-aks-backup`.
    fn title(&self) -> String;
    /// Asks once how it goes.
    fn check(&mut self) -> Local<'_, Outcome<Progress>>;
}

/// How an operation goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// It goes on; when the remote wants to be asked again, and its own word for the state.
    Running {
        /// When the remote wants to be asked again.
        retry_after: Option<Duration>,
        /// The remote's own word.
        status: String,
    },
    /// It ended well.
    Finished,
}

/// One step of the guide.
pub trait Step: 'static {
    /// The side it belongs to.
    type Platform: Platform;
    /// What it saw.
    type Seen;
    /// What it can change.
    type Change: Change;

    /// Which step it is.
    fn name(&self) -> StepName;

    /// Returns the steps that have to be done before this one: those of the guide, unless the command goes another way.
    fn after(&self) -> &'static [StepName] {
        self.name().needs()
    }

    /// Returns whether a plan is made of this step although the steps before it aren't done: it can tell what is left of them.
    fn looks_ahead(&self) -> bool {
        false
    }

    /// Reads the world. Reads that need nothing of each other go at the same time.
    fn observe(
        &self,
        reader: &<Self::Platform as Platform>::Reader,
        state: &State,
    ) -> impl Future<Output = Outcome<Self::Seen>>;

    /// Decides from what was seen. Reads no world, no clock, no environment.
    ///
    /// # Errors
    /// What was seen can never lead to the goal: the failure says why and what cures it.
    fn decide(&self, seen: &Self::Seen, state: &State) -> Outcome<Decision<Self::Change>>;

    /// Makes one change.
    fn apply(
        &self,
        writer: &<Self::Platform as Platform>::Writer,
        change: &Self::Change,
    ) -> impl Future<Output = Outcome<Applied>>;

    /// Fills this step's own table from what was seen when it was done.
    fn record(&self, seen: &Self::Seen, tables: &mut <Self::Platform as Platform>::Tables);

    /// Records what others need to know although the step is not done.
    fn record_blocked(&self, _seen: &Self::Seen, _tables: &mut <Self::Platform as Platform>::Tables) {}

    /// Records what the operation of a change has named by its end, such as a job, which a run that is interrupted now would lose.
    fn record_operation(&self, _change: &Self::Change, _tables: &mut <Self::Platform as Platform>::Tables) {}

    /// Whose turn it is where the account isn't authorized to see what the step is about; `None` where that is a failure.
    fn unseen(&self, _failure: &Failure) -> Option<Turn> {
        None
    }

    /// Whose turn a refused change is; `None` means that the failure stands.
    fn hand_over(&self, _change: &Self::Change, _failure: &Failure) -> Option<Turn> {
        None
    }

    /// The changes to expect while what the step needs is not there yet, for a dry run.
    fn foresee(&self, _state: &State) -> Vec<ChangeNote> {
        Vec::new()
    }

    /// The changes that follow once a wait is over: they are shown and agreed to before it begins.
    fn after_wait(&self, _seen: &Self::Seen, _state: &State) -> Vec<ChangeNote> {
        Vec::new()
    }

    /// Whether what the step waits for comes by itself: everything was asked for, and `--no-wait` may end here.
    fn goes_on(&self, _seen: &Self::Seen) -> bool {
        false
    }

    /// A step that this one requires and the look showed to be open, with whose turn it is. What is complete by itself doesn't show that
    /// what it once required still is.
    fn still_open(&self, _seen: &Self::Seen) -> Option<(StepName, Turn)> {
        None
    }

    /// Returns whether the step is known to be possible once Azure or Kubernetes has accepted this change, although it isn't done yet.
    fn is_assured(&self, _accepted: &Self::Change) -> bool {
        false
    }

    /// Whether nothing comes after the change, so that `--no-wait` need not follow its operation.
    fn is_last(&self, _change: &Self::Change) -> bool {
        false
    }

    /// Ends when something that was seen has changed; a step that can watch the world ends its waits by it.
    fn stirred(&self, _reader: &<Self::Platform as Platform>::Reader, _seen: &Self::Seen) -> impl Future<Output = ()> {
        std::future::pending()
    }

    /// Whether [`Step::stirred`], as it goes on now, is sure to end with whatever the step waits for.
    fn is_watched(&self) -> bool {
        false
    }
}
