//! What is left to do about an extension that Azure cannot mend.

use aksbackup_shared::failure::Failure;
use aksbackup_shared::ids::ResourceId;

/// The cluster that an extension is on.
pub(crate) fn cluster_of(extension: &ResourceId) -> &str {
    let id = extension.as_str();
    id.rfind("/providers/").map_or(id, |end| &id[..end])
}

/// The command that removes an extension, with its consequences: it is a decision, and never the first thing to do.
pub(crate) fn deletion(extension: &ResourceId) -> String {
    let cluster = cluster_of(extension).rsplit('/').next().unwrap_or_default();
    format!(
        "reinstalling it stops backups until its new identity has credentials and roles, and removes its objects from the \
         cluster (the backups in the storage account stay): az k8s-extension delete --name {} --cluster-name {cluster} --cluster-type managedClusters --resource-group {} --yes",
        extension.name(),
        extension.resource_group()
    )
}

/// An extension whose identity somebody removed: it gets another one only by being installed anew.
pub(crate) fn without_identity(extension: &ResourceId, why: String, state_flag: &str) -> Failure {
    Failure::failed(format!("the identity of extension {} does not exist", extension.name()))
        .because(why)
        .hint(format!(
            "an extension gets another identity only by a new installation; {} && az aksbackup prepare{state_flag}",
            deletion(extension)
        ))
}
