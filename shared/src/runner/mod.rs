//! The only loop: it alone waits, asks, shows progress and saves.
//!
//! [`session`] is what a command works with, [`live`] takes one step through observe, decide, apply, record, and [`walk`]
//! runs steps that need nothing of each other at the same time; [`report`] is what came of it, and [`conclude()`]
//! tells it at the end of a command.

mod conclude;
mod consent;
mod final_changes;
mod live;
mod prospects;
pub mod report;
pub mod session;
mod stuck;
#[cfg(test)]
mod tests;
mod walk;

pub use conclude::conclude;
pub use live::{Guided, follow, step};
pub use walk::{look, plan, run};
