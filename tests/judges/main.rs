//! The cloud plane, and the simulator, under judges that are not ours: Microsoft's definitions of the API, Microsoft's SDKs
//! for Python, and the Azure CLI.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

mod az;
mod az_made;
mod coverage;
mod definitions;
mod live;
mod program;
mod readback;
mod recorded;
mod replayed_clusters;
mod replayed_life;
mod replayed_setup;
mod replays;
mod sdk;
mod states;
