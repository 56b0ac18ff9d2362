//! The tag of what this tool creates. A state file can be edited by anyone who has it; a tag takes a permission in Azure.

use std::collections::BTreeMap;

use aksbackup_shared::ids::{ResourceId, folded};
use serde_json::{Value, json};
use uuid::Uuid;

/// The name of the tag.
pub(crate) const TAG: &str = "aksbackup";

/// The tags of `resource`, which is created for `cluster`.
pub(crate) fn tags(cluster: &ResourceId, resource: &ResourceId) -> Value {
    json!({ TAG: value(cluster, resource) })
}

/// Whether these are the tags of something that this tool has created for `cluster`, as `resource`.
pub(crate) fn is_in(tags: Option<&BTreeMap<String, String>>, cluster: &ResourceId, resource: &ResourceId) -> bool {
    let own = tags.into_iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case(TAG));
    own.is_some_and(|(_, own)| *own == value(cluster, resource))
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
