//! What a run did not check is never shown as good: each program names what the other one only reported.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::Value;

use crate::cloud_world::{Protected, text};

const BOTH: [(&str, &str); 2] = [("az", "reader"), ("kubectl", "viewer")];

fn run(stage: &Stage, program: &str, persona: &str, arguments: &[&str]) -> Run {
    match program {
        "az" => stage.az(persona, arguments),
        _ => stage.kubectl(persona, arguments),
    }
}

fn row<'a>(document: &'a Value, step: &str) -> &'a Value {
    let steps = document["steps"].as_array().unwrap();
    steps.iter().find(|own| own["step"] == step).unwrap()
}

fn node<'a>(document: &'a Value, id: &str) -> &'a Value {
    let mut lanes = document["lanes"].as_array().unwrap().iter();
    let mut nodes = lanes.by_ref().flat_map(|lane| lane["nodes"].as_array().unwrap());
    nodes.find(|node| node["id"] == id).unwrap()
}

/// Fails before: both ended with "nothing is left: the cluster is protected", and showed the reported steps in green.
#[test]
fn status_says_what_it_checked_and_what_the_other_program_reported() {
    let world = Protected::new();
    // An account that can't read the issuer can't tell whether the cluster is the state file's: see `cluster which_cluster`.
    for (program, persona) in [("az", "reader"), ("kubectl", "cluster-admin")] {
        let (own, other, check) = match program {
            "az" => ("storage", "rollout", "kubectl aksbackup verify"),
            _ => ("rollout", "storage", "az aksbackup verify"),
        };
        let shown = run(&world.stage, program, persona, &["status", "--check"]).ok();
        assert!(!shown.stdout.contains("is protected"), "{shown}");
        assert!(!shown.stdout.contains('✓'), "{shown}");
        let line = |words: &str| shown.stdout.lines().find(|line| line.contains(words)).unwrap();
        assert!(line(&format!("  {other} ")).contains(" reported  20"), "{shown}");
        assert!(line(&format!("  {own} ")).contains(" done "), "{shown}");
        assert!(line("reported, not checked in this run: ").contains(other), "{shown}");
        assert!(
            line("checked in this run: ").contains(" steps, all complete"),
            "{shown}"
        );
        assert!(line(&format!("Run: {check}")).starts_with("  Run"), "{shown}");
        let document = run(&world.stage, program, persona, &["status", "-o", "json"])
            .ok()
            .json();
        assert_eq!(row(&document, own)["observed"], true, "{document:#}");
        let other = row(&document, other);
        assert_eq!(
            (text(other, "/standing"), &other["observed"]),
            ("recorded", &Value::from(false))
        );
    }
}

/// Fails before: the page was "good" although the other side had never been looked at.
#[test]
fn report_is_not_good_while_the_other_side_was_not_checked() {
    let world = Protected::new();
    for (program, persona, side) in [("az", "reader", "cluster side"), ("kubectl", "viewer", "cloud side")] {
        let report = || {
            run(&world.stage, program, persona, &["report", "-o", "json"])
                .ok()
                .json()
        };
        let document = report();
        let (mark, says) = (text(&document, "/verdict/mark"), text(&document, "/verdict/says"));
        assert_eq!(mark, "recorded", "{says}");
        assert!(says.contains(&format!("Not checked in this run: the {side}")), "{says}");
        // A result of the other program that lies next to the file is a report with its time, and no check of this run.
        let (other, looker) = if program == "az" {
            ("kubectl", "viewer")
        } else {
            ("az", "reader")
        };
        run(&world.stage, other, looker, &["verify", "--save"]).ok();
        let document = report();
        let (mark, says) = (text(&document, "/verdict/mark"), text(&document, "/verdict/says"));
        assert_eq!(mark, "recorded", "{says}");
        assert!(says.contains(&format!("the {side} (last reported 20")), "{says}");
        let stage_of_both = node(&document, "container");
        assert_eq!(stage_of_both["mark"], "recorded", "{stage_of_both}");
    }
}

