//! The cloud's view of the chain: read all at once, then judged by pure functions.
//!
//! [`view`] is what was seen, [`look`](mod@look) reads it, [`culprits`] looks once more where something is missing, [`judge`] puts
//! the checks together; one module a link. [`before`] is `verify --pre`; [`texts`] and [`asked`] are what `doctor`
//! reads besides.

pub(crate) mod asked;
pub(crate) mod before;
mod cluster;
mod credentials;
mod culprits;
mod extension;
mod firewall;
mod identity;
mod instance;
mod jobs;
pub(crate) mod judge;
mod look;
mod roles;
mod storage;
mod subscription;
pub(crate) mod texts;
mod vault;
mod vault_access;
pub(crate) mod view;

pub(crate) use look::look;
