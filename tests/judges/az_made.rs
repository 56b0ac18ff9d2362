//! A hand-off that begins with what the real az made, and ends with az finding what the binaries made.

use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

use crate::az::{Az, GUEST};

const ACCOUNT: &str = "azmadebackups";
const AUDIENCE: &str = "api://AzureADTokenExchange";
const SUBJECT: &str = "system:serviceaccount:dataprotection-microsoft:dataprotection-microsoft-controller-sa";

fn below(group: &str, rest: &str) -> String {
    format!("{}/providers/{rest}", ids::group_id(group))
}

fn vault() -> String {
    below(ids::BACKUP_GROUP, "Microsoft.DataProtection/backupVaults/bv-az")
}

fn account() -> String {
    below(
        ids::BACKUP_GROUP,
        &format!("Microsoft.Storage/storageAccounts/{ACCOUNT}"),
    )
}

/// `az rest --method put`, for what az has no commands of its own.
fn put(az: &Az<'_>, id: &str, version: &str, body: &Value) {
    let url = format!("{id}?api-version={version}");
    az.json("rest --method put --url {} --body {}", &[&url, &body.to_string()]);
}

fn get(az: &Az<'_>, id: &str, version: &str) -> Value {
    az.json("rest --method get --url {}", &[&format!("{id}?api-version={version}")])
}

/// The guide's first steps: both features, account, container.
fn ground(az: &Az<'_>) {
    let issuer = "aks show -g rg-aks -n aks-demo --query oidcIssuerProfile";
    assert_eq!(az.json(issuer, &[])["enabled"], false);
    let updated = az.json(
        "aks update -g rg-aks -n aks-demo --enable-oidc-issuer --enable-workload-identity",
        &[],
    );
    assert_eq!(updated["securityProfile"]["workloadIdentity"]["enabled"], true);
    assert!(
        updated["oidcIssuerProfile"]["issuerUrl"]
            .as_str()
            .unwrap()
            .ends_with('/')
    );
    let made = az.json(
        "storage account create -n {} -g rg-backup -l westeurope --sku Standard_LRS --kind StorageV2 \
         --allow-blob-public-access false --allow-shared-key-access false --min-tls-version TLS1_2 --https-only true",
        &[ACCOUNT],
    );
    assert_eq!(made["id"], account());
    let container = az.json(
        "storage container-rm create --storage-account {} -n aks-backups -g rg-backup",
        &[ACCOUNT],
    );
    assert_eq!(container["name"], "aks-backups");
}

/// Vault, policy and extension, for which core az has `rest` alone.
fn backup(az: &Az<'_>) {
    let body = json!({
        "location": "westeurope", "identity": { "type": "SystemAssigned" },
        "properties": { "storageSettings": [{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }] },
    });
    put(az, &vault(), "2025-07-01", &body);
    let store = json!({ "dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase" });
    let policy = json!({ "properties": {
        "objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.ContainerService/managedClusters"],
        "policyRules": [
            {
                "name": "BackupDaily", "objectType": "AzureBackupRule", "dataStore": store,
                "backupParameters": { "objectType": "AzureBackupParams", "backupType": "Incremental" },
                "trigger": {
                    "objectType": "ScheduleBasedTriggerContext",
                    "schedule": { "repeatingTimeIntervals": ["R/2024-01-01T02:00:00+00:00/P1D"], "timeZone": "UTC" },
                    "taggingCriteria": [
                        { "isDefault": true, "taggingPriority": 99, "tagInfo": { "tagName": "Default" } },
                    ],
                },
            },
            {
                "name": "Default", "objectType": "AzureRetentionRule", "isDefault": true,
                "lifecycles": [{
                    "sourceDataStore": store, "targetDataStoreCopySettings": [],
                    "deleteAfter": { "objectType": "AbsoluteDeleteOption", "duration": "P7D" },
                }],
            },
        ],
    } });
    put(
        az,
        &format!("{}/backupPolicies/policy-az", vault()),
        "2026-06-01",
        &policy,
    );
}

fn choices(stage: &Stage) {
    let line = "init --resource-group rg-aks --cluster-name aks-demo --storage-account azmadebackups \
                --storage-resource-group rg-backup --container aks-backups --snapshot-group rg-snapshots --vault bv-az \
                --vault-resource-group rg-backup --policy policy-az --yes";
    let words: Vec<&str> = line.split_whitespace().collect();
    stage.az("platform", &words).ok();
}

/// Whether one of `writes` is a PUT on just this resource.
fn put_on(writes: &[String], id: &str) -> bool {
    let wanted = format!("PUT {id}?").to_lowercase();
    writes.iter().any(|write| write.to_lowercase().starts_with(&wanted))
}

