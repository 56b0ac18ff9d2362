//! A view of a world as it should be, for the tests of each link.

use aksbackup_shared::names::{AUDIENCE, GUIDE_SERVICE_ACCOUNTS, NAMESPACE};
use aksbackup_shared::schema::PrerequisitesTable;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;
use crate::arm::clusters::tests::cluster;
use crate::arm::container_clusters::ContainerClusters;
use crate::arm::roles::Role;
use crate::arm::trusted_access::BACKUP_OPERATOR;
use crate::checks::account::tests::account;
use crate::checks::extension_settings;
use crate::checks::protection::tests::instance;
use crate::checks::roles;
use crate::target_ids;
use crate::target_ids::tests::{example, state};

const ISSUER: &str = "https://oidc.example/t/g/";
const EXTENSION: &str = "33333333-3333-4333-8333-333333333333";
const CLIENT: &str = "44444444-4444-4444-8444-444444444444";
const VAULT: &str = "55555555-5555-4555-8555-555555555555";

/// What Azure answers, read.
pub(crate) fn found<T: DeserializeOwned>(body: Value) -> Seen<T> {
    Seen::Here(serde_json::from_value(body).unwrap())
}

/// The ids of the failures that checks prove.
pub(crate) fn failures(checks: &[Check]) -> Vec<String> {
    checks.iter().filter_map(|check| check.failure.clone()).collect()
}

/// An extension as this tool installs one, with what a test wants otherwise.
pub(crate) fn extension(change: impl FnOnce(&mut Value)) -> Extension {
    let settings = extension_settings::wanted(&example(), "https://stbackup.blob.core.windows.net/");
    let mut properties = json!({
        "extensionType": "microsoft.dataprotection.kubernetes", "provisioningState": "Succeeded", "currentVersion": "1",
        "configurationSettings": settings,
        "aksAssignedIdentity": { "principalId": EXTENSION, "clientId": CLIENT, "resourceId": identity_id() },
    });
    change(&mut properties);
    serde_json::from_value(json!({ "name": "azure-aks-backup", "properties": properties })).unwrap()
}

fn identity_id() -> String {
    let group = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/MC_rg-aks_aks";
    format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ext-azure-aks-backup")
}

/// A federated credential for this subject of this issuer.
pub(crate) fn credential(name: &str, subject: &str, issuer: &str) -> FederatedCredential {
    let properties = json!({ "issuer": issuer, "subject": subject, "audiences": [AUDIENCE] });
    serde_json::from_value(json!({ "name": name, "properties": properties })).unwrap()
}

/// A vault as this tool makes one, with what a test wants otherwise.
pub(crate) fn vault(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({
        "location": "westeurope", "identity": { "type": "SystemAssigned", "principalId": VAULT },
        "properties": { "provisioningState": "Succeeded" },
    });
    change(&mut body);
    body
}

/// An assignment of this role to this principal.
pub(crate) fn assignment(role: Role, principal: &PrincipalId, scope: &str) -> Assignment {
    serde_json::from_value(json!({ "properties": {
        "roleDefinitionId": format!("/x/{}", role.definition), "principalId": principal, "scope": scope,
        "createdOn": "2026-01-01T23:30:00Z" } }))
    .unwrap()
}

fn recorded() -> State {
    let mut state = state();
    state.cloud.prerequisites = Some(PrerequisitesTable {
        issuer: ISSUER.parse().unwrap(),
        node_resource_group: "MC_rg-aks_aks".parse().unwrap(),
        cluster_principal: "11111111-1111-4111-8111-111111111111".parse().unwrap(),
        providers: vec![],
        api_server: None,
        written: None,
    });
    let identity = json!({ "identity": identity_id(), "client_id": CLIENT, "principal": EXTENSION });
    state.cloud.identity = Some(serde_json::from_value(identity).unwrap());
    let table = json!({ "client_id": CLIENT, "service_accounts": [] });
    state.cluster.workload_identity = Some(serde_json::from_value(table).unwrap());
    state
}

