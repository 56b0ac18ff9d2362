//! `report`: one page about the backup of one cluster, for the hand-off and for the audit.
//!
//! [`build`] makes a [`model`] of what the state file says and of what either program saw; it is pure, and every foreign
//! text in the model is made harmless by [`text`]. [`html`], [`markdown`] and [`machine`] write the model down, [`command`]
//! is the command of both programs,
//! [`bundle`] packs all of it into one file for a supporter.

pub mod build;
pub mod command;
pub mod html;
pub mod machine;
pub mod markdown;
pub mod model;
pub mod text;

mod access;
mod bundle;
mod found;
mod links;
mod picture;
mod unseen;
mod views;

pub use build::{Inputs, report};
pub use bundle::BundleFile;
pub use command::{Own, ReportArgs, run};
pub use model::Report;
pub use views::Look;

#[cfg(test)]
mod tests;
