//! Whose turn it is before a cluster can be protected.

use aksbackup_shared::command_line::kubectl;
use aksbackup_shared::guide::Person;
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::Turn;

use super::{BackupInstance, Seen};

impl BackupInstance {
    /// Whose turn it is before the cluster can be protected.
    pub(super) fn turns(&self, seen: &Seen, state: &State) -> Vec<Turn> {
        let mut turns = Vec::new();
        turns.extend(seen.roles.open().cloned());
        if state.cluster.verification.is_none() && !self.options.without_verification {
            turns.push(self.unverified(&seen.target));
        }
        turns
    }

    fn unverified(&self, target: &Target) -> Turn {
        Turn {
            who: Person::ClusterAdmin,
            why: format!(
                "the extension's access to storage in cluster {} hasn't been verified yet",
                target.cluster.with_group()
            ),
            command: kubectl("configure"),
            right: None,
            also: Vec::new(),
        }
    }
}
