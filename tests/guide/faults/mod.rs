//! The handoff while something goes wrong: Azure or the cluster fails, is slow, throttles, refuses, or was changed by another user, or the
//! program is killed. `tests/run faults`.

mod absurd;
mod barred;
pub(crate) mod changes;
mod cloud_failures;
mod cloud_health;
mod cloud_texts;
mod cluster_change;
mod drift;
mod edited_policy;
mod errors;
mod extension_states;
mod hostile_answers;
mod injection;
pub(crate) mod killed;
mod least_rights;
mod no_wait;
mod operations;
mod policy_files;
mod protection;
mod refusals;
mod retention;
mod revoked_roles;
mod rights;
mod setbacks;
mod silence;
mod throttling;
mod transient;
mod wire;
