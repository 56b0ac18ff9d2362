//! What the extension `aksbackup` of az asks this program: which commands there are, and which values an option may take.

mod completion;
mod description;
mod tables;

pub(crate) use completion::values;
pub(crate) use description::description;
