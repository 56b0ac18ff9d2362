//! One step on its way through observe, decide, apply, record.

use tokio::time::Instant;

use crate::failure::{Failure, Outcome};
use crate::guide::StepName;
use crate::runner::consent;
use crate::runner::erased::{AnyChange, AnySeen, AnyStep, erase};
use crate::runner::final_changes::{self, Possible, held};
use crate::runner::prospects::Prospect;
use crate::runner::report::Ending;
use crate::runner::session::Session;
use crate::runner::stuck::Stuck;
use crate::step::{
    Applied, Change as _, ChangeNote, Decision, Drift, Local, Operation, Platform, Progress, Step, Turn, Wait,
};

/// A step whose type is forgotten, so that a command is a plain list of them.
pub trait Guided<P: Platform> {
    /// Which step it is.
    fn name(&self) -> StepName;
    /// Which steps have to be done before.
    fn after(&self) -> &'static [StepName];
    /// Whether it is looked at although they aren't.
    fn looks_ahead(&self) -> bool;
    /// Observes and decides; changes nothing but what is known.
    fn look<'a>(&'a mut self, session: &'a Session<P>) -> Local<'a, Ending>;
    /// Takes the step as far as it goes.
    fn act<'a>(&'a mut self, session: &'a Session<P>) -> Local<'a, Ending>;
    /// Whether the last look ended in a refusal: the step was read, and it can't be done as things are.
    fn is_refused(&self) -> bool;
    /// Forgets what was seen, so that the next act looks again.
    fn forget(&mut self);
    /// Returns what the last look comes to without the changes that can't be changed back, which wait for the steps `by`; `None` if there
    /// are none.
    fn without_final(&self, by: &[StepName]) -> Option<Ending>;
    /// The changes to expect while what it needs is not there.
    fn foresee(&self, session: &Session<P>) -> Vec<ChangeNote>;
}

/// Makes a step ready to run.
pub fn step<S: Step>(step: S) -> Box<dyn Guided<S::Platform>> {
    Box::new(Live {
        step: erase(step),
        view: None,
        refused: false,
        changed: Vec::new(),
        asked: Vec::new(),
    })
}

struct View<P: Platform> {
    seen: Box<dyn AnySeen<P>>,
    decision: Decision<Box<dyn AnyChange<P>>>,
}

struct Live<P: Platform> {
    step: Box<dyn AnyStep<P>>,
    view: Option<View<P>>,
    refused: bool,
    changed: Vec<ChangeNote>,
    asked: Vec<String>,
}

impl<P: Platform> Guided<P> for Live<P> {
    fn name(&self) -> StepName {
        self.step.name()
    }

    fn after(&self) -> &'static [StepName] {
        self.step.after()
    }

    fn looks_ahead(&self) -> bool {
        self.step.looks_ahead()
    }

    fn look<'a>(&'a mut self, session: &'a Session<P>) -> Local<'a, Ending> {
        Box::pin(async move {
            match self.glance(session).await {
                Ok(view) => {
                    let ending = self.ending_of(&view, session).await;
                    self.view = Some(view);
                    ending
                }
                Err(error) => match self.unseen(error) {
                    Ok(turns) => Ending::Due {
                        changes: Vec::new(),
                        turns,
                    },
                    Err(error) => failed(error, Vec::new()),
                },
            }
        })
    }

    fn act<'a>(&'a mut self, session: &'a Session<P>) -> Local<'a, Ending> {
        Box::pin(async move {
            let ending = self.pursue(session).await;
            ending.unwrap_or_else(|error| failed(error, std::mem::take(&mut self.changed)))
        })
    }

    fn is_refused(&self) -> bool {
        self.refused
    }

    fn forget(&mut self) {
        self.view = None;
    }

    fn without_final(&self, by: &[StepName]) -> Option<Ending> {
        final_changes::without(&self.view.as_ref()?.decision, by)
    }

    fn foresee(&self, session: &Session<P>) -> Vec<ChangeNote> {
        self.step.foresee(&session.state())
    }
}

impl<P: Platform> Live<P> {
    /// Whose turn it is after a look that failed, else the failure.
    fn unseen(&self, error: Box<Failure>) -> Outcome<Vec<Turn>> {
        Ok(vec![self.step.unseen(&error).ok_or(error)?])
    }

    async fn glance(&mut self, session: &Session<P>) -> Outcome<View<P>> {
        let state = session.state();
        self.refused = false;
        let seen = self.step.observe(&session.reader, &state).await?;
        session.see_open(self.step.name(), seen.still_open());
        let decision = seen.decide(&state);
        self.refused = decision.is_err();
        Ok(View {
            seen,
            decision: decision?,
        })
    }

