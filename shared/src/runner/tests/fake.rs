//! A platform whose answers are written down beforehand, and that notes when it was asked.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::command_line::az;
use crate::console::{Console, Talk};
use crate::deadline::Deadline;
use crate::failure::{Failure, Outcome};
use crate::guide::{Person, StepName};
use crate::runner::report::Report;
use crate::runner::session::Session;
use crate::runner::{Guided, run, step};
use crate::schema::{CloudTables, State};
use crate::state::store::Store;
use crate::step::{
    Applied, Change, ChangeNote, Decision, Local, Operation, Platform, Progress, Right, Step, Turn, Wait,
};

/// The fake platform.
pub(super) struct Fake;

impl Platform for Fake {
    type Reader = ();
    type Writer = ();
    type Tables = CloudTables;

    fn intend(_tables: &mut CloudTables, _step: StepName, _object: &str) {}
    fn confirm(_tables: &mut CloudTables, _step: StepName) {}
}

/// A change by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write(pub(super) &'static str);

impl Change for Write {
    fn note(&self) -> ChangeNote {
        ChangeNote {
            reduces: (self.0 == "less")
                .then(|| "namespace shop is no longer backed up".to_owned())
                .into_iter()
                .collect(),
            summary: self.0.to_owned(),
            right: Right::new("fake/write", "/fake"),
            creates: None,
            keeps: (self.0 == "less").then(|| az("init --from-azure").into()),
            warning: None,
        }
    }

    fn is_final(&self) -> bool {
        self.0 == "for good"
    }
}

/// What the platform answers to a write.
pub(super) enum Answer {
    /// It is done.
    Done,
    /// It goes on: these seconds are asked for between the polls, one after the other; then it has finished.
    Running(Vec<u64>),
    /// It is to be left alone for so many seconds.
    Rest(u64),
    /// It has no time now.
    Busy(Option<u64>),
    /// The signed-in account isn't authorized to.
    Refused,
    /// It fails.
    Fails,
}

/// When the platform was asked, in seconds since the test began, and what for.
pub(super) type Log = Rc<RefCell<Vec<(u64, String)>>>;

/// A step that finds what was written down for it; the last decision stays.
pub(super) struct Scripted {
    name: StepName,
    decisions: RefCell<VecDeque<Decision<Write>>>,
    answers: RefCell<VecDeque<Answer>>,
    log: Log,
    begun: Instant,
    /// The seconds after which something changes by itself, as a watch would tell.
    pub(super) stirs_after: Option<u64>,
    /// Whether a watch would tell of everything.
    pub(super) watched: Cell<bool>,
    /// Whether what is waited for comes by itself.
    pub(super) goes_on: bool,
    /// Whether a write is the last thing that the step does.
    pub(super) last: bool,
    /// Whether the step can't be done as things are.
    pub(super) refuses: bool,
}

impl Scripted {
    /// A step that decides so, look by look, and whose writes are answered so, one by one.
    pub(super) fn new(
        world: &World,
        name: StepName,
        decisions: impl IntoIterator<Item = Decision<Write>>,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Self {
        Self {
            name,
            decisions: RefCell::new(decisions.into_iter().collect()),
            answers: RefCell::new(answers.into_iter().collect()),
            log: Rc::clone(&world.log),
            begun: world.begun,
            stirs_after: None,
            watched: Cell::new(false),
            goes_on: false,
            last: false,
            refuses: false,
        }
    }

    fn note(&self, what: &str) {
        let at = self.begun.elapsed().as_secs();
        self.log.borrow_mut().push((at, format!("{:?} {what}", self.name)));
    }
}

impl Step for Scripted {
    type Platform = Fake;
    type Seen = Decision<Write>;
    type Change = Write;

    fn name(&self) -> StepName {
        self.name
    }

    async fn observe(&self, _reader: &(), _state: &State) -> Outcome<Decision<Write>> {
        self.note("look");
        let mut decisions = self.decisions.borrow_mut();
        let next = if decisions.len() > 1 {
            decisions.pop_front()
        } else {
            decisions.front().cloned()
        };
        next.ok_or_else(|| Box::new(Failure::failed("nothing was written down")))
    }

    fn decide(&self, seen: &Decision<Write>, _state: &State) -> Outcome<Decision<Write>> {
        if self.refuses {
            return Failure::failed("the account is in another region").err();
        }
        Ok(seen.clone())
    }

    async fn apply(&self, _writer: &(), change: &Write) -> Outcome<Applied> {
        self.note(change.0);
        let answer = self.answers.borrow_mut().pop_front().unwrap_or(Answer::Done);
        match answer {
            Answer::Done => Ok(Applied::Done),
            Answer::Running(polls) => Ok(Applied::Running(Box::new(Polls {
                polls: polls.into(),
                log: Rc::clone(&self.log),
                begun: self.begun,
            }))),
            Answer::Rest(seconds) => Ok(Applied::Rest(Duration::from_secs(seconds))),
            Answer::Busy(after) => Ok(Applied::Busy(Wait {
                retry_after: after.map(Duration::from_secs),
                ..Wait::for_("busy")
            })),
            Answer::Refused => Failure::new(crate::exit::Exit::NotPermitted, "refused").err(),
            Answer::Fails => Failure::failed("the write fails").err(),
        }
    }

