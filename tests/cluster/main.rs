//! The cluster plane on a real Kubernetes control plane; what the small one can do as well runs on both.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

mod bed;
mod configure;
mod drift;
mod fields;
mod flags;
mod handoff;
mod least_rights;
mod looks;
mod names;
mod network;
mod orders;
mod rollout;
mod stages;
mod which_cluster;
