//! Failures that Azure's state proves: each is brought about by hand, and has to be the first that is named.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use serde_json::{Value, json};

use crate::cloud_world::{BLOBS, Protected, found, proven, text};

type Case = (&'static str, fn(&Protected));

const FINDINGS: i32 = Exit::Pending.code() as i32;

const OF_CLUSTER: [Case; 15] = [
    ("CLU-STOPPED", |world| world.set("cluster_stopped=true")),
    ("CLU-OIDC-OFF", |world| {
        world.cluster("/oidcIssuerProfile", json!({ "enabled": false }));
    }),
    ("CLU-WI-OFF", |world| world.cluster("/securityProfile", json!({}))),
    ("CLU-SERVICE-PRINCIPAL", |world| {
        world.change(&ids::cluster_id(), "/identity", Value::Null);
        world.cluster("/servicePrincipalProfile/clientId", json!(ids::named("principal")));
    }),
    ("CLU-CSI-OFF", |world| {
        world.cluster("/storageProfile/diskCSIDriver/enabled", json!(false));
    }),
    ("CLU-NETWORK-ISOLATED", |world| {
        world.cluster("/networkProfile/outboundType", json!("none"));
    }),
    ("CLU-IMDS-BLOCKED", |world| {
        world.cluster("/networkProfile/podLinkLocalAccess", json!("None"));
    }),
    ("CLU-POD-IDENTITY", |world| {
        world.cluster("/podIdentityProfile", json!({ "enabled": true }));
    }),
    ("CLU-NODES-UNSUITABLE", |world| {
        for pool in ["0", "1"] {
            world.cluster(&format!("/agentPoolProfiles/{pool}/vmSize"), json!("Standard_D4ps_v5"));
        }
    }),
    ("FIC-ISSUER-REBUILT", |world| {
        let issuer = "https://westeurope.oic.prod-aks.azure.com/tenant/anew/";
        world.cluster("/oidcIssuerProfile/issuerURL", json!(issuer));
    }),
    ("ARM-BUSY", |world| {
        world.cluster("/provisioningState", json!("Updating"));
    }),
    ("ARM-LOCK", |world| world.set("backup_group_lock=ReadOnly")),
    ("ARM-RP-UNREGISTERED", |world| {
        world.azure().unregister("Microsoft.KubernetesConfiguration");
    }),
    ("ARM-DENY-ASSIGNMENT", |world| {
        world.drop_credentials();
        world.set("locked_node_group=true");
    }),
    ("LOGIN-SUB-DISABLED", |world| world.set("subscription_state=Disabled")),
];

const OF_STORAGE: [Case; 11] = [
    ("CLU-REGION-MISMATCH", |world| {
        world.change(&world.account(), "/location", json!("northeurope"));
    }),
    ("STO-WRONG-KIND", |world| {
        world.change(&world.account(), "/kind", json!("BlobStorage"));
    }),
    ("STO-ACCOUNT-DISABLED", |world| {
        world.change(&world.account(), "/properties/statusOfPrimary", json!("unavailable"));
    }),
    ("STO-VANISHED", |world| {
        world.azure().remove(&world.container());
    }),
    ("STO-CONTAINER-DELETING", |world| {
        world.change(&world.container(), "/properties/deleted", json!(true));
    }),
    ("STO-IMMUTABLE", |world| {
        world.change(&world.container(), "/properties/hasLegalHold", json!(true));
    }),
    ("STO-FIREWALL", |world| world.set("storage_default_action=Deny")),
    ("STO-PE-PENDING", |world| {
        world.change(&world.account(), "/properties/publicNetworkAccess", json!("Disabled"));
        world.azure().connect(&world.account(), "Pending");
    }),
    ("STO-WRONG-TARGET", |world| {
        world.setting("configuration.backupStorageLocation.bucket", "another");
    }),
    ("STO-VANISHED", |world| world.azure().remove(&world.account())),
    ("STO-CONTAINER-SHARED", |world| {
        let mut neighbor = world.azure().resource(&world.extension()).unwrap();
        let id = text(&neighbor, "/id").replace("aks-demo", "aks-neighbor");
        neighbor["id"] = json!(id);
        world.azure().place(neighbor);
    }),
];

const OF_EXTENSION: [Case; 9] = [
    ("EXT-MISSING", |world| world.azure().remove(&world.extension())),
    ("EXT-FAILED", |world| {
        world.change(&world.extension(), "/properties/provisioningState", json!("Failed"));
    }),
    ("EXT-HELM-BUSY", |world| {
        world.change(&world.extension(), "/properties/provisioningState", json!("Updating"));
    }),
    ("EXT-IDENTITY-GONE", |world| world.azure().remove(&world.identity())),
    ("EXT-CONFIG-UNMAPPED", |world| {
        let short = json!({ "blobContainer": "aks", "storageAccount": "st", "useAAD": "true" });
        world.change(&world.extension(), "/properties/configurationSettings", short);
    }),
    ("EXT-USEAAD-BAD", |world| {
        world.setting("configuration.backupStorageLocation.config.useAAD", "yes please");
    }),
    ("STO-KEYS-OFF", |world| {
        world.setting("configuration.backupStorageLocation.config.useAAD", "false");
    }),
    ("WI-TENANT", |world| {
        world.setting("credentials.tenantId", ids::OTHER_TENANT);
    }),
    ("WI-SA-STALE-CLIENT", |world| {
        let anew = json!(ids::named("anew"));
        world.change(&world.identity(), "/properties/clientId", anew.clone());
        world.change(&world.extension(), "/properties/aksAssignedIdentity/clientId", anew);
    }),
];

const OF_CREDENTIALS: [Case; 7] = [
    ("FIC-NONE", Protected::drop_credentials),
    ("FIC-ISSUER", |world| {
        world.each_credential("/properties/issuer", |issuer| json!(issuer.trim_end_matches('/')));
    }),
    ("FIC-SUBJECT", |world| {
        world.each_credential("/properties/subject", |subject| json!(format!("{subject}-old")));
    }),
    ("FIC-SUBJECT-CASE", |world| {
        world.each_credential("/properties/subject", |subject| json!(subject.to_uppercase()));
    }),
    ("FIC-AUDIENCE", |world| {
        world.each_credential("/properties/audiences", |_| json!(["api://other"]));
    }),
    ("FIC-LIMIT", |world| {
        let mut own = world.credentials().remove(0);
        world.drop_credentials();
        for number in 0..20 {
            own["name"] = json!(format!("other-{number}"));
            own["id"] = json!(format!(
                "{}/federatedIdentityCredentials/other-{number}",
                world.identity()
            ));
            own["properties"]["issuer"] = json!(format!("https://example.com/{number}/"));
            own["properties"]["subject"] = json!(format!("system:serviceaccount:elsewhere:{number}"));
            world.azure().place(own.clone());
        }
    }),
    ("FIC-WRONG-IDENTITY", |world| {
        let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
        let kubelet = format!("{}/providers/{kind}/aks-demo-agentpool", ids::group_id(ids::NODE_GROUP));
        for mut own in world.credentials() {
            own["id"] = json!(format!(
                "{kubelet}/federatedIdentityCredentials/{}",
                text(&own, "/name")
            ));
            world.azure().place(own);
        }
        world.drop_credentials();
    }),
];

fn without_blob_role(world: &Protected) {
    world.unassign(&world.principal(), BLOBS, &world.account());
}

const OF_ROLES: [Case; 9] = [
    ("RBAC-BLOB-ROLE", without_blob_role),
    ("RBAC-CONTROL-ROLE-ONLY", |world| {
        without_blob_role(world);
        world.assign(&world.principal(), "Contributor", &world.account());
    }),
    ("RBAC-WRONG-PRINCIPAL", |world| {
        without_blob_role(world);
        world.assign(&ids::named("kubelet/principal"), BLOBS, &world.account());
    }),
    ("RBAC-WRONG-SCOPE", |world| {
        without_blob_role(world);
        world.assign(&world.principal(), BLOBS, &Protected::snapshots());
    }),
    ("RBAC-CONDITION", |world| {
        world
            .azure()
            .narrow(&world.principal(), BLOBS, "@Resource[x] StringEquals 'y'");
    }),
    ("EXT-LIST-DENIED", |world| {
        world.unassign(&world.vault_principal(), "Reader", &ids::cluster_id());
    }),
    ("RBAC-SNAPSHOT-VAULT", |world| {
        world.unassign(&world.vault_principal(), "Reader", &Protected::snapshots());
    }),
    ("RBAC-SNAPSHOT-CLUSTER", |world| {
        world.unassign(&world.cluster_principal(), "Contributor", &Protected::snapshots());
    }),
    ("RBAC-VAULT-BLOB-READER", |world| {
        vault_tier(world);
        world.assign(
            &world.vault_principal(),
            "Disk Snapshot Contributor",
            &Protected::snapshots(),
        );
    }),
];

/// Lets the policy copy backups to the vault, as the target asks.
pub(crate) fn vault_tier(world: &Protected) {
    let copies = json!([{ "copyAfter": { "objectType": "ImmediateCopyOption" },
        "dataStore": { "objectType": "DataStoreInfoBase", "dataStoreType": "VaultStore" } }]);
    let place = "/properties/policyRules/0/lifecycles/0/targetDataStoreCopySettings";
    world.change(&world.policy(), place, copies);
    let file = world.stage.state_text();
    let asked = "[target.policy]\nvault_tier_retention = \"P30D\"";
    std::fs::write(world.stage.state(), file.replace("[target.policy]", asked)).unwrap();
}

const OF_VAULT: [Case; 14] = [
    ("VLT-TRUSTED-ACCESS", |world| world.azure().remove(&world.binding())),
    ("VLT-REGION", |world| {
        world.change(&world.vault(), "/location", json!("northeurope"));
    }),
    ("VLT-NO-IDENTITY", |world| {
        world.change(&world.vault(), "/identity", json!({ "type": "None" }));
    }),
    ("VLT-UAMI-GONE", |world| {
        let id = format!(
            "{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gone",
            ids::group_id("rg-backup")
        );
        let details = json!({ "useSystemAssignedIdentity": false, "userAssignedIdentityArmUrl": id });
        world.change(&world.instance(), "/properties/identityDetails", details);
    }),
    ("VLT-SNAPSHOT-LOCK", |world| world.set("snapshot_group_lock=true")),
    ("VLT-BI-ERROR", |world| world.set("instance_state=ProtectionError")),
    ("RBAC-PROPAGATING", |world| {
        world.set("instance_state=ProtectionError");
        let error = json!({ "code": "UserErrorBackupStorageLocationNotReady", "message": "It is not ready." });
        world.change(&world.instance(), "/properties/protectionErrorDetails", error);
    }),
    ("VLT-BI-SOFTDELETED", |world| world.set("instance_state=SoftDeleted")),
    ("VLT-BI-EXISTS", |world| {
        world.azure().remove(&world.instance());
        world.set("protected_elsewhere=true");
    }),
    ("VLT-DATASET-INFO", |world| {
        world.change(&world.instance(), "/properties/dataSourceSetInfo", Value::Null);
    }),
    ("VLT-NO-EDIT", |world| {
        let other = format!("{}/backupPolicies/another", world.vault());
        world.change(&world.instance(), "/properties/policyInfo/policyId", json!(other));
    }),
    ("VLT-IMMUTABLE", |world| {
        let other = format!("{}/backupPolicies/another", world.vault());
        world.change(&world.instance(), "/properties/policyInfo/policyId", json!(other));
        let locked = json!({ "state": "Locked" });
        world.change(
            &world.vault(),
            "/properties/securitySettings/immutabilitySettings",
            locked,
        );
    }),
    ("JOB-CLUSTER-STOPPED", |world| {
        let mut job = world.azure().resource(&world.job()).unwrap();
        let other = format!("{}-of-the-night", text(&job, "/id"));
        let at = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(20)).to_string();
        (job["name"], job["id"]) = (json!(other.rsplit('/').next()), json!(other));
        let error =
            json!({ "code": "UserErrorKubernetesBackupClusterIsStopped", "message": "The AKS cluster is stopped." });
        for (key, value) in [
            ("status", json!("Failed")),
            ("isUserTriggered", json!(false)),
            ("startTime", json!(at)),
            ("endTime", json!(at)),
            ("errorDetails", json!([error])),
        ] {
            job["properties"][key] = value;
        }
        world.azure().place(job);
    }),
    ("JOB-WARN", |world| {
        world.change(&world.job(), "/properties/status", json!("CompletedWithWarnings"));
    }),
];

