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

    /// Returns whether a filter names it.
    #[must_use]
    pub fn is_named(self, by: &ResourceType) -> bool {
        let name = by.as_str().to_ascii_lowercase();
        name == "*" || self.names().contains(&name.as_str())
    }
}

impl InstanceTarget {
    /// Returns whether the lists of resource types let it through.
    #[must_use]
    pub fn takes(&self, kind: Kind) -> bool {
        let named = |all: &[ResourceType]| all.iter().any(|own| kind.is_named(own));
        (self.included_resource_types.is_empty() || named(&self.included_resource_types))
            && !named(&self.excluded_resource_types)
    }
}
