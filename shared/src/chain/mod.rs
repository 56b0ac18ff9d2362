//! The chain from the service accounts to the last backup: what is checked, link by link, and what is found.
//!
//! [`link`] lists the links in the order in which one builds on the other, [`check`] is the question to one of them with its
//! answer, [`finding`] a known failure that the answers point at, [`examination`] the document of `verify` and `doctor`
//! in either program, [`exchange`] what one program keeps for the other, [`args`] their flags, [`show`] what a person
//! reads, [`metrics`] what Prometheus reads, [`verify`](mod@verify) the command that looks once or for as long as it takes.

pub mod args;
pub mod check;
pub mod examination;
pub mod exchange;
pub mod finding;
mod foreign;
pub mod link;
pub mod metrics;
pub mod show;
pub mod verify;
