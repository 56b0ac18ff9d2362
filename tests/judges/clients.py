"""Microsoft's management clients, pointed at a sandbox.

A job is a JSON file: endpoint, tenant, subscription, client_id, client_secret, and `versions`, the api-versions that
clients are to use in place of their own (by the client's name here). Certificates come from REQUESTS_CA_BUNDLE.
"""

import json
import sys
import time

from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.dataprotection import DataProtectionMgmtClient
from azure.mgmt.kubernetesconfiguration.extensions import KubernetesConfigurationExtensionsMgmtClient
from azure.mgmt.msi import ManagedServiceIdentityClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.mgmt.storage import StorageManagementClient

# Seconds that something may take on a busy machine before the judge gives up.
PATIENCE = 120

CLIENTS = {
    "authorization": AuthorizationManagementClient,
    "containers": ContainerServiceClient,
    "protection": DataProtectionMgmtClient,
    "extensions": KubernetesConfigurationExtensionsMgmtClient,
    "identities": ManagedServiceIdentityClient,
    "locks": ManagementLockClient,
    "resources": ResourceManagementClient,
    "storage": StorageManagementClient,
}


def job():
    """The job whose file the command line names."""
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


class Clients:
    """One client of each package, signed in as the job's service principal."""

    def __init__(self, job):
        endpoint = job["endpoint"]
        credential = ClientSecretCredential(
            job["tenant"],
            job["client_id"],
            job["client_secret"],
            authority=endpoint,
            disable_instance_discovery=True,
        )
        # A poller whose answers carry no Retry-After asks this often, and so does everybody who waits here.
        common = {
            "base_url": endpoint,
            "credential_scopes": [f"{endpoint}/.default"],
            "polling_interval": 0.05,
        }
        versions = job.get("versions", {})
        for name, client in CLIENTS.items():
            own = {"api_version": versions[name]} if name in versions else {}
            setattr(self, name, client(credential, job["subscription"], **common, **own))
        self.subscriptions = SubscriptionClient(credential, **common)


def until(what, look):
    """Looks again and again until `look` gives something, and gives that."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {PATIENCE} s")
        time.sleep(0.05)


def equal(what, got, wanted):
    """Fails, with both values, where they differ."""
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def refused(what, error, code, act):
    """Fails unless `act` raises `error` with Azure's code `code`."""
    try:
        act()
    except error as caught:
        got = caught.error.code if getattr(caught, "error", None) else None
        equal(f"{what}: code", got, code)
        return
    raise AssertionError(f"{what}: was not refused")
