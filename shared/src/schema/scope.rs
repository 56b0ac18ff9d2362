//! What the filters of a backup instance take and leave out.

use crate::ids::ResourceType;
use crate::schema::InstanceTarget;

/// A kind of Kubernetes resources whose loss costs data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Secrets.
    Secret,
    /// Persistent volume claims, without which no volume is backed up.
    VolumeClaim,
}

impl Kind {
    /// Its names in filters: that of Azure's examples, and those of Velero.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Secret => &["v1/secret", "secret", "secrets"],
            Self::VolumeClaim => &[
                "v1/persistentvolumeclaim",
                "persistentvolumeclaim",
                "persistentvolumeclaims",
                "pvc",
            ],
        }
    }

    /// Returns whether a resource type of a filter names it.
    #[must_use]
    pub fn is_named(self, by: &str) -> bool {
        let name = by.to_ascii_lowercase();
        name == "*" || self.names().contains(&name.as_str())
    }

    /// Returns whether these lists of resource types let it through.
    #[must_use]
    pub fn passes(self, included: &[&str], excluded: &[&str]) -> bool {
        let named = |all: &[&str]| all.iter().any(|own| self.is_named(own));
        (included.is_empty() || named(included)) && !named(excluded)
    }
}

impl InstanceTarget {
    /// Returns whether the lists of resource types let it through.
    #[must_use]
    pub fn takes(&self, kind: Kind) -> bool {
        let included: Vec<&str> = self.included_resource_types.iter().map(ResourceType::as_str).collect();
        let excluded: Vec<&str> = self.excluded_resource_types.iter().map(ResourceType::as_str).collect();
        kind.passes(&included, &excluded)
    }
}
