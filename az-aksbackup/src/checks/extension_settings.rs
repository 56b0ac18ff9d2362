//! The extension's settings under the names that go over the wire.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Failure;
use aksbackup_shared::ids::same;
use aksbackup_shared::schema::Target;

pub(crate) use crate::arm::container_clusters::{ACCOUNT, BUCKET};
use crate::arm::extensions::Extension;
use crate::checks::extension_drift;

/// Settings by their wire names.
pub(crate) type Settings = BTreeMap<String, String>;

/// The resource group of the storage account.
pub(crate) const GROUP: &str = "configuration.backupStorageLocation.config.resourceGroup";
/// Its subscription.
pub(crate) const SUBSCRIPTION: &str = "configuration.backupStorageLocation.config.subscriptionId";
/// `true` for tokens in place of account keys.
pub(crate) const USE_AAD: &str = "configuration.backupStorageLocation.config.useAAD";
/// The blob endpoint: without it Velero would have to look the account up through ARM.
const ENDPOINT: &str = "configuration.backupStorageLocation.config.storageAccountURI";
pub(crate) const TENANT: &str = "credentials.tenantId";

/// The settings of a new extension.
pub(crate) fn wanted(target: &Target, blob_endpoint: &str) -> Settings {
    let own = [storage(target), keys(target, blob_endpoint)].concat();
    own.into_iter()
        .chain(extension_drift::resources(&target.extension))
        .collect()
}

fn storage(target: &Target) -> Vec<(String, String)> {
    pairs([
        (BUCKET, target.storage.container.as_str()),
        (ACCOUNT, target.storage.account.as_str()),
        (GROUP, target.storage.resource_group.as_str()),
        (SUBSCRIPTION, target.subscription.as_str()),
    ])
}

fn keys(target: &Target, blob_endpoint: &str) -> Vec<(String, String)> {
    pairs([
        (USE_AAD, "true"),
        (ENDPOINT, blob_endpoint),
        (TENANT, target.tenant.as_str()),
    ])
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// Whether an extension was told of no storage at all, such as by the short names of the Azure CLI, which the chart ignores.
pub(crate) fn has_no_storage(extension: &Extension) -> bool {
    [BUCKET, ACCOUNT, GROUP]
        .iter()
        .all(|key| extension.setting(key).is_empty())
}

/// Where an extension stores backups, compared with the target.
pub(crate) enum Stored {
    /// In the target's container.
    There,
    /// Nowhere yet: see [`has_no_storage`].
    Nowhere,
    /// Elsewhere: both sides are named.
    Elsewhere(Failure),
}

/// Returns where an extension stores backups.
pub(crate) fn stored(target: &Target, extension: &Extension) -> Stored {
    let other = storage(target)
        .into_iter()
        .find(|(key, value)| !same(extension.setting(key), value));
    if other.is_none() {
        return Stored::There;
    }
    if has_no_storage(extension) {
        return Stored::Nowhere;
    }
    let own = |key| extension.setting(key);
    let wanted = &target.storage;
    let failure = Failure::failed(format!(
        "extension {} stores backups in a different location",
        extension.name
    ))
    .because(format!(
        "current: container {}, account {}, resource group {}, subscription {}; expected: container {}, account {}, \
         resource group {}, subscription {}",
        own(BUCKET),
        own(ACCOUNT),
        own(GROUP),
        own(SUBSCRIPTION),
        wanted.container,
        wanted.account,
        wanted.resource_group,
        target.subscription
    ));
    Stored::Elsewhere(failure)
}

/// The settings that an extension lacks for access without account keys.
pub(crate) fn keyless(target: &Target, extension: &Extension, blob_endpoint: &str) -> Settings {
    let alike = |own: &str, value: &str| {
        own.trim_end_matches('/')
            .eq_ignore_ascii_case(value.trim_end_matches('/'))
    };
    keys(target, blob_endpoint)
        .into_iter()
        .filter(|(key, value)| !alike(extension.setting(key), value))
        .collect()
}
