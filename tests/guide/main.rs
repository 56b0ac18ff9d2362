//! The whole guide through the real binaries, on the sandbox.

mod dry_run;
mod handoff;
mod help;
mod readme;
mod refusals;
mod rights;
mod twice;
