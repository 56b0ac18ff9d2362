//! `init`: chooses what to protect and with what, and writes `[target]`.
//!
//! [`flags`] and [`values`] are what can be said beforehand, [`place`] finds subscription and cluster, [`world`] looks up
//! what exists, [`choice`] decides each value, [`names`] has the defaults, [`check`] asks Azure whether it can work, and
//! [`show`] tells it.

pub(crate) mod adopt;
mod check;
mod choice;
mod confirmed;
pub(crate) mod flags;
pub(crate) mod names;
mod pick;
pub(crate) mod place;
mod run;
mod settings;
mod show;
mod values;
pub(crate) mod words;
pub(crate) mod world;

pub(crate) use place::named;
pub(crate) use run::{proposed, run};
