//! Whether a storage account that exists will do, and what it has otherwise.

use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::Wait;

use crate::arm::container_clusters::ContainerClusters;
use crate::arm::extensions::Extension;
use crate::arm::region;
use crate::arm::storage::Account;
use crate::checks::applying;
use crate::checks::extension_settings::{self, Stored};
use crate::target_ids;

/// A failure about an account's name, with its cure.
pub(crate) fn other_name(failure: Failure) -> Failure {
    failure.hint(fix![
        "choose another name, because storage account names are unique across Azure: ",
        az("init --storage-account NAME")
    ])
}

/// What the state file knows to have existed and is gone, and how it can be recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vanished {
    /// What is gone, and since when it was known.
    pub(crate) says: String,
    /// How it is recovered.
    pub(crate) hint: String,
}

/// An account or a container of the target that the state file has recorded, that was created by this tool, or that an
/// installed extension stores backups in, and that Azure does not have any more. The extension is the proof that is left
/// where the state file is lost. A new account of the same name ends the chance to recover the old one:
/// <https://learn.microsoft.com/azure/storage/common/storage-account-recover>.
pub(crate) fn vanished(
    state: &State,
    target: &Target,
    extensions: &[Extension],
    (account, container): (bool, bool),
) -> Option<Vanished> {
    let (account_id, container_id) = (target_ids::account(target), target_ids::container(target));
    let table = state.cloud.storage.as_ref().filter(|own| own.account == account_id);
    let created = |id: &ResourceId| state.cloud.created.iter().any(|own| same(&own.object, id.as_str()));
    let used = is_in_use(target, extensions);
    let had_account = used || table.is_some() || created(&account_id);
    let had_container = used || table.is_some_and(|own| own.container == target.storage.container);
    let since = table.and_then(|own| own.written.as_ref());
    let since = since
        .map(|own| format!(" (last observed {})", own.observed_at))
        .unwrap_or_default();
    let (name, group) = (&target.storage.account, &target.storage.resource_group);
    if !account && had_account {
        return Some(Vanished {
            says: format!("storage account {name} existed{since}, but the account and its backups no longer exist"),
            hint: format!(
                "recover the account first, in the Azure portal: Storage accounts, Restore deleted accounts, \
                 resource group {group}; a deleted account can be recovered for 14 days, unless another account \
                 with the same name is created"
            ),
        });
    }
    (account && !container && (had_container || created(&container_id))).then(|| Vanished {
        says: format!(
            "container {} of storage account {name} existed{since}, but the container and its backups no longer exist",
            target.storage.container
        ),
        hint: format!(
            "recover the container first, if container soft delete is enabled, in the Azure portal: storage account \
             {name}, Containers, Show deleted containers, Undelete"
        ),
    })
}

/// Returns whether an installed extension of the cluster stores backups in the target's container.
pub(crate) fn is_in_use(target: &Target, extensions: &[Extension]) -> bool {
    let stores = |own: &Extension| matches!(extension_settings::stored(target, own), Stored::There);
    extensions.iter().any(|own| own.is_installed() && stores(own))
}

/// The failure of a container that several clusters use.
pub(crate) fn shared_container(container: &str, account: &ResourceId, why: &str) -> Failure {
    Failure::usage(format!(
        "cannot use container {container} of storage account {}",
        account.with_group()
    ))
    .because(format!(
        "Azure Backup requires a separate container for each cluster, and {why}"
    ))
}

/// Refuses a container in which other clusters store backups: Azure Backup requires a separate one for each cluster.
///
/// # Errors
/// Exit 2: the clusters.
pub(crate) fn must_be_separate(container_clusters: &ContainerClusters, target: &Target) -> Outcome<()> {
    let others: Vec<String> = container_clusters
        .others(&target.cluster)
        .map(ResourceId::with_group)
        .collect();
    // Where this cluster stores backups there already, `verify` reports it: nothing that a step does would end it.
    if others.is_empty() || container_clusters.clusters.contains(&target.cluster) {
        return Ok(());
    }
    let uses = match others.len() {
        1 => "another cluster uses",
        _ => "other clusters use",
    };
    let why = format!("{uses} this one: {}", others.join(", "));
    shared_container(target.storage.container.as_str(), &target_ids::account(target), &why)
        .hint(fix!["choose another container: ", az("init --container NAME")])
        .err()
}

/// Refuses to create an empty account or container in place of one that existed.
///
/// # Errors
/// One existed and is gone.
pub(crate) fn must_not_have_vanished(gone: Option<Vanished>) -> Outcome<()> {
    match gone {
        None => Ok(()),
        Some(gone) => Failure::failed(gone.says)
            .because(
                "prepare doesn't re-create it: the new one would be empty, and the deleted one could no longer be \
                 recovered",
            )
            .hint(gone.hint)
            .hint(fix![
                "create an empty one only if the backups can't be recovered: ",
                az("prepare --recreate-storage")
            ])
            .err(),
    }
}

/// Checks that the name of an account that is to be made can be had.
///
/// # Errors
/// It cannot, for this reason of Azure.
pub(crate) fn must_be_free(name: &str, refusal: Option<&str>) -> Outcome<()> {
    match refusal {
        Some(refusal) => {
            let failure = Failure::failed(format!("cannot create storage account {name}"));
            other_name(failure.because(refusal)).err()
        }
        None => Ok(()),
    }
}

