//! What a path points at, in people's words.

/// Resource types as people call them; the last part of `Namespace/type/type` in lower case.
const KINDS: &[(&str, &str)] = &[
    ("managedclusters", "cluster"),
    ("trustedaccessrolebindings", "Trusted Access role binding"),
    ("extensions", "extension"),
    ("storageaccounts", "storage account"),
    ("containers", "container"),
    ("backupvaults", "Backup vault"),
    ("backuppolicies", "backup policy"),
    ("backupinstances", "backup instance"),
    ("backupjobs", "backup job"),
    ("recoverypoints", "recovery point"),
    ("userassignedidentities", "managed identity"),
    ("federatedidentitycredentials", "federated credential"),
    ("roleassignments", "role assignment"),
    ("roledefinitions", "role definition"),
    ("permissions", "permissions"),
    ("locks", "lock"),
    ("resourcegroups", "resource group"),
    ("subscriptions", "subscription"),
    ("providers", "resource provider"),
    ("resources", "resources"),
    ("operations", "operation"),
];

/// What an ARM path points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// Such as `storage account stbackup`, `storage accounts of resource group rg` or `cluster aks`.
    pub(crate) words: String,
    /// The action of a POST, such as `validateForBackup`.
    pub(crate) action: Option<String>,
    /// `namespace/type` of a provider's resource in lower case, such as `microsoft.storage/storageaccounts`; of ARM's own
    /// resources the last type's name.
    pub(crate) kind: String,
}

/// Names what `path` (with or without query) points at. `post` says that the last segment is an action.
pub(crate) fn of(path: &str, post: bool) -> Object {
    let path = path.split('?').next().unwrap_or_default();
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let action = (post && !segments.is_empty()).then(|| segments.pop().unwrap_or_default().to_owned());
    let pairs = pairs(&segments);
    let words = match pairs.as_slice() {
        [] => "Azure".to_owned(),
        [.., (kind, Some(name))] => format!("{} {name}", word(kind)),
        [(kind, None)] => plural(word(kind)),
        [.., (parent, name), (kind, None)] => {
            format!(
                "{} of {} {}",
                plural(word(kind)),
                word(parent),
                name.unwrap_or_default()
            )
        }
    };
    Object {
        words,
        action,
        kind: kind(&segments),
    }
}

/// Types with their names, in order; the last name is missing in the path of a list. Namespaces are left out.
fn pairs<'a>(segments: &[&'a str]) -> Vec<(&'a str, Option<&'a str>)> {
    let mut pairs = Vec::new();
    let mut rest = segments;
    while let [kind, tail @ ..] = rest {
        let provider = kind.eq_ignore_ascii_case("providers");
        match tail {
            [name] if provider => {
                pairs.push((*kind, Some(*name)));
                rest = &[];
            }
            [_, tail @ ..] if provider => rest = tail,
            [name, tail @ ..] => {
                pairs.push((*kind, Some(*name)));
                rest = tail;
            }
            [] => {
                pairs.push((*kind, None));
                rest = &[];
            }
        }
    }
    pairs
}

fn kind(segments: &[&str]) -> String {
    let at = segments
        .iter()
        .rposition(|segment| segment.eq_ignore_ascii_case("providers"));
    let parts = match at.and_then(|at| segments.get(at + 1..)) {
        Some([namespace, kind, ..]) => [*namespace, *kind].join("/"),
        Some(_) | None => pairs(segments)
            .last()
            .map(|(kind, _)| (*kind).to_owned())
            .unwrap_or_default(),
    };
    parts.to_ascii_lowercase()
}

fn word(kind: &str) -> &str {
    KINDS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(kind))
        .map_or(kind, |(_, word)| word)
}

fn plural(word: &str) -> String {
    match word.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if word.ends_with('s') => word.to_owned(),
        None => format!("{word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    const GROUP: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg";

    #[test]
    fn a_path_reads_as_kind_and_name() {
        let words = |tail: &str| of(&format!("{GROUP}{tail}"), false).words;
        assert_eq!(words(""), "resource group rg");
        assert_eq!(
            words("/providers/Microsoft.Storage/storageAccounts/st1"),
            "storage account st1"
        );
        assert_eq!(
            words("/providers/Microsoft.Storage/storageAccounts"),
            "storage accounts of resource group rg"
        );
        assert_eq!(
            words(
                "/providers/Microsoft.ContainerService/managedClusters/c/providers/Microsoft.KubernetesConfiguration/extensions/e?x=y"
            ),
            "extension e"
        );
        assert_eq!(
            words("/providers/Microsoft.DataProtection/backupVaults/v/backupPolicies"),
            "backup policies of Backup vault v"
        );
        assert_eq!(of("/subscriptions", false).words, "subscriptions");
        assert_eq!(
            of("/subscriptions/s/providers/Microsoft.Storage", false).words,
            "resource provider Microsoft.Storage"
        );
    }

    #[test]
    fn a_post_has_an_action_on_its_object() {
        let object = of(
            &format!("{GROUP}/providers/Microsoft.DataProtection/backupVaults/v/validateForBackup"),
            true,
        );
        assert_eq!(
            (object.words.as_str(), object.action.as_deref()),
            ("Backup vault v", Some("validateForBackup"))
        );
        assert_eq!(object.kind, "microsoft.dataprotection/backupvaults");
        let register = of("/subscriptions/s/providers/Microsoft.Storage/register", true);
        assert_eq!(register.words, "resource provider Microsoft.Storage");
    }
}
