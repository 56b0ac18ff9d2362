//! `configure` from nothing, on both clusters.

use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::looks::{location, own, pods, time, until, variable};

fn configures_from_nothing(backend: Backend) {
    let stage = Stage::on(backend, &["issuer_on=true", "workload_identity_on=true"]).unwrap();
    stage.granted();
    let replica_sets = until("the extension is rolled out", || {
        let sets = own(&stage, "ReplicaSet");
        (sets.len() == 3 && pods(&stage).len() == 3).then_some(sets)
    });
    let run = stage.configure("cluster-admin", &[]).ok();
    let after = own(&stage, "ReplicaSet");
    assert_eq!(
        after.len(),
        replica_sets.len() + 3,
        "one new ReplicaSet per deployment\n{run}"
    );
    let pods = pods(&stage);
    assert_eq!(pods.len(), 3, "{run}");
    for pod in &pods {
        assert_injected(&stage, pod);
    }
    let newest = pods
        .iter()
        .map(|pod| time(pod, "/metadata/creationTimestamp"))
        .max()
        .unwrap();
    let location = location(&stage);
    assert_eq!(location["status"]["phase"], "Available", "{location:#}");
    assert!(time(&location, "/status/lastValidationTime") >= newest, "{location:#}");

    let (changes, text) = (stage.changes().len(), stage.state_text());
    let second = stage.kubectl("cluster-admin", &["configure"]).ok();
    assert_eq!(stage.changes()[changes..], [] as [String; 0], "{second}");
    assert_eq!(own(&stage, "ReplicaSet").len(), after.len(), "{second}");
    assert_eq!(stage.state_text(), text, "{second}");
}

/// Every container holds the identity, and the token that the pod was given is meant for Azure.
fn assert_injected(stage: &Stage, pod: &Value) {
    let client_id = stage.value("/cloud/identity/client_id");
    for container in pod["spec"]["containers"].as_array().unwrap() {
        assert_eq!(variable(container, "AZURE_CLIENT_ID"), client_id.as_str());
        assert!(variable(container, "AZURE_TENANT_ID").is_string());
        assert!(variable(container, "AZURE_FEDERATED_TOKEN_FILE").is_string());
    }
    let Some(bed) = stage.sandbox.bed() else { return };
    let token = bed.token_of(pod).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"][0], "api://AzureADTokenExchange");
    assert_eq!(claims["iss"], stage.value("/cloud/prerequisites/issuer").as_str());
    assert_eq!(
        claims["kubernetes.io"]["pod"]["uid"], pod["metadata"]["uid"],
        "bound to its pod"
    );
}

#[test]
fn configure_from_nothing_rolls_once_and_proves_it_on_the_small_cluster() {
    configures_from_nothing(Backend::Small);
}

#[test]
fn configure_from_nothing_rolls_once_and_proves_it_on_a_real_control_plane() {
    configures_from_nothing(Backend::Real);
}
