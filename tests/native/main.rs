//! Inside the real az and the real kubectl.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

mod az;
mod deploy;
mod examples;
mod extension;
mod foreign;
mod install;
mod krew;
mod kubectl;
mod native_hand_off;
mod older;
mod release;
mod shells;
mod yaml;
