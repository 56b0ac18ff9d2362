//! `verify --pre` before every recorded cluster.

use std::collections::BTreeMap;

use aksbackup_tests::azure::{RecordedAnswer, Replay, ids};
use aksbackup_tests::harness::Stage;
use aksbackup_tests::recordings::Exchange;
use serde_json::{Value, json};

use crate::replays::{Names, chosen, is_cluster, recorded_requests};

/// What the body of a cluster proves, read without the programs.
fn expected(body: &Value) -> BTreeMap<&'static str, &'static str> {
    let at = |pointer: &str| body.pointer(pointer).cloned().unwrap_or_default();
    let is_on = |pointer: &str| at(pointer) == json!(true);
    let keyless =
        is_on("/properties/oidcIssuerProfile/enabled") && is_on("/properties/securityProfile/workloadIdentity/enabled");
    let metadata = match at("/properties/networkProfile/podLinkLocalAccess").as_str() {
        Some("None") => "error",
        Some(_) => "ok",
        None => "unknown",
    };
    let runs = at("/properties/powerState/code") == json!("Running");
    BTreeMap::from([
        ("metadata service", metadata),
        ("power", if runs { "ok" } else { "error" }),
        (
            "cluster",
            if at("/properties/provisioningState") == json!("Succeeded") {
                "ok"
            } else {
                "warning"
            },
        ),
        (
            "workload identity",
            if keyless { "ok: are enabled" } else { "ok: prepare" },
        ),
    ])
}

/// Answers reads of the cluster with a recorded one, under the name of the world's, and returns its body.
pub(crate) fn replay_cluster(stage: &Stage, one: &Exchange) -> Value {
    let own: Vec<&str> = one.target.split('?').next().unwrap().split('/').collect();
    let text = one
        .text
        .replace(own[4], ids::CLUSTER_GROUP)
        .replace(own[8], ids::CLUSTER);
    let mut body: Value = serde_json::from_str(&Names::of(stage).put(&text)).unwrap();
    body["id"] = json!(ids::cluster_id());
    body["location"] = json!(ids::LOCATION);
    stage.sandbox.azure().replay(Replay {
        method: "GET".to_owned(),
        path: ids::cluster_id(),
        answers: vec![RecordedAnswer {
            status: 200,
            headers: Vec::new(),
            body: body.to_string(),
        }],
        after: None,
        done: false,
    });
    body
}

#[test]
fn every_recorded_cluster_gets_the_verdict_that_its_body_proves() {
    let Some(all) = chosen(is_cluster) else { return };
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    for one in &all {
        let body = replay_cluster(&stage, one);
        let seen = stage.az("everything", &["verify", "--pre", "--output", "json"]).json();
        let checks = seen["checks"].as_array().unwrap();
        for (name, verdict) in expected(&body) {
            let check = checks.iter().find(|check| check["check"] == name);
            let check = check.unwrap_or_else(|| panic!("no check {name} of {} {}: {seen:#}", one.source, one.at));
            let (word, says) = verdict.split_once(": ").unwrap_or((verdict, ""));
            assert_eq!(check["verdict"], word, "{name} of {} {}: {check:#}", one.source, one.at);
            assert!(
                check["says"].as_str().unwrap().contains(says),
                "{name} of {}: {check:#}",
                one.source
            );
        }
    }
    assert_eq!(recorded_requests(&stage), all.len());
}
