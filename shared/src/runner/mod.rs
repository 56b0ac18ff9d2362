//! The only loop: it alone waits, asks, shows progress and saves.
//!
//! [`session`] is what a command works with, [`live`] takes one step through observe, decide, apply, record, without knowing its
//! types ([`erased`]), and [`walk`] runs steps that need nothing of each other at the same time; [`report`] is what came of it, [`saved`]
//! a plan as a file, and [`conclude()`] tells it at the end of a command.

mod conclude;
mod consent;
mod erased;
mod final_changes;
mod live;
mod prospects;
pub mod report;
pub mod saved;
pub mod session;
mod stuck;
#[cfg(test)]
mod tests;
mod walk;

pub use conclude::conclude;
pub use live::{Guided, follow, step};
pub use walk::{look, plan, run};