    /// What a look at the step comes to. A step that is done is recorded, so that the next ones can build on it.
    async fn ending_of(&self, view: &View<P>, session: &Session<P>) -> Ending {
        match &view.decision {
            Decision::Done(evidence) => self.settled(view, evidence, None, session).await,
            Decision::Differs(evidence, drift) => self.settled(view, evidence, Some(drift), session).await,
            Decision::Change(changes) => Ending::Due {
                changes: changes.iter().map(|change| change.note()).collect(),
                turns: Vec::new(),
            },
            Decision::Wait(wait) => Ending::Waiting {
                why: wait.why.clone(),
                foreseen: view.seen.after_wait(&session.state()),
            },
            Decision::Blocked(changes, turns) => match self.record_blocked(&*view.seen, session).await {
                Ok(()) => Ending::Due {
                    changes: changes.iter().map(|change| change.note()).collect(),
                    turns: turns.clone(),
                },
                Err(error) => failed(error, Vec::new()),
            },
        }
    }

    /// A step that needs nothing of ours, recorded.
    async fn settled(&self, view: &View<P>, evidence: &str, drift: Option<&Drift>, session: &Session<P>) -> Ending {
        let changed = Vec::new();
        match self.record(&*view.seen, session).await {
            Ok(()) => Ending::Done {
                evidence: evidence.to_owned(),
                changed,
                drift: drift.cloned(),
            },
            Err(error) => Ending::Failed { error, changed },
        }
    }

