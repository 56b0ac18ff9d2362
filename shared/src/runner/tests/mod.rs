//! The loop itself, on a fake platform under a paused clock: hours pass in milliseconds, and no machine is too slow.
//!
//! What a real remote says is tried through the real programs; what the loop makes of it is tried here.

mod fake;
mod operations;
mod order;
mod waits;
mod writes;
