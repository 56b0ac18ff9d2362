//! Where a resource is, as templates name it.

use aksbackup_shared::ids::ResourceId;

/// The type of a resource group, which has none in its ID.
const GROUP: &str = "Microsoft.Resources/resourceGroups";

/// The parts of a resource ID.
pub(super) struct Place<'a> {
    /// The type, such as `Microsoft.Storage/storageAccounts`.
    pub(super) kind: String,
    /// The names, one for each part of the type.
    pub(super) names: Vec<&'a str>,
    /// What an extension resource is on, without its resource group, such as
    /// `Microsoft.ContainerService/managedClusters/aks`.
    pub(super) on: Option<&'a str>,
    /// The ID of what it is in or on.
    pub(super) parent: &'a str,
}

impl<'a> Place<'a> {
    /// Takes an ID apart.
    pub(super) fn of(id: &'a ResourceId) -> Self {
        let text = id.as_str();
        let parent = up(text, 2);
        let kind = id.kind();
        if kind.is_empty() {
            let parent = up(text, 2);
            return Self {
                kind: GROUP.to_owned(),
                names: vec![id.name()],
                on: None,
                parent,
            };
        }
        let depth = kind.split('/').count() - 1;
        // The namespace stands between `/providers/` and the first part of the type.
        let own = up(text, depth * 2);
        let scope = up(own, 2);
        let group = id.resource_group_id().as_str().len();
        let on = scope.get(group..).unwrap_or_default().strip_prefix("/providers/");
        let parts = text.get(own.len() + 1..).unwrap_or_default().split('/');
        Self {
            names: parts.skip(1).step_by(2).collect(),
            on,
            parent: if depth == 1 { scope } else { parent },
            kind,
        }
    }
}

/// The path without its last `parts`.
fn up(path: &str, parts: usize) -> &str {
    (0..parts).fold(path, |path, _| path.rsplit_once('/').map_or("", |(above, _)| above))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP_ID: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg";

    fn place(tail: &str) -> (String, String, Option<String>, String) {
        let id: ResourceId = format!("{GROUP_ID}{tail}").parse().unwrap();
        let place = Place::of(&id);
        let parent = place.parent.replace(GROUP_ID, "G");
        (place.kind, place.names.join("/"), place.on.map(str::to_owned), parent)
    }

    fn expected(kind: &str, names: &str, on: Option<&str>, parent: &str) -> (String, String, Option<String>, String) {
        (kind.into(), names.into(), on.map(str::to_owned), parent.into())
    }

    #[test]
    fn groups_resources_children_and_extension_resources_are_told_apart() {
        let subscription = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590";
        assert_eq!(place(""), expected(GROUP, "rg", None, subscription));
        let storage = "Microsoft.Storage/storageAccounts";
        assert_eq!(
            place("/providers/Microsoft.Storage/storageAccounts/st"),
            expected(storage, "st", None, "G")
        );
        assert_eq!(
            place("/providers/Microsoft.Storage/storageAccounts/st/blobServices/default/containers/c"),
            expected(
                "Microsoft.Storage/storageAccounts/blobServices/containers",
                "st/default/c",
                None,
                "G/providers/Microsoft.Storage/storageAccounts/st/blobServices/default"
            )
        );
        let cluster = "Microsoft.ContainerService/managedClusters/aks";
        assert_eq!(
            place(&format!(
                "/providers/{cluster}/providers/Microsoft.KubernetesConfiguration/extensions/e"
            )),
            expected(
                "Microsoft.KubernetesConfiguration/extensions",
                "e",
                Some(cluster),
                &format!("G/providers/{cluster}")
            )
        );
        assert_eq!(
            place("/providers/Microsoft.Authorization/roleAssignments/r"),
            expected("Microsoft.Authorization/roleAssignments", "r", None, "G")
        );
    }
}
