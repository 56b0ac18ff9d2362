"""The ground that backups stand on: subscription, providers, groups, cluster, storage, by Microsoft's own clients."""

import json

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.mgmt.storage import models as storage

from clients import Clients, equal, refused, until

LOCATION = "westeurope"
CLUSTER_GROUP, CLUSTER = "rg-aks", "aks-demo"
GROUP, ACCOUNT, CONTAINER = "rg-walk", "walkedbackups", "aks-walk"

NAMESPACES = (
    "Microsoft.ContainerService",
    "Microsoft.DataProtection",
    "Microsoft.KubernetesConfiguration",
    "Microsoft.ManagedIdentity",
    "Microsoft.Storage",
)


class Ground:
    """The walk and what it found on its way."""

    def __init__(self, job):
        self.job = job
        self.c = Clients(job)
        self.subscription = f"/subscriptions/{job['subscription']}"
        self.group = f"{self.subscription}/resourceGroups/{GROUP}"
        self.steps = 0
        self.pollers = 0

    def did(self, value=None):
        """Counts a step."""
        self.steps += 1
        return value

    def waited(self, poller):
        """Follows a long-running operation to its end."""
        self.pollers += 1
        result = poller.result(300)
        equal("status of a finished operation", poller.status(), "Succeeded")
        return self.did(result)

    def subscriptions(self):
        names = [one.display_name for one in self.c.subscriptions.subscriptions.list()]
        equal("subscriptions", names, ["Contoso Backup"])
        one = self.c.subscriptions.subscriptions.get(self.job["subscription"])
        equal("tenant of the subscription", one.tenant_id, self.job["tenant"])
        tenants = [one.tenant_id for one in self.c.subscriptions.tenants.list()]
        equal("tenants", tenants, [self.job["tenant"]])
        self.did()

    def providers(self):
        for namespace in NAMESPACES:
            provider = self.c.resources.providers.get(namespace)
            equal(f"{namespace} at first", provider.registration_state, "NotRegistered")
            state = self.c.resources.providers.register(namespace).registration_state
            equal(f"{namespace} once asked for", state, "Registering")
            look = lambda: self.c.resources.providers.get(namespace).registration_state == "Registered"
            self.did(until(f"registration of {namespace}", look))
        known = [one.namespace for one in self.c.resources.providers.list()]
        assert set(NAMESPACES) <= set(known), known

    def groups(self):
        groups = self.c.resources.resource_groups
        equal("group that is not there", groups.check_existence(GROUP), False)
        refused("group that is not there", ResourceNotFoundError, "ResourceGroupNotFound", lambda: groups.get(GROUP))
        made = groups.create_or_update(GROUP, {"location": LOCATION, "tags": {"made": "by the walk"}})
        equal("tags of the group", made.tags, {"made": "by the walk"})
        equal("group that is there", groups.check_existence(GROUP), True)
        assert GROUP in [one.name for one in groups.list()]
        move = lambda: groups.create_or_update(GROUP, {"location": "northeurope"})
        refused("group elsewhere", ResourceExistsError, "InvalidResourceGroupLocation", move)
        self.did()

    def locks(self):
        locks = self.c.locks.management_locks
        lock = {"properties": {"level": "CanNotDelete"}}
        locks.create_or_update_at_resource_group_level(GROUP, "keep", lock)
        level = locks.get_at_resource_group_level(GROUP, "keep").level
        equal("level of the lock", level, "CanNotDelete")
        equal("locks", [one.name for one in locks.list_at_resource_group_level(GROUP)], ["keep"])
        delete = lambda: self.c.resources.resource_groups.begin_delete(GROUP).result()
        refused("deletion of a locked group", ResourceExistsError, "ScopeLocked", delete)
        locks.delete_at_resource_group_level(GROUP, "keep")
        self.did()

    def cluster(self):
        clusters = self.c.containers.managed_clusters
        seen = clusters.get(CLUSTER_GROUP, CLUSTER)
        equal("issuer at first", seen.oidc_issuer_profile.enabled, False)
        equal("clusters", [one.name for one in clusters.list()], [CLUSTER])
        equal("clusters of the group", [one.name for one in clusters.list_by_resource_group(CLUSTER_GROUP)], [CLUSTER])
        seen.oidc_issuer_profile = {"enabled": True}
        seen.security_profile = {"workloadIdentity": {"enabled": True}}
        stale = {"etag": "stale", "match_condition": MatchConditions.IfNotModified}
        put = lambda: clusters.begin_create_or_update(CLUSTER_GROUP, CLUSTER, seen, **stale).result()
        refused("stale eTag", ResourceModifiedError, "PreConditionFailed", put)
        fresh = {"etag": seen.e_tag, "match_condition": MatchConditions.IfNotModified}
        changed = self.waited(clusters.begin_create_or_update(CLUSTER_GROUP, CLUSTER, seen, **fresh))
        equal("issuer", changed.oidc_issuer_profile.enabled, True)
        assert changed.oidc_issuer_profile.issuer_url.endswith("/"), changed.oidc_issuer_profile.issuer_url
        equal("workload identity", changed.security_profile.workload_identity.enabled, True)
        tagged = self.waited(clusters.begin_update_tags(CLUSTER_GROUP, CLUSTER, {"tags": {"walked": "yes"}}))
        equal("tags of the cluster", tagged.tags, {"walked": "yes"})
        equal("issuer after the tags", tagged.oidc_issuer_profile.issuer_url, changed.oidc_issuer_profile.issuer_url)
        credentials = clusters.list_cluster_user_credentials(CLUSTER_GROUP, CLUSTER)
        assert json.loads(bytes(credentials.kubeconfigs[0].value))["kind"] == "Config"
        self.issuer, self.cluster_id = changed.oidc_issuer_profile.issuer_url, changed.id
        self.cluster_principal = changed.identity.principal_id

    def account(self):
        accounts, containers = self.c.storage.storage_accounts, self.c.storage.blob_containers
        free = lambda name: accounts.check_name_availability({"name": name, "type": "Microsoft.Storage/storageAccounts"})
        equal("free name", free(ACCOUNT).name_available, True)
        equal("taken name", free("contosobackups").reason, "AlreadyExists")
        wanted = storage.StorageAccountCreateParameters(
            sku=storage.Sku(name="Standard_LRS"),
            kind="StorageV2",
            location=LOCATION,
            allow_blob_public_access=False,
            allow_shared_key_access=False,
            minimum_tls_version="TLS1_2",
        )
        made = self.waited(accounts.begin_create(GROUP, ACCOUNT, wanted))
        equal("state of the account", made.provisioning_state, "Succeeded")
        equal("shared keys", accounts.get_properties(GROUP, ACCOUNT).allow_shared_key_access, False)
        for listed in (accounts.list(), accounts.list_by_resource_group(GROUP)):
            equal("accounts", [one.name for one in listed], [ACCOUNT])
        get = lambda: containers.get(GROUP, ACCOUNT, CONTAINER)
        refused("container that is not there", ResourceNotFoundError, "ContainerNotFound", get)
        containers.create(GROUP, ACCOUNT, CONTAINER, {})
        containers.create(GROUP, ACCOUNT, "second", {})
        equal("access to the container", get().public_access, "None")
        containers.delete(GROUP, ACCOUNT, "second")
        equal("containers", [one.name for one in containers.list(GROUP, ACCOUNT)], [CONTAINER])
        self.account_id = made.id
        self.did()