/// What the fix of a failure leaves to a person or to time, before our command comes.
const BEFORE_THE_COMMAND: [Case; 4] = [
    // Azure lets no instance be created in such a vault, and keeps the vault of one that exists.
    ("VLT-REGION", |world| world.azure().remove(&world.instance())),
    ("FIC-LIMIT", Protected::drop_credentials),
    ("EXT-HELM-BUSY", |world| {
        world.change(&world.extension(), "/properties/provisioningState", json!("Failed"));
    }),
    ("VLT-BI-ERROR", |world| {
        world.set("instance_state=");
        world.change(
            &world.instance(),
            "/properties/currentProtectionState",
            json!("ProtectionError"),
        );
    }),
];

/// Brings each case about, and collects what is not as it should be.
fn tried(cases: &[Case]) {
    let world = Protected::new();
    let mut bad = Vec::new();
    for (id, hand) in cases {
        hand(&world);
        let verify = world.examined("verify");
        let doctor = world.examined("doctor");
        let (proven, found) = (proven(&verify.json()), found(&doctor.json()));
        if let Some((_, act)) = BEFORE_THE_COMMAND.iter().find(|(own, _)| own == id) {
            act(&world);
        }
        bad.extend(world.unfixed(id, &doctor.json()));
        world.recall();
        let named = proven.iter().any(|own| own == id);
        if verify.code != FINDINGS || !named {
            bad.push(format!("{id}: verify ended {} and proves {proven:?}", verify.code));
        }
        if doctor.code != FINDINGS || found.first().map(String::as_str) != Some(*id) {
            bad.push(format!("{id}: doctor ended {} and names {found:?}", doctor.code));
        }
    }
    world.examined("verify").ok();
    assert!(bad.is_empty(), "{} of {}\n{}", bad.len(), cases.len(), bad.join("\n"));
}

#[test]
fn what_the_cluster_lacks_is_named_first() {
    tried(&OF_CLUSTER);
}

#[test]
fn what_is_wrong_with_the_storage_is_named_first() {
    tried(&OF_STORAGE);
}

#[test]
fn what_is_wrong_with_the_extension_is_named_first() {
    tried(&OF_EXTENSION);
}

#[test]
fn what_is_wrong_with_the_credentials_is_named_first() {
    tried(&OF_CREDENTIALS);
}

#[test]
fn roles_that_are_missing_are_named_first() {
    tried(&OF_ROLES);
}

#[test]
fn what_is_wrong_with_vault_instance_and_jobs_is_named_first() {
    tried(&OF_VAULT);
}
