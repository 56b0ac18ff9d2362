//! What is left to do about an extension that Azure can't repair: to install it again, which is a decision.

use aksbackup_shared::command_line::{Fix, az, shell};
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;

/// Returns the resource ID of the cluster that an extension is in.
pub(crate) fn cluster_of(extension: &ResourceId) -> &str {
    let id = extension.as_str();
    id.rfind("/providers/").map_or(id, |end| &id[..end])
}

/// Returns what is to be decided before an extension is installed again, and how to see its state. No command that uninstalls
/// it is printed: such a command is pasted sooner than its consequences are read.
pub(crate) fn decision(extension: &ResourceId) -> Fix {
    let cluster = cluster_of(extension).rsplit('/').next().unwrap_or_default();
    fix![
        "decide with the platform team whether to reinstall the extension. Recovery points in the vault and data in \
         the storage account are kept; Velero's objects in the cluster are deleted; scheduled backups fail until \
         prepare, grant, and configure have run for the new identity. Check the extension's state first: ",
        shell(format!(
            "az k8s-extension show --name {} --cluster-name {cluster} --cluster-type managedClusters --resource-group {} \
             --subscription {}",
            extension.name(),
            extension.resource_group(),
            extension.subscription()
        ))
    ]
}

/// Returns what to do about an extension whose identity was deleted. Azure creates the identity with the extension, and an
/// update of the extension doesn't bring it back.
pub(crate) fn without_identity(extension: &ResourceId) -> Fix {
    fix![decision(extension), "; the identity can't be replaced in any other way"]
}

/// Returns the failure of a step that needs the identity of an extension that has none.
pub(crate) fn has_no_identity(extension: &ResourceId, why: String) -> Failure {
    Failure::failed(format!(
        "the identity of extension {} doesn't exist in resource group {}",
        extension.name(),
        extension.resource_group()
    ))
    .because(why)
    .hint(without_identity(extension))
    .hint(fix!["then run: ", az("prepare")])
}
