//! Built-in roles, as far as the model needs them.

/// A role definition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Role {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) actions: &'static [&'static str],
    pub(crate) not_actions: &'static [&'static str],
    pub(crate) data_actions: &'static [&'static str],
}

/// The role of that name or of that GUID (with or without a path in front).
pub(crate) fn find(role: &str) -> Option<&'static Role> {
    let last = role.rsplit('/').next().unwrap_or(role);
    ROLES
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(role) || known.id.eq_ignore_ascii_case(last))
}

/// Whether `pattern`, with `*` for any text, is the action; without case.
pub(crate) fn permits(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut rest = action.as_str();
    let mut parts = pattern.split('*').peekable();
    let Some(head) = parts.next() else { return false };
    let Some(tail) = rest.strip_prefix(head) else {
        return false;
    };
    rest = tail;
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(position) = rest.find(part) else { return false };
        rest = &rest[position + part.len()..];
    }
    rest.is_empty()
}

const fn role(
    id: &'static str,
    name: &'static str,
    actions: &'static [&'static str],
    not_actions: &'static [&'static str],
    data_actions: &'static [&'static str],
) -> Role {
    Role {
        id,
        name,
        actions,
        not_actions,
        data_actions,
    }
}

/// A custom role. It lives as long as the program, as the built-in ones do.
pub(crate) fn custom(actions: &[String]) -> &'static Role {
    let text = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let actions: Vec<&'static str> = actions.iter().cloned().map(text).collect();
    let role = role(
        text(super::ids::fresh()),
        "custom",
        Box::leak(actions.into_boxed_slice()),
        &[],
        &[],
    );
    Box::leak(Box::new(role))
}

const GROUPS: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
const BLOB_READ: &str = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read";

/// All roles, with the GUIDs of Microsoft's list of built-in roles.
pub(crate) const ROLES: &[Role] = &[
    role("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", &["*"], &[], &[]),
    role(
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Contributor",
        &["*"],
        &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
        ],
        &[],
    ),
    role("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", &["*/read"], &[], &[]),
    role(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        &[],
        &[],
    ),
    role(
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Role Based Access Control Administrator",
        &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
        &[],
        &[],
    ),
    role(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/delete",
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/containers/write",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        &[],
        &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete",
            BLOB_READ,
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/move/action",
            "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
        ],
    ),
    role(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
        &["Microsoft.Storage/storageAccounts/blobServices/containers/*"],
        &[],
        &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
    ),
    role(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        &[
            "Microsoft.Storage/storageAccounts/blobServices/containers/read",
            "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
        ],
        &[],
        &[BLOB_READ],
    ),
    role(
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "Storage Account Contributor",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/deployments/*",
            GROUPS,
            "Microsoft.Storage/storageAccounts/*",
        ],
        &[],
        &[],
    ),
    role(
        "7efff54f-a5b4-42b5-a1c5-5411624893ce",
        "Disk Snapshot Contributor",
        &[
            "Microsoft.Authorization/*/read",
            GROUPS,
            "Microsoft.Compute/snapshots/delete",
            "Microsoft.Compute/snapshots/write",
            "Microsoft.Compute/snapshots/read",
            "Microsoft.Compute/snapshots/beginGetAccess/action",
            "Microsoft.Compute/snapshots/endGetAccess/action",
            "Microsoft.Compute/disks/beginGetAccess/action",
        ],
        &[],
        &[],
    ),
    role(
        "959f8984-c045-4866-89c7-12bf9737be2e",
        "Data Operator for Managed Disks",
        &[],
        &[],
        &[
            "Microsoft.Compute/disks/download/action",
            "Microsoft.Compute/disks/upload/action",
            "Microsoft.Compute/snapshots/download/action",
            "Microsoft.Compute/snapshots/upload/action",
        ],
    ),
    role(
        "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24",
        "Disk Backup Reader",
        &[
            "Microsoft.Authorization/*/read",
            GROUPS,
            "Microsoft.Compute/disks/read",
            "Microsoft.Compute/disks/beginGetAccess/action",
        ],
        &[],
        &[],
    ),
    role(
        "5e467623-bb1f-42f4-a55d-6e525e11384b",
        "Backup Contributor",
        &[
            "Microsoft.Authorization/*/read",
            GROUPS,
            "Microsoft.RecoveryServices/*",
            "Microsoft.Storage/storageAccounts/read",
            "Microsoft.DataProtection/backupVaults/*",
            "Microsoft.DataProtection/locations/*",
            "Microsoft.DataProtection/backupInstances/*",
            "Microsoft.DataProtection/operations/read",
            "Microsoft.DataProtection/subscriptions/providers/resourceGuards/read",
        ],
        &[],
        &[],
    ),
    role(
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        "Managed Identity Contributor",
        &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/*",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/deployments/*",
            GROUPS,
        ],
        &[],
        &[],
    ),
    role(
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "Managed Identity Operator",
        &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            "Microsoft.Authorization/*/read",
            GROUPS,
        ],
        &[],
        &[],
    ),
    role(
        "ed7f3fbd-7b88-4dd4-9017-9adb7ce333f8",
        "Azure Kubernetes Service Contributor Role",
        &[
            "Microsoft.Authorization/*/read",
            "Microsoft.ContainerService/locations/*",
            "Microsoft.ContainerService/managedClusters/*",
            GROUPS,
        ],
        &[],
        &[],
    ),
    role(
        "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b",
        "Azure Kubernetes Service RBAC Cluster Admin",
        &[
            "Microsoft.Authorization/*/read",
            GROUPS,
            "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
        ],
        &[],
        &["Microsoft.ContainerService/managedClusters/*"],
    ),
    role(
        "85cb6faf-e071-4c9b-8136-154b5a04f717",
        "Kubernetes Extension Contributor",
        &[
            "Microsoft.Authorization/*/read",
            GROUPS,
            "Microsoft.KubernetesConfiguration/extensions/write",
            "Microsoft.KubernetesConfiguration/extensions/read",
            "Microsoft.KubernetesConfiguration/extensions/delete",
            "Microsoft.KubernetesConfiguration/extensions/operations/read",
        ],
        &[],
        &[],
    ),
];

#[cfg(test)]
mod tests {
    use super::{find, permits};

    #[test]
    fn wildcards_stand_for_any_text() {
        assert!(permits("*", "Microsoft.X/y/read"));
        assert!(permits("*/read", "microsoft.storage/storageAccounts/read"));
        assert!(!permits("*/read", "Microsoft.Storage/storageAccounts/readAll"));
        assert!(permits(
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/roleAssignments/write"
        ));
        assert!(!permits(
            "Microsoft.Storage/storageAccounts/read",
            "Microsoft.Storage/storageAccounts/read/x"
        ));
        assert!(!permits("Microsoft.Storage/*", "Microsoft.Compute/disks/read"));
    }

    #[test]
    fn a_role_is_found_by_name_guid_or_id() {
        assert_eq!(find("reader").unwrap().name, "Reader");
        let id =
            "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";
        assert_eq!(find(id).unwrap().name, "Reader");
        assert!(find("nobody").is_none());
    }
}
