//! Which tables belong to which program, as types: who holds a store of one program's tables has no way to change the other's.

use crate::schema::{CloudTables, ClusterTables, State};

/// The tables of one program. Only the two programs' own types are such tables, and a
/// [`Store`](crate::state::store::Store) of one of them hands out nothing else to change.
pub trait Owned: Clone + PartialEq + part::Part {}

impl Owned for CloudTables {}
impl Owned for ClusterTables {}

pub(crate) mod part {
    use super::State;

    /// How tables lie in the file; out of reach for other crates.
    pub trait Part {
        /// The key that the program's tables are below.
        const KEY: &'static str;
        /// Whether `[target]` is this program's as well.
        const HAS_TARGET: bool;
        /// These tables of a state.
        fn of(state: &mut State) -> &mut Self;
    }
}

impl part::Part for CloudTables {
    const KEY: &'static str = "cloud";
    const HAS_TARGET: bool = true;
    fn of(state: &mut State) -> &mut Self {
        &mut state.cloud
    }
}

impl part::Part for ClusterTables {
    const KEY: &'static str = "cluster";
    const HAS_TARGET: bool = false;
    fn of(state: &mut State) -> &mut Self {
        &mut state.cluster
    }
}
