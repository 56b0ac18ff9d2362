//! HTTP as this program needs it, below what speaks to Azure: it imports no other room.
//!
//! [`transport`] is the one client, [`retry`] repeats what failed for a moment, [`retry_after`] reads how long the remote wants
//! to be left alone, [`token_bucket`] keeps within Azure's limits, [`timeout`] ends what takes too long and [`bounded`] what is
//! too large, and [`error`] takes the words out of an error that came without an answer.

pub(crate) mod bounded;
pub(crate) mod error;
pub(crate) mod retry;
pub(crate) mod retry_after;
pub(crate) mod timeout;
mod token_bucket;
pub(crate) mod transport;
