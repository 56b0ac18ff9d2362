//! `report`: the page of a hand-off, half-way and at its end, from either side.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, binary, finish};
use serde_json::{Value, json};

/// A program without login, network or kubeconfig, in the folder of the state file.
fn alone(stage: &Stage, program: &str, arguments: &[&str]) -> Run {
    finish(
        Command::new(binary(program))
            .args(arguments)
            .env_clear()
            .env("HOME", "/nonexistent")
            .current_dir(stage.folder()),
    )
}

fn node<'a>(document: &'a Value, id: &str) -> &'a Value {
    let lanes = document["lanes"].as_array().unwrap().iter();
    let mut nodes = lanes.flat_map(|lane| lane["nodes"].as_array().unwrap());
    nodes.find(|node| node["id"] == id).unwrap()
}

/// A result of the other program, of the cluster with this issuer.
fn view(issuer: &str, at: &str) -> String {
    let checks = json!([{
        "link": "storage-location", "check": "phase", "verdict": "error", "says": "default is Unavailable",
        "evidence": ["status.phase = Unavailable"], "hint": "kubectl aksbackup configure",
    }]);
    json!({ "version": 1, "command": "verify", "plane": "cluster", "at": at, "issuer": issuer, "checks": checks })
        .to_string()
}

#[test]
fn half_way_the_page_says_whose_turn_it_is_without_login_or_network() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let (before, mark) = (stage.state_text(), stage.mark());
    for program in ["az-aksbackup", "kubectl-aksbackup"] {
        let page = alone(&stage, program, &["report", "--offline"]).ok().stdout;
        assert!(page.starts_with("<!doctype html>"), "{page}");
        for part in [
            "<h1><bdi>aks-demo</bdi></h1>",
            "Next: step 8 (roles), waiting for the subscription owner.",
            "az aksbackup grant --subscription SUBSCRIPTION --cluster RESOURCE-GROUP/NAME",
            "Microsoft.Authorization/<wbr>roleAssignments/<wbr>write",
            "kubectl aksbackup verify --save",
        ] {
            assert!(page.contains(part), "{part}");
        }
        let markdown = alone(&stage, program, &["report", "--offline", "--format", "markdown"]).ok();
        markdown
            .says("# Keyless Azure Backup of aks-demo")
            .says("| 8 | roles | open |");
        let document = alone(&stage, program, &["report", "--offline", "-o", "json"])
            .ok()
            .json();
        assert_eq!(document["command"], "report");
        assert_eq!(document["verdict"]["mark"], "open");
        assert_eq!(node(&document, "storage-role")["mark"], "open");
        assert_eq!(document["sarif"]["runs"][0]["results"], json!([]));
    }
    assert_eq!(stage.since(mark).len(), 0, "nobody was asked");
    assert_eq!(stage.state_text(), before);
}

#[test]
fn after_a_hand_off_the_page_says_who_did_what_and_what_both_saw() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    let out = stage.folder().join("page.html");
    let mark = stage.mark();
    stage
        .az("reader", &["report", "--out", out.to_str().unwrap()])
        .ok()
        .says("report: wrote ");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    let page = std::fs::read_to_string(&out).unwrap();
    for part in [
        "Steps completed",
        "Access",
        "Storage Blob Data Contributor",
        "Created by aksbackup",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let document = stage.az("reader", &["report", "-o", "json"]).ok().json();
    let steps = document["steps"].as_array().unwrap();
    let of = |name: &str| steps.iter().find(|own| own["step"] == name).unwrap();
    assert_eq!(of("storage")["mark"], "good", "{document:#}");
    assert_eq!(of("roles")["by"], "owner");
    assert_eq!(of("rollout")["by"], "cluster-admin");
    assert_ne!(document["verdict"]["mark"], "broken", "{document:#}");
    assert_eq!(document["access"].as_array().unwrap().len(), 4 + 3 + 1);
    // An account that can't read the issuer can't tell whether the cluster is the state file's.
    for (persona, rollout) in [("viewer", "unseen"), ("cluster-admin", "good")] {
        let document = stage.kubectl(persona, &["report", "-o", "json"]).ok().json();
        let steps = document["steps"].as_array().unwrap();
        let of = |name: &str| steps.iter().find(|own| own["step"] == name).unwrap();
        assert_eq!(
            (&of("rollout")["mark"], &of("storage")["mark"]),
            (&json!(rollout), &json!("recorded"))
        );
    }
}

