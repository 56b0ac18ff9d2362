//! A world in which everything is done, for the tests of the steps.

use std::cell::RefCell;
use std::rc::Rc;

use aksbackup_shared::names::{AGENT_DEPLOYMENT, AUDIENCE, CLIENT_ID_ANNOTATION, USE_LABEL, VELERO_CONTAINER};
use aksbackup_shared::pace::Pace;
use aksbackup_shared::schema::{
    CredentialRecord, FederationTable, IdentityTable, PrerequisitesTable, RolesTable, State,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;

use crate::cluster::deployments::{Deployment, Rollout};
use crate::cluster::injected::{Expected, Injected};
use crate::cluster::pods::{ContainerState, Pod};
use crate::cluster::rehearsal::{Made, Trial, TrialOutcome};
use crate::cluster::service_accounts::ServiceAccount;
use crate::cluster::storage_locations::StorageLocation;
use crate::steps::cause::cause;
use crate::steps::context::Context;

pub(crate) const ISSUER: &str = "https://westeurope.oic.prod-aks.azure.com/t/c/";
pub(crate) const CLIENT_ID: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const ACCOUNT: &str = "agent-sa";
const GUID: &str = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";

pub(crate) fn context() -> Rc<Context> {
    Rc::new(Context {
        elsewhere: None,
        caller: "jane".into(),
        issuer: Some(ISSUER.into()),
        namespace: "ns".into(),
        without_velero: None,
        deployments: RefCell::default(),
        pods: RefCell::default(),
        cluster_flags: "--resource-group g --name c".into(),
        pace: Pace::real(),
        watched: std::cell::Cell::new(false),
        confirmation: RefCell::default(),
        silence: Default::default(),
        rehearsal: RefCell::default(),
    })
}

pub(crate) fn state() -> State {
    let identity =
        format!("/subscriptions/{GUID}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i");
    let mut state = State::default();
    state.cloud.prerequisites = Some(PrerequisitesTable {
        issuer: ISSUER.parse().unwrap(),
        node_resource_group: "nodes".parse().unwrap(),
        cluster_principal: GUID.parse().unwrap(),
        providers: vec![],
        api_server: None,
        written: None,
    });
    state.cloud.identity = Some(IdentityTable {
        identity: identity.parse().unwrap(),
        client_id: CLIENT_ID.parse().unwrap(),
        principal: GUID.parse().unwrap(),
        written: None,
    });
    state.cloud.federation = Some(FederationTable {
        identity: identity.parse().unwrap(),
        issuer: ISSUER.parse().unwrap(),
        credentials: vec![CredentialRecord {
            name: "dataprotection-agent".parse().unwrap(),
            subject: format!("system:serviceaccount:ns:{ACCOUNT}"),
        }],
        written: None,
    });
    state.cloud.roles = Some(RolesTable {
        assignments: vec![],
        written: None,
    });
    state
}

pub(crate) fn account() -> ServiceAccount {
    ServiceAccount {
        name: ACCOUNT.parse().unwrap(),
        uid: "sa-uid".into(),
        client_id: Some(CLIENT_ID.into()),
        ours: true,
        other_manager: None,
        keys: [(CLIENT_ID_ANNOTATION.to_owned(), CLIENT_ID.to_owned())].into(),
    }
}

pub(crate) fn deployment() -> Deployment {
    Deployment {
        name: AGENT_DEPLOYMENT.parse().unwrap(),
        uid: "d-uid".into(),
        release: Some("azure-aks-backup".into()),
        service_account: ACCOUNT.parse().unwrap(),
        label: Some("true".into()),
        cause: Some(cause(CLIENT_ID, ISSUER, ACCOUNT)),
        ours: true,
        other_manager: None,
        replicas: 1,
        in_place: false,
        template: template(),
        rollout: Rollout::Complete,
        refused: None,
    }
}

fn template() -> PodTemplateSpec {
    serde_json::from_value(serde_json::json!({ "metadata": { "labels": { USE_LABEL: "true" } } })).unwrap()
}

/// A deployment as the extension installs it.
pub(crate) fn bare_deployment() -> Deployment {
    Deployment {
        label: None,
        cause: None,
        ours: false,
        template: PodTemplateSpec::default(),
        ..deployment()
    }
}

pub(crate) fn pod() -> Pod {
    Pod {
        name: "agent-1".into(),
        uid: "p-uid".into(),
        deployment: Some(AGENT_DEPLOYMENT.into()),
        labelled: true,
        cause: Some(cause(CLIENT_ID, ISSUER, ACCOUNT)),
        ending: false,
        ready: true,
        containers: vec![Injected {
            container: VELERO_CONTAINER.into(),
            client_id: Some(CLIENT_ID.into()),
            client_id_from: false,
            token_file: true,
            tenant_id: Some(GUID.into()),
            audience: Some(AUDIENCE.into()),
        }],
        velero: Some(VELERO_CONTAINER.into()),
        velero_since: "2026-01-01T00:00:00Z".parse().ok(),
        trouble: None,
        created: "2026-01-01T00:00:00Z".parse().ok(),
        service_account: ACCOUNT.into(),
        node: Some("n".into()),
        unscheduled: None,
        skips_velero: false,
        states: vec![ContainerState {
            container: VELERO_CONTAINER.into(),
            waiting: None,
            ended: None,
            restarts: 0,
        }],
    }
}

/// A pod of a deployment as the extension installs it.
pub(crate) fn bare_pod() -> Pod {
    let mut pod = Pod {
        labelled: false,
        cause: None,
        ..pod()
    };
    pod.containers[0].client_id = None;
    pod.containers[0].token_file = false;
    pod.containers[0].tenant_id = None;
    pod.containers[0].audience = None;
    pod
}

pub(crate) fn location() -> StorageLocation {
    StorageLocation {
        name: "default".into(),
        phase: "Available".into(),
        message: String::new(),
        validated: "2026-01-01T00:01:00Z".parse().ok(),
        frequency: None,
        read_only: false,
        container: "aks-backups".into(),
        account: "stbackup".into(),
        config: [
            ("storageAccount".to_owned(), "stbackup".to_owned()),
            ("useAAD".to_owned(), "true".to_owned()),
        ]
        .into(),
        default: true,
        credential: false,
    }
}

pub(crate) fn unavailable(message: &str) -> StorageLocation {
    StorageLocation {
        phase: "Unavailable".into(),
        message: message.into(),
        ..location()
    }
}

/// What every container should have.
pub(crate) fn expected() -> Expected {
    Expected {
        client_id: Some(CLIENT_ID.into()),
        tenant: Some(GUID.into()),
    }
}

/// A trial pod of the deployment.
pub(crate) fn trial(outcome: TrialOutcome) -> Trial {
    Trial {
        deployment: deployment().name,
        service_account: deployment().service_account,
        in_place: false,
        outcome,
    }
}

/// A trial pod that has everything, but for what `change` does to its container.
pub(crate) fn made(change: impl FnOnce(&mut Injected)) -> TrialOutcome {
    let mut containers = pod().containers;
    change(&mut containers[0]);
    TrialOutcome::Made(Made {
        labelled: true,
        containers,
        velero: Some(VELERO_CONTAINER.into()),
        labels: [(USE_LABEL.to_owned(), "true".to_owned())].into(),
        skipped: String::new(),
    })
}
