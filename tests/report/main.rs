//! The page of `report` in a browser: looked at wide and narrow, light, dark and on paper.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

mod browser;
mod hostile;
mod looks;
mod pages;
