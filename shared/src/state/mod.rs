//! The state file: what the two planes tell each other.
//!
//! [`schema`] is what stands in the file, [`store`] reads and writes it under its lock, [`document`] changes a TOML
//! document without losing comments, order or keys that this program does not know. [`ownership`] says whose a table is.

pub mod document;
mod holder;
mod lock;
pub mod ownership;
mod replace;
pub mod schema;
pub mod store;
mod voice;