#[test]
fn a_hand_off_adopts_what_az_made_and_az_finds_what_it_made() {
    let stage = Stage::with(&["retry_after=1"]).unwrap().hosting(&[GUEST]);
    let az = Az::signed_in(&stage, "everything");
    ground(&az);
    backup(&az);

    choices(&stage);
    let mark = stage.mark();
    stage.az("platform", &["prepare", "--yes"]).ok();
    let writes = stage.writes_since(mark);
    let container = format!("{}/blobServices/default/containers/aks-backups", account());
    let policy = format!("{}/backupPolicies/policy-az", vault());
    for made in [&ids::cluster_id(), &account(), &container, &vault(), &policy] {
        assert!(!put_on(&writes, made), "{made} was written again: {writes:#?}");
    }
    finds(&stage, &az);

    let owner = Az::signed_in(&stage, "owner");
    let principal = stage.value("/cloud/identity/principal");
    let role = "role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id {} --role {} --scope {}";
    let made = owner.json(role, &[&principal, "Storage Blob Data Contributor", &account()]);
    assert_eq!(made["principalId"], principal);
    let mark = stage.mark();
    stage.grant("owner").ok();
    let writes = stage.writes_since(mark);
    assert_eq!(writes.len(), 3, "three of four roles were left to assign: {writes:#?}");
    assert_eq!(
        owner.json(role, &[&principal, "Storage Blob Data Contributor", &account()])["id"],
        made["id"]
    );
    assigned(&stage, &owner);

    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    let instance = get(&az, &stage.value("/cloud/instance/instance"), "2026-06-01");
    assert_eq!(instance["properties"]["currentProtectionState"], "ProtectionConfigured");
}

/// What `prepare` made is what az finds.
fn finds(stage: &Stage, az: &Az<'_>) {
    let identity = stage.value("/cloud/identity/identity");
    let name = identity.rsplit('/').next().unwrap();
    let found = az.json("identity list -g {} --query {}", &[ids::NODE_GROUP, "[].name"]);
    assert!(found.as_array().unwrap().contains(&json!(name)), "{found}");
    let list = "identity federated-credential list -g {} --identity-name {}";
    let credentials = az.json(list, &[ids::NODE_GROUP, name]);
    let credentials = credentials.as_array().unwrap();
    assert_eq!(credentials.len(), 3);
    let own = credentials.iter().find(|one| one["subject"] == SUBJECT).unwrap();
    assert_eq!(own["issuer"], stage.value("/cloud/prerequisites/issuer"));
    assert_eq!(own["audiences"], json!([AUDIENCE]));
    let extension = get(az, &stage.value("/cloud/extension/extension"), "2025-03-01");
    let settings = &extension["properties"]["configurationSettings"];
    assert_eq!(settings["configuration.backupStorageLocation.bucket"], "aks-backups");
    let bindings = az.json(
        "aks trustedaccess rolebinding list -g rg-aks --cluster-name aks-demo",
        &[],
    );
    assert_eq!(bindings[0]["sourceResourceId"], vault());
    let containers = az.json(
        "storage container-rm list --storage-account {} --query {}",
        &[ACCOUNT, "[].name"],
    );
    assert_eq!(containers, json!(["aks-backups"]));
}

/// az lists the roles that `grant` assigned.
fn assigned(stage: &Stage, az: &Az<'_>) {
    let vault = stage.value("/cloud/vault/principal");
    let query = "[].[roleDefinitionName, scope]";
    let roles = az.json("role assignment list --all --assignee {} --query {}", &[&vault, query]);
    let roles = roles.as_array().unwrap();
    for scope in [ids::cluster_id(), ids::group_id(ids::SNAPSHOT_GROUP)] {
        assert!(roles.contains(&json!(["Reader", scope])), "{roles:#?}");
    }
    assert_eq!(roles.len(), 2);
}

#[test]
fn a_federated_credential_of_az_counts_under_its_own_name() {
    let stage = Stage::with(&["retry_after=1"]).unwrap().hosting(&[GUEST]);
    stage.prepared();
    let az = Az::signed_in(&stage, "platform");
    let identity = stage.value("/cloud/identity/identity");
    let name = identity.rsplit('/').next().unwrap();
    let delete = "identity federated-credential delete -g {} --identity-name {} --name dataprotection-controller --yes";
    az.json(delete, &[ids::NODE_GROUP, name]);
    let issuer = stage.value("/cloud/prerequisites/issuer");
    let create = "identity federated-credential create -g {} --identity-name {} --name made-by-az --issuer {} --subject {} \
                  --audiences {}";
    az.json(create, &[ids::NODE_GROUP, name, &issuer, SUBJECT, AUDIENCE]);
    let mark = stage.mark();
    stage.az("platform", &["prepare", "--yes"]).ok();
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert!(stage.state_text().contains("made-by-az"));
}
