use super::*;
use serde_json::json;

fn pod(value: serde_json::Value) -> Pod {
    Pod::from_live(serde_json::from_value(value).unwrap())
}

#[test]
fn a_pod_belongs_to_the_deployment_of_its_replica_set() {
    assert_eq!(deployment_of("agent-7d4b9c", "7d4b9c"), Some("agent"));
    assert_eq!(deployment_of("agent-extra-7d4b9c", "7d4b9c"), Some("agent-extra"));
    assert_eq!(deployment_of("agent-7d4b9c", "other"), None);
    let own = pod(json!({ "metadata": {
        "name": "a", "labels": { "pod-template-hash": "1" },
        "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "agent-1", "uid": "u" }],
    } }));
    assert_eq!(own.deployment.as_deref(), Some("agent"));
}

fn container(name: &str, client_id: &str) -> serde_json::Value {
    let env = json!([
        { "name": "AZURE_CLIENT_ID", "value": client_id }, { "name": "AZURE_FEDERATED_TOKEN_FILE", "value": "/x/t" },
        { "name": "AZURE_TENANT_ID", "value": "t" },
    ]);
    json!({ "name": name, "env": env, "volumeMounts": [{ "name": "v", "mountPath": "/x" }] })
}

/// The volume that holds the token.
fn volumes() -> serde_json::Value {
    let token = json!({ "serviceAccountToken": { "path": "t", "audience": "api://AzureADTokenExchange" } });
    json!([{ "name": "v", "projected": { "sources": [token] } }])
}

fn with(client_id: &str) -> Expected {
    Expected {
        client_id: Some(client_id.into()),
        tenant: None,
    }
}

#[test]
fn a_pod_uses_an_identity_when_every_container_that_is_not_skipped_has_it() {
    let both = pod(
        json!({ "spec": { "volumes": volumes(), "containers": [container("velero", "id"), container("b", "id")] } }),
    );
    assert!(both.uses(&with("id")) && !both.uses(&with("other")));
    let bare = json!({ "name": "b" });
    let one = pod(json!({ "spec": { "volumes": volumes(), "containers": [container("velero", "id"), bare] } }));
    assert!(!one.uses(&with("id")) && one.is_injected());
    let skipping = json!({
        "metadata": { "annotations": { SKIP_ANNOTATION: "b;velero" } },
        "spec": { "volumes": volumes(), "containers": [container("velero", "id"), bare] },
    });
    assert!(pod(skipping).uses(&with("id")));
    let skipped = json!({
        "metadata": { "annotations": { SKIP_ANNOTATION: "velero" } },
        "spec": { "containers": [{ "name": "velero" }] },
    });
    assert!(!pod(skipped).uses(&with("id")), "velero cannot be skipped");
}

#[test]
fn what_keeps_a_pod_from_running_is_told_in_kubernetes_words() {
    let pending = pod(json!({ "status": { "conditions": [
        { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: Insufficient cpu" },
    ] } }));
    assert_eq!(
        pending.trouble.as_deref(),
        Some("Unschedulable: 0/3 nodes: Insufficient cpu")
    );
    let image = json!({ "name": "velero", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } } });
    let pulling = pod(json!({ "status": { "containerStatuses": [image] } }));
    assert_eq!(
        pulling.trouble.as_deref(),
        Some("container velero: ImagePullBackOff: Back-off pulling image")
    );
    let creating = json!({ "name": "velero", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": "ContainerCreating" } } });
    assert_eq!(
        pod(json!({ "status": { "containerStatuses": [creating] } })).trouble,
        None
    );
}
