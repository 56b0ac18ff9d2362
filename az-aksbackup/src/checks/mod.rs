//! What has to hold, as pure functions over what was read. `init`, the preflight, the steps, `status`, `verify`, `doctor` and `report` ask
//! the same ones, so that they can't disagree.
//!
//! [`view`] is what was observed, [`look`](mod@look) reads it, [`culprits`] looks once more where something is missing, [`judge`] puts
//! the checks together; one module a link. [`before`] is `verify --pre`; [`overview`] is a row of `list`; [`texts`] and [`asked`] are what `doctor` reads besides.

pub(crate) mod account;
pub(crate) mod asked;
pub(crate) mod before;
pub(crate) mod cluster;
pub(crate) mod cluster_support;
pub(crate) mod content;
pub(crate) mod creation_settings;
pub(crate) mod credentials;
pub(crate) mod culprits;
pub(crate) mod drift;
pub(crate) mod extension;
pub(crate) mod extension_drift;
pub(crate) mod extension_settings;
pub(crate) mod filters;
pub(crate) mod firewall;
pub(crate) mod guard;
pub(crate) mod identity;
pub(crate) mod in_file;
pub(crate) mod instance;
pub(crate) mod instance_body;
pub(crate) mod jobs;
pub(crate) mod judge;
pub(crate) mod locks;
pub(crate) mod look;
pub(crate) mod overview;
pub(crate) mod own_assignments;
pub(crate) mod policy;
pub(crate) mod policy_file;
pub(crate) mod protection;
pub(crate) mod recovery_points;
pub(crate) mod refused_validation;
pub(crate) mod reinstallation;
pub(crate) mod required_permissions;
pub(crate) mod restore;
pub(crate) mod restore_point;
pub(crate) mod role_requirements;
pub(crate) mod roles;
pub(crate) mod sole_extension;
pub(crate) mod storage;
pub(crate) mod subjects;
pub(crate) mod subscription;
pub(crate) mod subscription_rules;
pub(crate) mod texts;
pub(crate) mod vault;
pub(crate) mod vault_access;
pub(crate) mod vault_drift;
pub(crate) mod vault_rules;
pub(crate) mod view;

pub(crate) use look::look;

/// Returns the remarks that apply.
pub(crate) fn applying(remarks: &[(bool, &'static str)]) -> Vec<&'static str> {
    let applying = remarks.iter().filter(|(applies, _)| *applies);
    applying.map(|(_, remark)| *remark).collect()
}
