//! Which clusters store backups in a container, in all subscriptions that the signed-in account can read.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{ResourceId, folded, same};
use aksbackup_shared::names::EXTENSION_TYPE;
use serde::Deserialize;

use crate::arm::client::Reader;
use crate::arm::extensions;
use crate::arm::resource_graph::{quoted, rows};

/// The setting of an extension that names its storage account.
pub(crate) const ACCOUNT: &str = "configuration.backupStorageLocation.config.storageAccount";
/// The one that names its container; `blobContainer` in the Azure CLI.
pub(crate) const BUCKET: &str = "configuration.backupStorageLocation.bucket";

#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    account: Option<String>,
    bucket: Option<String>,
}

/// The clusters whose extensions store backups in one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContainerClusters {
    /// Them, each once.
    pub(crate) clusters: Vec<ResourceId>,
    /// Whether Azure has more extensions than could be read.
    pub(crate) is_partial: bool,
}

impl ContainerClusters {
    /// Returns those that aren't `cluster`.
    pub(crate) fn others(&self, cluster: &ResourceId) -> impl Iterator<Item = &ResourceId> {
        let cluster = cluster.clone();
        self.clusters.iter().filter(move |own| **own != cluster)
    }
}

/// Returns the clusters that store backups in the container with this ID. The query is the same for all containers, so that a fleet sends
/// it once.
///
/// # Errors
/// As [`rows`].
pub(crate) async fn of(reader: &Reader, container: &ResourceId) -> Outcome<ContainerClusters> {
    let rows = rows::<Row>(reader, None, &query()).await?;
    // Names of storage accounts are unique in all of Azure, and groups can be left out of the settings.
    let account = account_of(container);
    let text = |own: &Option<String>| own.clone().unwrap_or_default();
    let here = |row: &&Row| same(&text(&row.account), &account) && same(&text(&row.bucket), container.name());
    let mut found = ContainerClusters {
        is_partial: rows.is_partial,
        ..ContainerClusters::default()
    };
    for row in rows.all.iter().filter(here) {
        if let Some(cluster) = cluster_of(&row.id).filter(|own| !found.clusters.contains(own)) {
            found.clusters.push(cluster);
        }
    }
    Ok(found)
}

/// The table has names of properties in Pascal case, which `list` explains.
fn query() -> String {
    let setting = |key: &str| {
        let key = quoted(key);
        format!(
            "strcat(tostring(properties.ConfigurationSettings[{key}]), tostring(properties.configurationSettings[{key}]))"
        )
    };
    format!(
        "kubernetesconfigurationresources | where type =~ {} \
         | extend extensionType = strcat(tostring(properties.ExtensionType), tostring(properties.extensionType)), account = {}, bucket = {} \
         | where extensionType =~ {} | project id, account, bucket | order by id asc",
        quoted(&extensions::KIND.to_ascii_lowercase()),
        setting(ACCOUNT),
        setting(BUCKET),
        quoted(EXTENSION_TYPE)
    )
}

fn account_of(container: &ResourceId) -> String {
    let mut parts = container.as_str().split('/');
    let account = parts
        .find(|part| part.eq_ignore_ascii_case("storageAccounts"))
        .and_then(|_| parts.next());
    account.unwrap_or_default().to_owned()
}

/// The cluster of an extension, which is in front of the second provider of its ID.
fn cluster_of(extension: &str) -> Option<ResourceId> {
    let kind = format!("/providers/{}/", folded(extensions::KIND));
    let at = folded(extension).rfind(&kind)?;
    extension.get(..at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_belongs_to_the_cluster_in_front_of_it() {
        let cluster = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/a";
        let id = format!("{cluster}/providers/Microsoft.KubernetesConfiguration/Extensions/azure-aks-backup");
        assert_eq!(cluster_of(&id).unwrap().as_str(), cluster);
        assert_eq!(cluster_of(cluster), None);
    }

    #[test]
    fn the_account_of_a_container_is_in_its_id() {
        let id = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/stx/blobServices/default/containers/c";
        assert_eq!(account_of(&id.parse().unwrap()), "stx");
    }
}
