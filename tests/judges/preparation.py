"""Vault, policy, extension, identity, access, roles, and the backup itself, by Microsoft's own clients."""

import uuid

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignmentCreateParameters
from azure.mgmt.dataprotection import models as protection
from azure.mgmt.kubernetesconfiguration.extensions import models as extension

from clients import equal, refused, until
from ground import ACCOUNT, CLUSTER, CLUSTER_GROUP, CONTAINER, GROUP, LOCATION, Ground

VAULT, POLICY, INSTANCE, BINDING = "bv-walk", "policy-walk", "instance-walk", "walk"
EXTENSION = "azure-aks-backup"
ON_CLUSTER = (CLUSTER_GROUP, "Microsoft.ContainerService", "managedClusters", CLUSTER)
SNAPSHOTS = "rg-snapshots"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"


class Preparation(Ground):
    """Everything that a backup instance needs."""

    def vault(self):
        vaults = self.c.protection.backup_vaults
        kind = "Microsoft.DataProtection/backupVaults"
        free = lambda: vaults.check_name_availability(GROUP, LOCATION, {"name": VAULT, "type": kind}).name_available
        equal("free name", free(), True)
        wanted = protection.BackupVaultResource(
            location=LOCATION,
            identity={"type": "None"},
            properties=protection.BackupVault(
                storage_settings=[protection.StorageSetting(datastore_type="VaultStore", type="LocallyRedundant")],
            ),
        )
        self.waited(vaults.begin_create_or_update(GROUP, VAULT, wanted))
        patch = {"identity": {"type": "SystemAssigned"}}
        made = self.waited(vaults.begin_update(GROUP, VAULT, patch))
        assert made.identity.principal_id, made.identity
        equal("free name", free(), False)
        seen = vaults.get(GROUP, VAULT)
        equal("state of the vault", seen.properties.provisioning_state, "Succeeded")
        for listed in (vaults.get_in_subscription(), vaults.get_in_resource_group(GROUP)):
            equal("vaults", [one.name for one in listed], [VAULT])
        self.vault_id = seen.id.replace("/Backupvaults/", "/backupVaults/")
        self.vault_principal = seen.identity.principal_id

    def policy(self):
        policies = self.c.protection.backup_policies
        schedule = protection.BackupSchedule(repeating_time_intervals=["R/2024-01-01T06:00:00+00:00/P1D"])
        tag = protection.TaggingCriteria(
            is_default=True, tagging_priority=99, tag_info=protection.RetentionTag(tag_name="Default")
        )
        backup = protection.AzureBackupRule(
            name="BackupDaily",
            backup_parameters=protection.AzureBackupParams(backup_type="Incremental"),
            data_store=protection.DataStoreInfoBase(data_store_type="OperationalStore", object_type="DataStoreInfoBase"),
            trigger=protection.ScheduleBasedTriggerContext(schedule=schedule, tagging_criteria=[tag]),
        )
        store = protection.DataStoreInfoBase(data_store_type="OperationalStore", object_type="DataStoreInfoBase")
        cycle = protection.SourceLifeCycle(
            delete_after=protection.AbsoluteDeleteOption(duration="P7D"), source_data_store=store
        )
        keep = protection.AzureRetentionRule(name="Default", is_default=True, lifecycles=[cycle])
        wanted = protection.BackupPolicy(
            datasource_types=["Microsoft.ContainerService/managedClusters"], policy_rules=[backup, keep]
        )
        for name in (POLICY, "second"):
            resource = protection.BaseBackupPolicyResource(properties=wanted)
            policies.create_or_update(GROUP, VAULT, name, resource)
        policies.delete(GROUP, VAULT, "second")
        equal("policies", [one.name for one in policies.list(GROUP, VAULT)], [POLICY])
        seen = policies.get(GROUP, VAULT, POLICY)
        equal("rules", [type(one).__name__ for one in seen.properties.policy_rules], ["AzureBackupRule", "AzureRetentionRule"])
        self.policy_id = self.did(f"{self.vault_id}/backupPolicies/{POLICY}")

    def extension(self):
        extensions = self.c.extensions.extensions
        prefix = "configuration.backupStorageLocation."
        settings = {
            f"{prefix}bucket": CONTAINER,
            f"{prefix}config.storageAccount": ACCOUNT,
            f"{prefix}config.resourceGroup": GROUP,
            f"{prefix}config.subscriptionId": self.job["subscription"],
            f"{prefix}config.useAAD": "true",
            "credentials.tenantId": self.job["tenant"],
        }
        wanted = extension.Extension(
            properties=extension.ExtensionProperties(
                extension_type="microsoft.dataprotection.kubernetes",
                auto_upgrade_minor_version=True,
                release_train="stable",
                scope=extension.Scope(cluster=extension.ScopeCluster(release_namespace="dataprotection-microsoft")),
                configuration_settings=settings,
            )
        )
        made = self.waited(extensions.begin_create(*ON_CLUSTER, EXTENSION, wanted))
        equal("state of the extension", made.properties.provisioning_state, "Succeeded")
        patch = {"properties": {"configurationSettings": {"resources.limits.memory": "2Gi"}}}
        self.waited(extensions.begin_update(*ON_CLUSTER, EXTENSION, patch))
        seen = extensions.get(*ON_CLUSTER, EXTENSION)
        equal("settings", seen.properties.configuration_settings, {**settings, "resources.limits.memory": "2Gi"})
        equal("extensions", [one.name for one in extensions.list(*ON_CLUSTER)], [EXTENSION])
        self.principal = seen.properties.aks_assigned_identity.principal_id

    def identity(self):
        own, node_group = self.c.identities.user_assigned_identities, "MC_rg-aks_aks-demo_westeurope"
        found = [one for one in own.list_by_resource_group(node_group) if one.principal_id == self.principal]
        equal("identities of the extension", len(found), 1)
        assert self.principal in [one.principal_id for one in own.list_by_subscription()]
        made = own.create_or_update(GROUP, "mine", {"location": LOCATION})
        equal("identity made", own.get(GROUP, "mine").client_id, made.client_id)
        own.delete(GROUP, "mine")
        refused("identity deleted", ResourceNotFoundError, "ResourceNotFound", lambda: own.get(GROUP, "mine"))
        system = self.c.identities.system_assigned_identities.get_by_scope(self.cluster_id)
        equal("identity of the cluster", system.principal_id, self.cluster_principal)
        self.at = self.did((node_group, found[0].name))

    def credentials(self):
        own = self.c.identities.federated_identity_credentials
        subject = "system:serviceaccount:dataprotection-microsoft:walker"
        body = {"properties": {"issuer": self.issuer, "subject": subject, "audiences": ["api://AzureADTokenExchange"]}}
        made = own.create_or_update(*self.at, "walker", body)
        equal("subject", made.subject, subject)
        equal("issuer", own.get(*self.at, "walker").issuer, self.issuer)
        equal("credentials", [one.name for one in own.list(*self.at)], ["walker"])

        def twin():
            # The pipeline itself waits as long as Retry-After says where writes come too fast.
            own.create_or_update(*self.at, "twin", body)

        refused("same issuer and subject", HttpResponseError, "BadRequest", twin)
        until("free identity", lambda: self.deleted(own))
        equal("credentials", list(own.list(*self.at)), [])
        self.did()

    def deleted(self, credentials):
        """Whether the credential is gone; while another write is under way Azure refuses the deletion."""
        try:
            credentials.delete(*self.at, "walker")
        except ResourceExistsError:
            return False
        return True

    def access(self):
        bindings = self.c.containers.trusted_access_role_bindings
        roles = [f"{one.source_resource_type}/{one.name}" for one in self.c.containers.trusted_access_roles.list(LOCATION)]
        equal("roles", roles, ["Microsoft.DataProtection/backupVaults/backup-operator"])
        wanted = {"properties": {"sourceResourceId": self.vault_id, "roles": roles}}
        made = self.waited(bindings.begin_create_or_update(CLUSTER_GROUP, CLUSTER, BINDING, wanted))
        equal("state of the binding", made.provisioning_state, "Succeeded")
        equal("source", bindings.get(CLUSTER_GROUP, CLUSTER, BINDING).source_resource_id, self.vault_id)
        equal("bindings", [one.name for one in bindings.list(CLUSTER_GROUP, CLUSTER)], [BINDING])
        self.did()

    def roles(self):
        own, snapshots = self.c.authorization.role_assignments, f"{self.subscription}/resourceGroups/{SNAPSHOTS}"
        wanted = [
            (self.principal, BLOB_CONTRIBUTOR, self.account_id),
            (self.vault_principal, READER, self.cluster_id),
            (self.vault_principal, READER, snapshots),
            (self.cluster_principal, CONTRIBUTOR, snapshots),
        ]
        for principal, role, scope in wanted:
            definition = f"{self.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
            body = RoleAssignmentCreateParameters(
                role_definition_id=definition, principal_id=principal, principal_type="ServicePrincipal"
            )
            name = str(uuid.uuid4())
            made = own.create(scope, name, body)
            equal("scope", made.scope.lower(), scope.lower())
            equal("principal", own.get(scope, name).principal_id, principal)
            again = lambda: own.create(scope, str(uuid.uuid4()), body)
            refused("the same role again", ResourceExistsError, "RoleAssignmentExists", again)
        mine = f"principalId eq '{self.vault_principal}'"
        lists = {
            self.cluster_id: own.list_for_resource(
                CLUSTER_GROUP, "Microsoft.ContainerService", "managedClusters", CLUSTER, filter=mine
            ),
            snapshots: own.list_for_resource_group(SNAPSHOTS, filter=mine),
        }
        for scope, listed in lists.items():
            equal("scopes of the vault's role", [one.scope.lower() for one in listed], [scope.lower()])
        equal("the vault's roles", len(list(own.list_for_scope(self.subscription, filter=mine))), 2)
        equal("the vault's roles", len(list(own.list_for_subscription(filter=mine))), 2)
        container = f"{self.account_id}/blobServices/default/containers/{CONTAINER}"
        inherited = own.list_for_scope(container, filter=f"atScope() and assignedTo('{self.principal}')")
        equal("scopes of the extension's role", [one.scope for one in inherited], [self.account_id])
        first = next(iter(own.list_for_scope(snapshots, filter=mine)))
        own.delete(snapshots, first.name)
        equal("after the deletion", list(own.list_for_resource_group(SNAPSHOTS, filter=mine)), [])
        definition = self.c.authorization.role_definitions.get(self.subscription, READER)
        equal("role", definition.role_name, "Reader")
        own.create(snapshots, str(uuid.uuid4()), RoleAssignmentCreateParameters(
            role_definition_id=definition.id, principal_id=self.vault_principal, principal_type="ServicePrincipal"
        ))
        self.permissions()

    def permissions(self):
        own = self.c.authorization.permissions
        group = list(own.list_for_resource_group(GROUP))
        cluster = own.list_for_resource(CLUSTER_GROUP, "Microsoft.ContainerService", "", "managedClusters", CLUSTER)
        for listed in (group, list(cluster)):
            equal("what an owner may", [one.actions for one in listed], [["*"]])
        self.did()
