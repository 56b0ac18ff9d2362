//! The Kubernetes half: a small but honest API server, the controllers that an extension's roll-out needs, the workload
//! identity webhook, Helm's hand on the extension, and Velero's storage location.

mod access;
mod admission;
mod apply;
#[cfg(test)]
mod behaviour;
mod changes;
pub(crate) mod chart;
mod cluster;
mod controllers;
mod deployment_status;
pub(crate) mod deployments;
mod discovery;
pub(crate) mod events;
mod extension;
mod fields;
mod kubeconfig;
pub(crate) mod kubelet;
pub(crate) mod logs;
mod metadata;
mod openapi;
mod orders;
mod other_webhook;
mod patch;
pub(crate) mod pod_status;
mod protobuf;
mod replicasets;
mod resources;
mod reviews;
mod selectors;
mod server;
mod settings;
mod status;
mod store;
mod tables;
mod target;
mod tokens;
#[cfg(test)]
mod trial;
pub(crate) mod validation;
pub(crate) mod velero;
pub(crate) mod velero_definitions;
pub(crate) mod velero_log;
mod verbs;
mod watch;
pub(crate) mod webhook;
#[cfg(test)]
mod with_identity;
#[cfg(test)]
mod with_kubectl;
mod words;

pub use access::{Persona, Rule};
pub use cluster::{Fault, Kubernetes};
pub use kubeconfig::{kubeconfig, kubeconfig_of};
pub use other_webhook::OtherWebhook;
pub use settings::{Dialect, Settings};

pub(crate) use cluster::Installed;
pub(crate) use controllers::{place, uid};
pub(crate) use patch::three_way;
pub(crate) use resources::{Resource, named, path_of, path_of_kind};
pub(crate) use target::Query;
