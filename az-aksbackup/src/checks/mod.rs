//! Pure rules, each of one fact: what was read, judged once for `verify`, `doctor`, `init` and the steps.
//!
//! It imports neither `steps` nor `examine` nor `commands`.

pub(crate) mod cluster_support;
