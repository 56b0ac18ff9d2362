//! What both programs of aksbackup share.
//!
//! * [`guide`]: the steps as data; [`step`]: the shape of one; [`runner`]: the only loop.
//! * [`chain`]: what is checked of the whole, link by link, and what is found; [`diagnosis`]: which known failures that is.
//! * [`files`]: the commands on that file alone, the same in both programs.
//! * [`state`]: the file that the programs hand to each other; [`status`]: what it says is done, and who is next;
//!   [`handoff`]: the message to them; [`rights`]: what they need; [`report`]: the page about all of it.
//! * [`ids`], [`names`]: identifiers as types, and what both programs must spell alike.
//! * [`bounds`] and [`deadline`]: how much of an answer is read, and how long a command takes.
//! * [`console`], [`failure`], [`exit`], [`args`], [`about`], [`process`]: everything that a person or a script meets.
//! * [`metrics`]: results for Prometheus.
//! * [`output`], [`guard`], [`regular`], [`wrong_clock`]: the two streams, what a crash leaves behind, files that others name, and a machine
//!   that has the wrong time.
//!
//! It knows neither Azure's API nor that of Kubernetes.

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod about;
pub mod args;
pub mod bounds;
pub mod chain;
pub mod command_line;
pub mod console;
pub mod deadline;
pub mod diagnosis;
pub mod digest;
mod examples;
pub mod exit;
pub mod failure;
pub mod files;
pub mod guard;
pub mod guide;
pub mod handoff;
pub mod ids;
#[cfg(test)]
mod json_schema;
pub mod metrics;
pub mod names;
pub mod output;
pub mod pace;
pub mod process;
pub mod program;
pub mod regular;
pub mod report;
pub mod rights;
pub mod runner;
pub mod schema;
pub mod spelling;
pub mod state;
pub mod status;
pub mod step;
mod step_name;
pub mod wrong_clock;
