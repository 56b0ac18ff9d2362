//! The Azure side, as the runner sees it.

use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::same;
use aksbackup_shared::schema::{CloudTables, Intent};
use aksbackup_shared::step::Platform;
use jiff::Timestamp;

use crate::arm::client::{Reader, Writer};

/// Azure: read and written through ARM, recorded in `[cloud]`.
pub(crate) struct Azure;

impl Platform for Azure {
    type Reader = Reader;
    type Writer = Writer;
    type Tables = CloudTables;

    fn intend(tables: &mut CloudTables, step: StepName, object: &str) {
        let intents = &mut tables.intents;
        intents.retain(|intent| !is(intent, step, object));
        intents.push(Intent {
            step,
            object: object.to_owned(),
            at: second(Timestamp::now()),
        });
    }

    fn confirm(tables: &mut CloudTables, step: StepName) {
        // Several restores can be under way: the step itself drops the intents of the one that is over.
        if step == StepName::Restore {
            return;
        }
        let CloudTables { intents, created, .. } = tables;
        for intent in intents.extract_if(.., |intent| intent.step == step) {
            created.retain(|made| !is(made, step, &intent.object));
            // A backup is an event: what is left of it is its job.
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

/// Drops the intents of a step whose objects are not there although the step is done: somebody else made what was wanted,
/// under another name.
pub(crate) fn drop_unmade(tables: &mut CloudTables, step: StepName, is_there: impl Fn(&str) -> bool) {
    tables
        .intents
        .retain(|intent| intent.step != step || is_there(&intent.object));
}

/// Drops what the file says of objects of a step that were seen to be gone: they were deleted, or never created.
pub(crate) fn forget(tables: &mut CloudTables, is_gone: impl Fn(&Intent) -> bool) {
    tables.intents.retain(|intent| !is_gone(intent));
    tables.created.retain(|made| !is_gone(made));
}

/// Whole seconds: nobody reads more out of the file.
fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn is(intent: &Intent, step: StepName, object: &str) -> bool {
    intent.step == step && same(&intent.object, object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_noted_once_and_becomes_a_creation_of_its_own_step_only() {
        let mut tables = CloudTables::default();
        Azure::intend(&mut tables, StepName::Storage, "/a");
        Azure::intend(&mut tables, StepName::Storage, "/A");
        Azure::intend(&mut tables, StepName::Extension, "/e");
        assert_eq!(tables.intents.len(), 2);
        Azure::confirm(&mut tables, StepName::Storage);
        assert_eq!(tables.created.len(), 1);
        assert_eq!(tables.intents.len(), 1);
        assert_eq!(tables.intents[0].step, StepName::Extension);
    }

    #[test]
    fn what_was_refused_is_no_creation() {
        let mut tables = CloudTables::default();
        Azure::intend(&mut tables, StepName::Storage, "/made");
        Azure::intend(&mut tables, StepName::Storage, "/refused");
        Azure::intend(&mut tables, StepName::Extension, "/e");
        settle(&mut tables, StepName::Storage, |object| object == "/made");
        assert_eq!(tables.created.len(), 1);
        assert_eq!(tables.intents.len(), 1);
    }

    #[test]
    fn what_somebody_else_made_is_no_intent_any_more() {
        let mut tables = CloudTables::default();
        Azure::intend(&mut tables, StepName::Roles, "/mine");
        Azure::intend(&mut tables, StepName::Roles, "/theirs");
        Azure::intend(&mut tables, StepName::Extension, "/e");
        drop_unmade(&mut tables, StepName::Roles, |object| object == "/mine");
        let left = tables.intents.iter().map(|intent| intent.object.as_str());
        assert_eq!(left.collect::<Vec<_>>(), ["/mine", "/e"]);
    }

    #[test]
    fn a_backup_is_not_kept_as_an_object() {
        let mut tables = CloudTables::default();
        Azure::intend(&mut tables, StepName::Backup, "/instance");
        Azure::confirm(&mut tables, StepName::Backup);
        assert!(tables.intents.is_empty() && tables.created.is_empty());
    }
}
