//! Storage accounts and their blob containers, through ARM alone: no key, no data role.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{Region, ResourceId, StorageAccountName, SubscriptionId};
use serde::Deserialize;
use serde_json::json;

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::{registered, versions};

/// Type of a storage account.
pub(crate) const KIND: &str = "Microsoft.Storage/storageAccounts";

/// A storage account.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Account {
    /// Its region as Azure writes it.
    pub(crate) location: String,
    /// `StorageV2` for a general purpose v2 account.
    pub(crate) kind: Option<String>,
    /// Its SKU.
    pub(crate) sku: Option<Sku>,
    /// The rest.
    #[serde(default)]
    pub(crate) properties: AccountProperties,
}

/// Performance and redundancy.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sku {
    /// Such as `Standard_LRS`.
    pub(crate) name: String,
}

/// Properties of a storage account.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AccountProperties {
    /// Azure's word for what goes on with it.
    pub(crate) provisioning_state: Option<String>,
    /// Where it answers.
    pub(crate) primary_endpoints: Option<Endpoints>,
    /// Whether it has a hierarchical namespace.
    pub(crate) is_hns_enabled: Option<bool>,
    /// Whether account keys work.
    pub(crate) allow_shared_key_access: Option<bool>,
    /// Whether containers may be opened to everybody.
    pub(crate) allow_blob_public_access: Option<bool>,
    /// Its firewall.
    pub(crate) network_acls: Option<NetworkRules>,
}

/// Where an account answers.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Endpoints {
    /// The blob endpoint, with a trailing slash.
    pub(crate) blob: Option<String>,
}

/// The firewall of an account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkRules {
    /// `Allow` or `Deny`.
    pub(crate) default_action: Option<String>,
}

impl Account {
    /// The blob endpoint, once Azure gives it.
    pub(crate) fn blob_endpoint(&self) -> Option<&str> {
        self.properties.primary_endpoints.as_ref()?.blob.as_deref()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Availability {
    name_available: Option<bool>,
    message: Option<String>,
}

/// Only that it exists.
#[derive(Debug, Clone, Deserialize)]
struct Container {}

/// The id of a container.
pub(crate) fn container_id(account: &ResourceId, container: &str) -> ResourceId {
    account.child("blobServices/default/containers", container)
}

/// An account; `None` where there is none.
pub(crate) async fn account(reader: &Reader, account: &ResourceId) -> Outcome<Option<Account>> {
    registered::or_nothing(reader.get(account.as_str(), versions::STORAGE).await)
}

/// Whether a container exists. Without its account, or while that is being made, it does not.
pub(crate) async fn has_container(reader: &Reader, container: &ResourceId) -> Outcome<bool> {
    let found = reader.get::<Container>(container.as_str(), versions::STORAGE).await;
    match registered::or_nothing(found) {
        Ok(found) => Ok(found.is_some()),
        Err(failure) if failure.has_code("StorageAccountIsNotProvisioned") => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Why an account name cannot be had, in Azure's words; `None` where it can. Account names are unique in the world.
pub(crate) async fn refusal_of_name(
    reader: &Reader,
    subscription: &SubscriptionId,
    name: &StorageAccountName,
) -> Outcome<Option<String>> {
    let path = format!("/subscriptions/{subscription}/providers/Microsoft.Storage/checkNameAvailability");
    let body = json!({ "name": name.as_str(), "type": KIND });
    let answer: Availability = registered::or_nothing(reader.ask(&path, versions::STORAGE, &body).await)?;
    Ok(match answer.name_available {
        Some(false) => Some(answer.message.unwrap_or_else(|| "the name is not available".into())),
        Some(true) | None => None,
    })
}

/// Makes a general purpose v2 account without shared keys and without public blobs.
pub(crate) async fn put_account(writer: &Writer, account: &ResourceId, region: &Region, sku: &str) -> Outcome<Answer> {
    let body = json!({
        "location": region.as_str(),
        "kind": "StorageV2",
        "sku": { "name": sku },
        "properties": {
            "allowBlobPublicAccess": false,
            "allowSharedKeyAccess": false,
            "minimumTlsVersion": "TLS1_2",
            "supportsHttpsTrafficOnly": true,
        },
    });
    writer.put(account.as_str(), versions::STORAGE, &body, None).await
}

/// Makes a private container.
pub(crate) async fn put_container(writer: &Writer, container: &ResourceId) -> Outcome<Answer> {
    let body = json!({ "properties": { "publicAccess": "None" } });
    writer.put(container.as_str(), versions::STORAGE, &body, None).await
}
