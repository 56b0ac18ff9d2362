//! The one change of the cluster: whole, guarded, patient, and not without a question.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::terminal;
use serde_json::{Value, json};

use crate::made;
use crate::meddling::{answered, asked, is, while_running};
use crate::part::Part;

const CLUSTER: (&str, &str) = ("PUT", "managedClusters/aks-demo?");

fn cluster(stage: &Stage) -> Value {
    stage.sandbox.resource(&ids::cluster_id()).unwrap()
}

/// The cluster without what this tool is to change, and what AKS itself writes.
fn rest(stage: &Stage) -> Value {
    let mut body = cluster(stage);
    body["eTag"] = Value::Null;
    body["properties"]["oidcIssuerProfile"] = Value::Null;
    let security = body["properties"]["securityProfile"].as_object_mut().unwrap();
    security.remove("workloadIdentity");
    for pool in body["properties"]["agentPoolProfiles"].as_array_mut().unwrap() {
        for own in [
            "eTag",
            "provisioningState",
            "currentOrchestratorVersion",
            "nodeImageVersion",
        ] {
            pool.as_object_mut().unwrap().remove(own);
        }
    }
    let balancer = &mut body["properties"]["networkProfile"]["loadBalancerProfile"];
    balancer.as_object_mut().unwrap().remove("effectiveOutboundIPs");
    body
}

#[test]
fn both_features_come_in_one_put_that_loses_nothing() {
    let stage = Stage::with(&["cluster_unknown_members=true"]).unwrap();
    let before = rest(&stage);
    assert!(before["properties"]["agentPoolProfiles"][0]["futureProfile"].is_string());
    stage.prepared();
    assert_eq!(asked(&stage, 0, CLUSTER.0, CLUSTER.1).len(), 1, "one PUT for both");
    let properties = &cluster(&stage)["properties"];
    assert_eq!(properties["oidcIssuerProfile"]["enabled"], json!(true));
    assert_eq!(
        properties["securityProfile"]["workloadIdentity"],
        json!({ "enabled": true })
    );
    // The sandbox knows a member again only if it comes back byte for byte.
    assert_eq!(rest(&stage), before);
}

#[test]
fn only_what_is_off_is_switched_on_and_only_what_is_final_is_said_to_be() {
    let stage = Stage::with(&["issuer_on=true"]).unwrap();
    stage.init("platform").ok();
    let plan = stage
        .az("platform", &["prepare", "--dry-run"])
        .ends(Exit::Pending.code());
    assert!(plan.stdout.contains("enable workload identity on cluster"), "{plan}");
    assert!(!format!("{plan}").contains("can't be disabled again"), "{plan}");
    Part::Prepare.run(&stage).ok();
    assert_eq!(asked(&stage, 0, CLUSTER.0, CLUSTER.1).len(), 1);
    let stage = Stage::with(&["issuer_on=true", "workload_identity_on=true"]).unwrap();
    stage.prepared();
    assert_eq!(
        asked(&stage, 0, CLUSTER.0, CLUSTER.1),
        [],
        "there is nothing to switch on"
    );
}

#[test]
fn a_change_of_others_is_not_overwritten_but_read_and_kept() {
    let stage = Part::Prepare.stage();
    stage.sandbox.set("etag_moves=2").unwrap();
    let run = Part::Prepare.run(&stage).ok();
    assert!(answered(&stage, CLUSTER, 412) >= 1, "If-Match guards the change\n{run}");
    assert_eq!(answered(&stage, CLUSTER, 200), 1, "{run}");
    assert!(
        cluster(&stage)["tags"]["read"].is_string(),
        "what others set is still there"
    );
    made::all_recorded(&stage);
}

#[test]
fn a_cluster_without_an_etag_is_changed_all_the_same() {
    let stage = Stage::with(&["no_etag=true"]).unwrap();
    stage.prepared();
    assert_eq!(answered(&stage, CLUSTER, 200), 1);
}

#[test]
fn an_operation_that_nobody_sees_is_waited_for_and_named() {
    let stage = Part::Prepare.stage();
    stage.sandbox.set("cluster_occupied=true").unwrap();
    let refused = |entry: &_| is(entry, CLUSTER.0, CLUSTER.1) && entry.status == 409;
    let run = while_running(&stage, Part::Prepare.command(&stage), (2, refused), |stage| {
        stage.sandbox.set("cluster_occupied=false").unwrap();
    });
    assert_eq!(answered(&stage, CLUSTER, 200), 1, "{run}");
    run.ok().says("RotateClusterCertificatesHandler.POST");
    made::all_recorded(&stage);
}

#[test]
fn a_person_is_asked_before_the_api_server_restarts_for_good() {
    const QUESTION: &str = "Apply these changes?";
    let stage = Part::Prepare.stage();
    let command = || stage.az_command("platform", &["prepare"]);
    let mark = stage.mark();
    let no = terminal::answered(command(), QUESTION, "n\n")
        .unwrap()
        .ends(Exit::Pending.code());
    let question = no.stderr.find(QUESTION).unwrap();
    for warning in ["the API server restarts", "the OIDC issuer can't be disabled again"] {
        let said = no.stderr.find(warning);
        assert!(said.is_some_and(|said| said < question), "{warning}\n{no}");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{no}");
    terminal::answered(command(), QUESTION, "y\n").unwrap().ok();
    assert_eq!(answered(&stage, CLUSTER, 200), 1);
}
