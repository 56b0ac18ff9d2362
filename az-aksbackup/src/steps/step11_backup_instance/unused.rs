//! The policies that nothing uses once the instance uses the target's.

use aksbackup_shared::schema::Target;
use aksbackup_shared::step::Decision;

use super::InstanceChange;
use crate::steps::old_policies::Policies;

/// Adds the deletion of unused policies to what was decided about the instance. While it waits or is blocked, nothing is deleted.
pub(super) fn with(
    decision: Decision<InstanceChange>,
    policies: &Policies,
    target: &Target,
) -> Decision<InstanceChange> {
    let removals = |repointed| {
        let all = policies.removals(repointed).into_iter();
        all.map(|own| InstanceChange::Remove(own, target.clone()))
            .collect::<Vec<_>>()
    };
    match decision {
        Decision::Change(mut changes) => {
            // A changed instance uses the target's policy afterwards.
            let repointed = changes.iter().any(|own| matches!(own, InstanceChange::Update(_)));
            changes.extend(removals(repointed));
            Decision::Change(changes)
        }
        Decision::Done(_) | Decision::Differs(..) if !removals(false).is_empty() => Decision::Change(removals(false)),
        Decision::Done(evidence) => {
            let parts: Vec<String> = [evidence].into_iter().chain(policies.left()).collect();
            Decision::Done(parts.join("; "))
        }
        other => other,
    }
}
