//! Lists of AKS clusters: what a list says of each, without the rest of the body.

use std::collections::BTreeMap;

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{ResourceGroupName, ResourceId, SubscriptionId};
use serde::Deserialize;

use crate::arm::backups::DATASOURCE_TYPE;
use crate::arm::client::Reader;
use crate::arm::{registered, versions};

/// An AKS cluster in a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Listed {
    /// Its resource ID.
    pub(crate) id: ResourceId,
    /// Its region as Azure writes it.
    #[serde(default)]
    pub(crate) location: String,
    /// Its tags.
    pub(crate) tags: Option<BTreeMap<String, String>>,
    /// The rest.
    #[serde(default)]
    pub(crate) properties: Properties,
}

/// Properties of a cluster in a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Properties {
    /// The version that was asked for, which can be without its last number.
    pub(crate) kubernetes_version: Option<String>,
    /// The version that runs.
    pub(crate) current_kubernetes_version: Option<String>,
    /// Whether its nodes are switched on.
    pub(crate) power_state: Option<PowerState>,
}

/// Whether nodes are switched on.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PowerState {
    /// `Running` or `Stopped`.
    pub(crate) code: Option<String>,
}

/// Returns the clusters of a subscription, or of one of its resource groups. A resource group that doesn't exist has none.
///
/// # Errors
/// Exit 4: the signed-in account isn't authorized to list them.
pub(crate) async fn clusters(
    reader: &Reader,
    subscription: &SubscriptionId,
    group: Option<&ResourceGroupName>,
) -> Outcome<Vec<Listed>> {
    let scope = match group {
        Some(group) => ResourceId::group(subscription, group).to_string(),
        None => format!("/subscriptions/{subscription}"),
    };
    let path = format!("{scope}/providers/{DATASOURCE_TYPE}");
    match registered::or_nothing(reader.list(&path, versions::MANAGED_CLUSTERS).await) {
        Err(failure) if group.is_some() && failure.exit == Exit::Missing => Ok(Vec::new()),
        read => read,
    }
}
