"""Walks a sandbox through every operation that aksbackup uses, and the way back, with Microsoft's own clients and pollers.

Prints one JSON document: how many steps were done, and how many long-running operations were followed to their end.
"""

import json

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.dataprotection import models as protection

from clients import Clients, equal, job, refused, until
from ground import CLUSTER, CLUSTER_GROUP, CONTAINER, ACCOUNT, GROUP, LOCATION
from preparation import BINDING, EXTENSION, INSTANCE, ON_CLUSTER, POLICY, SNAPSHOTS, VAULT, Preparation

AT = (GROUP, VAULT)
AKS = "Microsoft.ContainerService/managedClusters"


class Walk(Preparation):
    """The backup itself, and the way back."""

    def wanted(self):
        """The instance, as Azure's documentation has it for AKS."""
        source = {
            "resource_id": self.cluster_id,
            "resource_name": CLUSTER,
            "resource_type": AKS,
            "resource_location": LOCATION,
            "datasource_type": AKS,
            "resource_uri": self.cluster_id,
        }
        group = f"{self.subscription}/resourceGroups/{SNAPSHOTS}"
        store = protection.AzureOperationalStoreParameters(
            data_store_type="OperationalStore", resource_group_id=group
        )
        cluster = protection.KubernetesClusterBackupDatasourceParameters(
            snapshot_volumes=True, include_cluster_scope_resources=True
        )
        return protection.BackupInstance(
            object_type="BackupInstance",
            friendly_name="walked",
            data_source_info=protection.Datasource(object_type="Datasource", **source),
            data_source_set_info=protection.DatasourceSet(object_type="DatasourceSet", **source),
            policy_info=protection.PolicyInfo(
                policy_id=self.policy_id,
                policy_parameters=protection.PolicyParameters(
                    data_store_parameters_list=[store], backup_datasource_parameters_list=[cluster]
                ),
            ),
        )

    def validate(self):
        """Follows a validation to its end."""
        request = protection.ValidateForBackupRequest(backup_instance=self.wanted())
        return self.waited(self.c.protection.backup_instances.begin_validate_for_backup(*AT, request))

    def unready(self):
        """Before the roles are there: the poller raises what Azure answered with HTTP 200."""
        refused("validation", HttpResponseError, "KubernetesBackupListExtensionsError", self.validate)

    def validation(self):
        """Once the roles have their effect."""
        until_now = []

        def valid():
            try:
                self.validate()
            except HttpResponseError as refusal:
                until_now.append(refusal.error.code)
                return False
            return True

        try:
            until("validation", valid)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; refused as {sorted(set(until_now))}") from error

    def protection(self):
        instances = self.c.protection.backup_instances
        resource = protection.BackupInstanceResource(properties=self.wanted())
        made = self.waited(instances.begin_create_or_update(*AT, INSTANCE, resource))
        equal("friendly name", made.properties.friendly_name, "walked")
        state = lambda: instances.get(*AT, INSTANCE).properties.current_protection_state
        until("protection", lambda: state() == "ProtectionConfigured")
        equal("instances", [one.name for one in instances.list(*AT)], [INSTANCE])
        routed = self.c.protection.backup_instances_extension_routing.list(self.cluster_id)
        equal("instances of the cluster", [one.name for one in routed], [INSTANCE])
        self.did()

    def backup(self):
        options = protection.AdHocBackupRuleOptions(
            rule_name="BackupDaily", trigger_option=protection.AdhocBackupTriggerOption()
        )
        request = protection.TriggerBackupRequest(backup_rule_options=options)
        started = self.waited(self.c.protection.backup_instances.begin_adhoc_backup(*AT, INSTANCE, request))
        name = started.job_id.rsplit("/", 1)[-1]
        look = lambda: self.c.protection.jobs.get(*AT, name)
        ended = until("backup job", lambda: (seen := look()).properties.status != "InProgress" and seen)
        equal("status of the job", ended.properties.status, "Completed")
        equal("jobs", [one.name for one in self.c.protection.jobs.list(*AT)], [name])
        points = list(self.c.protection.recovery_points.list(*AT, INSTANCE))
        equal("recovery points", [one.properties.recovery_point_state for one in points], [None])
        self.did()

    def restore(self):
        (point,) = self.c.protection.recovery_points.list(*AT, INSTANCE)
        wanted = self.wanted()
        criteria = protection.KubernetesClusterRestoreCriteria(
            include_cluster_scope_resources=True, conflict_policy="Skip", namespace_mappings={"shop": "shop-restored"}
        )
        target = protection.ItemLevelRestoreTargetInfo(
            recovery_option="FailIfExists",
            restore_location=LOCATION,
            restore_criteria=[criteria],
            datasource_info=wanted.data_source_info,
            datasource_set_info=wanted.data_source_set_info,
        )
        request = protection.AzureBackupRecoveryPointBasedRestoreRequest(
            recovery_point_id=point.name, restore_target_info=target, source_data_store_type="OperationalStore"
        )
        instances = self.c.protection.backup_instances
        question = protection.ValidateRestoreRequestObject(restore_request_object=request)
        self.waited(instances.begin_validate_for_restore(*AT, INSTANCE, question))
        started = self.waited(instances.begin_trigger_restore(*AT, INSTANCE, request))
        name = started.job_id.rsplit("/", 1)[-1]
        look = lambda: self.c.protection.jobs.get(*AT, name)
        ended = until("restore job", lambda: (seen := look()).properties.status != "InProgress" and seen)
        equal("status of the restore", ended.properties.status, "Completed")
        source = ended.properties.extended_info.source_recover_point
        equal("its recovery point", source.recovery_point_id, point.name)
        self.did()

    def stops(self):
        instances, deleted = self.c.protection.backup_instances, self.c.protection.deleted_backup_instances
        state = lambda: instances.get(*AT, INSTANCE).properties.current_protection_state
        self.waited(instances.begin_suspend_backups(*AT, INSTANCE))
        equal("suspended", state(), "BackupsSuspended")
        self.waited(instances.begin_resume_protection(*AT, INSTANCE))
        equal("resumed", state(), "ProtectionConfigured")
        self.waited(instances.begin_suspend_backups(*AT, INSTANCE))
        self.waited(instances.begin_resume_backups(*AT, INSTANCE))
        equal("backups resumed", state(), "ProtectionConfigured")
        self.waited(instances.begin_stop_protection(*AT, INSTANCE))
        equal("stopped", state(), "ProtectionStopped")
        self.waited(instances.begin_resume_protection(*AT, INSTANCE))
        until("protection again", lambda: state() == "ProtectionConfigured")
        self.waited(instances.begin_delete(*AT, INSTANCE))
        get = lambda: instances.get(*AT, INSTANCE)
        refused("deleted instance", ResourceNotFoundError, "ResourceNotFound", get)
        equal("deleted instances", [one.name for one in deleted.list(*AT)], [INSTANCE])
        self.waited(deleted.begin_undelete(*AT, INSTANCE))
        equal("undeleted", state(), "ProtectionStopped")
        self.waited(instances.begin_resume_protection(*AT, INSTANCE))
        equal("protected again", state(), "ProtectionConfigured")
        self.waited(instances.begin_delete(*AT, INSTANCE))

    def away(self):
        """The way back: everything that was made goes again."""
        bindings = self.c.containers.trusted_access_role_bindings
        self.waited(bindings.begin_delete(CLUSTER_GROUP, CLUSTER, BINDING))
        self.waited(self.c.extensions.extensions.begin_delete(*ON_CLUSTER, EXTENSION))
        equal("extensions", list(self.c.extensions.extensions.list(*ON_CLUSTER)), [])
        self.c.storage.blob_containers.delete(GROUP, ACCOUNT, CONTAINER)
        self.waited(self.c.resources.resource_groups.begin_delete(GROUP))
        equal("group", self.c.resources.resource_groups.check_existence(GROUP), False)
        left = [one.id for one in self.c.resources.resources.list() if f"/{GROUP}/" in one.id]
        equal("what is left of it", left, [])


CHAPTERS = (
    "subscriptions providers groups locks cluster account vault policy extension identity credentials access unready roles "
    "validation protection backup restore stops away"
)


def main():
    """Walks chapter by chapter; the name of the one that failed stands in the error."""
    walk = Walk(job())
    for chapter in CHAPTERS.split():
        try:
            getattr(walk, chapter)()
        except Exception as error:
            raise SystemExit(f"{chapter}: {type(error).__name__}: {error}") from error
    print(json.dumps({"steps": walk.steps, "pollers": walk.pollers}))


main()
