//! One terminal for several clusters.

use std::cell::RefCell;
use std::path::PathBuf;

use super::{Console, Talk};

impl Console {
    /// The console of one of several clusters that a command works on: each line begins with the `name` of the cluster, nothing is
    /// asked, and the command that owns the terminal shows the progress.
    #[must_use]
    pub fn of_cluster(&self, name: &str, talk: Talk, state_file: PathBuf) -> Self {
        Self {
            talk,
            terminal: false,
            dumb: self.dumb,
            color: self.color,
            state_file,
            yaml: false,
            bars: self.bars.clone(),
            tasks: RefCell::default(),
            label: format!("{name}: "),
        }
    }

    /// Whether progress is shown in place, so that it can be shown at any time.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.terminal
    }
}
