//! The hand-off, command by command.

use std::process::Command;

use aksbackup_tests::harness::{Run, Stage, finish};

/// A part of the hand-off: one command of one person.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Prepare,
    Grant,
    Configure,
    Protect,
    Backup,
}

/// All of them, in order.
pub(crate) const PARTS: [Part; 5] = [Part::Prepare, Part::Grant, Part::Configure, Part::Protect, Part::Backup];

impl Part {
    /// The command, ready for more.
    pub(crate) fn command(self, stage: &Stage) -> Command {
        let az = |arguments: &[&str]| stage.az_command("platform", arguments);
        match self {
            Self::Prepare => az(&["prepare", "--yes"]),
            Self::Grant => {
                let mut command = stage.az_command("owner", &["grant", "--yes"]);
                command.args(stage.vouchers());
                command
            }
            Self::Configure => stage.configure_command("cluster-admin", &[]),
            Self::Protect => az(&["protect", "--yes"]),
            Self::Backup => az(&["backup", "--yes"]),
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(self, stage: &Stage) -> Run {
        finish(&mut self.command(stage))
    }

    /// A stage where this is what comes next.
    pub(crate) fn stage(self) -> Stage {
        let stage = Stage::new().unwrap();
        stage.init("platform").ok();
        for part in PARTS.into_iter().take_while(|part| *part as u8 != self as u8) {
            part.run(&stage).ok();
        }
        stage
    }
}
