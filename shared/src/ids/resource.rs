//! ARM ids.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::letters::{folded, same};
use crate::ids::names::{InvalidId, ResourceGroupName, SubscriptionId, alphanumeric_or, is_guid, length};

/// The ARM id of a resource or resource group. Azure changes the case of ids as it likes, so comparison ignores it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId(String);

const RESOURCE_RULE: &str =
    "/subscriptions/GUID/resourceGroups/NAME, optionally with /providers/NAMESPACE/TYPE/NAME and child resources";

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

    /// `RESOURCE-GROUP/NAME`, as the flags take it that confirm a resource: a name alone isn't unique in a subscription.
    #[must_use]
    pub fn with_group(&self) -> String {
        format!("{}/{}", self.resource_group(), self.name())
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
        let (scope, own) = (folded(scope.trim_end_matches('/')), folded(&self.0));
        own == scope || own.strip_prefix(&scope).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for ResourceId {}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        folded(&self.0).hash(state);
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
                kind: "resource ID",
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
    let safe = |s: &str| length(s, 1, 260) && alphanumeric_or(s, "-_.()") && !s.chars().all(|c| c == '.');
    // Only the name of a resource group has letters outside ASCII; it is judged by its own rule.
    let others = segments.iter().enumerate().filter(|(at, _)| *at != 3);
    let tail = segments.len().saturating_sub(4);
    others.into_iter().all(|(_, s)| safe(s))
        && word(0, "subscriptions")
        && segments.get(1).is_some_and(|s| is_guid(s))
        && word(2, "resourceGroups")
        && segments.get(3).is_some_and(|s| ResourceGroupName::from_str(s).is_ok())
        && (tail == 0 || (word(4, "providers") && tail >= 4))
}

#[cfg(test)]
impl schemars::JsonSchema for ResourceId {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ResourceId".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "title": "resource ID", "$comment": RESOURCE_RULE })
    }
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
        let id = |group: &str| -> ResourceId {
            format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/A.B/c/d")
                .parse()
                .unwrap()
        };
        assert_eq!(id("RG-BÄCKUP"), id("rg-bäckup"));
        assert!(id("RG-Ä").is_within(&format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-ä")));
        assert_ne!(id("rg-\u{212a}"), id("rg-k"));
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
            &format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/A.B/c/ä"),
            &format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/.."),
            &format!("https://evil/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"),
        ] {
            assert!(bad.parse::<ResourceId>().is_err(), "{bad}");
        }
    }
}
