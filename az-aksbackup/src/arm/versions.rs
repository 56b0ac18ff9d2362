//! Every api-version with its reason, and what to do in a region or cloud that does not have it.

/// Clusters and trusted access. A cluster is written back as a whole, and an older version than the one that a property
/// came with would leave that property out: so the newest that was checked.
pub(crate) const MANAGED_CLUSTERS: &str = "2026-05-01";
/// Cluster extensions: the newest that was checked; later ones cover other types of the namespace.
pub(crate) const EXTENSIONS: &str = "2025-03-01";
/// Managed identities and federated credentials: the newest stable one.
pub(crate) const MANAGED_IDENTITY: &str = "2024-11-30";
/// Role assignments, role definitions and permissions: the newest stable one.
pub(crate) const AUTHORIZATION: &str = "2022-04-01";
/// Locks: the newest stable one.
pub(crate) const LOCKS: &str = "2020-05-01";
/// Storage accounts and containers: the newest that was checked.
pub(crate) const STORAGE: &str = "2026-04-01";
/// Everything of Azure Backup but the writing of vaults: the newest that was checked.
pub(crate) const DATA_PROTECTION: &str = "2026-06-01";
/// Writing a vault. From 2025-09-01 on a new vault may get soft delete `AlwaysOn`, which cannot be undone.
pub(crate) const BACKUP_VAULT_WRITE: &str = "2025-07-01";
/// Resource groups, providers, resources: the newest that was checked.
pub(crate) const RESOURCES: &str = "2025-04-01";
/// Resource Graph: the one that Microsoft's SDK asks in; `subscriptions` is optional in it, which means the whole tenant.
pub(crate) const RESOURCE_GRAPH: &str = "2021-03-01";
/// Subscriptions and tenants: the newest stable one.
pub(crate) const SUBSCRIPTIONS: &str = "2022-12-01";

/// Versions that have all that is used here, newest first, for places that lag behind.
const ALSO_GOOD: &[(&str, &[&str])] = &[
    (
        "microsoft.containerservice",
        &[
            "2026-05-01",
            "2026-04-01",
            "2026-03-01",
            "2026-02-01",
            "2026-01-01",
            "2025-10-01",
            "2025-09-01",
            "2025-08-01",
            "2025-07-01",
            "2025-05-01",
            "2025-04-01",
            "2025-03-01",
            "2025-02-01",
            "2025-01-01",
            "2024-09-01",
            "2024-08-01",
            "2024-07-01",
            "2024-05-01",
        ],
    ),
    (
        "microsoft.kubernetesconfiguration",
        &["2025-03-01", "2024-11-01", "2023-05-01"],
    ),
    ("microsoft.managedidentity", &["2024-11-30", "2023-01-31"]),
    ("microsoft.authorization", &["2022-04-01", "2020-05-01"]),
    (
        "microsoft.storage",
        &[
            "2026-04-01",
            "2025-08-01",
            "2025-06-01",
            "2025-01-01",
            "2024-01-01",
            "2023-05-01",
            "2023-01-01",
        ],
    ),
    (
        "microsoft.dataprotection",
        &[
            "2026-06-01",
            "2026-03-01",
            "2025-09-01",
            "2025-07-01",
            "2025-02-01",
            "2025-01-01",
            "2024-04-01",
        ],
    ),
    (
        "",
        &[
            "2025-04-01",
            "2024-11-01",
            "2024-03-01",
            "2022-12-01",
            "2022-09-01",
            "2021-04-01",
        ],
    ),
];

/// The newest version that is known as good, not newer than `wanted`, and offered by `refusal`, the text with which Azure
/// refused `wanted` for the resources of `kind` (`namespace/type`). `None` where the text offers none.
pub(crate) fn fallback(kind: &str, wanted: &str, refusal: &str) -> Option<&'static str> {
    let namespace = kind.split_once('/').map_or("", |(namespace, _)| namespace);
    let good = ALSO_GOOD
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(namespace))
        .or_else(|| ALSO_GOOD.iter().find(|(own, _)| own.is_empty()))?;
    let offered = dates(refusal);
    good.1
        .iter()
        .copied()
        .find(|version| *version < wanted && offered.iter().any(|date| date == version))
}

/// Whether an error code says that the api-version is not offered.
pub(crate) fn is_refusal(code: &str) -> bool {
    [
        "NoRegisteredProviderFound",
        "InvalidApiVersionParameter",
        "InvalidResourceType",
    ]
    .iter()
    .any(|known| known.eq_ignore_ascii_case(code))
}

/// The stable versions that a text names: dates that are not followed by `-preview`.
fn dates(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| {
            word.len() == 10
                && word.bytes().enumerate().all(|(at, byte)| {
                    if matches!(at, 4 | 7) {
                        byte == b'-'
                    } else {
                        byte.is_ascii_digit()
                    }
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: &str = "No registered resource provider found for location 'chinanorth3' and API version '2026-05-01' for \
                           type 'managedClusters'. The supported api-versions are '2024-05-01, 2024-09-01, \
                           2025-01-02-preview, 2027-01-01'.";

    #[test]
    fn the_newest_known_version_that_is_offered_is_taken() {
        let version = fallback("microsoft.containerservice/managedclusters", MANAGED_CLUSTERS, REFUSAL);
        assert_eq!(version, Some("2024-09-01"));
    }

    #[test]
    fn a_refusal_that_offers_nothing_known_stands() {
        assert_eq!(
            fallback("microsoft.storage/storageaccounts", STORAGE, "supported: '2015-06-15'"),
            None
        );
        assert_eq!(fallback("microsoft.storage/storageaccounts", STORAGE, ""), None);
    }

    #[test]
    fn a_vault_is_never_written_by_a_version_that_could_lock_it() {
        let text = "The supported api-versions are '2024-04-01, 2025-09-01, 2026-03-01'.";
        let version = fallback("microsoft.dataprotection/backupvaults", BACKUP_VAULT_WRITE, text);
        assert_eq!(version, Some("2024-04-01"));
    }

    #[test]
    fn every_version_in_use_heads_or_is_in_its_list() {
        let listed = |version| ALSO_GOOD.iter().any(|(_, good)| good.contains(&version));
        for version in [
            MANAGED_CLUSTERS,
            EXTENSIONS,
            MANAGED_IDENTITY,
            AUTHORIZATION,
            LOCKS,
            STORAGE,
        ] {
            assert!(listed(version), "{version}");
        }
        for version in [DATA_PROTECTION, BACKUP_VAULT_WRITE, RESOURCES, SUBSCRIPTIONS] {
            assert!(listed(version), "{version}");
        }
    }
}
