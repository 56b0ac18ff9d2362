//! Resource providers of a subscription.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::SubscriptionId;
use serde::Deserialize;

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::versions;

/// The resource providers that the set-up uses.
pub(crate) const PROVIDERS: [&str; 5] = [
    "Microsoft.ContainerService",
    "Microsoft.DataProtection",
    "Microsoft.KubernetesConfiguration",
    "Microsoft.ManagedIdentity",
    "Microsoft.Storage",
];

/// A resource provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Provider {
    /// `NotRegistered`, `Registering`, `Registered`, `Unregistering` or `Unregistered`.
    pub(crate) registration_state: Option<String>,
}

/// A provider; `None` where Azure knows none of this namespace.
pub(crate) async fn provider(
    reader: &Reader,
    subscription: &SubscriptionId,
    namespace: &str,
) -> Outcome<Option<Provider>> {
    let path = format!("/subscriptions/{subscription}/providers/{namespace}");
    reader.get(&path, versions::RESOURCES).await
}

/// Asks for a provider's registration, which goes on for up to ten minutes.
pub(crate) async fn register(writer: &Writer, subscription: &SubscriptionId, namespace: &str) -> Outcome<Answer> {
    let path = format!("/subscriptions/{subscription}/providers/{namespace}/register");
    writer.post(&path, versions::RESOURCES, None).await
}
