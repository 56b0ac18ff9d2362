//! What is wrong, why, and what to type: `doctor` of the real binaries on a world in which just that is wrong.
//!
//! [`samples`] are the texts that name failures, [`channels`] the places where the sandbox says them, [`rows`] the table of all
//! that is known with how it was tried, [`pairs`] two faults at once, [`words`] what `doctor` says without looking.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

mod channels;
mod pairs;
mod rows;
mod samples;
mod words;
