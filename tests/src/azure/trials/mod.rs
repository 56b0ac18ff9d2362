//! Trials of the model: calls as clients make them, with the clock moved by hand.

mod bodies;
mod clients;
mod clusters;
mod extensions;
mod federation;
mod manners;
mod operations;
mod protection;
mod rights;
mod stage;
mod storage;
mod wire;
