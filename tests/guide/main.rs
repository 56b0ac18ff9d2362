//! The whole guide through the real binaries, on the sandbox.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

mod dry_run;
mod handoff;
mod help;
mod killed;
mod made;
mod readme;
mod refusals;
mod rights;
mod twice;
