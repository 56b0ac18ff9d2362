//! The steps of the cluster side, named after the guide's numbers.
//!
//! [`preflight`] proves the cluster and the caller's rights; [`unconfiguration`] is the way back. What several steps
//! need: [`context`] (one run), [`confirmation`] (whose word the client ID is), [`obstacles`] (what keeps the webhook from
//! its work), [`passing`] (why it passes a pod by), [`rehearsal`] (what is
//! tried before the first write), [`goal`] and [`cause`] (what pods are to run with), [`gate`], [`storage`] and [`silence`] (what the
//! storage location tells, and for how long nothing), [`injection`] (what pods carry).

pub(crate) mod cause;
pub(crate) mod confirmation;
pub(crate) mod context;
pub(crate) mod gate;
pub(crate) mod goal;
pub(crate) mod injection;
pub(crate) mod obstacles;
pub(crate) mod passing;
pub(crate) mod preflight;
pub(crate) mod rehearsal;
pub(crate) mod silence;
pub(crate) mod step06_workload_identity;
pub(crate) mod step09_rollout;
pub(crate) mod step10_verification;
pub(crate) mod storage;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod unconfiguration;