#[test]
fn what_the_other_program_saw_is_on_the_page_unless_it_is_of_another_cluster() {
    let stage = Stage::new().unwrap();
    stage.configured();
    let issuer = stage.value("/cloud/prerequisites/issuer");
    let beside = stage.folder().join("aksbackup.cluster.json");
    std::fs::write(&beside, view(&issuer, &jiff::Timestamp::now().to_string())).unwrap();
    let offline = |arguments: &[&str]| {
        alone(
            &stage,
            "az-aksbackup",
            &[&["report", "--offline", "-o", "json"], arguments].concat(),
        )
    };
    let document = offline(&[]).ok().json();
    assert_eq!(document["verdict"]["mark"], "broken");
    assert_eq!(document["findings"][0]["ruleId"], "verify/storage-location/phase");
    assert_eq!(document["findings"][0]["command"], "kubectl aksbackup configure");
    assert_eq!(node(&document, "container")["mark"], "broken");

    // Before anything was done: it is shown as history, and decides nothing.
    std::fs::write(&beside, view(&issuer, "2001-01-01T00:00:00Z")).unwrap();
    let document = offline(&[]).ok().json();
    assert_eq!(node(&document, "container")["mark"], "recorded");
    assert_eq!(document["findings"][0]["outdated"], true);

    std::fs::write(
        &beside,
        view("https://elsewhere.example/", &jiff::Timestamp::now().to_string()),
    )
    .unwrap();
    let document = offline(&[]).ok().json();
    assert_eq!(document["findings"], json!([]));
    assert!(
        document["unseen"]
            .to_string()
            .contains("it belongs to a different cluster"),
        "{document:#}"
    );
    offline(&["--with", beside.to_str().unwrap()])
        .ends(Exit::StateUnreadable.code())
        .says("it belongs to a different cluster");
    offline(&["--with", "none.json"]).ends(Exit::Missing.code());
}

#[test]
fn who_may_not_look_gets_the_page_with_the_reason_in_it() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let document = alone(&stage, "az-aksbackup", &["report", "-o", "json"]).ok().json();
    assert_eq!(document["unseen"][0]["who"], "platform-team");
    assert!(document["unseen"].to_string().contains("sign"), "{document:#}");
    let document = stage.kubectl("other-cluster", &["report", "-o", "json"]).ok().json();
    assert!(
        document["unseen"].to_string().contains("isn't the cluster"),
        "{document:#}"
    );
    assert_eq!(document["steps"][0]["mark"], "recorded");

    std::fs::create_dir(stage.folder().join("taken")).unwrap();
    alone(
        &stage,
        "az-aksbackup",
        &["report", "--offline", "--out", "nowhere/page.html"],
    )
    .ends(Exit::Failed.code())
    .says("cannot write nowhere/page.html");
    let empty = stage.folder().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let state = empty.join("aksbackup.toml");
    alone(&stage, "az-aksbackup", &["report", "--state", state.to_str().unwrap()])
        .ends(Exit::Missing.code())
        .says("az aksbackup init");
}

/// The files of a support bundle, by name.
fn unpacked(stage: &Stage, bundle: &str) -> std::collections::BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let bundle = stage.folder().join(bundle);
    let tar = std::process::Command::new("tar")
        .arg("-xf")
        .arg(bundle)
        .current_dir(folder.path())
        .status();
    assert!(tar.unwrap().success());
    let mut all = std::collections::BTreeMap::new();
    let mut folders = vec![folder.path().to_owned()];
    while let Some(own) = folders.pop() {
        for entry in std::fs::read_dir(own).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
                    all.insert(name, std::fs::read_to_string(path).unwrap());
                }
            }
        }
    }
    all
}

#[test]
fn a_support_bundle_has_what_is_needed_and_no_value_of_the_environment_and_overwrites_nothing() {
    let stage = Stage::new().unwrap();
    stage.configured();
    let path = |name: &str| stage.folder().join(name).display().to_string();
    let (az, kubectl) = (path("az.tar"), path("kubectl.tar"));
    stage
        .az("platform", &["report", "--bundle", &az])
        .ok()
        .says("Check the bundle before you send it");
    stage.kubectl("cluster-admin", &["report", "--bundle", &kubectl]).ok();
    let own = unpacked(&stage, "az.tar");
    for name in [
        "README.txt",
        "report.html",
        "report.json",
        "status.json",
        "aksbackup.toml",
        "version.json",
    ] {
        assert!(own.contains_key(name), "{name}: {:?}", own.keys());
    }
    let cluster = unpacked(&stage, "kubectl.tar");
    assert!(cluster["cluster/deployments.json"].contains("dataprotection-microsoft-kubernetes-agent"));
    assert!(cluster["cluster/serviceaccounts.json"].contains("azure.workload.identity/client-id"));
    assert!(cluster["cluster/backupstoragelocations.json"].contains("Available"));
    assert!(cluster["cluster/mutatingwebhookconfigurations.json"].contains("azure-wi-webhook"));
    assert!(
        cluster
            .keys()
            .any(|name| name.starts_with("logs/") && name.ends_with("velero.log"))
    );
    let pods: Value = serde_json::from_str(&cluster["cluster/pods.json"]).unwrap();
    let values = pods.to_string().matches("\"value\":").count();
    assert!(values > 0 && values == pods.to_string().matches("\"value\":\"[masked]\"").count());
    for files in [&own, &cluster] {
        assert!(files.values().all(|text| !text.contains("eyJ")), "a token");
    }
    for (program, bundle) in [("az", &az), ("kubectl", &kubectl)] {
        let again = match program {
            "az" => stage.az("platform", &["report", "--bundle", bundle]),
            _ => stage.kubectl("cluster-admin", &["report", "--bundle", bundle]),
        };
        again.ends(aksbackup_shared::exit::Exit::Failed.code()).says("exists");
    }
}