/// What to do about an account that can't be used.
pub(crate) fn another() -> Fix {
    fix![
        "choose another account, or a new name: ",
        az("init --storage-account NAME")
    ]
}

/// Checks that an account that exists can hold the backups of a cluster in the target's region.
///
/// # Errors
/// Another region, or a kind of account that Azure Backup does not take.
pub(crate) fn usable(account: &Account, target: &Target) -> Outcome<()> {
    let failure = |why: String| {
        Failure::failed(format!(
            "storage account {} can't be used for the cluster's backups",
            target.storage.account
        ))
        .because(why)
        .hint(another())
        .err()
    };
    if !region::is(&account.location, &target.region) {
        return failure(format!(
            "it is in region {}, but the cluster is in {}; Azure Backup requires the same region",
            account.location, target.region
        ));
    }
    let kind = account.kind.as_deref().unwrap_or_default();
    let sku = account.sku.as_ref().map(|sku| sku.name.as_str()).unwrap_or_default();
    if !kind.eq_ignore_ascii_case("StorageV2") || !sku.to_ascii_lowercase().starts_with("standard_") {
        return failure(format!(
            "its kind is {kind} with SKU {sku}; Azure Backup requires StorageV2 with a standard SKU"
        ));
    }
    if account.properties.provisioning_state.as_deref() == Some("Failed") {
        return Failure::failed(format!("storage account {} is in state Failed", target.storage.account))
            .hint(fix![
                "check the account in the Azure portal, or choose another: ",
                az("init --storage-account NAME")
            ])
            .err();
    }
    Ok(())
}

/// What an account that is not ready yet is waited for with.
pub(crate) fn not_ready(account: &Account, target: &Target) -> Option<Wait> {
    let state = account.properties.provisioning_state.as_deref().unwrap_or("Succeeded");
    let ready = state.eq_ignore_ascii_case("Succeeded") && account.blob_endpoint().is_some();
    (!ready).then(|| Wait::for_(format!("storage account {}: {state}", target.storage.account)))
}

/// What proves storage and snapshot group, with what is otherwise than this tool would make it.
pub(crate) fn evidence(account: Option<&Account>, target: &Target, locks_known: bool) -> String {
    let mut text = format!(
        "container {} in account {}, snapshots in resource group {}",
        target.storage.container,
        target_ids::account(target).with_group(),
        target.snapshots.resource_group
    );
    for remark in account.into_iter().flat_map(remarks) {
        text.push_str("; ");
        text.push_str(remark);
    }
    if !locks_known {
        text.push_str("; locks on the snapshot resource group: unknown");
    }
    text
}

/// What an account that exists has otherwise than one that this tool would make.
fn remarks(account: &Account) -> Vec<&'static str> {
    let own = &account.properties;
    let firewall = own
        .network_acls
        .as_ref()
        .and_then(|rules| rules.default_action.as_deref());
    let remarks = [
        (
            own.allow_shared_key_access != Some(false),
            "the account still allows account keys",
        ),
        (
            own.allow_blob_public_access == Some(true),
            "the account allows public blobs",
        ),
        (
            own.is_hns_enabled == Some(true),
            "the account has a hierarchical namespace",
        ),
        (
            firewall.is_some_and(|action| action.eq_ignore_ascii_case("Deny")),
            "the account's network rules must allow the cluster's network",
        ),
    ];
    applying(&remarks)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checks::view::tests::extension;
    use crate::target_ids::tests::example;

    /// An account as this tool makes one, with what a test wants otherwise.
    pub(crate) fn account(change: impl FnOnce(&mut Value)) -> Account {
        let mut body = json!({
            "location": "westeurope", "kind": "StorageV2", "sku": { "name": "Standard_LRS" },
            "properties": { "provisioningState": "Succeeded", "allowSharedKeyAccess": false,
                "primaryEndpoints": { "blob": "https://stbackup.blob.core.windows.net/" } },
        });
        change(&mut body);
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn an_extension_proves_an_account_only_if_it_stores_backups_in_it() {
        let gone = |extension| vanished(&State::default(), &example(), &[extension], (false, false)).is_some();
        assert!(gone(extension(|_| ())));
        // The short names of the Azure CLI, which the chart ignores.
        let short = json!({ "blobContainer": "c", "storageAccount": "a" });
        assert!(!gone(extension(|own| own["configurationSettings"] = short)));
    }

    #[test]
    fn an_account_as_this_tool_makes_one_will_do() {
        assert!(usable(&account(|_| ()), &example()).is_ok());
        assert!(remarks(&account(|_| ())).is_empty());
    }

    #[test]
    fn an_account_elsewhere_or_of_another_kind_will_not() {
        let changes: [fn(&mut Value); 3] = [
            |body| body["location"] = json!("North Europe"),
            |body| body["kind"] = json!("BlobStorage"),
            |body| body["sku"]["name"] = json!("Premium_LRS"),
        ];
        for change in changes {
            let failure = usable(&account(change), &example()).unwrap_err();
            assert!(failure.hints[0].to_string().contains("--storage-account"), "{failure}");
        }
    }

    #[test]
    fn differences_are_said() {
        let open = account(|body| {
            body["properties"]["allowSharedKeyAccess"] = json!(true);
            body["properties"]["networkAcls"] = json!({ "defaultAction": "Deny" });
        });
        assert_eq!(
            remarks(&open),
            [
                "the account still allows account keys",
                "the account's network rules must allow the cluster's network"
            ]
        );
    }
}
