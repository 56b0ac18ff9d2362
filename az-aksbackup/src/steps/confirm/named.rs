//! How a person names a resource.

use std::fmt;
use std::str::FromStr;

use aksbackup_shared::ids::{ResourceGroupName, ResourceId};

/// A resource as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// By its resource ID.
    Id(ResourceId),
    /// By resource group and name, in a subscription that is named elsewhere.
    InGroup(ResourceGroupName, String),
}

impl FromStr for Named {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') {
            return text.parse().map(Self::Id).map_err(|error| format!("{error}"));
        }
        let parts: Vec<&str> = text.split('/').collect();
        let [group, name] = parts.as_slice() else {
            return Err(format!(
                "{text:?} doesn't name the resource group, and a name alone might not be unique: write RESOURCE-GROUP/NAME or the \
                 resource ID"
            ));
        };
        let group = group.parse().map_err(|error| format!("{error}"))?;
        match name.is_empty() {
            true => Err("the name after RESOURCE-GROUP/ is missing".to_owned()),
            false => Ok(Self::InGroup(group, (*name).to_owned())),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::InGroup(group, name) => write!(f, "{group}/{name}"),
        }
    }
}

/// A resource group as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamedGroup {
    /// By its resource ID.
    Id(ResourceId),
    /// By its name, in a subscription that is named elsewhere.
    Name(ResourceGroupName),
}

impl FromStr for NamedGroup {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let error = |error| format!("{error}");
        if !text.starts_with('/') {
            return text.parse().map(Self::Name).map_err(error);
        }
        let id: ResourceId = text.parse().map_err(error)?;
        match id == id.resource_group_id() {
            true => Ok(Self::Id(id)),
            false => Err(format!("{id} isn't the resource ID of a resource group")),
        }
    }
}

impl fmt::Display for NamedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}
