//! `verify` of the cloud's side: its exit codes, its document, its waiting, and what the other program has seen.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::watched::Watched;
use serde_json::Value;

use crate::cloud_world::{Protected, text};
use crate::meddling::{is, while_running};

const FINDINGS: u8 = Exit::Pending.code();

fn verdicts(document: &Value) -> Vec<&str> {
    let checks = document["checks"].as_array().unwrap();
    checks.iter().map(|own| text(own, "/verdict")).collect()
}

#[test]
fn before_anything_is_made_each_step_that_is_missing_is_told_and_pre_is_content() {
    let stage = Stage::new().unwrap();
    let cluster = ids::cluster_id();
    stage
        .az("reader", &["verify"])
        .ends(Exit::Missing.code())
        .says("--cluster-id ID");
    stage
        .az("reader", &["verify", "--cluster-id", &cluster])
        .ends(FINDINGS)
        .says("cluster rg-aks/aks-demo has no Azure Backup extension")
        .says(&format!("az aksbackup init --cluster-id {cluster}"))
        .says("then: az aksbackup prepare");
    // As az names it.
    stage
        .az("reader", &["status", "--ids", &cluster])
        .says("rg-aks/aks-demo");
    stage
        .az("reader", &["verify", "--cluster-id", "/subscriptions/x"])
        .ends(Exit::Usage.code());
    stage.init("platform").ok();
    stage
        .az("everything", &["verify", "--pre"])
        .ok()
        .says("verify: no findings (1 of 22 checks couldn't be run)")
        .says("prepare will enable OIDC issuer and workload identity");
    let run = stage.az("platform", &["verify", "--pre", "-o", "json"]).ok();
    assert!(run.stdout.contains("the subscription owner assigns roles on "), "{run}");
    stage.sandbox.set("cluster_stopped=true").unwrap();
    stage
        .az("everything", &["verify", "--pre"])
        .ends(FINDINGS)
        .says("az aks start --name aks-demo");
}

#[test]
fn what_may_not_be_read_is_unknown_and_who_may_read_nothing_ends_4() {
    let world = Protected::new();
    let run = world.stage.az("owner-storage-only", &["verify", "-o", "json"]).ok();
    // The client ID of the pods is the cluster side's to see; the api-version doesn't report the metadata service's restriction.
    let document = run.json();
    let unknown: Vec<&str> = verdicts(&document).into_iter().filter(|own| *own != "ok").collect();
    assert_eq!(unknown, ["unknown", "unknown"], "{run}");
    world.stage.az("stranger", &["verify"]).ends(Exit::NotPermitted.code());
    world.azure().disown(&persona("platform"));
    world.assign("platform", "Contributor", &ids::group_id(ids::CLUSTER_GROUP));
    let run = world.stage.az("platform", &["verify", "-o", "json"]).ok();
    let document = run.json();
    assert!(verdicts(&document).contains(&"unknown"), "{run}");
    let checks = document["checks"].as_array().unwrap();
    let vault = checks.iter().find(|own| text(own, "/check") == "vault").unwrap();
    let hint = text(vault, "/hint");
    assert!(
        hint.starts_with("ask for permission to Microsoft.DataProtection/backupVaults/read at scope /subscriptions/"),
        "{hint}"
    );
}

fn persona(name: &str) -> String {
    aksbackup_tests::azure::personas::persona(name).object_id
}

#[test]
fn the_file_is_not_written_and_hints_name_it() {
    let world = Protected::new();
    let before = world.stage.state_text();
    world.drop_credentials();
    world
        .stage
        .az("reader", &["verify"])
        .ends(FINDINGS)
        .says("hint: az aksbackup prepare --state ")
        .says("verify: 1 finding");
    world.set("instance_state=BackupSchedulesSuspended");
    assert_eq!(world.stage.state_text(), before);
    world.recall();
    let warning = |flags: &[&str]| world.stage.az("reader", &[&["verify"], flags].concat()).code;
    world.cluster("/podIdentityProfile", serde_json::json!({ "enabled": true }));
    assert_eq!(
        (warning(&[]), warning(&["--fail-on", "error"])),
        (i32::from(FINDINGS), 0)
    );
}

