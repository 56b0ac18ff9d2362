//! Subscriptions, resource groups, and management locks.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{Region, ResourceId, SubscriptionId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::marker::Origin;
use crate::arm::{roles, versions};

/// A subscription.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    /// Its name for people.
    #[serde(default)]
    pub(crate) display_name: String,
    /// `Enabled`, `Warned`, `PastDue`, `Disabled` or `Deleted`.
    pub(crate) state: Option<String>,
    /// The tenant that it trusts.
    pub(crate) tenant_id: Option<String>,
}

/// A resource group. Its location is only that of its metadata: resources in it may be elsewhere.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Group {
    /// Its tags.
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// A management lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Lock {
    /// Its id, which shows what it lies on.
    pub(crate) id: String,
    /// Its kind.
    pub(crate) properties: LockProperties,
}

/// Properties of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct LockProperties {
    /// `CanNotDelete` or `ReadOnly`.
    pub(crate) level: String,
}

/// A subscription; `None` where the caller sees none of this id.
pub(crate) async fn subscription(reader: &Reader, id: &SubscriptionId) -> Outcome<Option<Subscription>> {
    reader
        .get(&format!("/subscriptions/{id}"), versions::SUBSCRIPTIONS)
        .await
}

/// A group; `None` where there is none.
pub(crate) async fn group(reader: &Reader, group: &ResourceId) -> Outcome<Option<Group>> {
    reader.get(group.as_str(), versions::RESOURCES).await
}

/// Whether the caller is known to be unable to create resource groups in a subscription. The operation isn't published, so that any
/// failure of it means "unknown": the creation of a group shows it.
pub(crate) async fn cannot_create(reader: &Reader, subscription: &SubscriptionId) -> bool {
    const CREATE: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";
    let roles = roles::permissions_in(reader, subscription).await;
    roles.is_ok_and(|roles| !roles::allows(&roles, CREATE))
}

/// Makes a group, marked as created for a cluster. On an existing one this would replace its tags.
pub(crate) async fn put_group(
    writer: &Writer,
    group: &ResourceId,
    region: &Region,
    origin: &Origin,
) -> Outcome<Answer> {
    let body = body(group, region, origin);
    writer.put(group.as_str(), versions::RESOURCES, &body, None).await
}

/// The body of a new group.
pub(crate) fn body(group: &ResourceId, region: &Region, origin: &Origin) -> Value {
    json!({ "location": region.as_str(), "tags": origin.tags(group) })
}

/// Deletes a group with everything in it.
pub(crate) async fn delete_group(writer: &Writer, group: &ResourceId) -> Outcome<Answer> {
    writer.delete(group.as_str(), versions::RESOURCES).await
}

/// The locks on a scope and above it, not those on single resources within.
pub(crate) async fn locks(reader: &Reader, scope: &ResourceId) -> Outcome<Vec<Lock>> {
    let path = format!("{scope}/providers/Microsoft.Authorization/locks?$filter=atScope()");
    reader.list(&path, versions::LOCKS).await
}
