//! Claims that take a write: asked for one by one, and only what is typed is sent.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::{RecordedAnswer, Replay, ids};
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::terminal::conversed;
use serde_json::{Value, json};

use super::{backed_up, report, verdict};

const CLAIMS: [&str; 7] = [
    "omitted-members",
    "policy-put-again",
    "instance-put-again",
    "binding-put-again",
    "role-assigned-twice",
    "vault-patched-again",
    "suspended-and-resumed",
];

fn command(stage: &Stage) -> Command {
    stage.live("everything", "cluster-admin", &["-o", "json"]).unwrap()
}

/// Runs `command` at a terminal and types, at each write, what `typed` makes of its name.
fn typing(command: Command, typed: impl Fn(&'static str) -> &'static str) -> Run {
    let exchanges = CLAIMS.map(|one| (format!("Type {one} to send this request"), format!("{}\n", typed(one))));
    let conversation: Vec<(&str, &str)> = exchanges
        .iter()
        .map(|(asked, typed)| (asked.as_str(), typed.as_str()))
        .collect();
    conversed(command, &conversation).unwrap()
}

/// Types the name of `claim` where it is asked for, and `no` elsewhere.
fn confirming(stage: &Stage, claim: &str) -> Run {
    typing(command(stage), |one| if one == claim { one } else { "no" })
}

#[test]
fn each_write_says_what_it_changes_and_is_sent_only_if_it_is_typed() {
    let stage = backed_up();
    let mark = stage.mark();
    let run = confirming(&stage, "none of them").ok();
    for (word, count) in [
        ("Changes: ", 7),
        ("Costs: ", 7),
        ("Undo: ", 7),
        ("PUT /subscriptions/", 5),
        ("PATCH /subscriptions/", 1),
        ("POST /subscriptions/", 1),
    ] {
        assert_eq!(run.stderr.matches(word).count(), count, "{word}: {run}");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    for claim in CLAIMS {
        assert_eq!(verdict(&stage, claim), "not checked");
    }
    // `yes` is the name of no write.
    typing(command(&stage), |_| "yes").ok();
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn the_simulator_answers_each_write_as_it_claims() {
    let stage = backed_up();
    let cluster = stage.sandbox.resource(&ids::cluster_id()).unwrap();
    let assignments = stage.sandbox.role_assignments().len();
    for claim in CLAIMS {
        let mark = stage.mark();
        confirming(&stage, claim).ok();
        assert_eq!(verdict(&stage, claim), "confirmed", "{:#}", report(&stage));
        let writes = stage.writes_since(mark).len();
        let takes_back = ["omitted-members", "suspended-and-resumed"].contains(&claim);
        assert_eq!(writes, if takes_back { 2 } else { 1 }, "{claim}");
    }
    let instance = stage
        .sandbox
        .resource(&stage.value("/cloud/instance/instance"))
        .unwrap();
    assert_eq!(
        instance["properties"]["currentProtectionState"], "ProtectionConfigured",
        "it was resumed"
    );
    let now = stage.sandbox.resource(&ids::cluster_id()).unwrap();
    assert_eq!(now["tags"], cluster["tags"], "they were put back");
    assert_eq!(stage.sandbox.role_assignments().len(), assignments);
}

/// Answers a write of `path` with `status` and `body`, without any effect.
fn refuse(stage: &Stage, path: &str, status: u16, body: &Value) {
    stage.sandbox.azure().replay(Replay {
        method: "PUT".to_owned(),
        path: path.to_owned(),
        answers: vec![RecordedAnswer {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }],
        after: None,
        done: false,
    });
}

fn differs(stage: &Stage, claim: &str) {
    confirming(stage, claim).ends(Exit::Pending.code());
    assert_eq!(verdict(stage, claim), "differs", "{:#}", report(stage));
}

#[test]
fn each_write_can_come_out_differently() {
    let stage = backed_up();
    let refusal = json!({ "error": { "code": "UserErrorPolicyUpdateNotSupported", "message": "no" } });
    refuse(
        &stage,
        &format!("/backupPolicies/{}", stage.value("/target/policy/name")),
        400,
        &refusal,
    );
    differs(&stage, "policy-put-again");
    refuse(
        &stage,
        &format!("/backupInstances/{}", stage.value("/target/instance/name")),
        400,
        &refusal,
    );
    differs(&stage, "instance-put-again");
    // An answer without the address of its operation, and a cluster that keeps its tags.
    let cluster = stage.sandbox.resource(&ids::cluster_id()).unwrap();
    refuse(&stage, &ids::cluster_id(), 200, &cluster);
    differs(&stage, "omitted-members");
    stage.sandbox.set("trusted_access_no_headers=true").unwrap();
    differs(&stage, "binding-put-again");
    stage
        .sandbox
        .set("fault=400/RoleAssignmentLimitExceeded@PUT:roleAssignments:1")
        .unwrap();
    differs(&stage, "role-assigned-twice");
}

#[test]
fn a_resource_that_others_have_changed_meanwhile_is_not_overwritten() {
    let stage = backed_up();
    let mark = stage.mark();
    let command = command(&stage);
    // Only verify reads the locks, after everything that the claims need was read.
    let id = stage.value("/cloud/vault/policy");
    let mut other = stage.sandbox.resource(&id).unwrap();
    other["properties"]["policyRules"][0]["name"] = json!("Another");
    let other = RecordedAnswer {
        status: 200,
        headers: Vec::new(),
        body: other.to_string(),
    };
    stage.sandbox.azure().replay(Replay {
        method: "GET".to_owned(),
        path: id,
        answers: vec![other],
        after: Some(("GET".to_owned(), "/providers/Microsoft.Authorization/locks".to_owned())),
        done: false,
    });
    let only = |one| if one == "policy-put-again" { one } else { "no" };
    typing(command, only).ok();
    assert_eq!(
        verdict(&stage, "policy-put-again"),
        "not observable here",
        "{:#}",
        report(&stage)
    );
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}
