//! What is left to do about an extension that Azure cannot mend.

use aksbackup_shared::failure::Failure;
use aksbackup_shared::ids::ResourceId;

/// The cluster that an extension is on.
pub(crate) fn cluster_of(extension: &ResourceId) -> &str {
    let id = extension.as_str();
    id.rfind("/providers/").map_or(id, |end| &id[..end])
}

/// The command that removes an extension.
pub(crate) fn deletion(extension: &ResourceId) -> String {
    let cluster = cluster_of(extension).rsplit('/').next().unwrap_or_default();
    format!(
        "az k8s-extension delete --name {} --cluster-name {cluster} --cluster-type managedClusters --resource-group {} --yes",
        extension.name(),
        extension.resource_group()
    )
}

/// An extension whose identity somebody removed: it gets another one only by being installed anew.
pub(crate) fn without_identity(extension: &ResourceId, why: String, state_flag: &str) -> Failure {
    Failure::failed(format!("the identity of extension {} does not exist", extension.name()))
        .because(why)
        .hint(format!(
            "somebody removed it; install the extension anew: {} && az aksbackup prepare{state_flag}",
            deletion(extension)
        ))
}
