//! The whole guide through the real binaries, on the sandbox.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

mod adoption;
mod advice;
mod answers;
mod behaviours;
mod cloud_world;
mod confirmation;
mod consent;
mod credentials;
mod deputy;
mod deputy_extensions;
mod deputy_worlds;
mod dry_run;
mod examples;
mod faults;
mod handoff;
mod help;
mod identities;
mod least_privilege;
mod letters;
mod lifecycle;
mod list;
mod live;
mod made;
mod meddling;
mod namesakes;
mod objects;
mod one_judge;
mod part;
mod points;
mod readme;
mod reference;
mod remembered;
mod report;
mod requests;
mod restore;
mod roles;
mod session;
mod sign_in;
mod snapshot_group;
mod status;
#[cfg(target_os = "linux")]
mod streams;
mod teardown;
mod teardown_left;
mod teardown_worlds;
mod truth;
mod twice;
mod vaults;
mod verify;
mod words;
