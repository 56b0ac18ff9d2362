//! What is known of the roles before a cluster is protected.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::{Right, Turn};
use jiff::Timestamp;

use crate::arm::client::Reader;
use crate::checks::role_requirements;
use crate::steps::world::{self, Proof};
use crate::target_ids;

/// What is known of the roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RolesSeen {
    /// They are assigned; since when, as far as that is known.
    Assigned(Option<Timestamp>),
    /// Somebody has to do something first.
    Open(Turn),
}

impl RolesSeen {
    /// Since when they are assigned.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Assigned(since) => *since,
            Self::Open(_) => None,
        }
    }

    /// Whose turn it is first, unless they are assigned.
    pub(crate) const fn open(&self) -> Option<&Turn> {
        match self {
            Self::Assigned(_) => None,
            Self::Open(turn) => Some(turn),
        }
    }
}

/// Looks at the roles. The file's word is enough, since the vault validates them; without it Azure is asked.
///
/// # Errors
/// As the reads, or the file claims what is not so.
pub(crate) async fn look(reader: &Reader, state: &State, target: &Target) -> Outcome<RolesSeen> {
    // A record of another policy or principal says nothing of what is needed now.
    let holds = StepName::Roles.stale(state).is_none();
    if let Some(table) = state.cloud.roles.as_ref().filter(|_| holds) {
        return Ok(RolesSeen::Assigned(
            table.written.as_ref().map(|written| written.observed_at),
        ));
    }
    let world = world::look(reader, state, target).await?;
    let proven = match world::prove(&world, state, target)? {
        Proof::Proven(proven) => proven,
        Proof::NotYet(turn) => return Ok(RolesSeen::Open(turn)),
    };
    let checked = role_requirements::check(reader, role_requirements::needs(target, &proven, false)).await?;
    if checked.iter().all(|own| own.met.is_some()) {
        return Ok(RolesSeen::Assigned(role_requirements::youngest(&checked)));
    }
    let missing = checked.iter().filter(|own| own.met.is_none()).count();
    Ok(RolesSeen::Open(Turn {
        who: Person::SubscriptionOwner,
        why: match missing {
            1 => "1 role assignment is missing".to_owned(),
            _ => format!("{missing} role assignments are missing"),
        },
        command: az(format!("grant{}", Target::confirmations(Some(target)))),
        right: Some(Right::new(
            "Microsoft.Authorization/roleAssignments/write",
            target_ids::account(target),
        )),
        also: Vec::new(),
    }))
}