    async fn pursue(&mut self, session: &Session<P>) -> Outcome<Ending> {
        let begun = Instant::now();
        let mut stuck = Stuck::default();
        loop {
            let view = match self.view.take() {
                Some(view) => view,
                None => match self.glance(session).await {
                    Ok(view) => view,
                    Err(error) => {
                        let (turns, changed) = (self.unseen(error)?, std::mem::take(&mut self.changed));
                        return Ok(Ending::TheirTurn { changed, turns });
                    }
                },
            };
            match view.decision {
                Decision::Done(evidence) => return self.done(&*view.seen, evidence, None, session).await,
                Decision::Differs(evidence, drift) => {
                    return self.done(&*view.seen, evidence, Some(drift), session).await;
                }
                // What was only asked for is not recorded; its intent stays, and the next run takes it up.
                Decision::Wait(wait) if session.no_wait && view.seen.goes_on() => {
                    return Ok(Ending::Begun {
                        why: wait.why,
                        changed: std::mem::take(&mut self.changed),
                    });
                }
                Decision::Wait(wait) => {
                    stuck.check(&wait, session.pace)?;
                    let stirred = view.seen.stirred(&session.reader);
                    session
                        .wait(self.step.name(), &wait, begun.elapsed(), stirred, &|| {
                            self.step.is_watched()
                        })
                        .await?;
                }
                Decision::Blocked(changes, turns) if changes.is_empty() => {
                    return self.blocked(&*view.seen, turns, session).await;
                }
                decision @ (Decision::Change(_) | Decision::Blocked(..)) => {
                    let (changes, turns) = match decision {
                        Decision::Blocked(changes, turns) => (changes, turns),
                        Decision::Change(changes) => (changes, Vec::new()),
                        Decision::Done(_) | Decision::Differs(..) | Decision::Wait(_) => (Vec::new(), Vec::new()),
                    };
                    // Whatever is accepted, the step won't be done.
                    if !turns.is_empty() {
                        session.prospects.set(self.step.name(), Prospect::Stuck);
                    }
                    let (last, now): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.is_final());
                    let changes = match now.is_empty() {
                        false => now,
                        true => match final_changes::must_be_possible(self.step.name(), begun, session).await? {
                            Possible::Yes => last,
                            Possible::Since => continue,
                            Possible::No(by) => {
                                self.record_blocked(&*view.seen, session).await?;
                                return Ok(held(by, std::mem::take(&mut self.changed)));
                            }
                        },
                    };
                    let refused = self.make(&changes, begun, session).await?;
                    if !refused.is_empty() {
                        let view = self.glance(session).await?;
                        let turns = match view.decision {
                            Decision::Blocked(_, turns) => [refused, turns].concat(),
                            Decision::Done(_) | Decision::Differs(..) | Decision::Change(_) | Decision::Wait(_) => {
                                refused
                            }
                        };
                        return self.blocked(&*view.seen, turns, session).await;
                    }
                }
            }
        }
    }

    async fn done(
        &mut self,
        seen: &dyn AnySeen<P>,
        evidence: String,
        drift: Option<Drift>,
        session: &Session<P>,
    ) -> Outcome<Ending> {
        self.record(seen, session).await?;
        let changed = std::mem::take(&mut self.changed);
        Ok(Ending::Done {
            evidence,
            changed,
            drift,
        })
    }

    async fn blocked(&mut self, seen: &dyn AnySeen<P>, turns: Vec<Turn>, session: &Session<P>) -> Outcome<Ending> {
        self.record_blocked(seen, session).await?;
        Ok(Ending::TheirTurn {
            changed: std::mem::take(&mut self.changed),
            turns,
        })
    }

    /// What others need to know is recorded even where nothing is to be changed, and so before anybody is asked.
    async fn record_blocked(&self, seen: &dyn AnySeen<P>, session: &Session<P>) -> Outcome<()> {
        session.record(&|tables| seen.record_blocked(tables)).await?;
        Ok(())
    }

    /// Makes the changes one after the other. Those that the caller may not make become turns of others.
    async fn make(
        &mut self,
        changes: &[Box<dyn AnyChange<P>>],
        begun: Instant,
        session: &Session<P>,
    ) -> Outcome<Vec<Turn>> {
        let (name, mut refused) = (self.step.name(), Vec::new());
        let Some(writer) = &session.writer else {
            return Failure::failed(format!("{name}: a read-only command tried to write")).err();
        };
        if changes.iter().all(|change| self.asked.contains(&change.note().summary)) {
            return self.not_seen_yet(changes, begun, session).await;
        }
        consent::must_be_agreed(changes, session)?;
        for (at, change) in changes.iter().enumerate() {
            let note = change.note();
            session.console.progress(&name.to_string(), &note.summary);
            if let Some(object) = &note.creates {
                session.record(&|tables| P::intend(tables, name, object)).await?;
            }
            match change.apply(writer).await {
                Ok(Applied::Done) => self.made(note),
                Ok(Applied::Running(operation)) => {
                    self.made(note);
                    if change.is_assured() {
                        session.prospects.assure(name);
                    }
                    if !(session.no_wait && change.is_last()) {
                        follow(name, operation, session).await?;
                        session.record(&|tables| change.record_operation(tables)).await?;
                    }
                }
                Ok(Applied::Rest(pause)) => {
                    self.made(note);
                    if at + 1 < changes.len() {
                        let rest = Wait {
                            retry_after: Some(session.pace.scaled(pause)),
                            ..Wait::for_("pausing between two requests")
                        };
                        session.wait(name, &rest, begun.elapsed(), never(), &|| false).await?;
                    }
                }
                Ok(Applied::Busy(wait)) => {
                    session.wait(name, &wait, begun.elapsed(), never(), &|| false).await?;
                    break;
                }
                Err(failure) => match change.hand_over(&failure) {
                    Some(turn) => refused.push(turn),
                    None => return Err(failure),
                },
            }
        }
        Ok(refused)
    }

    fn made(&mut self, note: ChangeNote) {
        self.asked.push(note.summary.clone());
        self.changed.push(note);
    }

    /// Every change was made already and does not show yet: the world needs a moment, not another request.
    async fn not_seen_yet(
        &self,
        changes: &[Box<dyn AnyChange<P>>],
        begun: Instant,
        session: &Session<P>,
    ) -> Outcome<Vec<Turn>> {
        let summary = changes.first().map(|change| change.note().summary).unwrap_or_default();
        let wait = Wait::for_(format!("applied, not confirmed yet: {summary}"));
        session
            .wait(self.step.name(), &wait, begun.elapsed(), never(), &|| false)
            .await?;
        Ok(Vec::new())
    }

    async fn record(&self, seen: &dyn AnySeen<P>, session: &Session<P>) -> Outcome<()> {
        session
            .record(&|tables| {
                seen.record(tables);
                P::confirm(tables, self.step.name());
            })
            .await?;
        Ok(())
    }
}

fn failed(error: Box<Failure>, changed: Vec<ChangeNote>) -> Ending {
    Ending::Failed { error, changed }
}

/// Follows an operation to its end.
///
/// # Errors
/// It failed, or the deadline was reached.
pub async fn follow<P: Platform>(
    name: StepName,
    mut operation: Box<dyn Operation>,
    session: &Session<P>,
) -> Outcome<()> {
    let begun = Instant::now();
    loop {
        match operation.check().await? {
            Progress::Finished => return Ok(()),
            Progress::Running { retry_after, status } => {
                let wait = Wait {
                    retry_after,
                    ..Wait::for_(format!("{}: {status}", operation.title()))
                };
                session.wait(name, &wait, begun.elapsed(), never(), &|| false).await?;
            }
        }
    }
}

/// Nothing but the clock says when to look again.
fn never() -> Local<'static, ()> {
    Box::pin(std::future::pending())
}
