//! The state file: what the two programs tell each other.
//!
//! [`schema`](crate::schema) is what stands in the file, [`store`] reads and writes it under its lock, [`document`] changes a TOML
//! document without losing comments, order or keys that this program does not know. [`ownership`] says whose a table is,
//! [`remembered`] which targets this user confirmed here.

pub mod copies;
pub mod diff;
pub mod document;
mod holder;
mod lock;
pub mod merge;
pub mod migration;
pub mod ownership;
mod parse;
pub mod place;
pub mod remembered;
mod replace;
mod signature;
pub mod store;
mod voice;
mod written;

pub use written::OutFile;
