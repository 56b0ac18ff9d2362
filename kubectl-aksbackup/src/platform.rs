//! The cluster side, as the runner sees it.

use aksbackup_shared::guide::StepName;
use aksbackup_shared::schema::ClusterTables;
use aksbackup_shared::step::Platform;

use crate::cluster::client::{Reader, Writer};

/// Kubernetes: read through a [`Reader`], patched through a [`Writer`], recorded in `[cluster]`.
pub(crate) struct Cluster;

impl Platform for Cluster {
    type Reader = Reader;
    type Writer = Writer;
    type Tables = ClusterTables;

    /// This program patches what others made and creates nothing, so that there is nothing to note beforehand.
    fn intend(_: &mut ClusterTables, _: StepName, _: &str) {}

    fn confirm(_: &mut ClusterTables, _: StepName) {}
}
