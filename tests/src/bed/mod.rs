//! The test bed: a real Kubernetes control plane in place of the small one, with the workload identity webhook's own
//! handler, and stand-ins for what needs containers: the kubelet and Velero.

mod api;
mod as_azure_sees_it;
mod audit;
mod binaries;
mod cluster;
mod control_plane;
mod flags;
mod helm;
mod kubelet;
mod kubelet_logs;
mod mirror;
mod orders;
mod people;
mod places;
mod process;
mod stand_ins;
mod test_orders;
mod tokens;
mod velero;
mod webhook;

pub use audit::Request;
pub use binaries::Binaries;
pub use cluster::Bed;
