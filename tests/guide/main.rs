//! The whole guide through the real binaries, on the sandbox.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

mod absurd;
mod adoption;
mod answers;
mod barred;
mod behaviours;
mod cloud_failures;
mod cloud_health;
mod cloud_texts;
mod cloud_world;
mod cluster_change;
mod confirmation;
mod credentials;
mod deputy;
mod deputy_worlds;
mod drift;
mod dry_run;
mod errors;
mod examples;
mod extension_states;
mod faults;
mod handoff;
mod help;
mod hostile_answers;
mod hostile_server;
mod identities;
mod injection;
mod killed;
mod least_rights;
mod made;
mod meddling;
mod no_wait;
mod operations;
mod part;
mod protection;
mod readme;
mod reference;
mod refusals;
mod report;
mod requests;
mod rights;
mod roles;
mod session;
mod setbacks;
mod silence;
mod snapshot_group;
mod status;
#[cfg(target_os = "linux")]
mod streams;
mod throttling;
mod twice;
mod vaults;
mod verify;
mod wire;
mod words;
