//! Exit codes by name: the one part of the interface that scripts read.

use std::process::ExitCode;

use serde::Serialize;

/// How a command ended. The numbers are public and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Exit {
    /// Done; nothing is left for this command.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage, or a question that could not be asked because there is no terminal.
    Usage = 2,
    /// The named resource does not exist.
    Missing = 3,
    /// Not permitted, or not signed in.
    NotPermitted = 4,
    /// Someone else's turn: what, who, and the exact command are printed.
    TheirTurn = 5,
    /// The state file is held by another process.
    StateHeld = 6,
    /// The state file is unreadable, newer than this program, or in conflict.
    StateUnreadable = 7,
    /// Changes are pending (`--dry-run`, `status --check`), or `verify`, `doctor` or `list --check` found something.
    Pending = 8,
    /// The deadline was reached while waiting; run again to go on.
    Deadline = 124,
    /// Interrupted; nothing is lost.
    Interrupted = 130,
}

impl Exit {
    /// Every code with its sentence, for help texts and docs.
    pub const ALL: [(Self, &str); 11] = [
        (Self::Done, "done; nothing left for this command"),
        (Self::Failed, "failed"),
        (Self::Usage, "incorrect usage"),
        (Self::Missing, "the named resource does not exist"),
        (Self::NotPermitted, "not authorized, or not signed in"),
        (
            Self::TheirTurn,
            "waiting for another person; the output names the person, the permission, and the command",
        ),
        (Self::StateHeld, "the state file is locked by another process"),
        (
            Self::StateUnreadable,
            "the state file is unreadable, newer, or in conflict",
        ),
        (
            Self::Pending,
            "changes pending (--dry-run, status --check), steps not requested yet (--no-wait), or findings (verify, doctor, list --check)",
        ),
        (
            Self::Deadline,
            "timed out while waiting; run the command again to resume",
        ),
        (Self::Interrupted, "interrupted; all progress is saved"),
    ];

    /// The number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Of two endings the one that a whole command reports: a failure outranks a missing right, that another person's
    /// turn, that pending changes.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if self.rank() >= other.rank() { self } else { other }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Pending => 1,
            Self::TheirTurn => 2,
            Self::NotPermitted => 3,
            Self::Missing => 4,
            Self::Deadline => 5,
            Self::Usage => 6,
            Self::Failed => 7,
            Self::StateHeld => 8,
            Self::StateUnreadable => 9,
            Self::Interrupted => 10,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn a_failure_outranks_a_missing_right_and_that_another_turn() {
        assert_eq!(Exit::Failed.worse(Exit::NotPermitted), Exit::Failed);
        assert_eq!(Exit::TheirTurn.worse(Exit::NotPermitted), Exit::NotPermitted);
        assert_eq!(Exit::Pending.worse(Exit::TheirTurn), Exit::TheirTurn);
        assert_eq!(Exit::Done.worse(Exit::Pending), Exit::Pending);
    }

    #[test]
    fn the_table_lists_every_code_once() {
        let mut codes: Vec<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 124, 130]);
    }
}
