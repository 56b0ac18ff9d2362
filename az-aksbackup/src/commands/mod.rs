//! One module for each command, and what they share: [`session`] signs in, [`steps`] runs the guide's lists
//! with what [`options`] makes of the flags, [`examined`] is what those stand on that judge the chain.

pub(crate) mod apply;
pub(crate) mod doctor;
pub(crate) mod examined;
pub(crate) mod export;
pub(crate) mod failures;
pub(crate) mod flags;
pub(crate) mod fleet;
pub(crate) mod init;
pub(crate) mod jobs;
pub(crate) mod list;
pub(crate) mod options;
pub(crate) mod points;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod role_lines;
pub(crate) mod selection;
pub(crate) mod session;
pub(crate) mod status;
pub(crate) mod steps;
pub(crate) mod verify;