/// A view of a world as it should be, at the beginning of 2026-01-02.
pub(crate) fn view() -> View {
    let target = example();
    let subject = |account: &str| format!("system:serviceaccount:{NAMESPACE}:{account}");
    let mut protected = instance("ProtectionConfigured", |_| ());
    protected.properties.data_source_set_info = Some(json!({}));
    let binding = json!([{ "name": "b", "properties": {
        "sourceResourceId": target_ids::vault(&target), "roles": [BACKUP_OPERATOR], "provisioningState": "Succeeded" } }]);
    let registered = || found(json!({ "registrationState": "Registered" }));
    let scopes = [
        target.cluster.resource_group_id(),
        target_ids::storage_group(&target),
        target_ids::snapshot_group(&target),
    ];
    let mut view = View {
        state: recorded(),
        id: target.cluster.clone(),
        caller: Caller {
            object_id: "66666666-6666-4666-8666-666666666666".parse().unwrap(),
            tenant: target.tenant.clone(),
            name: "ada@contoso.example".into(),
        },
        now: "2026-01-02T00:00:00Z".parse().unwrap(),
        places: Places {
            account: Some(target_ids::account(&target)),
            container: Some(target_ids::container(&target)),
            snapshots: Some(target_ids::snapshot_group(&target)),
            vault: Some(target_ids::vault(&target)),
            policy: Some(target_ids::policy(&target)),
        },
        subscription: found(json!({ "displayName": "Contoso", "state": "Enabled", "tenantId": target.tenant })),
        providers: vec![
            ("Microsoft.Storage", registered()),
            ("Microsoft.DataProtection", registered()),
        ],
        cluster: Seen::Here(cluster(|body| {
            body["properties"]["networkProfile"] = json!({ "podLinkLocalAccess": "IMDS" });
        })),
        extensions: Seen::Here(vec![extension(|_| ())]),
        bindings: found(binding),
        instances: Seen::Here(vec![protected]),
        account: Seen::Here(account(|_| ())),
        container: found(json!({ "properties": {} })),
        container_clusters: Seen::Here(ContainerClusters::default()),
        snapshots: found(json!({})),
        locks: scopes.map(|scope| (scope, Seen::Here(vec![]))).to_vec(),
        vault: found(vault(|_| ())),
        vault_subscription: Seen::Unasked,
        policy: Seen::Here(crate::checks::policy::tests::made(|_| ())),
        policy_file: None,
        deleted: Seen::Here(vec![]),
        jobs: Seen::Here(vec![]),
        identity: found(json!({ "id": identity_id(), "properties": { "principalId": EXTENSION, "clientId": CLIENT } })),
        credentials: Seen::Here(
            GUIDE_SERVICE_ACCOUNTS
                .map(|(account, name)| credential(name, &subject(account), ISSUER))
                .to_vec(),
        ),
        roles: Vec::new(),
        culprits: Culprits::default(),
    };
    view.roles = roles::needs(&view)
        .into_iter()
        .map(|need| Listed {
            assignments: Seen::Here(vec![assignment(need.role, &need.principal, need.scope.as_str())]),
            scope: need.reach,
            principal: need.principal,
        })
        .collect();
    view
}

#[test]
fn what_may_not_be_read_is_unknown_with_the_right_to_ask_for() {
    let failure = Failure::not_permitted("cannot read x")
        .code("AuthorizationFailed")
        .hint(Fix::permission("A/read at scope /subscriptions/s"));
    let check = Seen::<u8>::Hidden(Box::new(failure))
        .unread(Link::Vault, "vault", "the vault")
        .unwrap();
    assert!(!check.is_finding());
    assert_eq!(
        check.hint.map(|hint| hint.to_string()).as_deref(),
        Some("ask for permission to A/read at scope /subscriptions/s")
    );
}
