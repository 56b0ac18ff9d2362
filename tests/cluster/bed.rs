//! The bed itself: it starts, its parts are the real ones, and it ends.

use std::time::Instant;

use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use serde_json::json;

use crate::looks::{NAMESPACE, own, until};

#[test]
fn it_starts_says_its_version_and_ends() {
    let begun = Instant::now();
    let stage = Stage::on(Backend::Real, &["issuer_on=true"]).unwrap();
    let started = begun.elapsed();
    let bed = stage.sandbox.bed().unwrap();
    let node = bed.objects("Node").remove(0);
    assert_eq!(node["status"]["conditions"][0]["status"], "True");
    let server = bed.server().trim_start_matches("https://").to_owned();
    assert!(std::net::TcpStream::connect(&server).is_ok());
    let begun = Instant::now();
    drop(stage);
    assert!(
        std::net::TcpStream::connect(&server).is_err(),
        "nothing answers any more"
    );
    println!("started in {started:.1?}, ended in {:.1?}", begun.elapsed());
}

#[test]
fn tokens_carry_the_issuer_of_azure_also_after_it_was_switched_on() {
    let stage = Stage::on(Backend::Real, &[]).unwrap();
    let bed = stage.sandbox.bed().unwrap();
    let advertised = || {
        let run = stage
            .as_kubectl("cluster-admin", &["get", "--raw", "/.well-known/openid-configuration"])
            .ok();
        serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap()["issuer"].clone()
    };
    let before = advertised();
    assert!(before.as_str().unwrap().contains("azmk8s.io"), "{before}");
    stage.init("platform").ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    bed.settled().unwrap();
    let cluster = stage.value("/target/cluster");
    let resource = stage.sandbox.resource(&cluster).unwrap();
    let issuer = resource.pointer("/properties/oidcIssuerProfile/issuerURL").unwrap();
    assert_eq!(&advertised(), issuer, "byte for byte");
}

#[test]
fn the_webhook_of_microsoft_injects_what_the_small_cluster_says_it_does() {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "probe", "namespace": "default", "labels": { "azure.workload.identity/use": "true" } },
        "spec": { "serviceAccountName": "probed", "containers": [{ "name": "probe", "image": "none" }] },
    });
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": "probed", "namespace": "default",
            "annotations": { "azure.workload.identity/client-id": "11111111-1111-1111-1111-111111111111" },
        },
    });
    let seen = [Backend::Small, Backend::Real].map(|backend| {
        let stage = Stage::on(backend, &["issuer_on=true", "workload_identity_on=true"]).unwrap();
        let file = |name: &str, object: &serde_json::Value| {
            let path = stage.folder().join(name);
            std::fs::write(&path, object.to_string()).unwrap();
            path.display().to_string()
        };
        stage
            .as_kubectl("cluster-admin", &["create", "-f", &file("account.json", &account)])
            .ok();
        let path = file("pod.json", &pod);
        // A cache that lags behind may miss a service account's annotation, here as there.
        until("the client ID is injected", || {
            let arguments = ["create", "--dry-run=server", "-o", "json", "-f", &path];
            let run = stage.as_kubectl("cluster-admin", &arguments).ok();
            let pod: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
            let container = pod["spec"]["containers"][0].clone();
            let mut volumes = pod["spec"]["volumes"].as_array().unwrap().clone();
            volumes.retain(|volume| volume["name"].as_str().unwrap().starts_with("azure-"));
            let mut mounts = container["volumeMounts"].as_array().unwrap().clone();
            mounts.retain(|mount| mount["name"].as_str().unwrap().starts_with("azure-"));
            let found = crate::looks::variable(&container, "AZURE_CLIENT_ID").is_string();
            found.then(|| (container["env"].clone(), volumes, mounts))
        })
    });
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_chart_on_the_real_api_server_is_the_chart_of_the_small_one() {
    let kinds = ["ServiceAccount", "Deployment", "BackupStorageLocation"];
    let seen = [Backend::Small, Backend::Real].map(|backend| {
        let stage = Stage::on(backend, &["issuer_on=true", "workload_identity_on=true"]).unwrap();
        stage.prepared();
        stage.sandbox.cluster().settled().unwrap();
        kinds.map(|kind| {
            // Kubernetes makes a service account `default` in every namespace.
            let charted = own(&stage, kind)
                .into_iter()
                .filter(|object| kind != "ServiceAccount" || object["metadata"]["name"] != "default");
            let mut objects: Vec<_> = charted
                .map(|object| {
                    let of_chart = json!({
                        "labels": object["metadata"]["labels"],
                        "release": object["metadata"]["annotations"]["meta.helm.sh/release-name"],
                        "template": object["spec"]["template"]["metadata"]["labels"],
                    });
                    (object["metadata"]["name"].to_string(), of_chart)
                })
                .collect();
            objects.sort_by(|one, other| one.0.cmp(&other.0));
            objects
        })
    });
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1][1].len(), 3, "three deployments in {NAMESPACE}");
}
