//! What the state file claims of its target. Nothing is deleted by it alone.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{Intent, State, Target};
use jiff::{SignedDuration, Timestamp};

use crate::target_ids;

/// How much earlier Azure's clock can say that a resource was created than this machine asked for it.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// How much later: requests are repeated while Azure is busy.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// The target, and what the file says was created for it.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    /// The target, which the person confirmed.
    pub(crate) target: Target,
    /// What was created, and what was about to be when a run was killed.
    pub(crate) made: Vec<Intent>,
}

impl Claims {
    /// Of a state file.
    ///
    /// # Errors
    /// It has no target.
    pub(crate) fn of(state: &State) -> Outcome<Self> {
        let cloud = &state.cloud;
        Ok(Self {
            target: target_ids::target(state)?.clone(),
            made: cloud.created.iter().chain(&cloud.intents).cloned().collect(),
        })
    }

    /// Whether the file says that this tool created `object`.
    pub(crate) fn has_made(&self, object: &str) -> bool {
        self.made.iter().any(|made| same(&made.object, object))
    }

    /// Whether the file says so, about the time at which Azure says that it was created.
    pub(crate) fn has_made_at(&self, object: &ResourceId, created: Timestamp) -> bool {
        let fits = |asked: Timestamp| {
            let after = created.duration_since(asked);
            -EARLY <= after && after <= LATE
        };
        let mut made = self.made.iter().filter(|made| same(&made.object, object.as_str()));
        made.any(|made| fits(made.at))
    }
}
