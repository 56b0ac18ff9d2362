//! Operations that Azure answers and that its published definitions lack, each with the reason why it is let through.
//!
//! They are checked as far as their documentation goes.

use std::collections::BTreeMap;

use serde_json::Map;

use super::bundle::{Bundle, Operation, Origin, Parameter};
use super::shapes;
use super::template::Template;

/// One row: methods and path, the api-versions it is known in, the schemas of request and answers by their name in
/// [`shapes`], and why it is here.
struct Row {
    id: &'static str,
    method: &'static str,
    path: &'static str,
    versions: &'static [&'static str],
    /// A published operation of the same definition file: newer api-versions of that file hold here as well.
    beside: &'static str,
    request: Option<&'static str>,
    answers: &'static [(&'static str, Option<&'static str>)],
    reason: &'static str,
}

const LOCK: &str = "/{scope}/providers/Microsoft.Authorization/locks/{lockName}";
const LOCK_VERSIONS: &[&str] = &["2016-09-01", "2020-05-01"];
const LOCK_REASON: &str = "management locks are defined in a file that the bundle does not hold";
const OPERATION_REASON: &str = "addresses of operations are the server's own; these are for switches of the sandbox";
const RESOURCES: &[&str] = &["2021-04-01", "2024-07-01"];
const RESOURCES_REASON: &str = "the bundle leaves out the list of all resources";

const LEFT_OUT: &str = "published, but left out of the bundle";

const ROWS: &[Row] = &[
    Row {
        id: "ManagedClusters_OperationStatus",
        method: "GET",
        path: "/subscriptions/{subscriptionId}/providers/Microsoft.ContainerService/locations/{location}/operations/{operationId}",
        versions: &["2016-03-30"],
        beside: "",
        request: None,
        answers: &[("200", Some("AsyncOperation"))],
        reason: "AKS hands out this URL in Azure-AsyncOperation, with this api-version whatever the request's was",
    },
    Row {
        id: "Permissions_ListForScope",
        method: "GET",
        path: "/{scope}/providers/Microsoft.Authorization/permissions",
        versions: &["2022-04-01"],
        beside: "",
        request: None,
        answers: &[(
            "200",
            Some("res.authorization-RoleDefinitionsCalls@2022-04-01.PermissionGetResult"),
        )],
        reason: "published for groups and resources only; Azure answers it for subscriptions too",
    },
    Row {
        id: "CheckAccess",
        method: "POST",
        path: "/{scope}/providers/Microsoft.Authorization/checkAccess",
        versions: &["2018-09-01-preview"],
        beside: "",
        request: Some("CheckAccessRequest"),
        answers: &[("200", Some("CheckAccessResult"))],
        reason: "undocumented; shape as public clients use it",
    },
    Row {
        id: "BackupInstancesExtensionRouting_List",
        method: "GET",
        path: "/{scope}/providers/Microsoft.DataProtection/backupInstances",
        versions: &["2024-04-01", "2025-07-01"],
        beside: "BackupInstances_List",
        request: None,
        answers: &[("200", Some("res.dataprotection@2024-04-01.BackupInstanceResourceList"))],
        reason: "published, but left out of the bundle: a cluster's instances in whatever vault",
    },
    Row {
        id: "BackupVaults_CheckNameAvailability",
        method: "POST",
        path: "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.DataProtection/locations/{location}/checkNameAvailability",
        versions: &["2024-04-01", "2025-07-01"],
        beside: "BackupVaults_Get",
        request: Some("CheckNameAvailabilityRequest"),
        answers: &[("200", Some("CheckNameAvailabilityResult"))],
        reason: LEFT_OUT,
    },
    Row {
        id: "ManagedClusters_UpdateTags",
        method: "PATCH",
        path: "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerService/managedClusters/{resourceName}",
        versions: &["2024-09-01"],
        beside: "ManagedClusters_Get",
        request: Some("Tags"),
        answers: &[("200", Some("res.managedClusters@2024-09-01.ManagedCluster"))],
        reason: LEFT_OUT,
    },
    Row {
        id: "BlobContainers_Delete",
        method: "DELETE",
        path: "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Storage/storageAccounts/{accountName}/blobServices/default/containers/{containerName}",
        versions: &["2023-05-01"],
        beside: "BlobContainers_Get",
        request: None,
        answers: &[("200", None), ("204", None)],
        reason: LEFT_OUT,
    },
    Row {
        id: "DeletedBackupInstances_Undelete",
        method: "POST",
        path: "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.DataProtection/backupVaults/{vaultName}/deletedBackupInstances/{backupInstanceName}/undelete",
        versions: &["2024-04-01", "2025-07-01"],
        beside: "BackupInstances_Get",
        request: None,
        answers: &[("200", None), ("202", None)],
        reason: LEFT_OUT,
    },
    Row {
        id: "DppResourceGuardProxy_UnlockDelete",
        method: "POST",
        path: "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.DataProtection/backupVaults/{vaultName}/backupResourceGuardProxies/{resourceGuardProxyName}/unlockDelete",
        versions: &["2024-04-01", "2025-07-01"],
        beside: "BackupInstances_Get",
        request: Some("UnlockDeleteRequest"),
        answers: &[("200", Some("UnlockDeleteResponse"))],
        reason: LEFT_OUT,
    },
    Row {
        id: "ResourceGroups_OperationResult",
        method: "GET",
        path: "/subscriptions/{subscriptionId}/operationresults/{operationId}",
        versions: &["2024-07-01"],
        beside: "ResourceGroups_Delete",
        request: None,
        answers: &[("200", None), ("202", None)],
        reason: "Location of a resource group that is being deleted; no document describes it",
    },
    Row {
        id: "StorageAccounts_AsyncOperation",
        method: "GET",
        path: "/subscriptions/{subscriptionId}/providers/Microsoft.Storage/locations/{location}/asyncoperations/{operationId}",
        versions: &["2023-05-01"],
        beside: "StorageAccounts_Create",
        request: None,
        answers: &[("200", Some("res.storage@2023-05-01.StorageAccount")), ("202", None)],
        reason: "Location of a storage account that is being created; its end is the account",
    },
    Row {
        id: "Subscriptions_OperationResults",
        method: "GET",
        path: "/subscriptions/{subscriptionId}/operationresults/{operationId}",
        versions: &["2021-04-01"],
        beside: "",
        request: None,
        answers: &[("200", Some("Anything")), ("202", None), ("204", None)],
        reason: OPERATION_REASON,
    },
    Row {
        id: "Subscriptions_OperationStatuses",
        method: "GET",
        path: "/subscriptions/{subscriptionId}/operationstatuses/{operationId}",
        versions: &["2021-04-01"],
        beside: "",
        request: None,
        answers: &[("200", Some("AsyncOperation"))],
        reason: OPERATION_REASON,
    },
    Row {
        id: "Resources_List",
        method: "GET",
        path: "/subscriptions/{subscriptionId}/resources",
        versions: RESOURCES,
        beside: "ResourceGroups_Get",
        request: None,
        answers: &[("200", Some("ResourceList"))],
        reason: RESOURCES_REASON,
    },
    Row {
        id: "Resources_ListByResourceGroup",
        method: "GET",
        path: "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/resources",
        versions: RESOURCES,
        beside: "ResourceGroups_Get",
        request: None,
        answers: &[("200", Some("ResourceList"))],
        reason: RESOURCES_REASON,
    },
    Row {
        id: "ResourceGraph_Resources",
        method: "POST",
        path: "/providers/Microsoft.ResourceGraph/resources",
        versions: &["2021-03-01", "2022-10-01"],
        beside: "",
        request: Some("ResourceGraphQuery"),
        answers: &[("200", Some("ResourceGraphRows"))],
        reason: "Microsoft.ResourceGraph has no definition at hand; shapes as its SDK, azure-mgmt-resourcegraph 8.0.1, has them",
    },
    Row {
        id: "ManagementLocks_List",
        method: "GET",
        path: "/{scope}/providers/Microsoft.Authorization/locks",
        versions: LOCK_VERSIONS,
        beside: "",
        request: None,
        answers: &[("200", Some("LockList"))],
        reason: LOCK_REASON,
    },
    Row {
        id: "ManagementLocks_Get",
        method: "GET",
        path: LOCK,
        versions: LOCK_VERSIONS,
        beside: "",
        request: None,
        answers: &[("200", Some("Lock"))],
        reason: LOCK_REASON,
    },
    Row {
        id: "ManagementLocks_CreateOrUpdate",
        method: "PUT",
        path: LOCK,
        versions: LOCK_VERSIONS,
        beside: "",
        request: Some("LockRequest"),
        answers: &[("200", Some("Lock")), ("201", Some("Lock"))],
        reason: LOCK_REASON,
    },
    Row {
        id: "ManagementLocks_Delete",
        method: "DELETE",
        path: LOCK,
        versions: LOCK_VERSIONS,
        beside: "",
        request: None,
        answers: &[("200", None), ("204", None)],
        reason: LOCK_REASON,
    },
];

