//! What a person should know of the content of backups before the first one: Secrets in them, and snapshots that are lost with their share.

use aksbackup_shared::command_line::az;
use aksbackup_shared::schema::{InstanceTarget, Kind};

const FILES: &str = "AzureFileShareSMB";

/// Returns what is to be said of the Secrets in backups.
pub(crate) fn of_secrets(own: &InstanceTarget) -> Option<String> {
    own.takes(Kind::Secret).then(|| {
        format!(
            "backups contain all Secrets of the backed-up namespaces, and everyone who can read the blob container can read them; to leave them \
             out, run: {}",
            az("init --set instance.excluded_resource_types+=v1/Secret")
        )
    })
}

/// Returns what is to be said of volumes in Azure Files: their snapshots are in the share, and only in the operational tier. Source:
/// <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix>.
pub(crate) fn of_files(own: &InstanceTarget) -> Option<String> {
    let has_files = own.included_volume_types.iter().any(|kind| kind.as_str() == FILES);
    (own.snapshot_volumes && has_files).then(|| {
        "snapshots of Azure Files volumes are stored in the file share itself: if the share, its volume with reclaim policy Delete, or its storage \
         account is deleted, all backups of the share are lost; the snapshots are kept for at most 30 days and \
         aren't copied to the vault tier"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn secrets_and_shares_are_named_where_backups_have_them() {
        let mut own = example().instance;
        assert!(of_secrets(&own).unwrap().contains("excluded_resource_types+=v1/Secret"));
        assert_eq!(of_files(&own), None, "Azure's default is disks");
        own.included_volume_types = vec!["AzureDisk".parse().unwrap(), FILES.parse().unwrap()];
        assert!(of_files(&own).unwrap().contains("in the file share itself"));
        own.snapshot_volumes = false;
        own.excluded_resource_types = vec!["Secrets".parse().unwrap()];
        assert_eq!((of_files(&own), of_secrets(&own)), (None, None));
        own.excluded_resource_types.clear();
        own.included_resource_types = vec!["apps/v1/Deployment".parse().unwrap()];
        assert_eq!(of_secrets(&own), None);
    }
}
