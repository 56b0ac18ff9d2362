//! Storage accounts and their blob containers, through ARM alone: no key, no data role.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{Region, ResourceId, StorageAccountName, SubscriptionId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::marker::Origin;
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
    /// Its tags.
    pub(crate) tags: Option<BTreeMap<String, String>>,
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
    /// `available` or `unavailable`.
    pub(crate) status_of_primary: Option<String>,
    /// `Enabled`, `Disabled` or `SecuredByPerimeter`.
    pub(crate) public_network_access: Option<String>,
    /// Its private endpoints.
    pub(crate) private_endpoint_connections: Option<Vec<EndpointConnection>>,
}

/// A private endpoint of an account.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EndpointConnection {
    /// Its name.
    #[serde(default)]
    pub(crate) name: String,
    /// The rest.
    #[serde(default)]
    pub(crate) properties: EndpointProperties,
}

/// Properties of a private endpoint.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EndpointProperties {
    /// Whether somebody has approved it.
    pub(crate) private_link_service_connection_state: Option<Approval>,
}

/// Whether a private endpoint was approved.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Approval {
    /// `Pending`, `Approved`, `Rejected` or `Disconnected`.
    pub(crate) status: Option<String>,
}

impl EndpointConnection {
    /// Azure's word for its approval.
    pub(crate) fn status(&self) -> &str {
        let state = self.properties.private_link_service_connection_state.as_ref();
        state.and_then(|state| state.status.as_deref()).unwrap_or("Pending")
    }
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
    /// Who passes by the rules, such as `Logging, AzureServices`.
    pub(crate) bypass: Option<String>,
    /// Subnets that are let in.
    #[serde(default)]
    pub(crate) virtual_network_rules: Vec<SubnetRule>,
    /// Addresses that are let in.
    #[serde(default)]
    pub(crate) ip_rules: Vec<serde_json::Value>,
}

/// A subnet that an account lets in.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SubnetRule {
    /// The subnet.
    pub(crate) id: String,
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

/// A container.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Container {
    /// The rest.
    #[serde(default)]
    pub(crate) properties: ContainerProperties,
}

/// What keeps blobs of a container from being changed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerProperties {
    /// A policy that keeps them for a time.
    pub(crate) has_immutability_policy: Option<bool>,
    /// A legal hold.
    pub(crate) has_legal_hold: Option<bool>,
    /// Whether it was deleted, and is only kept.
    pub(crate) deleted: Option<bool>,
}

/// The id of a container.
pub(crate) fn container_id(account: &ResourceId, container: &str) -> ResourceId {
    account.child("blobServices/default/containers", container)
}

/// An account; `None` where there is none.
pub(crate) async fn account(reader: &Reader, account: &ResourceId) -> Outcome<Option<Account>> {
    registered::or_nothing(reader.get(account.as_str(), versions::STORAGE).await)
}

/// A container. Without its account, or while that is being made, there is none.
pub(crate) async fn container(reader: &Reader, container: &ResourceId) -> Outcome<Option<Container>> {
    let found = reader.get::<Container>(container.as_str(), versions::STORAGE).await;
    match registered::or_nothing(found) {
        Err(failure) if failure.has_code("StorageAccountIsNotProvisioned") => Ok(None),
        found => found,
    }
}

/// Whether a container exists, as [`container`].
pub(crate) async fn has_container(reader: &Reader, id: &ResourceId) -> Outcome<bool> {
    Ok(container(reader, id).await?.is_some())
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
        Some(false) => Some(answer.message.unwrap_or_else(|| "the name isn't available".into())),
        Some(true) | None => None,
    })
}

/// Makes a general purpose v2 account without shared keys and without public blobs, marked as created for a cluster.
pub(crate) async fn put_account(
    writer: &Writer,
    account: &ResourceId,
    new: (&Region, &str),
    origin: &Origin,
) -> Outcome<Answer> {
    let body = account_body(account, new, origin);
    writer.put(account.as_str(), versions::STORAGE, &body, None).await
}

/// The body of a new account.
pub(crate) fn account_body(account: &ResourceId, (region, sku): (&Region, &str), origin: &Origin) -> Value {
    json!({
        "location": region.as_str(),
        "tags": origin.tags(account),
        "kind": "StorageV2",
        "sku": { "name": sku },
        "properties": {
            "allowBlobPublicAccess": false,
            "allowSharedKeyAccess": false,
            "minimumTlsVersion": "TLS1_2",
            "supportsHttpsTrafficOnly": true,
        },
    })
}

/// Makes a private container.
pub(crate) async fn put_container(writer: &Writer, container: &ResourceId) -> Outcome<Answer> {
    let body = container_body();
    writer.put(container.as_str(), versions::STORAGE, &body, None).await
}

/// The body of a new container.
pub(crate) fn container_body() -> Value {
    json!({ "properties": { "publicAccess": "None" } })
}