/// Adds the table to a bundle.
pub(crate) fn extend(bundle: &mut Bundle) {
    let operations: Vec<Operation> = ROWS
        .iter()
        .flat_map(|row| row.versions.iter().map(|version| row.operation(version, bundle)))
        .collect();
    bundle.operations.extend(operations);
    bundle.definitions.extend(shapes::definitions());
}

impl Row {
    fn operation(&self, version: &str, bundle: &Bundle) -> Operation {
        let sibling = bundle.operations.iter().find(|operation| operation.id == self.beside);
        let answers = self
            .answers
            .iter()
            .map(|(status, name)| ((*status).to_owned(), name.map(str::to_owned)));
        let odata = ["$filter", "$top", "$expand"];
        let odata = odata.into_iter().filter(|_| self.method == "GET").map(str::to_owned);
        Operation {
            id: self.id.to_owned(),
            method: self.method.to_owned(),
            template: Template::parse(self.path),
            version: version.to_owned(),
            family: sibling.map_or_else(|| self.id.to_owned(), |operation| operation.family.clone()),
            query: odata
                .map(|name| {
                    (
                        name,
                        Parameter {
                            required: false,
                            schema: Map::new(),
                        },
                    )
                })
                .collect(),
            path: BTreeMap::new(),
            request: self.request.map(str::to_owned),
            request_required: self.request.is_some(),
            answers: answers.collect(),
            origin: Origin::Unpublished(self.reason),
        }
    }
}
