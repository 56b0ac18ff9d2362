//! The programs for Windows, as the released `.exe` files are, in Wine: against the same sandbox as everything else.
//!
//! `tests/run windows` builds them and names their folder in `AKSBACKUP_WINDOWS`. What Wine cannot show is in docs/platforms.md.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]
#![cfg(target_os = "linux")]

mod console;
mod crowd;
mod hand_off;
mod paths;
mod trust;
mod wine;
