//! Names and ids of the world that the sandbox starts with.

use uuid::Uuid;

/// "Contoso", the tenant of everything but one subscription.
pub const TENANT: &str = "4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10";
/// "Fabrikam", a second tenant, which people can also sign in to by mistake.
pub const OTHER_TENANT: &str = "72d0c9b4-1f55-4a0e-9d3b-8f0e5b6c7a11";
/// "Contoso Backup": the subscription that everything lies in.
pub const SUBSCRIPTION: &str = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
/// "Contoso Other": an empty second subscription.
pub const OTHER_SUBSCRIPTION: &str = "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22";
/// "Fabrikam Backup": an empty subscription of the second tenant.
pub const FOREIGN_SUBSCRIPTION: &str = "a3c1d7e2-64b8-4f0d-9c27-1e5f8b0d6a33";
/// "Contoso 1" and so on: empty subscriptions of the first tenant, on which no one has a role.
pub const MORE_SUBSCRIPTIONS: [&str; 8] = [
    "10000000-5f0e-4d3a-8b21-6c9d4e7f1a01",
    "10000000-5f0e-4d3a-8b21-6c9d4e7f1a02",
    "10000000-5f0e-4d3a-8b21-6c9d4e7f1a03",
    "10000000-5f0e-4d3a-8b21-6c9d4e7f1a04",
    "10000000-5f0e-4d3a-8b21-6c9d4e7f1a05",
    "10000000-5f0e-4d3a-8b21-6c9d4e7f1a06",
    "10000000-5f0e-4d3a-8b21-6c9d4e7f1a07",
    "10000000-5f0e-4d3a-8b21-6c9d4e7f1a08",
];
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

/// The tenant of a subscription, `None` where there is no such subscription.
pub(crate) fn tenant_of(subscription: &str) -> Option<&'static str> {
    let all = [
        (SUBSCRIPTION, TENANT),
        (OTHER_SUBSCRIPTION, TENANT),
        (FOREIGN_SUBSCRIPTION, OTHER_TENANT),
    ];
    let more = MORE_SUBSCRIPTIONS.map(|known| (known, TENANT));
    let mut own = all
        .iter()
        .chain(&more)
        .filter(|(known, _)| known.eq_ignore_ascii_case(subscription));
    own.next().map(|(_, tenant)| *tenant)
}

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
