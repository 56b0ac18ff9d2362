//! The cluster plane on a real Kubernetes control plane; what the small one can do as well runs on both.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers as well")]

/// A test for each cluster out of one function.
macro_rules! on_both {
    ($($case:ident: $small:ident, $real:ident;)*) => {$(
        #[test]
        fn $small() {
            $case(Backend::Small);
        }

        #[test]
        fn $real() {
            $case(Backend::Real);
        }
    )*};
}

mod bed;
mod between;
mod configure;
mod corners;
mod doctor;
mod drift;
mod examining;
mod fields;
mod flags;
mod halted;
mod handoff;
mod least_rights;
mod left_out;
mod logins;
mod looks;
mod names;
mod network;
mod orders;
mod preconditions;
mod rights;
mod rollout;
mod setbacks;
mod stages;
mod which_cluster;
mod words;
mod worlds;
