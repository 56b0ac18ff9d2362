//! The Azure half: Entra, ARM with its providers, the metadata document and the blob data plane.

pub mod certificate;
pub mod faults;
pub mod ids;
pub mod personas;

mod answer;
mod arm;
pub(crate) mod assertion;
mod blob;
mod call;
mod cloud;
mod conformance;
mod control;
mod doom;
mod engine;
mod entra;
mod front;
mod graph;
mod hands;
mod kusto;
mod limits;
mod metadata;
pub mod neighbours;
mod operations;
mod others;
mod path;
mod providers;
mod replay;
mod rights;
mod roles;
mod seed;
mod server;
mod shared_key;
mod throttle;
mod tokens;
#[cfg(test)]
mod trials;
mod verbatim;
mod versions;
mod world;

pub use engine::Azure;
pub use hands::Memory;
pub use replay::{CHILD, PATH, RecordedAnswer, Replay};

pub(crate) use providers::cluster_body::issuer;
