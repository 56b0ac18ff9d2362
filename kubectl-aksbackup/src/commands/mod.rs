//! One module for each command, and what they share: [`session`] meets the cluster, [`checks`] is what `verify` looks
//! at, [`preconditions`] what it does before the extension is there, [`looking`] how it sees all that.

pub(crate) mod checks;
pub(crate) mod complete;
pub(crate) mod configure;
pub(crate) mod doctor;
pub(crate) mod logs;
pub(crate) mod looking;
pub(crate) mod preconditions;
pub(crate) mod report;
pub(crate) mod session;
pub(crate) mod status;
pub(crate) mod unconfigure;
pub(crate) mod verify;
