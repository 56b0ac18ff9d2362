//! The table of contents: which steps a command runs, and the rights that it needs.

use std::rc::Rc;

use aksbackup_shared::runner::{Guided, step};

use crate::cluster::rights::Permission;
use crate::platform::Cluster;
use crate::steps::context::Context;
use crate::steps::preflight::Preflight;
use crate::steps::step06_workload_identity::WorkloadIdentity;
use crate::steps::step09_rollout::Rollout;
use crate::steps::step10_verification::Verification;
use crate::steps::unconfiguration::Unconfiguration;

/// What `configure` may have to do, in the extension's namespace. Watching is used where it is allowed.
pub(crate) const CONFIGURE: &[Permission] = &[
    Permission::new("list", "apps", "deployments"),
    Permission::new("list", "", "serviceaccounts"),
    Permission::new("list", "", "pods"),
    Permission::new("list", "velero.io", "backupstoragelocations"),
    Permission::new("patch", "", "serviceaccounts"),
    Permission::new("patch", "apps", "deployments"),
    Permission::new("create", "", "pods"),
    Permission::new("delete", "", "pods"),
];

/// What `verify` looks at, in the extension's namespace.
pub(crate) const VERIFY: &[Permission] = &[
    Permission::new("get", "", "namespaces"),
    Permission::new("list", "", "events"),
    Permission::new("list", "apps", "deployments"),
    Permission::new("list", "", "serviceaccounts"),
    Permission::new("list", "", "pods"),
    Permission::new("list", "velero.io", "backupstoragelocations"),
];

/// What `unconfigure` may have to do, in the extension's namespace.
pub(crate) const UNCONFIGURE: &[Permission] = &[
    Permission::new("list", "apps", "deployments"),
    Permission::new("list", "", "serviceaccounts"),
    Permission::new("patch", "", "serviceaccounts"),
    Permission::new("patch", "apps", "deployments"),
];

/// Steps of a command, ready to run.
pub(crate) type Steps = Vec<Box<dyn Guided<Cluster>>>;

/// `configure`: steps 6, 9 and 10. A dry run sends no trial pods.
pub(crate) fn configure(context: &Rc<Context>, dry_run: bool) -> Steps {
    vec![
        step(Preflight::new(context.clone(), CONFIGURE)),
        step(WorkloadIdentity::new(context.clone())),
        step(Rollout::new(context.clone(), !dry_run)),
        step(Verification::new(context.clone())),
    ]
}

/// `status`: the same, only looked at.
pub(crate) fn status(context: &Rc<Context>) -> Steps {
    vec![
        step(Preflight::new(context.clone(), &[])),
        step(WorkloadIdentity::new(context.clone())),
        step(Rollout::new(context.clone(), false)),
        step(Verification::new(context.clone())),
    ]
}

/// `unconfigure`: the way back.
pub(crate) fn unconfigure(context: &Rc<Context>) -> Steps {
    vec![
        step(Preflight::new(context.clone(), UNCONFIGURE)),
        step(Unconfiguration::new(context.clone())),
    ]
}
