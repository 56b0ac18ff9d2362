//! Locks that keep Azure Backup from its work.

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, Fix, shell};
use aksbackup_shared::fix;

use crate::arm::groups::Lock;

/// What to do about a lock. It protects something, so that its removal is a decision and no command to paste; the notes that
/// `az lock show` prints often say why it was set.
pub(crate) fn whose_lock(lock: &Lock) -> Fix {
    fix![
        "ask the lock's owner why it was set and whether it can be removed: ",
        show_lock(lock)
    ]
}

/// The command that shows a lock.
pub(crate) fn show_lock(lock: &Lock) -> CommandLine {
    shell(format!("az lock show --ids {}", quoted(&lock.id)))
}
