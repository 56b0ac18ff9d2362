//! What is known, while steps run at the same time, of whether each of them is possible.

use std::cell::RefCell;
use std::collections::HashMap;

use tokio::sync::Notify;

use crate::guide::StepName;
use crate::runner::report::Ending;

/// Whether a step is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prospect {
    /// Not known yet.
    Open,
    /// It is done, or what decides it was accepted.
    Possible,
    /// It ended without being done.
    Stuck,
}

impl Prospect {
    /// Returns what an ending says.
    pub(super) fn of(ending: &Ending) -> Self {
        match ending {
            Ending::Done { .. } | Ending::Begun { .. } => Self::Possible,
            _ => Self::Stuck,
        }
    }
}

/// The prospects of the steps of a command.
#[derive(Debug, Default)]
pub(super) struct Prospects {
    all: RefCell<HashMap<StepName, Prospect>>,
    changed: Notify,
}

impl Prospects {
    /// Notes the prospect of a step.
    pub(super) fn set(&self, step: StepName, prospect: Prospect) {
        self.all.borrow_mut().insert(step, prospect);
        self.changed.notify_waiters();
    }

    /// Notes that a step is possible, unless it is known not to be.
    pub(super) fn assure(&self, step: StepName) {
        if self.all.borrow().get(&step) == Some(&Prospect::Open) {
            self.set(step, Prospect::Possible);
        }
    }

    /// Returns those of `steps` that are part of the command and have this prospect.
    pub(super) fn with(&self, steps: &[StepName], prospect: Prospect) -> Vec<StepName> {
        let all = self.all.borrow();
        let own = steps.iter().copied();
        own.filter(|step| all.get(step) == Some(&prospect)).collect()
    }

    /// Ends with the next change.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}
