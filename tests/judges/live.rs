//! `tests/run live` before recorded clusters.

use std::collections::BTreeSet;
use std::fs;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Stage, finish};
use serde_json::Value;

use crate::replayed_clusters::replay_cluster;
use crate::replays::{chosen, is_cluster};

#[test]
fn a_recorded_cluster_contradicts_the_claims_that_it_does_not_meet() {
    let Some(all) = chosen(is_cluster) else { return };
    let stage = Stage::new().unwrap().hosting(&["aksbackup-live"]);
    let mut seen = BTreeSet::new();
    for one in &all {
        let body = replay_cluster(&stage, one);
        let has = body["eTag"].is_string();
        if !seen.insert(has) {
            continue;
        }
        let mut live = stage.live("everything", "cluster-admin", &["-o", "json"]).unwrap();
        finish(&mut live).ends(if has { 0 } else { Exit::Pending.code() });
        let report = fs::read_to_string(stage.folder().join("aksbackup-live.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        let claims = report["claims"].as_array().unwrap();
        let claim = claims.iter().find(|claim| claim["id"] == "cluster-etag").unwrap();
        assert_eq!(claim["verdict"], if has { "confirmed" } else { "differs" }, "{claim:#}");
        let inside = claims
            .iter()
            .find(|claim| claim["id"] == "service-account-names")
            .unwrap();
        assert_eq!(
            inside["verdict"], "not observable here",
            "its nodes are those of another cluster: {inside:#}"
        );
    }
    assert!(seen.contains(&false), "the recordings of stable versions have no eTag");
}
