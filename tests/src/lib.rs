//! The sandbox: an Azure and a Kubernetes on loopback that behave like the real ones where it matters to a hand-off.
//!
//! It shares no type, path or constant with the binaries that it judges.

pub mod advice;
pub mod azure;
pub mod backend;
pub mod bars;
pub mod bed;
mod clusters;
pub mod critical_path;
pub mod examples;
pub mod fleet;
pub mod harness;
pub mod hostile_server;
pub mod kubernetes;
pub mod live;
pub mod log;
pub mod picture;
pub mod planes;
pub mod python;
pub mod recordings;
pub mod remedies;
pub mod sandbox;
pub mod schema;
pub mod settings;
pub mod terminal;
pub mod tls;
pub mod watched;
pub mod wheel;
