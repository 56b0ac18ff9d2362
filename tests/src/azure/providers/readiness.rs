//! What Azure Backup needs before it can protect a cluster, in the order in which it complains.

use serde_json::{Value, json};

use super::extensions;
use crate::azure::path::{covers, group_of};
use crate::azure::world::{ClusterView, World, text};

/// An error as Azure Backup tells it to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    action: &'static str,
}

impl UserError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, action: &'static str) -> Self {
        Self {
            code,
            message: message.into(),
            action,
        }
    }

    /// The inner object, as backup instances and jobs show it.
    pub(crate) fn body(&self) -> Value {
        json!({
            "code": self.code, "message": self.message, "recommendedAction": [self.action], "isRetryable": false,
            "isUserError": true, "details": [], "properties": {},
        })
    }

    /// The error of a failed operation.
    pub(crate) fn error(&self) -> Value {
        let info = json!({
            "code": self.code, "message": self.message, "recommendedAction": [self.action], "isRetryable": false,
            "isUserError": true, "innerError": { "code": self.code, "additionalInfo": { "DetailedNonLocalisedMessage": self.message } },
        });
        let additional = json!([{ "type": "UserFacingError", "info": info }]);
        json!({ "code": self.code, "message": self.message, "additionalInfo": additional, "details": [] })
    }
}

/// The cluster that an instance names; requests are known to spell the member in two ways.
pub(crate) fn source(instance: &Value) -> &str {
    let id = text(instance, "/dataSourceInfo/resourceID");
    if id.is_empty() {
        text(instance, "/dataSourceInfo/resourceId")
    } else {
        id
    }
}

/// The cluster that a restore is to, spelled as [`source`].
pub(crate) fn target(info: &Value) -> &str {
    let id = text(info, "/datasourceInfo/resourceID");
    match id.is_empty() {
        true => text(info, "/datasourceInfo/resourceId"),
        false => id,
    }
}

/// The snapshot resource group that an instance names.
pub(crate) fn snapshot_group(instance: &Value) -> &str {
    let stores = instance
        .pointer("/policyInfo/policyParameters/dataStoreParametersList")
        .and_then(Value::as_array);
    let mut stores = stores.into_iter().flatten();
    let own = stores.find(|store| text(store, "/objectType") == "AzureOperationalStoreParameters");
    own.map_or("", |store| text(store, "/resourceGroupId"))
}

/// Whether the vault can protect the cluster now.
pub(crate) fn check(world: &World, view: &ClusterView, vault: &str, instance: &Value) -> Result<(), UserError> {
    let cluster = source(instance).to_owned();
    let principal = acting(world, vault, instance);
    sight(world, &cluster, &principal)?;
    extension(world, view, vault, &cluster)?;
    storage(world, view, &cluster)?;
    snapshots(world, instance, &cluster, &principal)?;
    vault_tier(world, instance, &principal)
}

/// The principal that the vault works as: its own, or that of the user-assigned identity that the instance names.
fn acting(world: &World, vault: &str, instance: &Value) -> String {
    if instance["identityDetails"]["useSystemAssignedIdentity"] != json!(false) {
        return world.text(vault, "/identity/principalId");
    }
    let named = text(instance, "/identityDetails/userAssignedIdentityArmUrl");
    let vault = world.get(vault).cloned().unwrap_or_default();
    let all = vault["identity"]["userAssignedIdentities"]
        .as_object()
        .into_iter()
        .flatten();
    let mut own = all.filter(|(id, _)| id.eq_ignore_ascii_case(named));
    own.next()
        .map(|(_, own)| text(own, "/principalId").to_owned())
        .unwrap_or_default()
}

