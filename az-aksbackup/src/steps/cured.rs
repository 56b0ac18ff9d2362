//! An operation whose failure says what cures it.

use aksbackup_shared::command_line::Fix;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::step::{Applied, Local, Operation, Progress};

/// An operation with the hints for its failure.
pub(crate) struct Cured {
    operation: Box<dyn Operation>,
    hints: Vec<Fix>,
}

impl Cured {
    /// Adds `hints` to the failure of what was accepted, should it fail.
    pub(crate) fn by(applied: Applied, hints: Vec<Fix>) -> Applied {
        match applied {
            Applied::Running(operation) => Applied::Running(Box::new(Self { operation, hints })),
            Applied::Done | Applied::Rest(_) | Applied::Busy(_) => applied,
        }
    }
}

impl Operation for Cured {
    fn title(&self) -> String {
        self.operation.title()
    }

    fn check(&mut self) -> Local<'_, Outcome<Progress>> {
        Box::pin(async move {
            let progress = self.operation.check().await;
            progress.map_err(|failure| {
                let hints = self.hints.iter().cloned();
                Box::new(hints.fold(*failure, aksbackup_shared::failure::Failure::hint))
            })
        })
    }
}