/// Fails before: "✓ metadata service: pods reach it", which the api-version in use does not report.
#[test]
fn what_the_api_version_does_not_report_is_unknown() {
    let world = Protected::new();
    let of = |document: &Value| {
        let checks = document["checks"].as_array().unwrap();
        let check = checks
            .iter()
            .find(|own| text(own, "/check") == "metadata service")
            .unwrap();
        (text(check, "/verdict").to_owned(), text(check, "/says").to_owned())
    };
    let (verdict, says) = of(&world.examined("verify").ok().json());
    assert_eq!(
        (verdict.as_str(), says.as_str()),
        ("unknown", "not reported by this API version")
    );
    world.cluster("/networkProfile/podLinkLocalAccess", Value::from("IMDS"));
    assert_eq!(of(&world.examined("verify").ok().json()).0, "ok");
}

/// Fails before: the state file's table was enough for a ✓.
#[test]
fn verify_of_the_cluster_does_not_call_recorded_credentials_checked() {
    let world = Protected::new();
    let run = world.stage.kubectl("viewer", &["verify"]).ok();
    let line = run
        .stdout
        .lines()
        .find(|line| line.contains("federated credentials"))
        .unwrap();
    assert!(
        line.starts_with('?') && line.contains("reported by the cloud side 20"),
        "{run}"
    );
    let document = world.stage.kubectl("viewer", &["verify", "-o", "json"]).ok().json();
    let mut checks = document["checks"].as_array().unwrap().iter();
    let check = checks.find(|own| own["link"] == "federated-credentials").unwrap();
    assert_eq!(text(check, "/verdict"), "unknown", "{check:#}");
}

/// Fails before: `status` and the page of the cluster's side showed such a backup in green.
#[test]
fn a_backup_that_finished_with_warnings_is_a_warning_everywhere() {
    let world = Protected::new();
    world.set("job_warnings=1");
    world
        .stage
        .az("platform", &["backup", "--yes"])
        .ends(Exit::Pending.code())
        .says("! Backup: backup job ")
        .says("CompletedWithWarnings")
        .says("backup: finished with warnings")
        .says("hint: check what is missing: az aksbackup jobs ");
    for (program, persona) in BOTH {
        let shown = run(&world.stage, program, persona, &["status", "--check"]).ends(Exit::Pending.code());
        let line = shown.stdout.lines().find(|line| line.starts_with("12 ")).unwrap();
        assert!(line.contains(" warning ") && !line.contains('✓'), "{shown}");
        shown.says("warning: backup job ").says("run: az aksbackup jobs ");
        let document = run(&world.stage, program, persona, &["report", "-o", "json"])
            .ok()
            .json();
        assert_eq!(node(&document, "last-backup")["mark"], "attention", "{document:#}");
        assert_eq!(text(&document, "/verdict/mark"), "attention", "{document:#}");
    }
    let verify = world.stage.az("reader", &["verify"]).ends(Exit::Pending.code());
    assert!(!verify.stdout.contains("✓ last backup"), "{verify}");
    verify.says("is in state CompletedWithWarnings: some resources are missing");
}

/// Fails before: the sentence of another program's file had the same mark as a check of this run, whatever date the file claimed.
#[test]
fn a_check_of_another_view_is_reported_and_one_of_the_future_is_refused() {
    let world = Protected::new();
    let file = world.stage.folder().join("aksbackup.cluster.json");
    let view = |ahead: jiff::SignedDuration| {
        serde_json::json!({
            "version": 1, "command": "verify", "plane": "cluster", "at": jiff::Timestamp::now() + ahead, "findings": [],
            "checks": [{ "link": "pods", "check": "✓ FORGED", "verdict": "ok", "says": "all pods run" }],
        })
    };
    std::fs::write(&file, view(jiff::SignedDuration::ZERO).to_string()).unwrap();
    let run = world.stage.az("reader", &["verify"]).ok();
    let line = run.stdout.lines().find(|line| line.contains("FORGED")).unwrap();
    assert!(!line.contains('✓'), "{run}");
    assert!(
        line.ends_with("\"all pods run\" (reported by kubectl aksbackup)"),
        "{run}"
    );
    std::fs::write(&file, view(jiff::SignedDuration::from_hours(1)).to_string()).unwrap();
    let run = world.stage.az("reader", &["verify"]).ok();
    assert!(!run.stdout.contains("FORGED"), "{run}");
    run.says("later than this machine's clock");
    for command in ["verify", "report"] {
        world
            .stage
            .az("reader", &[command, "--with", file.to_str().unwrap()])
            .ends(Exit::StateUnreadable.code());
    }
}
