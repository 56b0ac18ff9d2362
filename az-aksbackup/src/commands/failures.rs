//! Failures of a command over many objects: the first ones are shown, the others are counted.

use aksbackup_shared::console::Console;
use aksbackup_shared::failure::Failure;

/// So many are shown.
pub(crate) const MOST: usize = 10;

/// Shows failures; `what` failed, such as `reads`.
pub(crate) fn show(console: &Console, failures: &[Failure], what: &str) {
    limited(console, failures, what, |failure| console.error(console.told(failure)));
}

/// Shows the first of `all` by `show`, and says how many more `what` failed.
pub(crate) fn limited<T>(console: &Console, all: &[T], what: &str, show: impl Fn(&T)) {
    all.iter().take(MOST).for_each(show);
    if all.len() > MOST {
        console.error(format!(
            "{} more {what} failed; to list all of them, use -o json",
            all.len() - MOST
        ));
    }
}
