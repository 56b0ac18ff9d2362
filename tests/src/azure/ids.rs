//! Names and ids of the world that the sandbox starts with.

use uuid::Uuid;

/// The tenant of everything.
pub const TENANT: &str = "4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10";
/// A second tenant that people can sign in to by mistake; nothing lies in it.
pub const OTHER_TENANT: &str = "72d0c9b4-1f55-4a0e-9d3b-8f0e5b6c7a11";
/// "Contoso Backup": the subscription that everything lies in.
pub const SUBSCRIPTION: &str = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
/// "Contoso Other": an empty second subscription.
pub const OTHER_SUBSCRIPTION: &str = "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22";
/// Location of everything but rg-elsewhere.
pub const LOCATION: &str = "westeurope";
/// Group of the cluster.
pub const CLUSTER_GROUP: &str = "rg-aks";
/// The cluster.
pub const CLUSTER: &str = "aks-demo";
/// Its node resource group.
pub const NODE_GROUP: &str = "MC_rg-aks_aks-demo_westeurope";
/// Group of vault and storage.
pub const BACKUP_GROUP: &str = "rg-backup";
/// Group of the snapshots.
pub const SNAPSHOT_GROUP: &str = "rg-snapshots";
/// A group in northeurope.
pub const ELSEWHERE_GROUP: &str = "rg-elsewhere";

const NAMES: Uuid = Uuid::from_u128(0x6f0f_6f2e_5d0c_4c55_9c1e_2b1a_7d3e_9a40);

/// A stable id for `name`.
#[must_use]
pub fn named(name: &str) -> String {
    Uuid::new_v5(&NAMES, name.as_bytes()).to_string()
}

/// A new id.
pub(crate) fn fresh() -> String {
    Uuid::new_v4().to_string()
}

/// ARM id of the subscription.
#[must_use]
pub fn subscription_id() -> String {
    format!("/subscriptions/{SUBSCRIPTION}")
}

/// ARM id of a group of the subscription.
#[must_use]
pub fn group_id(group: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}")
}

/// ARM id of the cluster.
#[must_use]
pub fn cluster_id() -> String {
    format!(
        "{}/providers/Microsoft.ContainerService/managedClusters/{CLUSTER}",
        group_id(CLUSTER_GROUP)
    )
}
