//! Who is signed in, and how: tokens come from azure_identity, are kept in memory only, and go to ARM alone.
//!
//! [`way`] chooses how to sign in, [`token`] keeps the token, [`az_session`] asks the az that started this program,
//! [`cli`] runs az within bounds, [`certificate`] signs with a
//! certificate's key, [`lifetime`] bounds how long a token lives, [`options`] how it is asked for,
//! [`caller`] reads who it is, and [`refused`] puts Entra's words into a failure.

mod az_session;
mod caller;
mod certificate;
mod cli;
mod lifetime;
mod options;
mod refused;
mod token;
mod way;

pub(crate) use az_session::inherit;
pub(crate) use caller::Caller;
pub(crate) use refused::refusal;
pub(crate) use token::Login;
pub(crate) use way::{Auth, Way};
