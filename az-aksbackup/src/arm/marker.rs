//! The tag of what this tool creates. A state file can be edited by anyone who has it; a tag takes a permission in Azure.

use std::collections::BTreeMap;

use aksbackup_shared::ids::{ResourceId, Tag, folded};
use aksbackup_shared::schema::Target;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The name of the tag.
pub(crate) const TAG: &str = "aksbackup";

/// The name of the tag with which a vault names its policy.
pub(crate) const POLICY_TAG: &str = "aksbackup-policy";

/// What a resource is created for, and with which tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The cluster.
    pub(crate) cluster: ResourceId,
    /// Tags that the target names.
    pub(crate) tags: Vec<Tag>,
}

impl Origin {
    /// By a target.
    pub(crate) fn of(target: &Target) -> Self {
        Self {
            cluster: target.cluster.clone(),
            tags: target.tags.clone(),
        }
    }

    /// The tags of `resource`.
    pub(crate) fn tags(&self, resource: &ResourceId) -> Value {
        self.with(tags(&self.cluster, resource))
    }

    /// The tags of `vault`, which is created with `policy`.
    pub(crate) fn of_vault(&self, vault: &ResourceId, policy: &ResourceId) -> Value {
        self.with(of_vault(&self.cluster, vault, policy))
    }

    /// The marker last: no tag of a target can take its place.
    fn with(&self, marker: Value) -> Value {
        let mut all: Map<String, Value> = Map::new();
        for tag in &self.tags {
            let (name, value) = tag.pair();
            all.insert(name.to_owned(), json!(value));
        }
        if let Value::Object(marker) = marker {
            all.extend(marker);
        }
        Value::Object(all)
    }
}

/// The tags of `resource`, which is created for `cluster`.
pub(crate) fn tags(cluster: &ResourceId, resource: &ResourceId) -> Value {
    json!({ TAG: value(cluster, resource) })
}

/// The tags of `vault`, which is created for `cluster` with `policy`: a policy has no tags of its own.
pub(crate) fn of_vault(cluster: &ResourceId, vault: &ResourceId, policy: &ResourceId) -> Value {
    json!({ TAG: value(cluster, vault), POLICY_TAG: value(cluster, policy) })
}

/// Whether these are the tags of a vault that this tool has created for `cluster`, with `policy`.
pub(crate) fn names_policy(tags: Option<&BTreeMap<String, String>>, cluster: &ResourceId, policy: &ResourceId) -> bool {
    has(tags, POLICY_TAG, &value(cluster, policy))
}

/// Whether these are the tags of something that this tool has created for `cluster`, as `resource`.
pub(crate) fn is_in(tags: Option<&BTreeMap<String, String>>, cluster: &ResourceId, resource: &ResourceId) -> bool {
    has(tags, TAG, &value(cluster, resource))
}

fn has(tags: Option<&BTreeMap<String, String>>, tag: &str, value: &str) -> bool {
    let mut tags = tags.into_iter().flatten();
    tags.any(|(name, own)| name.eq_ignore_ascii_case(tag) && own == value)
}

/// Differs for each pair, so that a tag that Azure Policy copies from a resource group to what is in it proves nothing.
fn value(cluster: &ResourceId, resource: &ResourceId) -> String {
    let pair = folded(&format!("aksbackup|{cluster}|{resource}"));
    Uuid::new_v5(&Uuid::NAMESPACE_URL, pair.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids;
    use crate::target_ids::tests::example;

    #[test]
    fn a_tag_holds_for_one_cluster_and_one_resource() {
        let (cluster, vault) = (example().cluster, target_ids::vault(&example()));
        let tags: BTreeMap<String, String> = serde_json::from_value(tags(&cluster, &vault)).unwrap();
        let upper: ResourceId = vault.as_str().to_uppercase().parse().unwrap();
        assert!(is_in(Some(&tags), &cluster, &vault) && is_in(Some(&tags), &cluster, &upper));
        assert!(!is_in(Some(&tags), &cluster, &vault.resource_group_id()), "inherited");
        assert!(!is_in(Some(&tags), &vault, &vault), "of another cluster");
        assert!(!is_in(None, &cluster, &vault));
    }
}
