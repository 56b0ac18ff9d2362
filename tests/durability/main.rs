//! The state file under crowds, kills and broken disks, through the real binaries as processes.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]
#![cfg(target_os = "linux")]

mod broken_disk;
mod changes;
mod copies;
mod crash_points;
mod crowd;
mod end_state;
mod extent;
mod faulty;
mod formats;
mod hostile;
mod hostile_claims;
mod hostile_texts;
mod hostile_values;
mod kills;
mod life_points;
mod lock;
#[path = "../guide/made.rs"]
mod made;
mod merging;
#[path = "../guide/part.rs"]
mod part;
mod system_calls;
mod teams;
mod teardowns;
mod tracer;
mod writer;