fn sight(world: &World, cluster: &str, principal: &str) -> Result<(), UserError> {
    let read = "Microsoft.KubernetesConfiguration/extensions/read";
    if principal.is_empty() || !world.may(principal, read, cluster) {
        return Err(UserError::new(
            "KubernetesBackupListExtensionsError",
            "Failed to list the extensions of the AKS cluster: the backup vault lacks the permission.",
            "Assign the Reader role on the AKS cluster to the managed identity of the backup vault and retry.",
        ));
    }
    if world.text(cluster, "/properties/powerState/code") == "Stopped" {
        return Err(UserError::new(
            "UserErrorKubernetesBackupClusterIsStopped",
            "The AKS cluster is stopped.",
            "Start the AKS cluster and retry the operation.",
        ));
    }
    Ok(())
}

fn extension(world: &World, view: &ClusterView, vault: &str, cluster: &str) -> Result<(), UserError> {
    let reinstall = "Install the backup extension in the AKS cluster and retry the operation.";
    let Some(extension) = backup_extension(world, cluster) else {
        let message = "The backup extension is not installed in the AKS cluster.";
        return Err(UserError::new(
            "UserErrorKubernetesBackupExtensionNotFoundError",
            message,
            reinstall,
        ));
    };
    if text(extension, "/properties/provisioningState") != "Succeeded" {
        let message = "The backup extension in the AKS cluster has errors.";
        return Err(UserError::new(
            "UserErrorKubernetesBackupExtensionHasErrors",
            message,
            reinstall,
        ));
    }
    let principal = text(extension, "/properties/aksAssignedIdentity/principalId");
    let identities = world.list("/", super::identities::KIND);
    if !identities
        .iter()
        .any(|identity| text(identity, "/properties/principalId") == principal)
    {
        let message = "The identity of the backup extension was not found.";
        return Err(UserError::new(
            "UserErrorKubernetesBackupExtensionIdentityNotFound",
            message,
            reinstall,
        ));
    }
    if !trusted(world, vault, cluster) || !view.healthy {
        return Err(UserError::new(
            "UserErrorKubernetesBackupExtensionUnhealthy",
            "The backup extension in the AKS cluster is not healthy or cannot be reached by the backup vault.",
            "Check the pods in the dataprotection-microsoft namespace and the trusted access between vault and cluster.",
        ));
    }
    Ok(())
}

/// The backup extension of a cluster.
pub(crate) fn backup_extension<'a>(world: &'a World, cluster: &str) -> Option<&'a Value> {
    let mut all = world.list(cluster, extensions::KIND).into_iter();
    all.find(|body| text(body, "/properties/extensionType").eq_ignore_ascii_case(extensions::BACKUP))
}

/// Whether a binding gives the vault the backup-operator role, and the add-on manager has seen it.
fn trusted(world: &World, vault: &str, cluster: &str) -> bool {
    let now = world.now();
    let role = "Microsoft.DataProtection/backupVaults/backup-operator";
    world.resources.values().any(|resource| {
        let body = &resource.body;
        let roles = body["properties"]["roles"].as_array();
        text(body, "/type") == super::trusted_access::KIND
            && covers(cluster, text(body, "/id"))
            && text(body, "/properties/sourceResourceId").eq_ignore_ascii_case(vault)
            && roles.is_some_and(|roles| {
                roles
                    .iter()
                    .any(|own| own.as_str().is_some_and(|own| own.eq_ignore_ascii_case(role)))
            })
            && text(body, "/properties/provisioningState") == "Succeeded"
            && resource.effective <= now
    })
}

fn storage(world: &World, view: &ClusterView, cluster: &str) -> Result<(), UserError> {
    let Some(location) = &view.storage_location else {
        return Err(UserError::new(
            "UserErrorNoDefaultBackupStorageLocationFound",
            "No default backup storage location was found in the AKS cluster.",
            "Reinstall the backup extension or correct its configuration settings.",
        ));
    };
    if location.phase == "Available" {
        return Ok(());
    }
    let extension = backup_extension(world, cluster).cloned().unwrap_or_default();
    let principal = text(&extension, "/properties/aksAssignedIdentity/principalId");
    let name =
        extension["properties"]["configurationSettings"]["configuration.backupStorageLocation.config.storageAccount"]
            .as_str()
            .unwrap_or_default();
    let account = super::accounts::by_name(world, name).map_or("", |account| text(account, "/id"));
    let write = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write";
    if !account.is_empty()
        && !world.may_with_data(principal, write, account)
        && !has_container_role(world, principal, account)
    {
        return Err(UserError::new(
            "UserErrorExtensionMSIMissingPermissionsOnBackupStorageLocation",
            "The identity of the backup extension lacks permissions on the storage account of the backup location.",
            "Assign the Storage Blob Data Contributor role on the storage account to the identity of the extension.",
        ));
    }
    Err(UserError::new(
        "UserErrorBackupStorageLocationNotReady",
        format!("The backup storage location is not ready: {}", location.message),
        "Role assignments can take up to an hour to come into force at the first installation. Wait and retry.",
    ))
}

