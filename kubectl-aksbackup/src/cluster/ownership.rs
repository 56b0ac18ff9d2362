//! Which fields this program set: `metadata.managedFields` of an object.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

/// The field manager under which this program writes.
pub(crate) const MANAGER: &str = "kubectl-aksbackup";

/// The path of a field in `fieldsV1`.
#[derive(Debug)]
pub(crate) struct Field(Vec<String>);

impl Field {
    fn at(parents: &[&str], key: &str) -> Self {
        let names = parents.iter().copied().chain([key]);
        Self(names.map(|name| format!("f:{name}")).collect())
    }

    /// An annotation of the object itself.
    pub(crate) fn annotation(key: &str) -> Self {
        Self::at(&["metadata", "annotations"], key)
    }

    /// A label of the pod template.
    pub(crate) fn template_label(key: &str) -> Self {
        Self::at(&["spec", "template", "metadata", "labels"], key)
    }

    /// An annotation of the pod template.
    pub(crate) fn template_annotation(key: &str) -> Self {
        Self::at(&["spec", "template", "metadata", "annotations"], key)
    }
}

/// Whether this program set the field by server-side apply.
pub(crate) fn owns(entries: &[ManagedFieldsEntry], field: &Field) -> bool {
    let own = |entry: &&ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(MANAGER) && entry.operation.as_deref() == Some("Apply")
    };
    entries.iter().filter(own).any(|entry| has(entry, field))
}

/// Another manager that set the field, where there is one.
pub(crate) fn other_owner<'a>(entries: &'a [ManagedFieldsEntry], field: &Field) -> Option<&'a str> {
    let other = |entry: &&ManagedFieldsEntry| entry.manager.as_deref() != Some(MANAGER);
    entries
        .iter()
        .filter(other)
        .find(|entry| has(entry, field))?
        .manager
        .as_deref()
}

fn has(entry: &ManagedFieldsEntry, field: &Field) -> bool {
    let tree = entry.fields_v1.as_ref().map(|fields| &fields.0);
    field
        .0
        .iter()
        .try_fold(tree, |tree, name| tree?.get(name).map(Some))
        .flatten()
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotation(key: &str) -> serde_json::Value {
        serde_json::json!({ "f:metadata": { "f:annotations": { (format!("f:{key}")): {} } } })
    }

    fn entries() -> Vec<ManagedFieldsEntry> {
        serde_json::from_value(serde_json::json!([
            { "manager": "helm", "operation": "Update", "fieldsV1": annotation("a") },
            { "manager": MANAGER, "operation": "Apply", "fieldsV1": annotation("b") },
        ]))
        .unwrap()
    }

    #[test]
    fn only_what_this_program_applied_is_ours() {
        assert!(owns(&entries(), &Field::annotation("b")));
        assert!(!owns(&entries(), &Field::annotation("a")));
        assert!(!owns(&entries(), &Field::template_label("b")));
        assert_eq!(other_owner(&entries(), &Field::annotation("a")), Some("helm"));
        assert_eq!(other_owner(&entries(), &Field::annotation("b")), None);
    }
}
