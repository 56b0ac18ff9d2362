//! How much memory a program may take, in KiB.

/// Much to read: `doctor` on 100 MB of logs, 500 large deployments, a fleet of 1,000 clusters, a hostile file.
pub const MUCH: u64 = 64 << 10;
/// An answer that no server should give.
pub const HOSTILE: u64 = 96 << 10;
