//! Identifiers as types with their real rules, so that nothing from a file or a flag comes near a URL unchecked.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not the identifier it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind}: {rule}")]
pub struct InvalidId {
    /// What it should have been.
    pub kind: &'static str,
    /// What it was.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(InvalidId { kind: $kind, text, rule: $rule }) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

fn length(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len())
}

fn alphanumeric_or(text: &str, others: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn begins_alphanumeric(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn ends_alphanumeric(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(i, c)| {
            if matches!(i, 8 | 13 | 18 | 23) {
                c == '-'
            } else {
                c.is_ascii_hexdigit()
            }
        })
}

fn is_dns_label(text: &str, max: usize) -> bool {
    length(text, 1, max)
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && begins_alphanumeric(text)
        && ends_alphanumeric(text)
}

identifier!(
    /// A tenant of Microsoft Entra.
    TenantId, "tenant id", "a GUID such as 00000000-0000-0000-0000-000000000000", is_guid
);
identifier!(
    /// An Azure subscription.
    SubscriptionId, "subscription id", "a GUID such as 00000000-0000-0000-0000-000000000000", is_guid
);
identifier!(
    /// The application (client) id of an identity: what a token is asked for.
    ClientId, "client id", "a GUID such as 00000000-0000-0000-0000-000000000000", is_guid
);
identifier!(
    /// The object id of an identity's service principal: what roles are assigned to.
    PrincipalId, "principal id", "a GUID such as 00000000-0000-0000-0000-000000000000", is_guid
);
identifier!(
    /// The name of a cloud, never a URL: `AzureCloud`, `AzureUSGovernment`, `AzureChinaCloud`, or one that ARM's
    /// metadata endpoint names.
    CloudName, "cloud name", "1 to 64 letters, digits, '-', '_' or '.'",
    |t| length(t, 1, 64) && alphanumeric_or(t, "-_.")
);
identifier!(
    /// An Azure region in its programmatic form.
    Region, "region", "lower-case letters and digits such as westeurope",
    |t| length(t, 1, 64) && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
);
identifier!(
    /// A resource group.
    ResourceGroupName, "resource group name", "1 to 90 letters, digits, '-', '_', '.', '(' or ')', not ending in '.'",
    |t| length(t, 1, 90) && alphanumeric_or(t, "-_.()") && !t.ends_with('.')
);
identifier!(
    /// An AKS cluster.
    ClusterName, "cluster name", "1 to 63 letters, digits, '-' or '_', beginning and ending alphanumeric",
    |t| length(t, 1, 63) && alphanumeric_or(t, "-_") && begins_alphanumeric(t) && ends_alphanumeric(t)
);
identifier!(
    /// A storage account.
    StorageAccountName, "storage account name", "3 to 24 lower-case letters and digits",
    |t| length(t, 3, 24) && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
);
identifier!(
    /// A blob container.
    ContainerName, "container name", "3 to 63 lower-case letters, digits and single '-', beginning and ending alphanumeric",
    |t| length(t, 3, 63) && is_dns_label(t, 63) && !t.contains("--")
);
identifier!(
    /// A Backup vault.
    VaultName, "vault name", "2 to 50 letters, digits or '-', beginning with a letter and ending alphanumeric",
    |t| length(t, 2, 50) && alphanumeric_or(t, "-") && t.starts_with(|c: char| c.is_ascii_alphabetic()) && ends_alphanumeric(t)
);
identifier!(
    /// A backup policy.
    PolicyName, "policy name", "3 to 150 letters, digits or '-', beginning and ending alphanumeric",
    |t| length(t, 3, 150) && alphanumeric_or(t, "-") && begins_alphanumeric(t) && ends_alphanumeric(t)
);
identifier!(
    /// A cluster extension, which is also Helm's release name.
    ExtensionName, "extension name", "1 to 53 lower-case letters, digits or '-', beginning and ending alphanumeric",
    |t| is_dns_label(t, 53)
);
identifier!(
    /// A backup instance.
    BackupInstanceName, "backup instance name", "3 to 150 letters, digits, '-' or '_', beginning and ending alphanumeric",
    |t| length(t, 3, 150) && alphanumeric_or(t, "-_") && begins_alphanumeric(t) && ends_alphanumeric(t)
);
identifier!(
    /// A federated identity credential.
    FederatedCredentialName, "federated credential name", "3 to 120 letters, digits, '-' or '_', beginning alphanumeric",
    |t| length(t, 3, 120) && alphanumeric_or(t, "-_") && begins_alphanumeric(t)
);
identifier!(
    /// A Kubernetes namespace, or another name that is a DNS label.
    NamespaceName, "namespace", "1 to 63 lower-case letters, digits or '-', beginning and ending alphanumeric",
    |t| is_dns_label(t, 63)
);
identifier!(
    /// A Kubernetes object whose name is a DNS subdomain: a service account, a deployment.
    ObjectName, "Kubernetes object name", "1 to 253 lower-case letters, digits, '-' or '.', beginning and ending alphanumeric",
    |t| length(t, 1, 253) && t.split('.').all(|label| is_dns_label(label, 253))
);
identifier!(
    /// The issuer of a cluster's service account tokens, kept byte for byte: the trailing slash counts.
    IssuerUrl, "issuer URL", "an https URL without user, query or fragment",
    |t| {
        t.strip_prefix("https://").is_some_and(|rest| {
            length(rest, 1, 1024) && begins_alphanumeric(rest) && alphanumeric_or(rest, "-._~/:")
        })
    }
);

impl IssuerUrl {
    /// The subject under which Kubernetes names a service account in its tokens.
    #[must_use]
    pub fn subject(namespace: &NamespaceName, service_account: &ObjectName) -> String {
        format!("system:serviceaccount:{namespace}:{service_account}")
    }
}

/// The ARM id of a resource or resource group. Azure changes the case of ids as it likes, so comparison ignores it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

const RESOURCE_RULE: &str = "expected /subscriptions/GUID/resourceGroups/NAME, optionally with /providers/NAMESPACE/TYPE/NAME and child resources";

impl ResourceId {
    /// The id of a resource group.
    #[must_use]
    pub fn group(subscription: &SubscriptionId, group: &ResourceGroupName) -> Self {
        Self(format!("/subscriptions/{subscription}/resourceGroups/{group}"))
    }

    /// The id of a resource `kind` (`Namespace/type`) directly in the group that this id lies in.
    #[must_use]
    pub fn resource(&self, kind: &str, name: &str) -> Self {
        Self(format!("{}/providers/{kind}/{name}", self.resource_group_id().0))
    }

    /// The id of a child such as `federatedIdentityCredentials/name`.
    #[must_use]
    pub fn child(&self, kind: &str, name: &str) -> Self {
        Self(format!("{}/{kind}/{name}", self.0))
    }

    /// The id of an extension resource such as an extension of a cluster.
    #[must_use]
    pub fn extension(&self, kind: &str, name: &str) -> Self {
        Self(format!("{}/providers/{kind}/{name}", self.0))
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn segments(&self) -> Vec<&str> {
        self.0.split('/').skip(1).collect()
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The subscription.
    #[must_use]
    pub fn subscription(&self) -> SubscriptionId {
        SubscriptionId(self.segments().get(1).copied().unwrap_or_default().to_owned())
    }

    /// The resource group.
    #[must_use]
    pub fn resource_group(&self) -> ResourceGroupName {
        ResourceGroupName(self.segments().get(3).copied().unwrap_or_default().to_owned())
    }

    /// The id of the resource group.
    #[must_use]
    pub fn resource_group_id(&self) -> Self {
        Self::group(&self.subscription(), &self.resource_group())
    }

    /// `Namespace/type` of the resource itself, empty for a group.
    #[must_use]
    pub fn kind(&self) -> String {
        let segments = self.segments();
        let Some(at) = segments.iter().rposition(|s| s.eq_ignore_ascii_case("providers")) else {
            return String::new();
        };
        let mut kind = segments.get(at + 1).copied().unwrap_or_default().to_owned();
        for part in segments.iter().skip(at + 2).step_by(2) {
            kind.push('/');
            kind.push_str(part);
        }
        kind
    }

    /// Whether the resource is of this `Namespace/type`, without regard to case.
    #[must_use]
    pub fn is_kind(&self, kind: &str) -> bool {
        self.kind().eq_ignore_ascii_case(kind)
    }

    /// Whether `self` is `scope` or lies below it: what an inherited role assignment covers. `scope` may also be a
    /// subscription (`/subscriptions/GUID`) or the root (`/`).
    #[must_use]
    pub fn is_within(&self, scope: &str) -> bool {
        let scope = scope.trim_end_matches('/').to_ascii_lowercase();
        let own = self.0.to_ascii_lowercase();
        own == scope || own.strip_prefix(&scope).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ResourceId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ResourceId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        let trimmed = text.trim_end_matches('/').to_owned();
        if is_resource_id(&trimmed) {
            Ok(Self(trimmed))
        } else {
            Err(InvalidId {
                kind: "resource id",
                text,
                rule: RESOURCE_RULE,
            })
        }
    }
}

fn is_resource_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else {
        return false;
    };
    let segments: Vec<&str> = rest.split('/').collect();
    let word = |i: usize, expected: &str| segments.get(i).is_some_and(|s| s.eq_ignore_ascii_case(expected));
    let safe = |s: &&str| length(s, 1, 260) && alphanumeric_or(s, "-_.()") && !s.chars().all(|c| c == '.');
    let tail = segments.len().saturating_sub(4);
    segments.iter().all(safe)
        && word(0, "subscriptions")
        && segments.get(1).is_some_and(|s| is_guid(s))
        && word(2, "resourceGroups")
        && segments.get(3).is_some_and(|s| ResourceGroupName::from_str(s).is_ok())
        && (tail == 0 || (word(4, "providers") && tail >= 4))
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";

    fn cluster() -> ResourceId {
        format!(
            "/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/aks"
        )
        .parse()
        .unwrap()
    }

    #[test]
    fn ids_are_equal_whatever_their_case() {
        let upper: ResourceId = cluster().as_str().to_uppercase().parse().unwrap();
        assert_eq!(upper, cluster());
    }

    #[test]
    fn an_id_knows_its_parts() {
        let id = cluster();
        assert_eq!(id.name(), "aks");
        assert_eq!(id.resource_group().as_str(), "rg-aks");
        assert_eq!(id.subscription().as_str(), SUBSCRIPTION);
        assert!(id.is_kind("microsoft.containerservice/managedclusters"));
        let extension = id.extension("Microsoft.KubernetesConfiguration/extensions", "azure-aks-backup");
        assert_eq!(extension.kind(), "Microsoft.KubernetesConfiguration/extensions");
        assert_eq!(
            id.child("trustedAccessRoleBindings", "b").kind(),
            "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings"
        );
    }

    #[test]
    fn a_scope_covers_itself_and_what_is_below_but_not_its_namesakes() {
        let id = cluster();
        assert!(id.is_within(&format!("/subscriptions/{SUBSCRIPTION}")));
        assert!(id.is_within("/"));
        assert!(id.is_within(&format!("/SUBSCRIPTIONS/{SUBSCRIPTION}/resourceGroups/RG-AKS/")));
        assert!(!id.is_within(&format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg")));
    }

    #[test]
    fn what_could_bend_a_url_is_no_id() {
        for bad in [
            "",
            "/",
            "/subscriptions/x/resourceGroups/rg",
            &format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/../other"),
            &format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg?x=y"),
            &format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/A.B/c"),
            &format!("https://evil/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"),
        ] {
            assert!(bad.parse::<ResourceId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_keep_to_the_rules_of_their_resource() {
        assert!("stbackup1".parse::<StorageAccountName>().is_ok());
        assert!("St-backup".parse::<StorageAccountName>().is_err());
        assert!("aks--backups".parse::<ContainerName>().is_err());
        assert!("https://oidc/x/".parse::<IssuerUrl>().is_ok());
        assert!("https://oidc/x?y".parse::<IssuerUrl>().is_err());
        assert!("https://user@oidc/".parse::<IssuerUrl>().is_err());
        assert!("AzureCloud".parse::<CloudName>().is_ok());
        assert!("https://evil".parse::<CloudName>().is_err());
        assert!("a..b".parse::<ObjectName>().is_err());
    }
}