    fn record(&self, _seen: &Decision<Write>, _tables: &mut CloudTables) {}

    fn hand_over(&self, change: &Write, failure: &Failure) -> Option<Turn> {
        (failure.exit == crate::exit::Exit::NotPermitted).then(|| turn(change.0))
    }

    fn goes_on(&self, _seen: &Decision<Write>) -> bool {
        self.goes_on
    }

    fn is_assured(&self, accepted: &Write) -> bool {
        accepted.0 == "decisive"
    }

    fn is_last(&self, _change: &Write) -> bool {
        self.last
    }

    async fn stirred(&self, _reader: &(), _seen: &Decision<Write>) {
        match self.stirs_after {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    }

    fn is_watched(&self) -> bool {
        self.watched.get()
    }
}

struct Polls {
    polls: VecDeque<u64>,
    log: Log,
    begun: Instant,
}

impl Operation for Polls {
    fn title(&self) -> String {
        "operation".to_owned()
    }

    fn check(&mut self) -> Local<'_, Outcome<Progress>> {
        let at = self.begun.elapsed().as_secs();
        self.log.borrow_mut().push((at, "poll".to_owned()));
        let next = self.polls.pop_front();
        Box::pin(async move {
            Ok(match next {
                Some(seconds) => Progress::Running {
                    retry_after: Some(Duration::from_secs(seconds)),
                    status: "Running".to_owned(),
                },
                None => Progress::Finished,
            })
        })
    }
}

/// Somebody else's part.
pub(super) fn turn(why: &str) -> Turn {
    Turn {
        who: Person::SubscriptionOwner,
        why: why.to_owned(),
        command: crate::command_line::az("grant"),
        right: None,
        also: Vec::new(),
    }
}

/// Waits without a wish of the remote.
pub(super) fn wait(why: &str) -> Decision<Write> {
    Decision::Wait(Wait::for_(why))
}

/// Waits for as long as the remote asks.
pub(super) fn wait_for(seconds: u64) -> Decision<Write> {
    Decision::Wait(Wait {
        retry_after: Some(Duration::from_secs(seconds)),
        ..Wait::for_("not yet")
    })
}

/// Everything is as expected.
pub(super) fn done() -> Decision<Write> {
    Decision::Done("as expected".to_owned())
}

/// These are to be written.
pub(super) fn change(writes: &[&'static str]) -> Decision<Write> {
    Decision::Change(writes.iter().map(|name| Write(name)).collect())
}

/// A state file, a log, and the moment at which the test began.
pub(super) struct World {
    folder: TempDir,
    pub(super) log: Log,
    begun: Instant,
    pub(super) timeout: Duration,
    pub(super) no_wait: bool,
    pub(super) yes: bool,
    pub(super) reduce_protection: bool,
    /// Whether the steps have to be those of a plan, which is stale.
    pub(super) stale: bool,
}

impl World {
    /// A world whose commands wait for an hour and a half at most, as the programs do.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("aksbackup.toml"), "schema = 2\n").unwrap();
        Self {
            folder,
            log: Log::default(),
            begun: Instant::now(),
            timeout: Duration::from_secs(5400),
            no_wait: false,
            yes: true,
            reduce_protection: false,
            stale: false,
        }
    }

    /// Runs the steps as a command does; with `yes`, as one that was given `--yes`.
    pub(super) async fn run(&self, steps: Vec<Scripted>) -> Report {
        self.try_run(steps).await.unwrap()
    }

    /// As [`World::run`], which may be refused.
    pub(super) async fn try_run(&self, steps: Vec<Scripted>) -> Outcome<Report> {
        let store = Store::<CloudTables>::new(&self.folder.path().join("aksbackup.toml"), "test", Duration::ZERO, true);
        let console = Console::new(Talk::Quiet, true);
        let deadline = Deadline::new(Instant::now().into_std(), self.timeout);
        let mut session = Session::<Fake>::new((), Some(()), console, store, State::default(), deadline);
        session.yes = self.yes;
        session.no_wait = self.no_wait;
        session.reduce_protection = self.reduce_protection;
        if self.stale {
            session.expected = Some(Box::new(|_| Failure::new(crate::exit::Exit::Pending, "stale").err()));
        }
        let mut steps: Vec<Box<dyn Guided<Fake>>> = steps.into_iter().map(step).collect();
        run(&mut steps, &session).await
    }

    /// When things with `what` in their name happened.
    pub(super) fn times(&self, what: &str) -> Vec<u64> {
        let log = self.log.borrow();
        log.iter()
            .filter(|(_, name)| name.contains(what))
            .map(|(at, _)| *at)
            .collect()
    }
}