fn has_container_role(world: &World, principal: &str, account: &str) -> bool {
    let write = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write";
    let containers = super::accounts::below(world, account).into_iter();
    containers
        .map(|container| text(container, "/id"))
        .any(|id| world.may_with_data(principal, write, id))
}

fn missing_permissions(who: &str, role: &str, scope: &str) -> UserError {
    let message = format!(
        "Appropriate permissions to perform the operation are missing: {who} needs the role '{role}' on '{scope}'."
    );
    UserError::new(
        "UserErrorMissingRequiredPermissions",
        message,
        "Grant appropriate permissions to perform the operation and retry.",
    )
}

fn snapshots(world: &World, instance: &Value, cluster: &str, vault: &str) -> Result<(), UserError> {
    let group = snapshot_group(instance);
    if world.get(group).is_none() || group_of(group).is_none() {
        let message = format!("The snapshot resource group '{group}' was not found.");
        let action = "Create the resource group in the subscription of the cluster and retry.";
        return Err(UserError::new(
            "UserErrorSnapshotResourceGroupNotFound",
            message,
            action,
        ));
    }
    if !world.may(vault, "Microsoft.Resources/subscriptions/resourceGroups/read", group) {
        return Err(missing_permissions("the backup vault's identity", "Reader", group));
    }
    let own = cluster_principal(world, cluster);
    let writes = ["Microsoft.Compute/snapshots/write", "Microsoft.Compute/disks/write"];
    if !writes.iter().all(|action| world.may(&own, action, group)) {
        return Err(missing_permissions("the AKS cluster's identity", "Contributor", group));
    }
    if !world.locks_over(group).is_empty() {
        return Err(UserError::new(
            "UserErrorSnapshotResourceGroupHasLocks",
            "The snapshot resource group has locks.",
            "Remove the locks of the snapshot resource group and retry.",
        ));
    }
    Ok(())
}

fn cluster_principal(world: &World, cluster: &str) -> String {
    let system = world.text(cluster, "/identity/principalId");
    let first = || {
        let all = world
            .get(cluster)?
            .pointer("/identity/userAssignedIdentities")?
            .as_object()?;
        Some(text(all.values().next()?, "/principalId").to_owned())
    };
    if system.is_empty() {
        first().unwrap_or_default()
    } else {
        system
    }
}

/// A policy that copies to the vault tier asks for two more roles of the vault.
fn vault_tier(world: &World, instance: &Value, vault: &str) -> Result<(), UserError> {
    let policy = world.get(text(instance, "/policyInfo/policyId"));
    if !policy.is_some_and(|policy| policy.to_string().contains("\"VaultStore\"")) {
        return Ok(());
    }
    let group = snapshot_group(instance);
    if !world.may(vault, "Microsoft.Compute/snapshots/beginGetAccess/action", group) {
        return Err(missing_permissions(
            "the backup vault's identity",
            "Disk Snapshot Contributor",
            group,
        ));
    }
    let accounts = world.list("/", super::accounts::KIND);
    let read = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read";
    if accounts
        .iter()
        .any(|account| world.may_with_data(vault, read, text(account, "/id")))
    {
        return Ok(());
    }
    Err(missing_permissions(
        "the backup vault's identity",
        "Storage Blob Data Reader",
        "the storage account",
    ))
}
