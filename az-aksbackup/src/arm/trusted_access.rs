//! Trusted access role bindings of AKS clusters.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{ResourceId, same};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::versions;

/// The role that lets a Backup vault reach into a cluster.
pub(crate) const BACKUP_OPERATOR: &str = "Microsoft.DataProtection/backupVaults/backup-operator";

/// How many bindings a cluster can have.
pub(crate) const LIMIT: usize = 8;

/// A trusted access role binding of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Binding {
    /// Its name.
    pub(crate) name: String,
    /// What it binds.
    pub(crate) properties: BindingProperties,
}

/// What a binding binds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BindingProperties {
    /// The resource that is let in.
    pub(crate) source_resource_id: String,
    /// The roles that it has, as `TYPE/NAME`.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// Azure's word for what goes on with it.
    pub(crate) provisioning_state: Option<String>,
}

impl Binding {
    /// Whether it lets `source` in.
    pub(crate) fn is_of(&self, source: &ResourceId) -> bool {
        let own = self.properties.source_resource_id.trim_end_matches('/');
        same(own, source.as_str())
    }

    /// Whether it gives the role of a Backup vault.
    pub(crate) fn lets_back_up(&self) -> bool {
        self.properties
            .roles
            .iter()
            .any(|role| role.eq_ignore_ascii_case(BACKUP_OPERATOR))
    }
}

/// The id of a binding of `cluster`.
pub(crate) fn binding_id(cluster: &ResourceId, name: &str) -> ResourceId {
    cluster.child("trustedAccessRoleBindings", name)
}

/// All bindings of a cluster.
pub(crate) async fn bindings(reader: &Reader, cluster: &ResourceId) -> Outcome<Vec<Binding>> {
    let path = format!("{cluster}/trustedAccessRoleBindings");
    reader.list(&path, versions::MANAGED_CLUSTERS).await
}

/// Writes a binding that gives `source` these roles.
pub(crate) async fn put_binding(
    writer: &Writer,
    binding: &ResourceId,
    source: &ResourceId,
    roles: &[String],
) -> Outcome<Answer> {
    let body = body(source.as_str(), roles);
    writer
        .put(binding.as_str(), versions::MANAGED_CLUSTERS, &body, None)
        .await
}

/// The body of a binding.
pub(crate) fn body(source: &str, roles: &[String]) -> Value {
    json!({ "properties": { "sourceResourceId": source, "roles": roles } })
}

/// Deletes a binding.
pub(crate) async fn delete_binding(writer: &Writer, binding: &ResourceId) -> Outcome<Answer> {
    writer.delete(binding.as_str(), versions::MANAGED_CLUSTERS).await
}
