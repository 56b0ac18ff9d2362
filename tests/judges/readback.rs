//! What the binaries made, read back by Microsoft's clients with rights to read alone.

use std::io::{self, Write as _};

use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::Stage;
use serde_json::{Map, Value, json};

use crate::sdk::{GUEST, script};

const ACCOUNT: &str = "readbackaccount";
const SUBJECTS: [&str; 3] = [
    "dataprotection-microsoft-controller-sa",
    "dataprotection-microsoft-geneva-sa",
    "dataprotection-microsoft-kubernetes-agent-server",
];
const NAMESPACE: &str = "dataprotection-microsoft";
const AKS: &str = "Microsoft.ContainerService/managedClusters";

/// A choice for everything that has a flag, other than the default where there is one.
const CHOICES: &str = "init --resource-group rg-aks --cluster-name aks-demo --storage-account readbackaccount \
    --storage-resource-group rg-backup --container read-back --sku Standard_ZRS --snapshot-group rg-snapshots --vault bv-read \
    --vault-resource-group rg-backup --redundancy ZoneRedundant --soft-delete-days 21 --policy every-12h --schedule 12h \
    --retention 30d --extension backup-of-aks --instance read-back --no-snapshot-volumes --no-cluster-scope-resources \
    --exclude-namespace kube-system --exclude-namespace default --yes";

/// The whole hand-off with those choices.
fn made() -> Stage {
    let stage = Stage::new().unwrap().hosting(&[GUEST]);
    let init: Vec<&str> = CHOICES
        .split_whitespace()
        .chain(["--friendly-name", "Read back"])
        .collect();
    stage.az("platform", &init).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    stage
}

/// The state file's claims that name where to look.
fn places(stage: &Stage) -> Value {
    let at = |pointer: &str| stage.value(pointer);
    json!({
        "cluster": at("/target/cluster"), "account": at("/cloud/storage/account"), "vault": at("/cloud/vault/vault"),
        "policy": at("/cloud/vault/policy"), "extension": at("/cloud/extension/extension"),
        "identity": at("/cloud/identity/identity"), "binding": at("/cloud/trusted_access/binding"),
        "instance": at("/cloud/instance/instance"),
        "principals": {
            "extension identity": at("/cloud/identity/principal"), "vault": at("/cloud/vault/principal"),
            "cluster": at("/cloud/prerequisites/cluster_principal"),
        },
    })
}

/// What was asked for, and what follows from it, field by field.
fn expected(stage: &Stage) -> Map<String, Value> {
    let mut all = Map::new();
    for part in [cloud(stage), vault(stage), extension(stage), access(stage), instance()] {
        all.extend(part.as_object().cloned().unwrap());
    }
    all
}

fn below(group: &str, rest: &str) -> String {
    format!("{}/providers/{rest}", ids::group_id(group))
}

fn cloud(stage: &Stage) -> Value {
    json!({
        "cluster.issuer.enabled": true, "cluster.issuer.url": stage.value("/cloud/prerequisites/issuer"),
        "cluster.workload_identity": true, "cluster.principal": stage.value("/cloud/prerequisites/cluster_principal"),
        "binding.source": below(ids::BACKUP_GROUP, "Microsoft.DataProtection/backupVaults/bv-read"),
        "binding.roles": ["Microsoft.DataProtection/backupVaults/backup-operator"],
        "account.location": ids::LOCATION, "account.kind": "StorageV2", "account.sku": "Standard_ZRS",
        "account.allow_shared_key_access": false, "account.allow_blob_public_access": false,
        "account.minimum_tls_version": "TLS1_2", "account.https_only": true, "account.containers": ["read-back"],
    })
}

fn vault(stage: &Stage) -> Value {
    json!({
        "vault.location": ids::LOCATION, "vault.identity.type": "SystemAssigned",
        "vault.identity.principal": stage.value("/cloud/vault/principal"),
        "vault.storage": [["VaultStore", "ZoneRedundant"]], "vault.soft_delete": ["On", 21.0],
        "policy.datasource_types": [AKS],
        "policy.BackupHourly.type": "Incremental", "policy.BackupHourly.store": "OperationalStore",
        "policy.BackupHourly.interval": ["PT12H"], "policy.BackupHourly.tags": [["Default", true]],
        "policy.Default.default": true, "policy.Default.lifecycles": [["OperationalStore", "P30D"]],
    })
}

