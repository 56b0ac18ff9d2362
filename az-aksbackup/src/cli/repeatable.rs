//! Which commands a printed line can repeat with their flags.

use super::{Command, FleetCommand};

impl Command {
    /// Returns the name of a command whose flags a printed line repeats.
    pub(crate) const fn repeatable(&self) -> Option<&'static str> {
        Some(match self {
            Self::Init(_) => "init",
            Self::Fleet(FleetCommand::Plan(_)) => "fleet plan",
            Self::Fleet(FleetCommand::Apply(_)) => "fleet apply",
            Self::Prepare(_) => "prepare",
            Self::Grant(_) => "grant",
            Self::Protect(_) => "protect",
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Suspend(_) => "suspend",
            Self::Stop(_) => "stop",
            Self::Resume(_) => "resume",
            Self::Undelete(_) => "undelete",
            Self::Up(_) => "up",
            Self::Apply(_) => "apply",
            Self::Teardown(_) => "teardown",
            _ => return None,
        })
    }
}
