//! What there is: lists to choose from.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{ResourceId, SubscriptionId};
use serde::Deserialize;
use serde_json::Value;

use crate::arm::client::Reader;
use crate::arm::versions;

/// A subscription that the caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Visible {
    /// Its id.
    pub(crate) subscription_id: SubscriptionId,
    /// Its name for people.
    #[serde(default)]
    pub(crate) display_name: String,
}

/// A resource as ARM lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) id: ResourceId,
    /// Its name.
    pub(crate) name: String,
    /// Its region as Azure writes it.
    #[serde(default)]
    pub(crate) location: String,
    /// Such as `StorageV2`.
    pub(crate) kind: Option<String>,
}

/// Name and `properties` of a policy.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ListedPolicy {
    /// Its name.
    pub(crate) name: String,
    /// Its properties.
    #[serde(default)]
    pub(crate) properties: Value,
}

impl ListedPolicy {
    /// Whether it is for AKS clusters.
    pub(crate) fn is_for_clusters(&self) -> bool {
        is_for_clusters(&self.properties)
    }
}

/// Whether a policy's `properties` are for AKS clusters.
pub(crate) fn is_for_clusters(properties: &Value) -> bool {
    let types = properties.get("datasourceTypes").and_then(Value::as_array);
    let mut types = types.into_iter().flatten().filter_map(Value::as_str);
    types.any(|kind| kind.eq_ignore_ascii_case(crate::arm::backups::DATASOURCE_TYPE))
}

/// The subscriptions that the caller sees, in Azure's order.
pub(crate) async fn subscriptions(reader: &Reader) -> Outcome<Vec<Visible>> {
    reader.list("/subscriptions", versions::SUBSCRIPTIONS).await
}

/// The groups of a subscription that the caller sees.
pub(crate) async fn groups(reader: &Reader, subscription: &SubscriptionId) -> Outcome<Vec<Listed>> {
    let path = format!("/subscriptions/{subscription}/resourceGroups");
    reader.list(&path, versions::RESOURCES).await
}

/// The resources of type `kind` in a subscription that the caller sees.
pub(crate) async fn resources(reader: &Reader, subscription: &SubscriptionId, kind: &str) -> Outcome<Vec<Listed>> {
    let path = format!("/subscriptions/{subscription}/resources?$filter=resourceType eq '{kind}'");
    reader.list(&path, versions::RESOURCES).await
}

/// Everything in a group that the caller sees.
pub(crate) async fn in_group(reader: &Reader, group: &ResourceId) -> Outcome<Vec<Listed>> {
    reader.list(&format!("{group}/resources"), versions::RESOURCES).await
}

/// The policies of a vault.
pub(crate) async fn policies(reader: &Reader, vault: &ResourceId) -> Outcome<Vec<ListedPolicy>> {
    reader
        .list(&format!("{vault}/backupPolicies"), versions::DATA_PROTECTION)
        .await
}

#[cfg(test)]
mod tests {
    use super::is_for_clusters;
    use serde_json::json;

    #[test]
    fn a_policy_for_disks_is_not_for_clusters() {
        assert!(is_for_clusters(
            &json!({"datasourceTypes": ["microsoft.containerservice/managedclusters"]})
        ));
        assert!(!is_for_clusters(
            &json!({"datasourceTypes": ["Microsoft.Compute/disks"]})
        ));
        assert!(!is_for_clusters(&json!({})));
    }
}
