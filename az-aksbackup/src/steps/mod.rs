//! One step a file, each told in the same order: what it stands for, what it sees, what it can change, observe, decide,
//! apply, record. The files without a number hold what a step knows beside that: bodies, comparisons, proofs.

pub(crate) mod claims;
pub(crate) mod conditions;
pub(crate) mod confirm;
pub(crate) mod cured;
pub(crate) mod fresh;
pub(crate) mod jobs;
mod missing_groups;
mod old_policies;
pub(crate) mod options;
pub(crate) mod policy_names;
pub(crate) mod registration;
pub(crate) mod roles_seen;
pub(crate) mod turns;
pub(crate) mod validation;
pub(crate) mod world;

pub(crate) mod lifecycle;
pub(crate) mod preflight;
pub(crate) mod restore;
pub(crate) mod step01_cluster_prerequisites;
pub(crate) mod step02_storage;
pub(crate) mod step03_vault_and_policy;
pub(crate) mod step04_extension;
pub(crate) mod step05_extension_identity;
pub(crate) mod step07_federated_credentials;
pub(crate) mod step08_roles;
pub(crate) mod step11_backup_instance;
pub(crate) mod step12_backup;
pub(crate) mod teardown;
pub(crate) mod trusted_access;
