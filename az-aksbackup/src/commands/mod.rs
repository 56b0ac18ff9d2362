//! One module for each command, and what they share: [`session`] signs in, [`steps`] runs the guide's lists.

pub(crate) mod completion;
pub(crate) mod init;
pub(crate) mod jobs;
pub(crate) mod session;
pub(crate) mod version;