fn extension(stage: &Stage) -> Value {
    json!({
        "extension.type": "microsoft.dataprotection.kubernetes", "extension.state": "Succeeded",
        "extension.namespace": NAMESPACE,
        "extension.settings": {
            "configuration.backupStorageLocation.bucket": "read-back",
            "configuration.backupStorageLocation.config.storageAccount": ACCOUNT,
            "configuration.backupStorageLocation.config.resourceGroup": ids::BACKUP_GROUP,
            "configuration.backupStorageLocation.config.subscriptionId": ids::SUBSCRIPTION,
            "configuration.backupStorageLocation.config.useAAD": "true",
            "configuration.backupStorageLocation.config.storageAccountURI":
                format!("{}/blob/{ACCOUNT}/", stage.sandbox.endpoint()),
            "credentials.tenantId": ids::TENANT,
        },
        "extension.identity.principal": stage.value("/cloud/identity/principal"),
        "identity.client": stage.value("/cloud/identity/client_id"),
        "identity.principal": stage.value("/cloud/identity/principal"),
    })
}

/// Federated credentials and roles.
fn access(stage: &Stage) -> Value {
    let mut all = Map::new();
    let issuer = stage.value("/cloud/prerequisites/issuer");
    for subject in SUBJECTS {
        let name = format!("credential system:serviceaccount:{NAMESPACE}:{subject}");
        all.insert(name, json!([issuer, ["api://AzureADTokenExchange"]]));
    }
    let account = below(
        ids::BACKUP_GROUP,
        &format!("Microsoft.Storage/storageAccounts/{ACCOUNT}"),
    );
    let snapshots = ids::group_id(ids::SNAPSHOT_GROUP);
    for (role, holder, scope) in [
        ("Storage Blob Data Contributor", "extension identity", account),
        ("Reader", "vault", ids::cluster_id()),
        ("Reader", "vault", snapshots.clone()),
        ("Contributor", "cluster", snapshots),
    ] {
        let scope = scope.to_lowercase();
        all.insert(format!("role {role} of {holder} on {scope}"), json!("ServicePrincipal"));
    }
    Value::Object(all)
}

fn instance() -> Value {
    let source = json!([ids::cluster_id(), AKS, ids::LOCATION]);
    json!({
        "instance.friendly_name": "Read back", "instance.state": "ProtectionConfigured", "instance.source": source,
        "instance.source_set": source,
        "instance.policy": below(ids::BACKUP_GROUP, "Microsoft.DataProtection/backupVaults/bv-read/backupPolicies/every-12h"),
        "instance.snapshots": ["OperationalStore", ids::group_id(ids::SNAPSHOT_GROUP)],
        "instance.snapshot_volumes": false, "instance.include_cluster_scope_resources": false,
        "instance.included_namespaces": null, "instance.excluded_namespaces": ["kube-system", "default"],
        "jobs": [["Backup", "Completed"]], "recovery_points": 1,
    })
}

fn read(stage: &Stage) -> (u64, Vec<String>) {
    let job = json!({ "ids": places(stage), "expected": expected(stage) });
    let read = script(stage, "reader", "readback.py", job);
    let differ = read["differ"].as_array().unwrap().iter();
    let differ = differ.map(|one| one.as_str().unwrap().to_owned()).collect();
    (read["compared"].as_u64().unwrap(), differ)
}

#[test]
fn microsofts_models_find_everything_as_it_was_asked_for_and_name_what_is_not() {
    let stage = made();
    let (compared, differ) = read(&stage);
    assert_eq!(differ, Vec::<String>::new());
    let _ = writeln!(
        io::stderr(),
        "judges: Microsoft's models read {compared} fields of what the binaries made, all as asked for"
    );

    let account = stage.value("/cloud/storage/account");
    let mut body = stage.sandbox.resource(&account).unwrap();
    body["properties"]["allowSharedKeyAccess"] = json!(true);
    stage.sandbox.azure().place(body);
    let snapshots = ids::group_id(ids::SNAPSHOT_GROUP);
    let vault = stage.value("/cloud/vault/principal");
    assert_eq!(stage.sandbox.azure().unassign(&vault, "Reader", &snapshots), 1);
    let (_, differ) = read(&stage);
    let role = format!(
        "role Reader of vault on {}: is nothing, wanted 'ServicePrincipal'",
        snapshots.to_lowercase()
    );
    assert_eq!(
        differ,
        [
            "account.allow_shared_key_access: is True, wanted False".to_owned(),
            role
        ]
    );
}
