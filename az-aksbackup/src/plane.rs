//! The cloud plane, as the runner sees it.

use aksbackup_shared::guide::StepName;
use aksbackup_shared::state::schema::{CloudTables, Intent, State};
use aksbackup_shared::step::Plane;
use jiff::Timestamp;

use crate::arm::client::{Reader, Writer};

/// Azure: read and written through ARM, recorded in `[cloud]`.
pub(crate) struct Azure;

impl Plane for Azure {
    type Reader = Reader;
    type Writer = Writer;
    type Tables = CloudTables;

    fn tables(state: &mut State) -> &mut CloudTables {
        &mut state.cloud
    }

    fn intend(state: &mut State, step: StepName, object: &str) {
        let intents = &mut state.cloud.intents;
        intents.retain(|intent| !is(intent, step, object));
        intents.push(Intent {
            step,
            object: object.to_owned(),
            at: second(Timestamp::now()),
        });
    }

    fn confirm(state: &mut State, step: StepName) {
        let CloudTables { intents, created, .. } = &mut state.cloud;
        for intent in intents.extract_if(.., |intent| intent.step == step) {
            created.retain(|made| !is(made, step, &intent.object));
            // A backup is an event: what is left of it is its job, which the table of the step names.
            if step != StepName::Backup {
                created.push(intent);
            }
        }
    }
}

/// Sorts the intents of a step that nothing is under way for any more: what is there was made by this tool, what is not
/// was refused.
pub(crate) fn settle(tables: &mut CloudTables, step: StepName, is_there: impl Fn(&str) -> bool) {
    let CloudTables { intents, created, .. } = tables;
    let own = intents.extract_if(.., |intent| intent.step == step);
    created.extend(own.filter(|intent| is_there(&intent.object)));
}

/// Whole seconds: nobody reads more out of the file.
fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn is(intent: &Intent, step: StepName, object: &str) -> bool {
    intent.step == step && intent.object.eq_ignore_ascii_case(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_noted_once_and_becomes_a_creation_of_its_own_step_only() {
        let mut state = State::default();
        Azure::intend(&mut state, StepName::Storage, "/a");
        Azure::intend(&mut state, StepName::Storage, "/A");
        Azure::intend(&mut state, StepName::Extension, "/e");
        assert_eq!(state.cloud.intents.len(), 2);
        Azure::confirm(&mut state, StepName::Storage);
        assert_eq!(state.cloud.created.len(), 1);
        assert_eq!(state.cloud.intents.len(), 1);
        assert_eq!(state.cloud.intents[0].step, StepName::Extension);
    }

    #[test]
    fn what_was_refused_is_no_creation() {
        let mut state = State::default();
        Azure::intend(&mut state, StepName::Storage, "/made");
        Azure::intend(&mut state, StepName::Storage, "/refused");
        Azure::intend(&mut state, StepName::Extension, "/e");
        settle(&mut state.cloud, StepName::Storage, |object| object == "/made");
        assert_eq!(state.cloud.created.len(), 1);
        assert_eq!(state.cloud.intents.len(), 1);
    }

    #[test]
    fn a_backup_is_not_kept_as_an_object() {
        let mut state = State::default();
        Azure::intend(&mut state, StepName::Backup, "/instance");
        Azure::confirm(&mut state, StepName::Backup);
        assert!(state.cloud.intents.is_empty() && state.cloud.created.is_empty());
    }
}
