//! A step without its own types, so that the loop is compiled once and not once for each step.
//!
//! What a step saw and what it can change stay together with the step, each behind a trait that knows neither type. They add
//! nothing to [`Step`]: each method calls the method of the same name.

use std::rc::Rc;

use crate::failure::{Failure, Outcome};
use crate::guide::StepName;
use crate::schema::State;
use crate::step::{Applied, Change, ChangeNote, Decision, Local, Platform, Step, Turn};

/// A step.
pub(super) trait AnyStep<P: Platform> {
    /// See [`Step::name`].
    fn name(&self) -> StepName;
    /// See [`Step::after`].
    fn after(&self) -> &'static [StepName];
    /// See [`Step::looks_ahead`].
    fn looks_ahead(&self) -> bool;
    /// See [`Step::foresee`].
    fn foresee(&self, state: &State) -> Vec<ChangeNote>;
    /// See [`Step::is_watched`].
    fn is_watched(&self) -> bool;
    /// See [`Step::unseen`].
    fn unseen(&self, failure: &Failure) -> Option<Turn>;
    /// See [`Step::observe`].
    fn observe<'a>(&'a self, reader: &'a P::Reader, state: &'a State) -> Local<'a, Outcome<Box<dyn AnySeen<P>>>>;
}

/// What a step saw.
pub(super) trait AnySeen<P: Platform> {
    /// See [`Step::decide`].
    fn decide(&self, state: &State) -> Outcome<Decision<Box<dyn AnyChange<P>>>>;
    /// See [`Step::record`].
    fn record(&self, tables: &mut P::Tables);
    /// See [`Step::record_blocked`].
    fn record_blocked(&self, tables: &mut P::Tables);
    /// See [`Step::after_wait`].
    fn after_wait(&self, state: &State) -> Vec<ChangeNote>;
    /// See [`Step::goes_on`].
    fn goes_on(&self) -> bool;
    /// See [`Step::still_open`].
    fn still_open(&self) -> Option<(StepName, Turn)>;
    /// See [`Step::stirred`].
    fn stirred<'a>(&'a self, reader: &'a P::Reader) -> Local<'a, ()>;
}

/// A change that a step can make.
pub(super) trait AnyChange<P: Platform>: Change {
    /// See [`Step::apply`].
    fn apply<'a>(&'a self, writer: &'a P::Writer) -> Local<'a, Outcome<Applied>>;
    /// See [`Step::record_operation`].
    fn record_operation(&self, tables: &mut P::Tables);
    /// See [`Step::hand_over`].
    fn hand_over(&self, failure: &Failure) -> Option<Turn>;
    /// See [`Step::is_assured`].
    fn is_assured(&self) -> bool;
    /// See [`Step::is_last`].
    fn is_last(&self) -> bool;
}

impl<P: Platform> Change for Box<dyn AnyChange<P>> {
    fn note(&self) -> ChangeNote {
        (**self).note()
    }

    fn is_final(&self) -> bool {
        (**self).is_final()
    }
}

/// Forgets the types of a step.
pub(super) fn erase<S: Step>(step: S) -> Box<dyn AnyStep<S::Platform>> {
    Box::new(Own(Rc::new(step)))
}

struct Own<S>(Rc<S>);

impl<S: Step> AnyStep<S::Platform> for Own<S> {
    fn name(&self) -> StepName {
        self.0.name()
    }

    fn after(&self) -> &'static [StepName] {
        self.0.after()
    }

    fn looks_ahead(&self) -> bool {
        self.0.looks_ahead()
    }

    fn foresee(&self, state: &State) -> Vec<ChangeNote> {
        self.0.foresee(state)
    }

    fn is_watched(&self) -> bool {
        self.0.is_watched()
    }

    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        self.0.unseen(failure)
    }

    fn observe<'a>(
        &'a self,
        reader: &'a <S::Platform as Platform>::Reader,
        state: &'a State,
    ) -> Local<'a, Outcome<Box<dyn AnySeen<S::Platform>>>> {
        Box::pin(async move {
            let seen = self.0.observe(reader, state).await?;
            let step = Rc::clone(&self.0);
            Ok(Box::new(Seen { step, seen }) as Box<dyn AnySeen<S::Platform>>)
        })
    }
}

struct Seen<S: Step> {
    step: Rc<S>,
    seen: S::Seen,
}

impl<S: Step> AnySeen<S::Platform> for Seen<S> {
    fn decide(&self, state: &State) -> Outcome<Decision<Box<dyn AnyChange<S::Platform>>>> {
        let all = |changes: Vec<S::Change>| {
            let one = |change| {
                let step = Rc::clone(&self.step);
                Box::new(OneChange { step, change }) as Box<dyn AnyChange<S::Platform>>
            };
            changes.into_iter().map(one).collect()
        };
        Ok(match self.step.decide(&self.seen, state)? {
            Decision::Done(evidence) => Decision::Done(evidence),
            Decision::Differs(evidence, drift) => Decision::Differs(evidence, drift),
            Decision::Change(changes) => Decision::Change(all(changes)),
            Decision::Wait(wait) => Decision::Wait(wait),
            Decision::Blocked(changes, turns) => Decision::Blocked(all(changes), turns),
        })
    }

    fn record(&self, tables: &mut <S::Platform as Platform>::Tables) {
        self.step.record(&self.seen, tables);
    }

    fn record_blocked(&self, tables: &mut <S::Platform as Platform>::Tables) {
        self.step.record_blocked(&self.seen, tables);
    }

    fn after_wait(&self, state: &State) -> Vec<ChangeNote> {
        self.step.after_wait(&self.seen, state)
    }

    fn goes_on(&self) -> bool {
        self.step.goes_on(&self.seen)
    }

    fn still_open(&self) -> Option<(StepName, Turn)> {
        self.step.still_open(&self.seen)
    }

    fn stirred<'a>(&'a self, reader: &'a <S::Platform as Platform>::Reader) -> Local<'a, ()> {
        Box::pin(self.step.stirred(reader, &self.seen))
    }
}

struct OneChange<S: Step> {
    step: Rc<S>,
    change: S::Change,
}

impl<S: Step> Change for OneChange<S> {
    fn note(&self) -> ChangeNote {
        self.change.note()
    }

    fn is_final(&self) -> bool {
        self.change.is_final()
    }
}

impl<S: Step> AnyChange<S::Platform> for OneChange<S> {
    fn apply<'a>(&'a self, writer: &'a <S::Platform as Platform>::Writer) -> Local<'a, Outcome<Applied>> {
        Box::pin(self.step.apply(writer, &self.change))
    }

    fn record_operation(&self, tables: &mut <S::Platform as Platform>::Tables) {
        self.step.record_operation(&self.change, tables);
    }

    fn hand_over(&self, failure: &Failure) -> Option<Turn> {
        self.step.hand_over(&self.change, failure)
    }

    fn is_assured(&self) -> bool {
        self.step.is_assured(&self.change)
    }

    fn is_last(&self) -> bool {
        self.step.is_last(&self.change)
    }
}
