//! Azure Resource Manager: the only code that knows its URLs, versions, errors and operations.
//!
//! [`client`] reads and writes, [`answer`] and [`operation`] follow what was accepted, [`error`] turns Azure's words into
//! failures, [`versions`] has every api-version with its reason, and [`object`] names what a path points at.

pub(crate) mod answer;
pub(crate) mod backups;
pub(crate) mod call;
mod challenge;
pub(crate) mod client;
pub(crate) mod cluster_body;
pub(crate) mod cluster_list;
pub(crate) mod clusters;
pub(crate) mod container_clusters;
pub(crate) mod error;
pub(crate) mod extensions;
pub(crate) mod groups;
pub(crate) mod guards;
pub(crate) mod identities;
pub(crate) mod inventory;
pub(crate) mod lifecycle;
pub(crate) mod marker;
mod members;
pub(crate) mod object;
pub(crate) mod operation;
pub(crate) mod providers;
pub(crate) mod recovery_points;
pub(crate) mod region;
pub(crate) mod registered;
pub(crate) mod resource_graph;
pub(crate) mod restores;
pub(crate) mod roles;
pub(crate) mod storage;
pub(crate) mod trusted_access;
pub(crate) mod user_error;
pub(crate) mod vaults;
pub(crate) mod versions;
pub(crate) mod visible;
