"""Reads back, with Microsoft's typed models, everything that the binaries made, and compares it with what was asked for.

The job's `expected` is a flat object: a name for each field, and its value. Every field is read and every name compared;
what differs is named, with both values, and is the exit code's reason.
"""

import json

from clients import Clients, job

BACKUP_RULE, RETENTION_RULE = "AzureBackupRule", "AzureRetentionRule"


def split(resource):
    """Group and name of a resource's id."""
    parts = resource.strip("/").split("/")
    return parts[3], parts[-1]


def lower(value):
    """Ids are compared without regard to case, as Azure does."""
    return value.lower() if isinstance(value, str) and value.startswith("/") else value


class Readback:
    """What there is, field by field."""

    def __init__(self, job):
        self.c = Clients(job)
        self.ids = job["ids"]
        self.facts = {}

    def note(self, name, value):
        self.facts[name] = value

    def cluster(self):
        seen = self.c.containers.managed_clusters.get(*split(self.ids["cluster"]))
        self.note("cluster.issuer.enabled", seen.oidc_issuer_profile.enabled)
        self.note("cluster.issuer.url", seen.oidc_issuer_profile.issuer_url)
        self.note("cluster.workload_identity", seen.security_profile.workload_identity.enabled)
        self.note("cluster.principal", seen.identity.principal_id)
        binding = self.c.containers.trusted_access_role_bindings.get(
            *split(self.ids["cluster"]), split(self.ids["binding"])[1]
        )
        self.note("binding.source", binding.source_resource_id)
        self.note("binding.roles", binding.roles)

    def storage(self):
        group, name = split(self.ids["account"])
        seen = self.c.storage.storage_accounts.get_properties(group, name)
        for field in ("location", "kind", "allow_shared_key_access", "allow_blob_public_access", "minimum_tls_version"):
            self.note(f"account.{field}", getattr(seen, field))
        self.note("account.sku", seen.sku.name)
        self.note("account.https_only", seen.enable_https_traffic_only)
        containers = self.c.storage.blob_containers.list(group, name)
        self.note("account.containers", [one.name for one in containers])

    def vault(self):
        at = split(self.ids["vault"])
        seen = self.c.protection.backup_vaults.get(*at)
        delete = seen.properties.security_settings.soft_delete_settings
        self.note("vault.location", seen.location)
        self.note("vault.identity.type", seen.identity.type)
        self.note("vault.identity.principal", seen.identity.principal_id)
        self.note("vault.storage", [[one.datastore_type, one.type] for one in seen.properties.storage_settings])
        self.note("vault.soft_delete", [delete.state, delete.retention_duration_in_days])
        policy = self.c.protection.backup_policies.get(*at, split(self.ids["policy"])[1]).properties
        self.note("policy.datasource_types", policy.datasource_types)
        for rule in policy.policy_rules:
            if rule.object_type == BACKUP_RULE:
                self.note(f"policy.{rule.name}.type", rule.backup_parameters.backup_type)
                self.note(f"policy.{rule.name}.store", rule.data_store.data_store_type)
                times = rule.trigger.schedule.repeating_time_intervals
                self.note(f"policy.{rule.name}.interval", [time.rsplit("/", 1)[1] for time in times])
                tags = rule.trigger.tagging_criteria
                self.note(f"policy.{rule.name}.tags", [[one.tag_info.tag_name, one.is_default] for one in tags])
            if rule.object_type == RETENTION_RULE:
                cycles = [[one.source_data_store.data_store_type, one.delete_after.duration] for one in rule.lifecycles]
                self.note(f"policy.{rule.name}.default", rule.is_default)
                self.note(f"policy.{rule.name}.lifecycles", cycles)

    def extension(self):
        group, cluster = split(self.ids["cluster"])
        at = (group, "Microsoft.ContainerService", "managedClusters", cluster, split(self.ids["extension"])[1])
        seen = self.c.extensions.extensions.get(*at).properties
        self.note("extension.type", seen.extension_type)
        self.note("extension.state", seen.provisioning_state)
        self.note("extension.namespace", seen.scope.cluster.release_namespace)
        self.note("extension.settings", dict(seen.configuration_settings))
        self.note("extension.identity.principal", seen.aks_assigned_identity.principal_id)

    def identity(self):
        at = split(self.ids["identity"])
        seen = self.c.identities.user_assigned_identities.get(*at)
        self.note("identity.client", seen.client_id)
        self.note("identity.principal", seen.principal_id)
        for one in self.c.identities.federated_identity_credentials.list(*at):
            self.note(f"credential {one.subject}", [one.issuer, one.audiences])

    def roles(self):
        own = self.c.authorization
        for holder, principal in self.ids["principals"].items():
            mine = f"principalId eq '{principal}'"
            for one in own.role_assignments.list_for_subscription(filter=mine):
                role = own.role_definitions.get_by_id(one.role_definition_id).role_name
                self.note(f"role {role} of {holder} on {one.scope.lower()}", one.principal_type)

    def protection(self):
        at = split(self.ids["vault"])
        seen = self.c.protection.backup_instances.get(*at, split(self.ids["instance"])[1]).properties
        parameters = seen.policy_info.policy_parameters
        store, wanted = parameters.data_store_parameters_list[0], parameters.backup_datasource_parameters_list[0]
        self.note("instance.friendly_name", seen.friendly_name)
        self.note("instance.state", seen.current_protection_state)
        for name, source in (("source", seen.data_source_info), ("source_set", seen.data_source_set_info)):
            self.note(f"instance.{name}", [source.resource_id, source.datasource_type, source.resource_location])
        self.note("instance.policy", seen.policy_info.policy_id)
        self.note("instance.snapshots", [store.data_store_type, store.resource_group_id])
        for field in ("snapshot_volumes", "include_cluster_scope_resources", "included_namespaces", "excluded_namespaces"):
            self.note(f"instance.{field}", getattr(wanted, field))
        jobs = list(self.c.protection.jobs.list(*at))
        self.note("jobs", [[one.properties.operation, one.properties.status] for one in jobs])
        points = self.c.protection.recovery_points.list(*at, split(self.ids["instance"])[1])
        self.note("recovery_points", len(list(points)))

    def read(self):
        for part in ("cluster", "storage", "vault", "extension", "identity", "roles", "protection"):
            getattr(self, part)()
        return self.facts


def same(got, wanted):
    if isinstance(got, list) and isinstance(wanted, list):
        return len(got) == len(wanted) and all(same(*pair) for pair in zip(got, wanted))
    return lower(got) == lower(wanted)


def main():
    """Prints how many fields were compared, and what differs."""
    work = job()
    expected, facts = work["expected"], json.loads(json.dumps(Readback(work).read()))
    absent = object()
    differ = []
    for name in sorted(expected.keys() | facts.keys()):
        got, wanted = facts.get(name, absent), expected.get(name, absent)
        if got is absent or wanted is absent or not same(got, wanted):
            show = lambda value: "nothing" if value is absent else repr(value)
            differ.append(f"{name}: is {show(got)}, wanted {show(wanted)}")
    print(json.dumps({"compared": len(facts), "differ": differ}))


main()