#[test]
fn waiting_ends_when_nothing_is_wrong_any_more_or_with_the_last_state() {
    let world = Protected::new();
    world.drop_credentials();
    world
        .stage
        .az("reader", &["verify", "--wait", "--timeout", "10s"])
        .ends(Exit::Deadline.code())
        .says("hint: az aksbackup prepare")
        .says("the output shows the last observed state");
    let command = world.stage.az_command("reader", &["verify", "--wait"]);
    let look = |entry: &_| is(entry, "GET", "/federatedIdentityCredentials");
    while_running(&world.stage, command, (2, look), |_| world.recall()).ok();
}

#[test]
fn the_other_program_s_view_is_shown_with_ones_own() {
    let world = Protected::new();
    world.stage.az("reader", &["verify", "--save"]).ok();
    let kept = world.stage.folder().join("aksbackup.cloud.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&kept).unwrap()).unwrap();
    assert_eq!(
        (text(&document, "/plane"), text(&document, "/command")),
        ("cloud", "verify")
    );
    assert_eq!(text(&document, "/cluster"), ids::cluster_id());
    let mut theirs = document;
    theirs["plane"] = serde_json::json!("cluster");
    theirs["checks"] =
        serde_json::json!([{ "link": "pods", "check": "live pods", "verdict": "error", "says": "\u{1b}[2Jnone" }]);
    let other = world.stage.folder().join("aksbackup.cluster.json");
    std::fs::write(&other, theirs.to_string()).unwrap();
    let run = world.stage.az("reader", &["verify"]).ok();
    assert!(
        run.stdout.contains("live pods") && !run.stdout.contains('\u{1b}'),
        "{run}"
    );
    let run = world.stage.az("reader", &["verify", "-o", "json"]).ok();
    assert_eq!(text(&run.json(), "/with/checks/0/check"), "live pods");
    theirs["cluster"] = serde_json::json!("/subscriptions/other");
    std::fs::write(&other, theirs.to_string()).unwrap();
    let named = other.to_str().unwrap();
    world
        .stage
        .az("reader", &["verify", "--with", named])
        .ends(Exit::StateUnreadable.code());
}

#[test]
fn watching_shows_what_becomes_different_until_it_is_interrupted() {
    let world = Protected::new();
    let stage = &world.stage;
    let watched = Watched::start(&mut stage.az_command("reader", &["verify", "--watch"]));
    watched.says("verify: no findings (");
    stage.sandbox.set("cluster_stopped=true").unwrap();
    watched.says("az aks start --name aks-demo");
    stage.sandbox.set("cluster_stopped=false").unwrap();
    watched.says("✓ power");
    assert_eq!(watched.interrupt(), Some(i32::from(Exit::Interrupted.code())));
    stage
        .az("reader", &["verify", "--watch", "-o", "json"])
        .ends(Exit::Usage.code())
        .says("--watch can't be combined with --output");
}

#[test]
fn who_may_read_nothing_hears_from_doctor_what_that_is_called() {
    let world = Protected::new();
    let run = world.stage.az("stranger", &["doctor", "-o", "json"]);
    let document = run.ends(Exit::NotPermitted.code()).json();
    assert_eq!(text(&document, "/findings/0/id"), "ARM-AUTHZ");
}

#[test]
fn a_state_file_that_is_named_and_not_there_is_missed_by_both() {
    let stage = Stage::new().unwrap();
    let arguments = ["verify", "--state", "aksbakup.toml"];
    stage.az("reader", &arguments).ends(Exit::Missing.code());
    stage.kubectl("viewer", &arguments).ends(Exit::Missing.code());
}
