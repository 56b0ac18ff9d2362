//! What one step has just read, for another that would read it again a moment later.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::arm::backups::Instance;
use crate::arm::clusters::Cluster;
use crate::arm::extensions::Extension;
use crate::checks::required_permissions::Comparison;
use crate::steps::restore::Request;
use crate::steps::roles_seen::Looked;

/// Longer ago is not a moment any more.
const MOMENT: Duration = Duration::from_secs(20);

/// All that a command's steps read for one another.
#[derive(Clone, Default)]
pub(crate) struct JustRead {
    /// The cluster.
    pub(crate) cluster: Fresh<Cluster>,
    /// The backup instances that protect it.
    pub(crate) instances: Fresh<Vec<Instance>>,
    /// Its extensions of Azure Backup.
    pub(crate) extensions: Fresh<Vec<Extension>>,
    /// The one that counts.
    pub(crate) extension: Fresh<Extension>,
    /// What the signed-in account may do, compared with what the command needs.
    pub(crate) rights: Fresh<Comparison>,
    /// The roles, and the policy that decides which ones are needed.
    pub(crate) looked: Fresh<Looked>,
    /// The restore that would be requested.
    pub(crate) restore: Fresh<Request>,
}

/// A value that can be taken once, and only soon after it was read.
#[derive(Debug)]
pub(crate) struct Fresh<T>(Rc<RefCell<Option<(Instant, T)>>>);

impl<T> Fresh<T> {
    /// Keeps what was just read.
    pub(crate) fn put(&self, value: T) {
        *self.0.borrow_mut() = Some((Instant::now(), value));
    }

    /// What was just read, if it was.
    pub(crate) fn take(&self) -> Option<T> {
        let (at, value) = self.0.borrow_mut().take()?;
        (at.elapsed() < MOMENT).then_some(value)
    }
}

impl<T: Clone> Fresh<T> {
    /// Returns what was read, however long ago, and leaves it: for what no later read can disprove.
    pub(crate) fn peek(&self) -> Option<T> {
        self.0.borrow().as_ref().map(|(_, value)| value.clone())
    }
}

impl<T> Clone for Fresh<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::Fresh;

    #[test]
    fn a_value_is_taken_once_by_whoever_shares_it() {
        let fresh = Fresh::default();
        let other = fresh.clone();
        fresh.put(1);
        assert_eq!((other.take(), fresh.take()), (Some(1), None));
    }
}
