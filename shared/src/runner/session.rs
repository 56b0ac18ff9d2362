//! What a command works with: the world, the state file, the person, and one deadline.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::command_line::CommandLine;
use crate::console::Console;
use crate::deadline::Deadline;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::guide::StepName;
use crate::pace::Pace;
use crate::runner::prospects::Prospects;
use crate::runner::report::Report;
use crate::schema::{State, Target};
use crate::state::ownership::part::Part as _;
use crate::state::store::Store;
use crate::step::{Local, Platform, Turn, Wait};

/// How long the clock stays silent while the world itself is watched: a connection may break off unnoticed.
const WATCHED: Duration = Duration::from_secs(60);

/// What a person confirms before a command gives anything access to what the state file names.
pub struct Consent {
    /// The resources in full, one a line, for the question.
    pub resources: Vec<String>,
    /// Why an answer given beforehand (`--yes`) doesn't count: it says nothing about these resources.
    pub refusal: Option<Box<Failure>>,
    /// Keeps what was confirmed.
    pub keep: Box<dyn Fn()>,
}

/// Compares what would be done with what was expected.
pub type Expected = Box<dyn Fn(&Report) -> Outcome<()>>;

/// A command's session.
pub struct Session<P: Platform> {
    /// Reads the world.
    pub reader: P::Reader,
    /// Writes the world; `None` in a dry run and in commands that only read, which then also leave the file alone.
    pub writer: Option<P::Writer>,
    /// The person.
    pub console: Console,
    /// The state file.
    pub store: Store<P::Tables>,
    /// How fast time runs.
    pub pace: Pace,
    /// Whether the person agreed beforehand (`--yes`).
    pub yes: bool,
    /// Whether what goes on by itself is left to itself (`--no-wait`).
    pub no_wait: bool,
    /// Whether the person agreed beforehand that protection is reduced (`--reduce-protection`).
    pub reduce_protection: bool,
    /// The command that agrees to it beforehand.
    pub reducing: Option<CommandLine>,
    /// What the person confirms; `None` where the command gives nothing access.
    pub consent: Option<Consent>,
    /// Refuses what would be done now, where it has to be what a saved plan has.
    pub expected: Option<Expected>,
    /// Whether the person agreed to changes: beforehand, or to a plan that they saw.
    pub(super) agreed: Cell<bool>,
    /// What they agreed to that reduces protection, when they saw it.
    pub(super) agreed_to_reduce: RefCell<Vec<String>>,
    /// What is known of whether the steps of the command are possible.
    pub(super) prospects: Prospects,
    /// The steps that the looks at others showed to be open, each with the step that was looked at.
    open: RefCell<Vec<(StepName, (StepName, Turn))>>,
    state: RefCell<State>,
    deadline: Deadline,
}

impl<P: Platform> Session<P> {
    /// A session that waits until `deadline` at most. `state` is what the file held.
    #[must_use]
    pub fn new(
        reader: P::Reader,
        writer: Option<P::Writer>,
        console: Console,
        store: Store<P::Tables>,
        state: State,
        deadline: Deadline,
    ) -> Self {
        let (pace, state) = (Pace::real(), RefCell::new(state));
        Self {
            reader,
            writer,
            console,
            store,
            pace,
            yes: false,
            no_wait: false,
            reduce_protection: false,
            reducing: None,
            consent: None,
            expected: None,
            agreed: Cell::new(false),
            agreed_to_reduce: RefCell::default(),
            prospects: Prospects::default(),
            open: RefCell::default(),
            state,
            deadline,
        }
    }

    /// The state as it is known now: the file's, with what this command has seen since.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Remembers what the last look at the step `own` showed of a step that it requires.
    pub(super) fn see_open(&self, own: StepName, open: Option<(StepName, Turn)>) {
        let mut all = self.open.borrow_mut();
        all.retain(|(step, _)| *step != own);
        all.extend(open.map(|open| (own, open)));
    }

    /// The steps that the looks at those of this command showed to be open, although they are none of this command.
    #[must_use]
    pub fn still_open(&self) -> Vec<(StepName, Turn)> {
        self.open.borrow().iter().map(|(_, open)| open.clone()).collect()
    }

    /// Changes what is wanted, for this session alone: [`Session::record`] leaves the file's as it is, and a command that makes the file
    /// follow does so with [`Store::amend`].
    pub fn retarget(&self, change: impl FnOnce(&mut Target)) {
        if let Some(target) = &mut self.state.borrow_mut().target {
            change(target);
        }
    }

    /// Changes what is known, and the file with it unless this session only reads. Returns whether the file was written.
    ///
    /// What is wanted, and what the other program says, stays as it was when the command began: the person agreed to that,
    /// and `--expect-digest` vouched for it. What others write into the file meanwhile stays there for the next run.
    ///
    /// # Errors
    /// As [`Store::update`]; exit 7 also where the file is not there any more: half of it would be made anew.
    pub async fn record(&self, change: &dyn Fn(&mut P::Tables)) -> Outcome<bool> {
        let mut known = self.state();
        change(P::Tables::of(&mut known));
        if known.same_values(&self.state.borrow()) {
            return Ok(false);
        }
        if self.writer.is_none() {
            self.state.replace(known);
            return Ok(false);
        }
        if !self.store.exists() {
            return self.gone();
        }
        let (mut file, written) = self.store.update(change).await?;
        *P::Tables::of(&mut self.state.borrow_mut()) = P::Tables::of(&mut file).clone();
        Ok(written)
    }

    fn gone<T>(&self) -> Outcome<T> {
        let file = self.store.path().display();
        Failure::new(Exit::StateUnreadable, format!("state file {file} no longer exists"))
            .because("it existed when this command started")
            .hint("restore it, then run the same command again; it finds the completed changes")
            .err()
    }

    /// Waits until it is time to look again, `stirred` ends, or the deadline is reached. While `is_watched` says that
    /// `stirred` would end with any change, the clock has nothing to tell: it is only looked again once in a while.
    ///
    /// # Errors
    /// Exit 124 at the deadline, with the last state seen.
    pub async fn wait(
        &self,
        step: StepName,
        wait: &Wait,
        waited: Duration,
        stirred: Local<'_, ()>,
        is_watched: &dyn Fn() -> bool,
    ) -> Outcome<()> {
        self.console.progress(&step.to_string(), &wait.why);
        let pause = self.pace.next_look(waited, wait.retry_after);
        let clock = async {
            self.sleep(pause).await;
            if is_watched() {
                self.sleep(self.pace.scaled(WATCHED)).await;
            }
        };
        tokio::select! {
            () = clock => {}
            () = stirred => {}
        }
        if !self.deadline.is_over() {
            return Ok(());
        }
        Failure::new(Exit::Deadline, format!("not finished within {}", self.deadline.limit()))
            .because(format!("last status: {}", wait.why))
            .because("operations that were started continue without this command")
            .hint("run the same command again to resume, or allow more time: --timeout DURATION")
            .err()
    }

    /// Sleeps, not beyond the deadline.
    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause.min(self.deadline.left())).await;
    }
}
