//! How far a command over several clusters is.

use std::cell::Cell;
use std::time::{Duration, Instant};

use aksbackup_shared::console::{Console, human};

/// In a log, progress is shown so often.
const IN_A_LOG: usize = 10;

/// A count on the terminal.
pub(super) struct Progress<'a> {
    console: &'a Console,
    task: &'a str,
    total: usize,
    done: Cell<usize>,
    begun: Instant,
}

impl<'a> Progress<'a> {
    /// Begins `task`, which is about `total` clusters.
    pub(super) fn new(console: &'a Console, task: &'a str, total: usize) -> Self {
        let own = Self {
            console,
            task,
            total,
            done: Cell::new(0),
            begun: Instant::now(),
        };
        if total > 1 {
            own.show();
        }
        own
    }

    /// One cluster more is done.
    pub(super) fn done(&self) {
        self.done.set(self.done.get() + 1);
        let (done, total) = (self.done.get(), self.total);
        let is_due = self.console.is_live() || done * IN_A_LOG / total.max(1) != (done - 1) * IN_A_LOG / total.max(1);
        if is_due && done < total {
            self.show();
        }
    }

    fn show(&self) {
        let (done, total) = (self.done.get(), self.total);
        let left = left(done, total, self.begun.elapsed());
        let left = left.map(|left| format!(", about {} left", human(left)));
        self.console.progress(
            self.task,
            &format!("{done} of {total} clusters{}", left.unwrap_or_default()),
        );
    }
}

/// How long the rest takes at the rate so far; `None` while that says little.
fn left(done: usize, total: usize, spent: Duration) -> Option<Duration> {
    let (done, rest) = (
        u32::try_from(done).ok()?,
        u32::try_from(total.saturating_sub(done)).ok()?,
    );
    (done > 0 && spent >= Duration::from_secs(2)).then(|| spent / done * rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_told_by_the_rate_so_far() {
        assert_eq!(left(0, 10, Duration::from_secs(60)), None);
        assert_eq!(left(1, 10, Duration::from_secs(1)), None);
        assert_eq!(left(2, 10, Duration::from_secs(10)), Some(Duration::from_secs(40)));
        assert_eq!(left(10, 10, Duration::from_secs(10)), Some(Duration::ZERO));
    }
}
