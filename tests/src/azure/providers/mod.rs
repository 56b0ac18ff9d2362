//! The resource providers, one file each, with their tables of operations.

pub(crate) mod account_keys;
pub(crate) mod accounts;
pub(crate) mod assignments;
pub(crate) mod by_hand;
pub(crate) mod cluster_access;
pub(crate) mod cluster_body;
pub(crate) mod cluster_tags;
pub(crate) mod clusters;
pub(crate) mod containers;
pub(crate) mod extensions;
pub(crate) mod federation;
pub(crate) mod groups;
mod guards;
pub(crate) mod identities;
pub(crate) mod installation;
pub(crate) mod instance_lifecycle;
pub(crate) mod instances;
pub(crate) mod jobs;
pub(crate) mod locks;
pub(crate) mod operation_results;
pub(crate) mod permissions;
pub(crate) mod policies;
pub(crate) mod readiness;
pub(crate) mod registration;
pub(crate) mod resource_graph;
pub(crate) mod restores;
pub(crate) mod subscriptions;
pub(crate) mod trusted_access;
pub(crate) mod validation;
pub(crate) mod vault_operations;
pub(crate) mod vaults;

use super::call::Route;

/// All operations of all providers.
pub(crate) const ROUTES: &[&[Route]] = &[
    account_keys::ROUTES,
    accounts::ROUTES,
    assignments::ROUTES,
    cluster_access::ROUTES,
    cluster_tags::ROUTES,
    clusters::ROUTES,
    containers::ROUTES,
    extensions::ROUTES,
    federation::ROUTES,
    groups::ROUTES,
    guards::ROUTES,
    identities::ROUTES,
    instances::ROUTES,
    jobs::ROUTES,
    locks::ROUTES,
    operation_results::ROUTES,
    permissions::ROUTES,
    policies::ROUTES,
    registration::ROUTES,
    resource_graph::ROUTES,
    restores::ROUTES,
    subscriptions::ROUTES,
    trusted_access::ROUTES,
    validation::ROUTES,
    vault_operations::ROUTES,
    vaults::ROUTES,
];
